"""Spikes: a value or two far from those before and after, and back: what no water does between two readings.

Hampel's identifier: further from the median of fifteen samples than five robust standard deviations (1.4826 times the
median absolute deviation), of the noise of the point at least. Looked for only on devices that report every three
minutes or oftener: within an hour, water may well be heated and cool again.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE, SECOND
from application.quality.bins import WIDTH, Bins, Flags, Floats, runs_of
from application.quality.finding import Finding, Reason
from perception.point import Point

SLOWEST_S = 180.0
MARGIN = WIDTH
_WINDOW, _LIMIT, _SIGMA = 15, 5.0, 1.4826
_LONGEST = 2
_LEAST_NOISE = 0.1
_SUSPECT = 10
"""A bin whose values lie further apart than so many times the noise is looked at more closely."""


def noise_of(point: Point) -> float:
    """Return the noise of a point that has one of its own, in its unit."""
    return max(_LEAST_NOISE, 0.0 if point.noise_relative else point.noise or 0.0)


def suspects(bins: Bins, point: Point, since: int) -> list[tuple[int, int]]:
    """Return the stretches [from, to) of time whose raw readings are to be looked at, bins that touch in one."""
    with np.errstate(invalid="ignore"):
        wide = bins.column(bins.high, point.name) - bins.column(bins.low, point.name) > _SUSPECT * noise_of(point)
    ts = bins.ts[wide & (bins.ts >= since)]
    runs = runs_of(np.append(False, np.diff(ts) == WIDTH)[: len(ts)])
    return [(int(ts[a]) - MARGIN, int(ts[b]) + WIDTH + MARGIN) for a, b in zip(runs.first, runs.last, strict=True)]


def spiked(values: Floats, noise: float) -> Flags:
    """Return bool[k]: the value is a spike: far from the median of its neighbours, and they are not."""
    known = np.flatnonzero(~np.isnan(values))
    flags = np.zeros(len(values), np.bool_)
    if len(known) < _WINDOW:
        return flags
    told = values[known]
    padded = np.pad(told, _WINDOW // 2, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    middle = np.nanmedian(around, axis=1)
    spread = np.nanmedian(np.abs(around - middle[:, None]), axis=1)
    far = np.abs(told - middle) > _LIMIT * np.maximum(_SIGMA * spread, noise)
    runs = runs_of(np.append(False, far[1:] == far[:-1]))
    short = far[runs.first] & (runs.last - runs.first < _LONGEST) & (runs.first > 0) & (runs.last < len(told) - 1)
    flags[known] = runs.painted(len(told), short)
    return flags


def spikes_in(ts: NDArray[np.int64], values: Floats, point: Point) -> Sequence[Finding]:
    """Return the spikes of a point among raw readings (ts int64[k], in order), each until the reading after it."""
    flags = spiked(values, noise_of(point))
    runs = runs_of(np.append(False, flags[1:] == flags[:-1])[: len(flags)])
    return [
        Finding(point.name, int(ts[a]), int(ts[min(b + 1, len(ts) - 1)]), Reason.SPIKE)
        for a, b in zip(runs.first, runs.last, strict=True)
        if flags[a] and b + 1 < len(ts)
    ]


def is_fast(bins: Bins, interval_s: float) -> bool:
    """Return whether a device reports often enough for spikes to be told from changes."""
    if not len(bins.ts) or interval_s > SLOWEST_S:
        return False
    return bool(np.median(bins.n.max(axis=1)) * SLOWEST_S * SECOND >= 10 * MINUTE * 0.9)
