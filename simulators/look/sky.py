"""Sky: the weather that a real station recorded, as the climate of a pretend one."""

from functools import lru_cache

import numpy as np

from simulators.climate import Climate, Season
from simulators.likeness.track import DAY_US, OUTDOOR, Floats, Track

_STEP_S = 300.0
_BEFORE_DAYS = 16
"""The first day again and again: what the walls of a world remember of the time before its record."""


class RecordedSky(Climate):
    """A climate whose temperature is a record; its sun, wind and air are those of the season."""

    def __init__(self, record: Track, season: Season, places: int, *, utc_offset_s: float, seed: int) -> None:
        super().__init__(season, np.zeros(places), utc_offset_s=utc_offset_s, seed=seed)
        outdoor = record.of(OUTDOOR)
        there = np.isfinite(outdoor)
        at_s, values = record.at[there] / 1e6, outdoor[there]
        day_s = DAY_US / 1e6
        begin = at_s[0] - _BEFORE_DAYS * day_s
        self._grid = np.arange(begin, at_s[-1] + day_s, _STEP_S)
        again = np.where(self._grid < at_s[0], at_s[0] + (self._grid - at_s[0]) % day_s, self._grid)
        self._felt = np.interp(again, at_s, values)
        self._lagged = lru_cache(maxsize=8)(self._through)

    def mean(self, at_s: Floats, lag_s: float = 0.0) -> Floats:
        """Return Cel at each of these epoch seconds, seen through a lag of that time constant."""
        seen: Floats = np.interp(at_s, self._grid, self._lagged(lag_s))
        return seen

    def _through(self, lag_s: float) -> Floats:
        if lag_s <= 0:
            return self._felt
        keep = float(np.exp(-_STEP_S / lag_s))
        seen = np.empty_like(self._felt)
        now = float(self._felt[: round(DAY_US / 1e6 / _STEP_S)].mean())
        for place, felt in enumerate(self._felt.tolist()):
            now = felt + (now - felt) * keep
            seen[place] = now
        return seen
