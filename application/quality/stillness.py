"""Stillness: values that do not move at all while what is coupled to them does.

A temperature that is read to a tenth of a kelvin never stays the same for hours while the water beside it changes.
Where every temperature of a device stands still at once, the outdoor one among them, the device hangs and repeats
itself: standing water may keep its temperature for a day, the weather does not.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE
from application.quality.bins import WIDTH, Bins, Flags, Floats, Runs, runs_of
from application.quality.finding import bridged_us
from application.quality.numbers import Numbers

OUTDOOR = "t_outdoor"
PARTNER = {
    "t_pri_supply": "t_pri_return",
    "t_pri_return": "t_pri_supply",
    "t_sec_supply": "t_sec_return",
    "t_sec_return": "t_sec_supply",
}
TEMPERATURES = (OUTDOOR, *PARTNER)
_LEAST_POINTS = 3
"""Of so many points at least, all have to stand still before a device counts as hanging."""


def frozen(bins: Bins, others: Floats, numbers: Numbers, since: Mapping[str, int]) -> dict[str, Flags]:
    """Return bool[m] by point: it stood still.

    `others` float64[m]: the weather by the neighbours, or NaN. `since`: points that are known to stand still, and
    since when (epoch microseconds): they do until they move, whatever is coupled to them.
    """
    hangs = hanging(bins, numbers)
    found: dict[str, Flags] = {}
    for point in bins.points:
        if point not in TEMPERATURES:
            continue
        low, high = (others, others) if point == OUTDOOR else _columns(bins, PARTNER[point])
        moved_k = numbers.neighbours_moved_k if point == OUTDOOR else numbers.moved_k
        still = _still(bins, point, (low, high), moved_k, numbers, since.get(point))
        found[point] = still | (hangs & (bins.column(bins.n, point) > 0))
    return found


def _columns(bins: Bins, point: str) -> tuple[Floats, Floats]:
    return bins.column(bins.low, point), bins.column(bins.high, point)


def _still(
    bins: Bins, point: str, coupled: tuple[Floats, Floats], moved_k: float, numbers: Numbers, since: int | None
) -> Flags:
    """bool[m]: the point had one value for long enough, and what is coupled to it (low, high) moved by more."""
    known = np.flatnonzero(bins.column(bins.n, point) > 0)
    runs = runs_of(_same(bins, point, known))
    chosen = _long(bins, runs, known, bins.column(bins.n, point), numbers)
    with np.errstate(invalid="ignore"):
        chosen &= runs.range_of(coupled[0][known], coupled[1][known]) > moved_k
    if since is not None and len(known):
        place = max(0, int(np.searchsorted(bins.ts[known], since)))
        chosen |= (runs.first <= place) & (runs.last >= place)
    flags = np.zeros(len(bins.ts), np.bool_)
    flags[known] = runs.painted(len(known), chosen)
    return flags


def _same(bins: Bins, point: str, known: NDArray[np.intp]) -> Flags:
    """bool[known]: one value in this bin, the same as in the one before, with no wide gap between them."""
    low, high = (column[known] for column in _columns(bins, point))
    same = np.zeros(len(known), np.bool_)
    near = np.diff(bins.ts[known]) <= bridged_us(bins)
    same[1:] = (low[1:] == high[1:]) & (low[:-1] == high[:-1]) & (low[1:] == low[:-1]) & near
    return same


def _long(bins: Bins, runs: Runs, known: NDArray[np.intp], n: Floats, numbers: Numbers) -> Flags:
    """bool[runs]: it has enough values, over enough time."""
    if not len(runs.first):
        return np.zeros(0, np.bool_)
    samples = np.add.reduceat(n[known], runs.first)
    ts = bins.ts[known]
    lasted = ts[runs.last] + WIDTH - ts[runs.first]
    enough: Flags = (samples >= numbers.still_samples) & (lasted >= numbers.still_min * MINUTE)
    return enough


def hanging(bins: Bins, numbers: Numbers) -> Flags:
    """bool[m]: each temperature of the device stood still, and there is one of the weather among them."""
    blank = np.zeros(len(bins.ts), np.bool_)
    told = [p for p in TEMPERATURES if p in bins.points]
    if OUTDOOR not in told:
        return blank
    same, spoken = np.ones(len(bins.ts), np.bool_), np.zeros((len(bins.ts), len(told)), np.bool_)
    every = np.arange(len(bins.ts))
    for place, point in enumerate(told):
        spoken[:, place] = bins.column(bins.n, point) > 0
        same &= _same(bins, point, every) | ~spoken[:, place]
    same &= spoken[:, told.index(OUTDOOR)] & (spoken.sum(axis=1) >= _LEAST_POINTS)
    runs = runs_of(same)
    chosen = _long(bins, runs, every, bins.column(bins.n, OUTDOOR), numbers)
    return runs.painted(len(every), chosen)
