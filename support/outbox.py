"""Outbox: commands and notifications on their way from the table to the broker.

Looked at once a second: a letter may wait that long. It counts as sent when the broker has
acknowledged it; what was under way when ingest ended goes out again, so a device may get a
command twice and knows it by its id. At most `MOST_UNDER_WAY` are unacknowledged at once.
"""

import re
from collections.abc import Callable

import structlog

from network.link import LinkDownError, Outlet, Receipt
from network.topics import ROOT
from support.store import Letter, Store

MOST_UNDER_WAY = 100
MOST_BYTES = 128 * 1024
_OURS = re.compile(rf"{ROOT}/(?:[a-z0-9][a-z0-9-]{{2,62}}/command|notify/[a-z0-9][a-z0-9-]{{2,62}})")
_log = structlog.get_logger()


class Outbox:
    """Sends what waits. `up` says whether the link is there: while it is not, nothing is taken from the table."""

    def __init__(self, outlet: Outlet, up: Callable[[], bool]) -> None:
        self._outlet = outlet
        self._up = up
        self._under_way: dict[int, Receipt] = {}
        self._refused: dict[int, str] = {}

    def pass_on(self, store: Store) -> None:
        """Note what the broker has acknowledged and send what waits. Raises StoreDownError."""
        sent = [outbox_id for outbox_id, receipt in self._under_way.items() if receipt.acknowledged()]
        with store.transaction() as tx:
            tx.dispatched(sent, self._refused)
            known = [*self._under_way, *self._refused]
            room = MOST_UNDER_WAY - len(self._under_way) + len(sent) if self._up() else 0
            letters = tx.outgoing(room, known) if room > 0 else ()
        for outbox_id in sent:
            del self._under_way[outbox_id]
        self._refused = {}
        for letter in letters:
            self._send(letter)

    def waiting(self) -> int:
        """Return how many letters the broker has not acknowledged yet."""
        return len(self._under_way)

    def _send(self, letter: Letter) -> None:
        why = _unsendable(letter)
        if why is not None:
            self._refused[letter.outbox_id] = why
            _log.warning("letter_refused", outbox_id=letter.outbox_id, topic=letter.topic, why=why)
            return
        try:
            receipt = self._outlet.publish(letter.topic, letter.payload, qos=min(max(letter.qos, 0), 1))
        except LinkDownError as err:
            _log.debug("letter_waits", outbox_id=letter.outbox_id, cause=str(err))
        else:
            self._under_way[letter.outbox_id] = receipt


def _unsendable(letter: Letter) -> str | None:
    """Return why a letter must not reach the broker, None when it may: a bad one would end the link for all others."""
    if letter.expired:
        return "it expired before it could be sent"
    if not _OURS.fullmatch(letter.topic):
        return f"the topic is none of ours: expected {ROOT}/<device>/command or {ROOT}/notify/<city>"
    if len(letter.payload) > MOST_BYTES:
        return f"{len(letter.payload)} bytes; at most {MOST_BYTES} are sent"
    return None
