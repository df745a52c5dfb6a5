"""Unrest: the slow disturbances of every station, as pure functions of time, so that any walk meets the same ones."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LAG_S = np.array([900.0, 2400.0, 4500.0, 5400.0])
"""Time scales of the four disturbances: network pressure, flow resistance, control, everything else."""
_WAVES = 3
_GRID_US = 120_000_000
_TIMER_S = (4200.0, 6600.0)
"""A make-up timer rings every 70 to 110 minutes."""


class Unrest:
    """Four disturbances per station, each of unit size, and a timer per station."""

    def __init__(self, stations: int, seed: int) -> None:
        rng = np.random.default_rng((seed, 31))
        shape = (len(_LAG_S), stations, _WAVES)
        self._omega = 1 / (_LAG_S[:, None, None] * np.exp(rng.uniform(-0.9, 0.9, shape)))
        self._phase = rng.uniform(0, 2 * np.pi, shape)
        self._drawn: dict[int, Floats] = {}
        self._period_s = rng.uniform(*_TIMER_S, stations)
        self._offset_s = rng.uniform(0, self._period_s)

    def at(self, at: int) -> Floats:
        """Return the disturbances [4, stations] at that time (epoch microseconds): mean 0, variance 1.

        They run straight from one grid line of two minutes to the next.
        """
        line, past = divmod(at, _GRID_US)
        share = past / _GRID_US
        if not share:
            return self._at_line(line)
        before = self._at_line(line)
        between: Floats = before + share * (self._at_line(line + 1) - before)
        return between

    def _at_line(self, line: int) -> Floats:
        if line not in self._drawn:
            waves = np.cos(self._omega * (line * _GRID_US / 1e6) + self._phase).sum(axis=-1)
            self._drawn = {k: v for k, v in self._drawn.items() if abs(k - line) <= 2}
            self._drawn[line] = waves * float(np.sqrt(2 / _WAVES))
        return self._drawn[line]

    def rings(self, after: int, until: int) -> NDArray[np.bool_]:
        """Return whose timer rings between two times (the first excluded)."""
        before, now = (np.floor((at / 1e6 + self._offset_s) / self._period_s) for at in (after, until))
        rung: NDArray[np.bool_] = now > before
        return rung
