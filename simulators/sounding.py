"""Sounding: how far the platform is behind, told by the receipts of one device that numbers its readings.

A fleet that plays faster than time could drown the broker: it takes everything at once, and what ingest has not
fetched lies in its memory. So one device of the fleet is the lead on the line: its readings carry running numbers, and
a receipt for one of them says that everything before it has arrived.
"""

import time
from collections import deque
from collections.abc import Iterable

import msgspec

MOST_AHEAD = 20_000
"""Readings that may be under way: some 30 MB at the broker."""
PATIENCE_S = 10.0
"""Without any receipt for so long, nobody answers: then the fleet goes on, a load at a time."""


class Sounding:
    """Counts what was said and what is known to have arrived. `boot` names the run of numbers."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.unanswered = 0
        self._next = 0
        self._said = self._arrived = 0
        self._marks: deque[tuple[int, int]] = deque()
        self._heard_at = time.monotonic()

    def number(self) -> int:
        """Return the number of the next reading of the lead, and mark how much was said before it."""
        self._next += 1
        self._marks.append((self._next - 1, self._said))
        return self._next - 1

    def said(self, readings: int) -> None:
        """Note that so many readings were said."""
        self._said += readings

    def hear(self, receipts: Iterable[bytes]) -> None:
        """Take receipts: `{boot, seq}`."""
        for payload in receipts:
            seq = _seq_of(payload, self.boot)
            while self._marks and seq is not None and self._marks[0][0] <= seq:
                self._arrived = self._marks.popleft()[1]
                self._heard_at = time.monotonic()

    def too_deep(self) -> bool:
        """Return whether so much is under way that the fleet should wait."""
        if self._said - self._arrived < MOST_AHEAD:
            return False
        if time.monotonic() - self._heard_at > PATIENCE_S:
            self.unanswered += 1
            self._arrived, self._heard_at = self._said, time.monotonic()
            self._marks.clear()
            return False
        return True


def _seq_of(payload: bytes, boot: str) -> int | None:
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(body, dict) or body.get("boot") != boot:
        return None
    seq = body.get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None
