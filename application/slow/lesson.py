"""Lesson: how one quantity of a station is learned from its diary, and what is known of all stations."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.rule import Family
from application.slow.past import Rows
from application.slow.window import Floats, median

_SIGMA = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""


class Learned(NamedTuple):
    """What the diary teaches of n devices: value, low and high float64[n], NaN where nothing; samples int64[n]."""

    value: Floats
    low: Floats
    high: Floats
    samples: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One quantity: `learn(last)` reads the diary by `last(fact, days)` float64[n, days].

    While an alarm of one of the families `frozen_by` is open, a station keeps what it knows. `rises`: the quantity of
    sound equipment gets no smaller by itself, so what is known only rises; dirt is then never taken for the usual.
    """

    name: str
    learn: Callable[[Callable[[str, int], Floats]], Learned]
    facts: tuple[str, ...]
    frozen_by: frozenset[Family] = frozenset()
    rises: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """One quantity of n devices, as in `Learned`. Never written to."""

    value: Floats
    low: Floats
    high: Floats
    samples: NDArray[np.int64]

    @classmethod
    def nothing(cls, devices: int) -> "Known":
        """Return that nothing is known."""
        unknown = np.full(devices, np.nan)
        return cls(unknown, unknown, unknown, np.zeros(devices, np.int64))

    def taught(self, found: Learned, held: NDArray[np.bool_], *, rises: bool) -> tuple["Known", NDArray[np.bool_]]:
        """Return what is known after a lesson, and bool[n] where it is new. `held`: who keeps what it knows."""
        new = np.isfinite(found.value) & ~(held & ~np.isnan(self.value))
        if rises:
            new &= ~(found.value < self.value)
        columns = {name: np.where(new, getattr(found, name), getattr(self, name)) for name in Learned._fields}
        return replace(self, **columns), new

    def told(self, rows: Rows, found: Learned) -> "Known":
        """Return what is known with some rows as they were kept."""
        columns = {name: getattr(self, name).copy() for name in Learned._fields}
        for name, column in columns.items():
            column[rows] = getattr(found, name)
        return replace(self, **columns)

    def carried(self, old: "Known", here: Rows, there: Rows) -> "Known":
        """Return what is known with rows `there` of another in the rows `here`."""
        return self.told(here, Learned(*(getattr(old, name)[there] for name in Learned._fields)))


def usual(samples: Floats, least: int) -> Learned:
    """Return the median of each row of samples [n, days] with its spread, where there are at least so many.

    low and high: two robust standard deviations (1.4826 times the median absolute deviation) on both sides.
    """
    middle, count = median(samples)
    spread, _ = median(np.abs(samples - middle))
    known = count[:, 0] >= least
    value = np.where(known, middle[:, 0], np.nan)
    side = 2 * _SIGMA * spread[:, 0]
    return Learned(value, value - side, value + side, np.where(known, count[:, 0], 0))


def theil_sen(x: Floats, y: Floats, least: int, least_span: float) -> tuple[Learned, Learned]:
    """Return slope and offset (y at x = 0) of the line through [n, samples], by the median of all slopes.

    A line needs `least` pairs whose x spread over `least_span`. The ranges hold the middle half of the slopes, and of
    the residuals. Theil 1950, Sen 1968: up to 29 % of the pairs may be wrong.
    """
    both = ~np.isnan(x) & ~np.isnan(y)
    x, y = np.where(both, x, np.nan), np.where(both, y, np.nan)
    first, second = np.triu_indices(x.shape[1], 1)
    run = x[:, second] - x[:, first]
    apart = np.abs(run) > least_span / 4
    slopes = np.where(apart, (y[:, second] - y[:, first]) / np.where(apart, run, 1.0), np.nan)
    slope, pairs = median(slopes)
    low, high = _quarter(slopes, 0.25), _quarter(slopes, 0.75)
    offset, _ = median(y - slope * x)
    rest, _ = median(np.abs(y - slope * x - offset))
    span = np.nan_to_num(_quarter(x, 1.0) - _quarter(x, 0.0))[:, 0]
    count = both.sum(axis=1)
    known = (count >= least) & (span >= least_span) & (pairs[:, 0] > 0)
    samples = np.where(known, count, 0)

    def kept(column: Floats) -> Floats:
        return np.where(known, column[:, 0], np.nan)

    return (
        Learned(kept(slope), kept(low), kept(high), samples),
        Learned(kept(offset), kept(offset - rest), kept(offset + rest), samples),
    )


def _quarter(values: Floats, share: float) -> Floats:
    """float64[n, 1]: the value below which a share of each row lies, NaN left out."""
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1, keepdims=True)
    place = np.round(np.maximum(count - 1, 0) * share).astype(np.intp)
    return np.take_along_axis(ordered, place, axis=1)
