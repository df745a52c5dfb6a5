"""Receipts: tell each device that numbers its readings up to which number all are settled.

Counted in the transaction that settles them, told after its commit, at most once a second per
device and `MOST_PER_ROUND` in all. A receipt is a plain message (QoS 0): one that is lost is
said again with the device's next readings, or when the device says its birth again.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from network.link import Batch
from network.topics import Channel, Topic
from support.sequences import NOTHING, Boot, Count, Spans, counted, length, missing
from support.store import StoreTransaction

MOST_PER_ROUND = 1_000
_EVERY_S = 1.0


class Receipts:
    """The counts of all devices, in memory as in the tables, and who is to be told."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._counts: dict[str, Count] | None = None
        self._changed: dict[str, Count] = {}
        self._asked: set[str] = set()
        self._final_pending = 0
        self._final = 0
        self._missing = 0
        self._to_tell: dict[str, None] = {}  # in the order in which they came
        self._told_at = 0.0

    def begin(self) -> None:
        """Drop what was counted in a transaction that came to nothing."""
        self._changed, self._asked, self._final_pending = {}, set(), 0

    def within(self, tx: StoreTransaction, batch: Batch) -> None:
        """Count the numbers of a batch in its transaction. `adopt` when it is committed; otherwise nothing happened."""
        self.begin()
        if not batch.numbers:
            return
        if self._counts is None:
            self._counts = dict(tx.counts())
            self._missing = sum(map(missing, self._counts.values()))
        before, final = self._counts, list[tuple[str, Boot, Spans]]()
        for device, told in batch.numbers.items():
            old = before.get(device, NOTHING)
            new, gone = counted(old, told)
            if gone:
                final.extend((device, boot, spans) for boot, spans in gone)
            if new is not old and new != old:
                self._changed[device] = new
        self._asked = {birth.device for birth in batch.births}
        self._final_pending = sum(length(spans) for _, _, spans in final)
        if self._changed or final:
            tx.recount(before, self._changed, final)

    def adopt(self) -> None:
        """Believe what `within` counted: it is committed."""
        if self._counts is not None:
            for device, new in self._changed.items():
                self._missing += missing(new) - missing(self._counts.get(device, NOTHING))
            self._counts.update(self._changed)
            asked = self._asked & self._counts.keys()
            self._to_tell.update(dict.fromkeys((*self._changed, *asked)))
        self._final += self._final_pending
        self.begin()

    def forget(self) -> None:
        """Begin from the tables again: nobody can say whether the last transaction was committed."""
        self._counts = None

    def due(self) -> Iterator[tuple[str, bytes]]:
        """Yield (topic, payload) of the receipts that may go out now."""
        if not self._to_tell or self._counts is None or self._clock_s() - self._told_at < _EVERY_S:
            return
        self._told_at = self._clock_s()
        for device in list(islice(self._to_tell, MOST_PER_ROUND)):
            del self._to_tell[device]
            count = self._counts.get(device, NOTHING)
            if count.sure and count.settled is not None and count.settled >= 0:
                payload = msgspec.json.encode({"boot": count.boot, "seq": count.settled})
                yield str(Topic(device, Channel.STORED)), payload

    def missing(self) -> int:
        """Return how many numbers below the highest seen have not come, of all devices."""
        return self._missing

    def never_arrived(self) -> int:
        """Return how many numbers were given up since the last call."""
        final, self._final = self._final, 0
        return final
