"""Merging: readings of which some are stored already: new ones go in, missing points are filled, others compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from perception.readings import Readings, quality_mask, quality_words
from support.columns import readings_name
from support.postgres.packing import FLOAT8, INT4, INT8, TIMESTAMPTZ, Packed, array, points_present
from support.postgres.rows import moment

Link = psycopg.Connection[tuple[Any, ...]]

STORED, MERGED, DUPLICATE, CONFLICT = range(4)
"""Fates of a reading that reached the store, as they are counted."""

_MOST_UNSETTLED = 1_000
"""So many rows of one device may have been committed and not acknowledged when the link broke ..."""

_UNSETTLED_US = 60 * 1_000_000
"""... all received within so long before the newest: what is older only happens to have the same values."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of readings, row by row.

    fate int8[n]; fills float64[n, points]: the values that filled missing points, all of them for
    a new row; differs bool[n, points]: where another value is stored already.
    """

    fate: NDArray[np.int8]
    fills: NDArray[np.float64]
    differs: NDArray[np.bool_]


def all_stored(readings: Readings) -> Merged:
    """Return what a clean COPY means: every reading is a new row."""
    nothing = np.zeros(readings.values.shape, np.bool_)
    return Merged(np.full(len(readings), STORED, np.int8), readings.values, nothing)


def all_duplicate(readings: Readings) -> Merged:
    """Return what it means that every reading is known already."""
    shape = readings.values.shape
    fate = np.full(len(readings), DUPLICATE, np.int8)
    return Merged(fate, np.full(shape, np.nan), np.zeros(shape, np.bool_))


def came_before(on: Link, readings: Readings) -> NDArray[np.bool_]:
    """bool[n]: readings without a time of their own that are stored already; all of them came again, in their order.

    What was committed and not acknowledged comes again before anything else, and is the newest that
    is stored of the device. So a run from the first of its readings that equals, one by one, a run of
    its last rows, inside them or up to their end, is known. Rows with a time of their own are no part
    of this. Who repeats the same values within a minute cannot be told apart.
    """
    known = np.zeros(len(readings), np.bool_)
    for device_id in np.unique(readings.device_id).tolist():
        places = np.flatnonzero(readings.device_id == device_id)
        tail = _last_unstamped(on, readings.take(places))
        known[places[: _known_run(tail, readings.values[places])]] = True
    return known


def _last_unstamped(on: Link, readings: Readings) -> NDArray[np.float64]:
    """float64[m, points]: the last rows without a time of their own of one device, of one minute, oldest first.

    Such rows have the time of their receipt, with a microsecond more for each place in a list.
    """
    points = sql.SQL(", ").join(map(sql.Identifier, readings.kind.names))
    statement = sql.SQL(
        "select extract(epoch from ts)::float8 * 1000000, {} from {} where device_id = %s "
        "and ts > %s::timestamptz - interval '7 days' "
        "and ts - received_at between interval '0' and interval '5 ms' order by ts desc limit %s"
    ).format(points, sql.Identifier(readings_name(readings.kind)))
    oldest = moment(int(readings.ts.min()))
    rows = on.execute(
        statement, [int(readings.device_id[0]), oldest, _MOST_UNSETTLED + len(readings)], binary=True
    ).fetchall()
    table = np.array(rows[::-1], np.float64).reshape(len(rows), 1 + len(readings.kind.names))
    recent = table[:, 0] >= table[:, 0].max(initial=0.0) - _UNSETTLED_US
    unsettled: NDArray[np.float64] = table[recent, 1:]
    return unsettled


def _known_run(tail: NDArray[np.float64], values: NDArray[np.float64]) -> int:
    """Return how many of `values`, from the first, are a run of `tail`, whole or up to the end of `tail`."""
    longest = 0
    for begin in np.flatnonzero(_equal(tail, values[0])).tolist():
        length = min(len(tail) - begin, len(values))
        if length > longest and _equal(tail[begin : begin + length], values[:length]).all():
            longest = length
    return longest


def _equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
    return same


def merge(on: Link, readings: Readings) -> Merged:
    """Store readings, no two of one device and time, some of which may be stored already."""
    columns = points_present(readings)
    new = _insert_new(on, readings, columns)
    stored = np.full(readings.values.shape, np.nan)
    old = np.flatnonzero(~new)
    if len(old):
        stored[np.ix_(old, columns)] = stored_values(on, readings.take(old), columns)
    given = ~np.isnan(readings.values)
    fills = np.where(given & np.isnan(stored), readings.values, np.nan)
    differs = given & ~np.isnan(stored) & (readings.values != stored)
    filled = ~np.isnan(fills).all(axis=1)
    _fill(on, readings, fills, np.flatnonzero(~new & filled))
    fate = np.select([new, differs.any(axis=1), filled], [STORED, CONFLICT, MERGED], DUPLICATE).astype(np.int8)
    return Merged(fate, fills, differs)


def as_readings(readings: Readings, merged: Merged) -> Readings:
    """Return what was accepted: new rows, and filled points as a reading of those points alone."""
    if (merged.fate == STORED).all():
        return readings
    rows = (merged.fate == STORED) | ~np.isnan(merged.fills).all(axis=1)
    chosen = readings.take(rows)
    points = chosen.values.shape[1]
    fills = merged.fills[rows]
    own = (merged.fate[rows] == STORED)[:, None] | ~np.isnan(fills)
    quality = quality_words(quality_mask(chosen.quality, points) & own)
    return Readings(chosen.kind, chosen.device_id, chosen.ts, chosen.received_at, fills, quality, chosen.origin)


def _insert_new(on: Link, readings: Readings, columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Insert the rows that are not there yet and return which they were."""
    tail = sql.SQL(
        "on conflict (device_id, ts) do nothing returning device_id, (extract(epoch from ts) * 1000000)::bigint"
    )
    rows = on.execute(_insertion(readings, columns, tail), _parameters(readings, columns), binary=True)
    inserted = set(rows.fetchall())
    keys = zip(readings.device_id.tolist(), readings.ts.tolist(), strict=True)
    return np.fromiter((key in inserted for key in keys), np.bool_, len(readings))


