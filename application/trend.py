"""Trend: a series made ready to be drawn within a budget of pixels. Pure.

What a point said is carried forward for its hold, so that slow points do not look torn; where
that ends there is a gap, and gaps stay gaps. More instants than two per pixel are thinned by M4,
which keeps the first, last, lowest and highest sample of each stretch.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tsdownsample import M4Downsampler

from application.blanks import listed
from application.hold import hold_us
from application.instants import DAY, HOUR, MINUTE, SECOND
from application.read_models import Trend
from perception.sensor_kind import SensorKind
from support.store import Series

INSTANTS_PER_PIXEL = 2
FEWEST_PIXELS = 16
RAW = "raw"
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_PER_BIN = 4
"""M4 picks four samples from each bin."""


def most_instants(pixels: int) -> int:
    """Return how many instants a trend of this width may hold."""
    return INSTANTS_PER_PIXEL * max(pixels, FEWEST_PIXELS)


def drawn(device: str, kind: SensorKind, interval_s: float, series: Series, pixels: int) -> Trend:
    """Return a series as a Trend of at most `most_instants(pixels)` instants."""
    most = most_instants(pixels)
    held = _held(series, _holds(kind, interval_s, series))
    picked = held if len(held.ts) <= most else _take(held, _picked(held, most))
    columns = ("mean", picked.mean), ("low", picked.low), ("high", picked.high)
    return Trend(
        device=device,
        width=series.width,
        ts=(picked.ts // 1000).tolist(),
        series={
            point: {name: listed(values[:, place]) for name, values in columns}
            for place, point in enumerate(series.points)
        },
    )


def _holds(kind: SensorKind, interval_s: float, series: Series) -> NDArray[np.int64]:
    """int64[points]: how long each point of the series holds; at least one and a half buckets of a rollup."""
    holds: NDArray[np.int64] = hold_us(kind, np.array([interval_s]))[0][[kind.bits[p] for p in series.points]]
    bucket = 0 if series.width == RAW else int(series.width[:-1]) * _UNITS[series.width[-1]]
    return np.maximum(holds, bucket * 3 // 2)


def _held(series: Series, holds: NDArray[np.int64]) -> Series:
    """Carry values forward for their hold, and add the instants at which a hold ends before the next reading."""
    ts = series.ts
    wait = np.diff(ts)
    ends = [ts[:-1][wait > hold] + hold for hold in np.unique(holds)]
    at = np.unique(np.concatenate([ts, *ends]))
    place = np.searchsorted(ts, at, side="right") - 1
    added = ts[place] != at
    source = _sources(np.isnan(series.mean[place]) | added[:, None], at, holds)
    mean, low, high = (_carried(values[place], source) for values in (series.mean, series.low, series.high))
    return Series(series.points, at, mean, low, high, series.width)


def _sources(empty: NDArray[np.bool_], ts: NDArray[np.int64], holds: NDArray[np.int64]) -> NDArray[np.intp]:
    """intp[n, points]: the row whose value speaks for each instant, -1 where none does any more."""
    rows = np.arange(len(ts), dtype=np.intp)[:, None]
    last = np.maximum.accumulate(np.where(empty, np.intp(-1), rows), axis=0)
    over = (ts[:, None] - ts[np.maximum(last, 0)]) >= holds[None, :]
    sources: NDArray[np.intp] = np.where((last < rows) & over, np.intp(-1), last)
    return sources


def _carried(values: NDArray[np.float64], source: NDArray[np.intp]) -> NDArray[np.float64]:
    carried = np.take_along_axis(values, np.maximum(source, 0), axis=0)
    return np.where(source < 0, np.nan, carried)


def _take(series: Series, places: NDArray[np.intp]) -> Series:
    mean, low, high = (values[places] for values in (series.mean, series.low, series.high))
    return Series(series.points, series.ts[places], mean, low, high, series.width)


def _picked(series: Series, most: int) -> NDArray[np.intp]:
    """Return the places of at most `most` instants that keep every point's extremes and gaps."""
    share = most // max(len(series.points), 1)
    if share < 2 * _PER_BIN:
        return np.linspace(0, len(series.ts) - 1, most).astype(np.intp)
    low_high = ((series.mean[:, p],) if series.width == RAW else (series.low[:, p], series.high[:, p])
                for p in range(len(series.points)))  # fmt: skip
    return np.unique(np.concatenate([_of_point(series.ts, columns, share) for columns in low_high]))


def _of_point(ts: NDArray[np.int64], columns: Sequence[NDArray[np.float64]], share: int) -> NDArray[np.intp]:
    """Return the places that one point needs, at most `share`: its wide gaps first, then M4 of each column."""
    gaps = _gaps(ts, columns[0], (int(ts[-1]) - int(ts[0])) * 4 // share)
    room = (share - len(gaps)) // len(columns) // _PER_BIN * _PER_BIN
    parts = [gaps]
    present = np.flatnonzero(~np.isnan(columns[0]))
    for values in columns:
        if len(present) <= room:
            parts.append(present)
        elif room:
            parts.append(present[_thinned(ts[present], np.ascontiguousarray(values[present]), room)])
    return np.concatenate(parts)


def _thinned(ts: NDArray[np.int64], values: NDArray[np.float64], room: int) -> NDArray[np.intp]:
    """Return the places of the first, last, least and largest value of each of `room` / 4 bins: M4."""
    if room == _PER_BIN:  # which the library panics at
        return np.unique([0, int(values.argmin()), int(values.argmax()), len(values) - 1])
    chosen: NDArray[np.intp] = M4Downsampler().downsample(ts, values, n_out=room).astype(np.intp)
    return chosen


def _gaps(ts: NDArray[np.int64], values: NDArray[np.float64], least_us: int) -> NDArray[np.intp]:
    """Return the place where each gap begins that is wider than `least_us`."""
    empty = np.isnan(values)
    begins = np.flatnonzero(empty & ~np.append(False, empty[:-1]))
    ends = np.append(ts, ts[-1])[_next_present(empty)[begins]]
    return begins[ends - ts[begins] > least_us]


def _next_present(empty: NDArray[np.bool_]) -> NDArray[np.intp]:
    """intp[n]: the place of the next instant that is not empty, n when there is none."""
    places = np.where(empty, len(empty), np.arange(len(empty), dtype=np.intp))
    following: NDArray[np.intp] = np.minimum.accumulate(places[::-1])[::-1]
    return following
