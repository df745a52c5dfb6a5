"""Unrest: the slow disturbances of every station, as pure functions of time, so that any walk meets the same ones."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LAG_S = np.array([900.0, 2400.0, 600.0, 5400.0])
"""Time scales of the four disturbances: network pressure, flow resistance, control, everything else."""
_WAVES = 4
_TIMER_S = (4200.0, 6600.0)
"""A make-up timer rings every 70 to 110 minutes."""


class Unrest:
    """Four disturbances per station, each of unit size, and a timer per station."""

    def __init__(self, stations: int, seed: int) -> None:
        rng = np.random.default_rng((seed, 31))
        shape = (len(_LAG_S), stations, _WAVES)
        self._omega = 1 / (_LAG_S[:, None, None] * np.exp(rng.uniform(-0.9, 0.9, shape)))
        self._phase = rng.uniform(0, 2 * np.pi, shape)
        self._period_s = rng.uniform(*_TIMER_S, stations)
        self._offset_s = rng.uniform(0, self._period_s)

    def at(self, at: int) -> Floats:
        """Return the disturbances [4, stations] at that time (epoch microseconds): mean 0, variance 1."""
        waves: Floats = np.cos(self._omega * (at / 1e6) + self._phase).sum(axis=-1)
        return waves * float(np.sqrt(2 / _WAVES))

    def rings(self, after: int, until: int) -> NDArray[np.bool_]:
        """Return whose timer rings between two times (the first excluded)."""
        before, now = (np.floor((at / 1e6 + self._offset_s) / self._period_s) for at in (after, until))
        rung: NDArray[np.bool_] = now > before
        return rung
