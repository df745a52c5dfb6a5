"""Repeats: readings of one device and instant that come more than once in a batch, folded into one to be written.

What comes of it is what writing them one after another would give: for each point the first value
stays. One write serves all, however often a key repeats. Pure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception.readings import Readings, quality_mask, quality_words
from support.postgres.merging import CONFLICT, DUPLICATE, MERGED, STORED, Merged


@dataclass(frozen=True, slots=True)
class Folded:
    """Readings with a key each, in the order in which the keys first came.

    owner intp[n]: the folded row of each reading; gives bool[n, points]: it is the first of its
    key that has this point; first bool[n]: it is the first of its key.
    """

    readings: Readings
    owner: NDArray[np.intp]
    gives: NDArray[np.bool_]
    first: NDArray[np.bool_]


def fold(readings: Readings) -> Folded | None:
    """Fold readings that share device and time; None when none do."""
    order = np.lexsort((readings.ts, readings.device_id))
    device_id, ts = readings.device_id[order], readings.ts[order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (device_id[1:] != device_id[:-1]) | (ts[1:] != ts[:-1])
    if begins.all():
        return None
    starts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    rows = order[starts]  # a stable sort: the first of each key
    present = ~np.isnan(readings.values[order])
    places = np.where(present, np.arange(len(order))[:, None], len(order))
    giver = np.minimum.reduceat(places, starts, axis=0)  # in sorted places; beyond the end: nobody has it
    gives = np.empty(present.shape, np.bool_)
    gives[order] = present & (giver[group] == np.arange(len(order))[:, None])
    first, owner = np.empty(len(order), np.bool_), np.empty(len(order), np.intp)
    first[order], owner[order] = begins, group
    return Folded(_joined(readings, rows, order, giver), owner, gives, first)


def _joined(readings: Readings, rows: NDArray[np.intp], order: NDArray[np.intp], giver: NDArray[np.intp]) -> Readings:
    """Return the first reading of each key with every point that any of its repeats is the first to have."""
    columns = np.arange(giver.shape[1])
    given = giver < len(order)
    source = order[np.where(given, giver, 0)]
    values = np.where(given, readings.values[source, columns], np.nan)
    bad = quality_mask(readings.quality, giver.shape[1])[source, columns] & given
    chosen = readings.take(rows)
    return Readings(
        chosen.kind, chosen.device_id, chosen.ts, chosen.received_at, values, quality_words(bad), chosen.origin
    )


def unfold(readings: Readings, folded: Folded, written: Merged, stored: NDArray[np.float64]) -> Merged:
    """Return what became of each reading, from what became of its folded row.

    stored float64[keys, points]: what the table holds of each key after the write.
    """
    owner = folded.owner
    given = ~np.isnan(readings.values)
    new = (written.fate == STORED)[owner]
    filled = new[:, None] | ~np.isnan(written.fills)[owner]  # what was not in the table before
    fills = np.where(folded.gives & filled, readings.values, np.nan)
    differs = given & (readings.values != stored[owner])
    fate = np.select(
        [new & folded.first, differs.any(axis=1), ~np.isnan(fills).all(axis=1)], [STORED, CONFLICT, MERGED], DUPLICATE
    )
    return Merged(fate.astype(np.int8), fills, differs)
