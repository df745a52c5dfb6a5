"""Labels of dirt in recorded substations, made without the code that is judged by them.

The method, row by row, on raw rows (no buckets), all stations side by side:

sentinel  -39.9 (open circuit) in any temperature; 0.0 in a water temperature; 0.0 outdoors while a water temperature
          of the same row is 0.0.
frozen    a value whose variance over a window of twelve hours (with twelve rows at least) is zero, where one of these
          says that it should have moved: the other temperature of its side ranges over more than 1 K in the window;
          or the station's outdoor temperature does not vary in the window while that of another station ranges over
          more than 2 K; or the outdoor temperature has not varied for a whole day, which weather never does.
offset    an outdoor temperature that differs by more than 5 K from each of the others, to the same side, over six hours
          on end, or by more than 4 K in the mean of a day (then: those rows of the day that differ by more than 5 K).
          Three stations have to be there: of two, nobody knows which is right.
grey      an outdoor temperature that differs by 3 K and more without being an offset: neither good nor labelled.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("t_amb", "t_sup_prim", "t_ret_prim", "t_sup_sec", "t_ret_sec")
POINTS = ("t_outdoor", "t_pri_supply", "t_pri_return", "t_sec_supply", "t_sec_return")
_PARTNER = (None, 2, 1, 4, 3)
_HOUR = 3600


class Recorded(NamedTuple):
    """One station as recorded: ts int64[k] in seconds, values float64[k, 5] in the order of POINTS."""

    ts: NDArray[np.int64]
    values: NDArray[np.float64]


class Labels(NamedTuple):
    """bool[k, 5] each."""

    sentinel: NDArray[np.bool_]
    frozen: NDArray[np.bool_]
    offset: NDArray[np.bool_]
    grey: NDArray[np.bool_]


def labelled(stations: Mapping[str, Recorded]) -> dict[str, Labels]:
    sentinel = {name: _sentinels(s.values) for name, s in stations.items()}
    frozen = {name: _frozen(name, stations, sentinel) for name in stations}
    found = {}
    for name, station in stations.items():
        others = [n for n in stations if n != name]
        good = {n: ~(sentinel[n] | frozen[n])[:, 0] for n in stations}
        away = _away(station, [(stations[n], good[n]) for n in others])
        away[~good[name]] = np.nan
        offset = np.zeros_like(sentinel[name])
        offset[:, 0] = _offset(station.ts, away)
        grey = np.zeros_like(offset)
        grey[:, 0] = (np.abs(away) >= 3) & ~offset[:, 0]
        found[name] = Labels(sentinel[name], frozen[name], offset, grey & ~(sentinel[name] | frozen[name]))
    return found


def _sentinels(values):
    zero, open_circuit = values == 0.0, values == -39.9
    found = open_circuit | zero
    found[:, 0] = open_circuit[:, 0] | (zero[:, 0] & zero[:, 1:].any(axis=1))
    return found


def _frozen(name, stations, sentinel):
    own = stations[name]
    still = np.column_stack([_varies_not(own.ts, own.values[:, p], 12) for p in range(5)])
    found = np.zeros_like(still)
    weather_moves = np.zeros(len(own.ts), np.bool_)
    for other, station in stations.items():
        if other != name:
            good = ~sentinel[other][:, 0]
            moved = _ranges(station.ts[good], station.values[good, 0], own.ts, 12) > 2
            weather_moves |= moved
    hangs = still[:, 0] & (weather_moves | _varies_not(own.ts, own.values[:, 0], 24))
    for p in range(5):
        moved = hangs.copy()
        if _PARTNER[p] is not None:
            moved |= _ranges(own.ts, own.values[:, _PARTNER[p]], own.ts, 12) > 1
        found[:, p] = _windows(own.ts, still[:, p] & moved, 12)
    return found & ~sentinel[name]


def _varies_not(ts, values, hours):
    """bool[k]: within the hours up to this row there are twelve rows or more, reaching back so far, all equal."""
    first = np.searchsorted(ts, ts - hours * _HOUR, side="left")
    rows = np.arange(len(ts))
    changes = np.append(0, np.cumsum(values[1:] != values[:-1]))
    return (changes[rows] == changes[first]) & (rows - first >= 11) & (ts - ts[first] >= (hours - 1) * _HOUR)


def _ranges(ts, values, at, hours):
    """float64[k]: between which values it was within the hours up to each instant."""
    first = np.searchsorted(ts, at - hours * _HOUR, side="left")
    stop = np.searchsorted(ts, at, side="right")
    return np.array([np.ptp(values[a:b]) if b > a else np.nan for a, b in zip(first, stop, strict=True)])


def _windows(ts, ends, hours):
    """bool[k]: the row is in a window that ends at a row of `ends`."""
    first = np.searchsorted(ts, ts - hours * _HOUR, side="left")
    steps = np.zeros(len(ts) + 1, np.int64)
    np.add.at(steps, first[ends], 1)
    np.add.at(steps, np.flatnonzero(ends) + 1, -1)
    return np.cumsum(steps)[:-1] > 0


def _away(station, others):
    """float64[k]: the outdoor temperature less that of the nearest of the others, by the hour.

    Zero where it lies between them, NaN unless two others are good.
    """
    hours = station.ts // _HOUR
    columns = []
    for other, good in others:
        hour, value = other.ts[good] // _HOUR, other.values[good, 0]
        unique, inverse = np.unique(hour, return_inverse=True)
        mean = np.bincount(inverse, value) / np.bincount(inverse)
        place = np.searchsorted(unique, hours).clip(0, len(unique) - 1)
        columns.append(np.where(unique[place] == hours, mean[place], np.nan))
    if len(columns) < 2:
        return np.full(len(station.ts), np.nan)
    apart = station.values[:, 0] - np.column_stack(columns).T
    least = np.where(
        (apart > 0).all(axis=0), apart.min(axis=0), np.where((apart < 0).all(axis=0), apart.max(axis=0), 0.0)
    )
    return np.where(np.isnan(apart).any(axis=0), np.nan, least)


def _offset(ts, away):
    """bool[k]: the rows that are off for hours on end, or of a day that is."""
    known = ~np.isnan(away)
    far = known & (np.abs(away) > 5)
    found = np.zeros(len(ts), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], far.astype(int), [0]])))
    for first, stop in edges.reshape(-1, 2):
        if ts[stop - 1] - ts[first] >= 5 * _HOUR and np.diff(ts[first:stop]).max() <= 3 * _HOUR:
            found[first:stop] = True
    days, inverse = np.unique(ts // 86_400, return_inverse=True)
    total = np.bincount(inverse, np.where(known, away, 0), len(days))
    count = np.bincount(inverse, known, len(days))
    strays = (count >= 12) & (np.abs(total) > 4 * np.maximum(count, 1))
    return found | (far & strays[inverse])
