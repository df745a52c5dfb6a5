"""Offset: an outdoor sensor that tells another weather than those around it: in the sun, in an air shaft, adrift.

Good outdoor sensors of one town differ by 1.7 to 2.4 K at the 95th percentile of real stations: five in the mean of
six hours is a fault of the sensor or of its place.
"""

import numpy as np
from numpy.typing import NDArray

from application.instants import HOUR
from application.quality.bins import Bins, Flags, Floats
from application.quality.numbers import Numbers
from application.quality.stillness import OUTDOOR

_LEAST_BINS = 3
"""Few are enough: of a sensor in the sun the worst values are out of its limits, and not among them."""


def strayed(bins: Bins, near: Floats, doubtful: Flags, numbers: Numbers) -> Flags:
    """Return bool[m]: the outdoor temperature was beside that of the neighbours for hours.

    `near` float64[m]: their median, NaN where unknown. `doubtful` bool[m]: left out, for other reasons. Of each six
    hours whose mean strays, those bins count that stray by `offset_back_k` themselves.
    """
    away = np.where(doubtful, np.nan, bins.column(bins.mean, OUTDOOR) - near)
    known = np.flatnonzero(~np.isnan(away))
    span = int(numbers.offset_h * HOUR)
    flags = np.zeros(len(away), np.bool_)
    if len(known):
        ts, apart = bins.ts[known], away[known]
        mean, first = _trailing(ts, apart, span)
        last = np.arange(len(ts))
        full = (ts - ts[first] >= span * 2 // 3) & (last - first + 1 >= _LEAST_BINS)
        strays = full & (np.abs(mean) > numbers.offset_k)
        steps = np.zeros(len(ts) + 1, np.int64)
        np.add.at(steps, first[strays], 1)
        np.add.at(steps, last[strays] + 1, -1)
        flags[known] = (np.cumsum(steps)[:-1] > 0) & (np.abs(apart) > numbers.offset_back_k)
    return flags


def _trailing(ts: NDArray[np.int64], values: Floats, span: int) -> tuple[Floats, NDArray[np.intp]]:
    """Return the mean of the values of (ts - span, ts] at each ts, and the place of the first of them."""
    first = np.searchsorted(ts, ts - span, side="right")
    total = np.append(0.0, np.cumsum(values))
    last = np.arange(len(ts))
    mean: Floats = (total[last + 1] - total[first]) / (last + 1 - first)
    return mean, first
