"""Correspondence: what ingest says to devices and other machines, and what they reply.

Answers to rejects, receipts for running numbers, letters of the outbox. What is written down goes
into the transaction of the batch; what is said goes out after its commit.
"""

import time
from collections.abc import Callable, Sequence

import structlog

from network.link import Batch, LinkDownError, Outlet, Reply
from perception.readings import Reason, Reject
from perception.roster import Roster
from support.answers import Answers
from support.batches import with_origins
from support.metrics import IngestMetrics
from support.outbox import Outbox
from support.receipts import Receipts
from support.store import Store, StoreTransaction

_log = structlog.get_logger()


class Correspondence:
    """All of it, for one ingest. `up` says whether the link is there."""

    def __init__(self, outlet: Outlet, up: Callable[[], bool], metrics: IngestMetrics) -> None:
        self._outlet, self._up, self._metrics = outlet, up, metrics
        self._answers = Answers()
        self._receipts = Receipts(time.monotonic)
        self._outbox = Outbox(outlet, up)

    def begin(self) -> None:
        """Begin a transaction: what was counted in one that came to nothing is dropped."""
        self._receipts.begin()

    def within(self, tx: StoreTransaction, batch: Batch) -> Sequence[Reject]:
        """Write the numbers and replies of a batch in its transaction; return the replies that answer nothing."""
        self.count(tx, batch)
        return [_stray(reply, batch) for reply in tx.answered(batch.replies)] if batch.replies else ()

    def count(self, tx: StoreTransaction, batch: Batch) -> None:
        """Count the numbers of a batch in its transaction."""
        self._receipts.within(tx, batch)

    def adopt(self) -> None:
        """Believe what was counted: it is committed."""
        self._receipts.adopt()

    def forget(self) -> None:
        """Begin from the tables again: nobody can say whether the last transaction was committed."""
        self._receipts.forget()

    def answer(self, rejects: Sequence[Reject], roster: Roster, now: int) -> None:
        """Tell devices what was not taken in."""
        for topic, payload in self._answers.to(rejects, roster, now):
            self.tell(topic, payload)

    def tell_receipts(self) -> None:
        """Tell devices what is settled: the receipts that are due."""
        self._metrics.numbers(self._receipts.missing(), self._receipts.never_arrived())
        if self._up():
            for topic, payload in self._receipts.due():
                self.tell(topic, payload)

    def pass_on(self, store: Store) -> None:
        """Send what waits in the outbox. Raises StoreDownError."""
        self._outbox.pass_on(store)
        self._metrics.under_way(self._outbox.waiting())

    def tell(self, topic: str, payload: bytes) -> None:
        """Say something that nobody needs to keep: it is dropped while the link is down."""
        if not self._up():
            return
        try:
            self._outlet.publish(topic, payload, qos=0)
        except LinkDownError as err:
            _log.debug("not_told", topic=topic, cause=str(err))


def _stray(reply: Reply, batch: Batch) -> Reject:
    detail = f"no command {reply.id!r:.60} was sent to this device: a reply has the id of its command"
    reject = Reject(Reason.BAD_REPLY, detail, "", b"", reply.received_at, reply.device, origin=reply.origin)
    return with_origins([reject], batch.deliveries)[0]