def _fill(on: Link, readings: Readings, fills: NDArray[np.float64], rows: NDArray[np.intp]) -> None:
    """Write filled points into rows that stand. ON CONFLICT finds each by its key, whatever the planner thinks."""
    if not len(rows):
        return
    own = quality_words(quality_mask(readings.quality, fills.shape[1]) & ~np.isnan(fills))
    chosen = Readings(
        readings.kind, readings.device_id, readings.ts, readings.received_at, fills, own, readings.origin
    ).take(rows)
    columns = points_present(chosen)
    sets: list[sql.Composable] = [
        sql.SQL("{0} = coalesce(t.{0}, excluded.{0})").format(sql.Identifier(readings.kind.names[c])) for c in columns
    ]
    sets.append(sql.SQL("quality = t.quality | excluded.quality"))
    tail = sql.SQL("on conflict (device_id, ts) do update set {}").format(sql.SQL(", ").join(sets))
    on.execute(_insertion(chosen, columns, tail), _parameters(chosen, columns))


def _insertion(readings: Readings, columns: NDArray[np.intp], tail: sql.Composable) -> sql.Composed:
    names = ("device_id", "ts", "received_at", *(readings.kind.names[c] for c in columns), "quality")
    types = ("int4", "timestamptz", "timestamptz", *(["float8"] * len(columns)), "int8")
    return sql.SQL("insert into {} as t ({}) select * from unnest({}) {}").format(
        sql.Identifier(readings_name(readings.kind)),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(_placeholder(kind) for kind in types),
        tail,
    )


def _placeholder(kind: str) -> sql.Composable:
    return sql.SQL("%b::{}[]").format(sql.Identifier(kind))


def _parameters(readings: Readings, columns: NDArray[np.intp]) -> list[Packed]:
    return [
        array(INT4, readings.device_id),
        array(TIMESTAMPTZ, readings.ts),
        array(TIMESTAMPTZ, readings.received_at),
        *(array(FLOAT8, readings.values[:, c]) for c in columns),
        array(INT8, readings.quality),
    ]


def stored_values(on: Link, readings: Readings, columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the stored values of these readings' columns, row by row; NaN where there is none."""
    points = sql.SQL(", ").join(sql.Identifier(readings.kind.names[c]) for c in columns)
    same_key = sql.SQL("select {} from {} r where r.device_id = v.device_id and r.ts = v.ts offset 0").format(
        points, sql.Identifier(readings_name(readings.kind))
    )  # OFFSET 0 keeps the planner from anything but one look-up by key for each row
    return _looked_up(on, readings, same_key, len(columns))


def _looked_up(on: Link, readings: Readings, query: sql.Composable, width: int) -> NDArray[np.float64]:
    """Ask for each reading, as row `v` of its query; NaN where there is no answer."""
    statement = sql.SQL(
        "select v.place, t.* from unnest(%b::int4[], %b::timestamptz[]) with ordinality v (device_id, ts, place) "
        "cross join lateral ({}) t"
    ).format(query)
    keys = [array(INT4, readings.device_id), array(TIMESTAMPTZ, readings.ts)]
    rows = on.execute(statement, keys, binary=True).fetchall()
    stored = np.full((len(readings), width), np.nan)
    if rows:
        table = np.array(rows, np.float64)
        stored[table[:, 0].astype(np.intp) - 1] = table[:, 1:]
    return stored
