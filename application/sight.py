"""Sight: what is remembered of the points of some devices, at an instant each, worked out only when a rule looks.

Most rules look at one or two points of many, and nearly all devices have nothing bad.
"""

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_FEW = 100
"""Of so few devices whole rows are worked out at once: that costs no more than two of their points."""


class Remembered(Protocol):
    """The columns of `application.memory.Memory` that a sight is made of."""

    @property
    def held(self) -> NDArray[np.float64]:
        """float64[devices, points]: the last good value."""

    @property
    def held_ts(self) -> NDArray[np.int64]:
        """int64[devices, points]: its time."""

    @property
    def odd(self) -> NDArray[np.float64]:
        """float64[devices, points]: the last value that was not good."""

    @property
    def odd_ts(self) -> NDArray[np.int64]:
        """int64[devices, points]: its time."""

    @property
    def odd_last(self) -> NDArray[np.int64]:
        """int64[devices]: the newest time in a row of `odd_ts`."""


class Sight:
    """n devices at an instant each. To be looked at before what is remembered changes.

    rows intp[n] of what is remembered; at int64[n], epoch microseconds; holds int64[devices, points],
    microseconds.
    """

    def __init__(
        self, remembered: Remembered, holds: NDArray[np.int64], rows: NDArray[np.intp], at: NDArray[np.int64]
    ) -> None:
        self._remembered, self._holds, self._rows, self._at = remembered, holds, rows, at
        self._columns: dict[int, NDArray[np.float64]] = {}

    def part(self, places: NDArray[np.intp]) -> "Sight":
        """Return what is seen of some of the devices."""
        return Sight(self._remembered, self._holds, self._rows[places], self._at[places])

    def value(self, point: int) -> NDArray[np.float64]:
        """float64[n, 1]: the column of `values` of one point. Not to be written to."""
        if len(self._rows) <= _FEW:
            return self.values[:, point : point + 1]
        if point not in self._columns:
            holds = self._remembered.held_ts[self._rows, point] >= self._at - self._holds[self._rows, point]
            self._columns[point] = np.where(holds, self._remembered.held[self._rows, point], np.nan)[:, None]
        return self._columns[point]

    def some(self, points: NDArray[np.intp]) -> NDArray[np.float64]:
        """float64[n, points]: several columns of `values` at once."""
        rows = self._rows[:, None]
        holds = self._remembered.held_ts[rows, points] >= self._at[:, None] - self._holds[rows, points]
        return np.where(holds, self._remembered.held[rows, points], np.nan)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """float64[n, points]: the last good value within its hold, NaN where there is none."""
        return np.where(self._holding, self._remembered.held[self._rows], np.nan)

    @cached_property
    def bad(self) -> NDArray[np.bool_]:
        """bool[n, points]: the newest value within its hold is not good."""
        bad = np.zeros((len(self._rows), self._holds.shape[1]), np.bool_)
        some = np.flatnonzero(self.may_be_bad)
        if len(some):
            rows = self._rows[some]
            odd_ts = self._remembered.odd_ts[rows]
            alive = odd_ts >= self._at[some, None] - self._holds[rows]
            bad[some] = alive & (odd_ts > self._remembered.held_ts[rows])
        return bad

    @cached_property
    def may_be_bad(self) -> NDArray[np.bool_]:
        """bool[n]: nothing is bad of the others. Cheap."""
        last = self._remembered.odd_last[self._rows]
        found: NDArray[np.bool_] = last > np.iinfo(np.int64).min
        if found.any():
            found &= last >= self._at - self._holds[self._rows].max(axis=1)
        return found

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """bool[n, points]: there is a value within its hold."""
        return self._holding | self.bad

    @cached_property
    def newest(self) -> NDArray[np.float64]:
        """float64[n, points]: the newest value within its hold, good or not."""
        return np.where(self.bad, self._remembered.odd[self._rows], self.values)

    @cached_property
    def _holding(self) -> NDArray[np.bool_]:
        holding: NDArray[np.bool_] = self._remembered.held_ts[self._rows] >= self._at[:, None] - self._holds[self._rows]
        return holding
