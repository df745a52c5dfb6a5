"""Sensing: what was wrong with the values of one device, found in its past. Pure.

Judged over buckets of ten minutes, at whatever cadence the device has. What is said of a stretch does not depend on
when it is asked, as long as the stretch asked about holds it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.instants import HOUR
from application.quality.bins import Bins, Flags, Floats
from application.quality.codes import codes
from application.quality.finding import Finding, Reason, findings
from application.quality.numbers import Numbers
from application.quality.offset import strayed
from application.quality.stillness import OUTDOOR, frozen, hanging

_ENOUGH = 3


class Around(NamedTuple):
    """The outdoor temperature by other devices of the neighbourhood, at each bin of one: float64[m], NaN unknown.

    `others`: the median of the others. `all_told`: the median of all, this one among them, NaN where fewer than three
    speak: of two that differ nobody knows which is right.
    """

    others: Floats
    all_told: Floats


def alone(bins: Bins) -> Around:
    """Return what is around a device without neighbours: nothing is known."""
    unknown = np.full(len(bins.ts), np.nan)
    return Around(unknown, unknown)


def found_in(
    bins: Bins, around: Around, numbers: Numbers, still_since: Mapping[str, int] = MappingProxyType({})
) -> list[Finding]:
    """Return what was wrong with the temperatures of a device.

    `still_since`: points that are known to stand still, and since when (epoch microseconds).
    """
    told = flagged(bins, around, numbers, still_since)
    return [f for reason, by in told.items() for point, flag in by.items() for f in findings(bins, point, flag, reason)]


def flagged(
    bins: Bins, around: Around, numbers: Numbers, still_since: Mapping[str, int] = MappingProxyType({})
) -> Mapping[Reason, Mapping[str, Flags]]:
    """Return bool[m] by reason and point. A code that stands still is a code."""
    told = codes(bins, numbers)
    stood = frozen(bins, around.others, numbers, still_since)
    still = {p: f & ~told.get(p, np.zeros_like(f)) for p, f in stood.items()}
    found: dict[Reason, Mapping[str, Flags]] = {Reason.SENTINEL: told, Reason.FROZEN: still}
    if OUTDOOR in bins.points:
        doubtful = told[OUTDOOR] | still[OUTDOOR]
        found[Reason.OFFSET] = {OUTDOOR: strayed(bins, around.all_told, doubtful, numbers)}
    return found


class Weather(NamedTuple):
    """What one device tells of the weather: ts int64[k] in order, and float64[k], the means of its good bins."""

    ts: NDArray[np.int64]
    outdoor: Floats


def weather(bins: Bins, numbers: Numbers) -> Weather:
    """Return what a device tells of the weather: nothing by codes, and nothing while all of it stands still."""
    doubtful = codes(bins, numbers).get(OUTDOOR, np.zeros(len(bins.ts), np.bool_)) | hanging(bins, numbers)
    good = (bins.column(bins.n, OUTDOOR) > 0) & ~doubtful
    return Weather(bins.ts[good], bins.column(bins.mean, OUTDOOR)[good])


def surroundings(bins: Bins, own: Weather, neighbours: Sequence[Weather]) -> Around:
    """Return what the good outdoor sensors of some neighbours (others than this device) say at its bins."""
    if not neighbours:
        return alone(bins)
    columns = np.column_stack([told_at(other, bins.ts) for other in neighbours])
    every = np.concatenate([columns, told_at(own, bins.ts)[:, None]], axis=1)
    enough = (~np.isnan(every)).sum(axis=1) >= _ENOUGH
    return Around(median(columns), np.where(enough, median(every), np.nan))


def told_at(of: Weather, at: NDArray[np.int64]) -> Floats:
    """float64[m]: what a device told last of the weather at some instants, an hour before each at most."""
    if not len(of.ts):
        return np.full(len(at), np.nan)
    place = np.searchsorted(of.ts, at, side="right") - 1
    source = np.maximum(place, 0)
    return np.where((place >= 0) & (at - of.ts[source] <= HOUR), of.outdoor[source], np.nan)


def median(columns: Floats) -> Floats:
    """float64[m]: the median of what is known in each row."""
    ordered = np.sort(columns, axis=1)  # unknown ones last
    many = (~np.isnan(columns)).sum(axis=1)
    rows = np.arange(len(columns))
    middle: Floats = (ordered[rows, np.maximum(many - 1, 0) // 2] + ordered[rows, many // 2 * (many > 0)]) / 2
    return middle
