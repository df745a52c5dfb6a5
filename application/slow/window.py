"""SlowWindow: the last day of n devices of one kind as slow rules see it, and what is known of them by experience."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from application.instants import HOUR
from application.slow.past import TENTH, Past
from perception.sensor_kind import SensorKind

Floats = NDArray[np.float64]
PER_HOUR = 6
"""Buckets of ten minutes."""
_LEAST_OTHERS = 4
"""The median of fewer neighbours is not worth believing."""


@dataclass(slots=True)
class SlowWindow:
    """n devices of one kind at the end of one bucket.

    now int64[n]: that end, epoch microseconds, the same for all. raised bool[n, elements]: the rule's alarm is open.
    station and district intp[n]: the number of each device's
    station (0..stations - 1, for all kinds alike) and district. offset_us int64[n]: what local time
    is ahead of UTC. expected float64[n, 1]: the share of buckets that devices of this interval fill. `learned` and
    `days` come from the station's own history; `elsewhere(kind, point, hours)` float64[stations] is the median over
    the devices of another kind at each station.
    """

    kind: SensorKind
    now: NDArray[np.int64]
    raised: NDArray[np.bool_]
    station: NDArray[np.intp]
    stations: int
    district: NDArray[np.intp]
    offset_us: NDArray[np.int64]
    expected: Floats
    past: Past
    known: Mapping[str, Floats] = field(default_factory=dict)
    diary: Callable[[str, int], Floats] | None = None
    elsewhere: Callable[[str, str, int], Floats | None] | None = None
    _seen: dict[tuple[str, int], Floats] = field(default_factory=dict)
    _once: dict[tuple[str, int], Floats] = field(default_factory=dict)

    def trace(self, point: str, hours: int) -> Floats:
        """Return float64[n, buckets]: the means of the last hours (1..24), oldest first, NaN where nothing good came.

        Not to be written to.
        """
        key = point, hours
        if key not in self._seen:
            last = int(self.now[0]) // TENTH - 1 if len(self.now) else 0
            self._seen[key] = self.past.trace(point, last, hours * PER_HOUR)
        return self._seen[key]

    def once(self, name: str, hours: int, of: Callable[["SlowWindow", int], Floats]) -> Floats:
        """Return what `of(window, hours)` returns, worked out once for all rules that ask. Not to be written to."""
        key = name, hours
        if key not in self._once:
            self._once[key] = of(self, hours)
        return self._once[key]

    def mean(self, point: str, hours: int) -> Floats:
        """Return float64[n, 1]: the mean over the last hours, NaN where less than half of it is there."""
        values = self.trace(point, hours)
        here = ~np.isnan(values)
        count = here.sum(axis=1, keepdims=True)
        total = np.where(here, values, 0.0).sum(axis=1, keepdims=True)
        return np.where(self.enough(count, hours), total / np.maximum(count, 1), np.nan)

    def middle(self, values: Floats, hours: int, least: float = 0.5) -> Floats:
        """Return float64[n, 1]: the median of values per bucket, NaN where less than a share of them is there."""
        found, count = median(values)
        return np.where(self.enough(count, hours, least), found, np.nan)

    def enough(self, count: NDArray[np.int64], hours: int, least: float = 0.5) -> NDArray[np.bool_]:
        """Return bool[n, 1]: whether so many buckets of the last hours say enough, for the interval of each device."""
        told: NDArray[np.bool_] = count >= np.maximum(least * hours * PER_HOUR * self.expected, 1)
        return told

    def learned(self, name: str) -> Floats:
        """Return float64[n, 1]: what was learned of each device's station, NaN as long as it is not."""
        known = self.known.get(name)
        return np.full((len(self.now), 1), np.nan) if known is None else known[:, None]

    def days(self, fact: str, count: int) -> Floats:
        """Return float64[n, count]: a daily fact of the last days, oldest first, NaN where it was not to be told."""
        return np.full((len(self.now), count), np.nan) if self.diary is None else self.diary(fact, count)

    def local_hour(self, hours: int) -> Floats:
        """Return float64[n, buckets]: the local hour of the day (0..24) in the middle of each of the last buckets."""
        back = np.arange(hours * PER_HOUR - 1, -1, -1, dtype=np.int64) * TENTH + TENTH // 2
        local = self.now[:, None] - back[None, :] + self.offset_us[:, None]
        of_day: Floats = (local % (24 * HOUR)) / HOUR
        return of_day

    def at_station(self, kind: str, point: str, hours: int) -> Floats:
        """Return float64[n, 1]: the median over the station's devices of another kind of their means, NaN: none."""
        found = None if self.elsewhere is None else self.elsewhere(kind, point, hours)
        return np.full((len(self.now), 1), np.nan) if found is None else found[self.station][:, None]

    def neighbours(self, values: Floats) -> Floats:
        """Return float64[n, 1]: the median of `values` [n, 1] over the other devices of the district; NaN: too few."""
        told = np.full(len(self.now), np.nan)
        for district in np.unique(self.district):
            rows = np.flatnonzero((self.district == district) & ~np.isnan(values[:, 0]))
            if len(rows) <= _LEAST_OTHERS:
                continue
            order = np.argsort(values[rows, 0], kind="stable")
            told[rows[order]] = _medians_without_each(values[rows[order], 0])
        return told[:, None]

    def shares(self, condition: NDArray[np.bool_], known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return float64[n, 1] twice: in how many of the station's devices a condition holds, and of how many."""
        counts = [np.bincount(self.station[told[:, 0]], minlength=self.stations) for told in (condition & known, known)]
        held, of = (count.astype(np.float64)[self.station][:, None] for count in counts)
        return held, of


def median(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return float64[n, 1] the median of each row, NaN left out, and int64[n, 1] of how many values."""
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1, keepdims=True)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    high = np.minimum(high, np.maximum(count - 1, 0))
    pair = np.take_along_axis(ordered, low, axis=1) + np.take_along_axis(ordered, high, axis=1)
    return pair / 2, count


def medians_of(groups: NDArray[np.intp], values: Floats, count: int) -> Floats:
    """Return float64[count]: the median of the values [n] of each group (0..count - 1), NaN left out; NaN: none."""
    told = ~np.isnan(values)
    groups, values = groups[told], values[told]
    ordered = values[np.lexsort((values, groups))]
    of = np.bincount(groups, minlength=count)
    first = np.cumsum(of) - of
    found = np.full(count, np.nan)
    some = np.flatnonzero(of)
    low, high = first[some] + (of[some] - 1) // 2, first[some] + of[some] // 2
    found[some] = (ordered[low] + ordered[high]) / 2
    return found


def _medians_without_each(ordered: Floats) -> Floats:
    """float64[n]: of ascending values, for each the median of all the others."""
    n = len(ordered)
    here = np.arange(n)
    low, high = (n - 2) // 2, (n - 1) // 2
    below = ordered[low + (here <= low)]
    above = ordered[high + (here <= high)]
    middle: Floats = (below + above) / 2
    return middle
