"""Listening: since when ingest would have heard a device that spoke. Silence before that says nothing."""

import time
from collections.abc import Callable

import structlog

from network.link import Delivery

LAG_US = 10_000_000
"""A delivery that waited longer shows a backlog: what a device said meanwhile may still be in it."""

CLOCK_STEP_US = 1_000_000
"""Time services slew smaller differences; a larger one is a step."""

_log = structlog.get_logger()


class Listening:
    """Keeps the beginning of the present unbroken hearing, and notices steps of the wall clock."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` is the wall clock in epoch microseconds."""
        self._clock = clock
        self._since = 0
        self._offset = clock() - _monotonic_us()

    def interrupted(self, now: int) -> None:
        """Begin anew at `now` (epoch microseconds)."""
        self._since = now

    def took(self, oldest: Delivery, now: int) -> None:
        """See the oldest delivery of a batch: one that waited long means that we are behind."""
        if now - oldest.received_at > LAG_US:
            self._since = now

    def since(self, connected_since: int | None) -> int | None:
        """Return since when we hear (epoch microseconds), None while the link is down."""
        return None if connected_since is None else max(connected_since, self._since)

    def look_at_clock(self) -> None:
        """Compare the wall clock with the monotonic one; log a step and begin anew."""
        wall = self._clock()
        offset = wall - _monotonic_us()
        step = offset - self._offset
        self._offset = offset
        if abs(step) >= CLOCK_STEP_US:
            _log.warning("clock_stepped", by_s=step / 1e6, remedy="check this machine's time synchronisation")
            self.interrupted(wall)


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000
