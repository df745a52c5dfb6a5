"""Bins: what one device said of some points over a stretch of time, bucket by bucket; and runs of bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE

WIDTH = 10 * MINUTE
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bins:
    """m buckets of ten minutes in the order of time; buckets without any reading are left out.

    ts int64[m]: begin of each, epoch microseconds. n, low, high and mean float64[m, points]: how many good values
    there were, the least, the greatest and their mean, NaN where there were none.
    """

    points: tuple[str, ...]
    ts: NDArray[np.int64]
    n: Floats
    low: Floats
    high: Floats
    mean: Floats

    @classmethod
    def of_readings(cls, points: Sequence[str], ts: NDArray[np.int64], values: Floats) -> Self:
        """Gather readings (ts int64[k] in the order of time, values float64[k, points], NaN: not good) into bins."""
        bucket = ts // WIDTH * WIDTH
        first = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1])) if len(ts) else np.empty(0, np.intp)
        if not len(first):
            blank = np.empty((0, len(points)))
            return cls(tuple(points), bucket, blank, blank, blank, blank)
        known = ~np.isnan(values)
        n = np.add.reduceat(known.astype(np.float64), first, axis=0)
        total = np.add.reduceat(np.where(known, values, 0.0), first, axis=0)
        low, high = np.fmin.reduceat(values, first, axis=0), np.fmax.reduceat(values, first, axis=0)
        mean = np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)
        return cls(tuple(points), bucket[first], n, low, high, mean)

    def column(self, values: Floats, point: str) -> Floats:
        """Return float64[m]: the column of a point in n, low, high or mean; NaN where the device lacks the point."""
        if point not in self.points:
            return np.full(len(self.ts), np.nan)
        return values[:, self.points.index(point)]

    def interval_us(self) -> int:
        """Return how far apart buckets with readings usually are: a bucket's width, or the cadence if that is longer.

        Hours for a device that reports by the hour: its own cadence is judged, whatever the catalogue says.
        """
        return max(WIDTH, int(np.median(np.diff(self.ts)))) if len(self.ts) > 1 else WIDTH


class Runs(NamedTuple):
    """Stretches of neighbouring places: first and last intp[k], both inside."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def painted(self, size: int, chosen: Flags) -> Flags:
        """Return bool[size]: the places that the chosen runs cover."""
        steps = np.zeros(size + 1, np.int64)
        np.add.at(steps, self.first[chosen], 1)
        np.add.at(steps, self.last[chosen] + 1, -1)
        covered: Flags = np.cumsum(steps)[:-1] > 0
        return covered

    def range_of(self, low: Floats, high: Floats) -> Floats:
        """Return float64[k]: the greatest `high` of each run less its least `low`; NaN where none is known."""
        if not len(self.first):
            return np.empty(0)
        edges = np.column_stack([self.first, self.last + 1]).ravel()
        least = np.fmin.reduceat(np.append(low, np.nan), edges)[::2]
        most = np.fmax.reduceat(np.append(high, np.nan), edges)[::2]
        spread: Floats = most - least
        return spread


def runs_of(joined: Flags) -> Runs:
    """Return the runs of places of which each but the first is `joined` to the one before it."""
    begins = ~joined
    begins[:1] = True
    first = np.flatnonzero(begins)
    return Runs(first, np.append(first[1:], len(joined)) - 1 if len(first) else first)
