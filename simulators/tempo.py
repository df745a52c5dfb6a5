"""Tempo: what time it is in the world that is played: the wall clock's, or a past that runs faster."""

from collections.abc import Callable

DAY_US = 86_400 * 1_000_000
SLICE_US = 10 * 1_000_000
"""So much of the world's time is played at a time, before what was said goes out."""
MAX = 0.0
"""The speed of whoever does not wait."""


class Tempo:
    """The world's time. All times are epoch microseconds UTC, `clock` gives the wall clock's.

    Without `begin` it is the wall clock. With it, time begins there and runs `speed` times as fast as the wall
    clock (MAX: as fast as readings are taken), up to `end` and never into the future. Having come to the present it
    ends, or with `stays` goes on with the wall clock.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        speed: float = 1.0,
        begin: int | None = None,
        end: int | None = None,
        stays: bool = False,
    ) -> None:
        self._clock, self._speed, self._end, self._stays = clock, speed, end, stays
        self._shifted = begin is not None
        self._played = float(begin or 0)
        self._looked = clock()
        self.reached = self._looked if begin is None else begin

    @property
    def shifted(self) -> bool:
        """Whether the world's time is another than the wall clock's: then it can be held."""
        return self._shifted

    def until(self, first_due: int) -> int:
        """Return up to when readings may be played now, at most a slice beyond the first one due."""
        self.reached = max(self.reached, min(self._now(), first_due + SLICE_US))
        return self.reached

    def hold(self) -> None:
        """Let no time pass since the last look: the broker is away, or nobody keeps up."""
        self._looked = self._clock()

    def over(self, next_due: int) -> bool:
        """Return whether everything up to the end has been played."""
        ending = self._ending()
        if ending is None or next_due <= ending or self._now() < ending:
            return False
        if self._stays and self._shifted and self._end is None:
            self._shifted = False
            return False
        return True

    def nap_s(self, due: int) -> float:
        """Return how long the wall clock takes until something is due."""
        return max(due - self._now(), 0) / 1e6 / (self._speed or 1.0)

    def _now(self) -> int:
        clock = self._clock()
        if not self._shifted:
            return clock if self._end is None else min(clock, self._end)
        self._played += (clock - self._looked) * self._speed
        self._looked = clock
        ending = self._ending()
        if self._speed == MAX:
            return clock if ending is None else ending
        return round(self._played) if ending is None else min(round(self._played), ending)

    def _ending(self) -> int | None:
        """Return when the world ends: where it was told to, and at the latest in the present, unless that moves on."""
        if not self._shifted or self._speed == 1.0:
            return self._end
        present = self._clock()
        return present if self._end is None else min(present, self._end)
