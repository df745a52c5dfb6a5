"""Newest: the last value of every point, although devices may send their points one by one.

A point holds for three of its intervals (application.hold). A newest reading that lacks points is
completed with what the device said of them within that hold, so that a page does not lose a whole
station because one value came alone.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, func, select, tuple_

from application.hold import hold_us
from application.instants import microseconds, moment
from perception.readings import Readings, quality_mask, quality_words
from perception.sensor_kind import SensorKind
from support.columns import readings_table


def completed(on: Connection, latest: Readings, intervals: Mapping[int, float], now: int) -> Readings:
    """Return the newest readings with missing points filled from readings within their hold.

    `intervals` in seconds by device_id; `now` in epoch microseconds bounds how far back is read.
    """
    lacking = np.isnan(latest.values)
    partial = np.flatnonzero(lacking.any(axis=1))
    if not len(partial):
        return latest
    ids = latest.device_id[partial]
    holds = hold_us(latest.kind, np.array([intervals[i] for i in ids.tolist()]))
    span = now - int(holds.max()), int(latest.ts[partial].max())
    older = last_of_each_point(on, latest.kind, ids, lacking[partial], span)
    values, not_good = latest.values.copy(), quality_mask(latest.quality, latest.values.shape[1])
    places = {device_id: place for place, device_id in enumerate(ids.tolist())}
    for row in range(len(older)):
        place = places[int(older.device_id[row])]
        target = partial[place]
        fills = lacking[target] & ~np.isnan(older.values[row]) & (older.ts[row] >= now - holds[place])
        values[target, fills] = older.values[row, fills]
        not_good[target, fills] = quality_mask(older.quality[[row]], len(fills))[0, fills]
    return Readings(
        latest.kind, latest.device_id, latest.ts, latest.received_at, values, quality_words(not_good), latest.origin
    )


def last_of_each_point(
    on: Connection, kind: SensorKind, device_ids: NDArray[np.int32], points: NDArray[np.bool_], span: tuple[int, int]
) -> Readings:
    """Return the readings of [start, stop) that carry the last value of the points asked for, oldest first.

    points bool[n, points]: which points of which device.
    """
    keys = _keys(on, kind, device_ids, points, span)
    table = _table(kind)
    columns = table.c.device_id, table.c.ts, table.c.received_at, table.c.quality
    query = select(*columns, *(table.c[name] for name in kind.names)).order_by(table.c.ts)
    rows = on.execute(query.where(tuple_(table.c.device_id, table.c.ts).in_(keys))).all() if keys else []
    return Readings(
        kind,
        np.array([row[0] for row in rows], np.int32),
        np.array([microseconds(row[1]) for row in rows], np.int64),
        np.array([microseconds(row[2]) for row in rows], np.int64),
        np.array([row[4:] for row in rows], np.float64).reshape(len(rows), len(kind.points)),
        np.array([row[3] for row in rows], np.int64),
        np.zeros(len(rows), np.int64),
    )


def _keys(
    on: Connection, kind: SensorKind, device_ids: NDArray[np.int32], points: NDArray[np.bool_], span: tuple[int, int]
) -> list[tuple[int, object]]:
    """Return (device_id, ts) of the readings that carry the last value of each point asked for."""
    table = _table(kind)
    start, stop = moment(span[0]), moment(span[1])
    asked = [name for name, column in zip(kind.names, points.T, strict=True) if column.any()]
    last = (func.max(table.c.ts).filter(table.c[name].is_not(None)) for name in asked)
    query = (
        select(table.c.device_id, *last)
        .where(table.c.device_id == func.any(device_ids.tolist()), table.c.ts >= start, table.c.ts < stop)
        .group_by(table.c.device_id)
    )
    return sorted({(row[0], ts) for row in on.execute(query) for ts in row[1:] if ts is not None})


@lru_cache(maxsize=64)
def _table(kind: SensorKind) -> Table:
    """Return a kind's table, the same one each time: only then SQLAlchemy finds the statements it has compiled."""
    return readings_table(kind)
