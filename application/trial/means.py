"""Means: ten-minute means of what was accepted, as the rollups of a store would tell them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from application.slow.past import TENTH
from application.slow.watch import SETTLE
from perception.readings import Readings
from support.store import Tenths

_Sums = tuple[NDArray[np.float64], NDArray[np.int64]]


class Means:
    """Sums and counts by bucket, of each device and point; a bucket is told once, `SETTLE` after its end.

    What comes for it later is left out, as it is judged by then; a store's rollups would still take it in.
    """

    def __init__(self, largest_id: int, points: tuple[str, ...]) -> None:
        self._shape = largest_id + 1, len(points)
        self._points = points
        self._buckets: dict[int, _Sums] = {}
        self._told = -(2**63)

    def add(self, readings: Readings) -> None:
        """Take in accepted readings; only what is good counts."""
        good = readings.good()
        values = np.where(good, readings.values, 0.0)
        bucket = readings.ts // TENTH * TENTH
        for begin in np.unique(bucket).tolist():
            if begin <= self._told:
                continue
            here = np.flatnonzero(bucket == begin)
            here = here[np.argsort(readings.device_id[here], kind="stable")]
            ids, first = np.unique(readings.device_id[here], return_index=True)
            sums, counts = self._of(begin)
            sums[ids] += np.add.reduceat(values[here], first, axis=0)
            counts[ids] += np.add.reduceat(good[here].astype(np.int64), first, axis=0)

    def told(self, now: int) -> Tenths | None:
        """Return the buckets that are complete at `now` (epoch microseconds), and forget them; None: there are none."""
        ready = sorted(begin for begin in self._buckets if begin + TENTH + SETTLE <= now)
        parts = [self._bucket(begin, *self._buckets.pop(begin)) for begin in ready]
        self._told = max([self._told, *ready])
        if not parts:
            return None
        means = np.concatenate([mean for _, _, mean in parts])
        columns: Mapping[str, NDArray[np.float64]] = {name: means[:, k] for k, name in enumerate(self._points)}
        return Tenths(np.concatenate([b for b, _, _ in parts]), np.concatenate([i for _, i, _ in parts]), columns)

    def _of(self, begin: int) -> _Sums:
        if begin not in self._buckets:
            self._buckets[begin] = np.zeros(self._shape), np.zeros(self._shape, np.int64)
        return self._buckets[begin]

    def _bucket(
        self, begin: int, sums: NDArray[np.float64], counts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
        ids = np.flatnonzero(counts.any(axis=1))
        mean = np.where(counts[ids] > 0, sums[ids] / np.maximum(counts[ids], 1), np.nan)
        return np.full(len(ids), begin), ids.astype(np.int32), mean
