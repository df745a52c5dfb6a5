"""Finding: a stretch of time in which a point was not to be trusted, and why."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from application.instants import HOUR
from application.quality.bins import WIDTH, Bins, Flags, runs_of

BRIDGED = 6
"""So many intervals without a reading do not end a stretch, three hours at least: nothing was said that ends it."""


class Reason(StrEnum):
    """Why a value is not to be trusted."""

    FROZEN = "frozen"
    SENTINEL = "sentinel"
    OFFSET = "offset"
    SPIKE = "spike"
    SAID = "said"  # by a person


class Finding(NamedTuple):
    """A point over [from_at, to_at) in epoch microseconds; `to_at` None: it goes on."""

    point: str
    from_at: int
    to_at: int | None
    reason: Reason


def findings(bins: Bins, point: str, flagged: Flags, reason: Reason) -> Iterator[Finding]:
    """Yield the stretches in which bins are flagged (bool[m]); bins without a value of the point are passed over."""
    known = np.flatnonzero((bins.column(bins.n, point) > 0) | flagged)
    if not len(known):
        return
    ts, mask = bins.ts[known], flagged[known]
    gap = np.append(0, np.diff(ts)) > bridged_us(bins)
    runs = runs_of(np.append(False, mask[1:] & mask[:-1]) & ~gap)
    for first, last in zip(runs.first.tolist(), runs.last.tolist(), strict=True):
        if not mask[first]:
            continue
        end = int(ts[last]) + WIDTH
        if last + 1 < len(ts):
            following = int(ts[last + 1])
            yield Finding(point, int(ts[first]), end if gap[last + 1] else following, reason)
        else:
            yield Finding(point, int(ts[first]), None, reason)


def bridged_us(bins: Bins) -> int:
    """Return how long nothing may be said within one stretch."""
    return max(BRIDGED * bins.interval_us(), 3 * HOUR)
