"""Sounding: how far the platform is behind, told by the receipts of a few devices that number their readings.

A fleet that plays faster than time could drown the broker: it takes everything at once, and what ingest has not
fetched lies in its memory. So some devices of the fleet are leads on a line: their readings carry running numbers, and
a receipt for one of them says that everything before it has arrived.
"""

import time
from collections import deque
from collections.abc import Iterable

import msgspec

MOST_AHEAD = 20_000
"""Readings that may be under way: some 30 MB at the broker."""
LEADS = 3
"""So many leads: one may be silent, by a fault of its own."""
PATIENCE_S = 10.0
"""Without any receipt for so long, nobody answers: then the fleet goes on, a load at a time."""


class Sounding:
    """Counts what was said and what is known to have arrived. `name` begins the names of the leads' runs of numbers."""

    def __init__(self, name: str) -> None:
        self.unanswered = 0
        self._name = name
        self._numbers: dict[str, int] = {}
        self._said = self._arrived = 0
        self._marks: dict[str, deque[tuple[int, int]]] = {}
        self._heard_at = time.monotonic()

    def boot(self, lead: int) -> str:
        """Return the name of a lead's run of numbers."""
        boot = f"{self._name}-{lead}"
        self._marks.setdefault(boot, deque())
        return boot

    def number(self, boot: str) -> int:
        """Return the number of the next reading of a lead, and mark how much was said before it."""
        number = self._numbers.get(boot, 0)
        self._numbers[boot] = number + 1
        self._marks[boot].append((number, self._said))
        return number

    def said(self, readings: int) -> None:
        """Note that so many readings were said."""
        self._said += readings

    def hear(self, receipts: Iterable[bytes]) -> None:
        """Take receipts: `{boot, seq}`."""
        for boot, seq in filter(None, map(_receipt, receipts)):
            marks = self._marks.get(boot, deque())
            while marks and marks[0][0] <= seq:
                self._arrived = max(self._arrived, marks.popleft()[1])
                self._heard_at = time.monotonic()

    def too_deep(self) -> bool:
        """Return whether so much is under way that the fleet should wait."""
        if self._said - self._arrived < MOST_AHEAD:
            return False
        if time.monotonic() - self._heard_at > PATIENCE_S:
            self.unanswered += 1
            self._arrived, self._heard_at = self._said, time.monotonic()
            return False
        return True


def _receipt(payload: bytes) -> tuple[str, int] | None:
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    boot, seq = (body.get("boot"), body.get("seq")) if isinstance(body, dict) else (None, None)
    return (boot, seq) if isinstance(boot, str) and isinstance(seq, int) and not isinstance(seq, bool) else None
