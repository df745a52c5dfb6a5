"""Keeping: reads what derived points follow from, and writes them as readings of their own. Works on a Connection."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from application.derived.rows import INPUTS, Means
from application.instants import microseconds, moment
from perception.sensor_kind import SensorKind
from support import tables
from support.columns import Width, readings_table, rollup_table

Room = Callable[[Connection, SensorKind, NDArray[np.int64]], None]
"""Makes room for readings of a kind at these times, epoch microseconds, where the server needs it made."""

_AT_ONCE = 2000


def no_room(_on: Connection, _kind: SensorKind, _ts: NDArray[np.int64]) -> None:
    """Make no room: it is there, or the table needs none."""


def means_of(
    on: Connection, kind: SensorKind, device_ids: Sequence[int], span: tuple[int, int], width: Width = Width.TEN_MINUTES
) -> dict[int, Means]:
    """Return by device the means of what is derived from, of the rollup's buckets that begin in [from, to)."""
    rollup = rollup_table(kind, width)
    points = [p for p in INPUTS if p in kind.bits]
    query = (
        select(rollup.c.device_id, rollup.c.bucket, *(rollup.c[f"{p}_mean"] for p in points))
        .where(rollup.c.device_id.in_(device_ids))
        .where(rollup.c.bucket >= moment(span[0]), rollup.c.bucket < moment(span[1]))
        .order_by(rollup.c.device_id, rollup.c.bucket)
    )
    rows: Sequence[Any] = on.execute(query).all()
    if not rows:
        return {}
    ids = np.array([row[0] for row in rows])
    ts = np.array([microseconds(row[1]) for row in rows], np.int64)
    values = np.array([row[2:] for row in rows], np.float64)
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    return {
        int(ids[a]): Means(ts[a:b], dict(zip(points, values[a:b].T, strict=True)))
        for a, b in zip(first, np.append(first[1:], len(ids)), strict=True)
    }


def areas(on: Connection) -> Mapping[str, float]:
    """Return the heated area of each station in m2, where that of all its buildings is known."""
    t = tables
    query = (
        select(t.community.c.station, func.sum(t.building.c.heated_area_m2))
        .join_from(t.community, t.building, t.building.c.community == t.community.c.name)
        .group_by(t.community.c.station)
        .having(func.bool_and(t.building.c.heated_area_m2.is_not(None)))
    )
    return {station: float(area) for station, area in on.execute(query) if area}


class Stored(NamedTuple):
    """What was derived before of one device: ts int64[k] in order, values float64[k, points]."""

    ts: NDArray[np.int64]
    values: NDArray[np.float64]

    def differs(self, ts: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return bool[m]: what is there at these times is other than these values; nothing and unknown are the same."""
        there = np.full(values.shape, np.nan)
        if len(self.ts):
            place = np.searchsorted(self.ts, ts).clip(0, len(self.ts) - 1)
            found = self.ts[place] == ts
            there[found] = self.values[place[found]]
        same: NDArray[np.bool_] = (there == values) | (np.isnan(there) & np.isnan(values))
        other: NDArray[np.bool_] = np.asarray(~same.all(axis=1))
        return other


def stored(
    on: Connection, kind: SensorKind, device_ids: Sequence[int], span: tuple[int, int]
) -> defaultdict[int, Stored]:
    """Return by device what was derived before over [from, to)."""
    table = readings_table(kind)
    query = (
        select(table.c.device_id, table.c.ts, *(table.c[p] for p in kind.names))
        .where(table.c.device_id.in_(device_ids), table.c.ts >= moment(span[0]), table.c.ts < moment(span[1]))
        .order_by(table.c.device_id, table.c.ts)
    )
    rows: Sequence[Any] = on.execute(query).all()
    ids = np.array([row[0] for row in rows])
    ts = np.array([microseconds(row[1]) for row in rows], np.int64)
    values = np.array([row[2:] for row in rows], np.float64).reshape(len(rows), len(kind.points))
    nothing = Stored(np.empty(0, np.int64), np.empty((0, len(kind.points))))
    return defaultdict(lambda: nothing, {int(i): Stored(ts[ids == i], values[ids == i]) for i in np.unique(ids)})


def write(
    on: Connection, kind: SensorKind, device_id: int, ts: NDArray[np.int64], values: NDArray[np.float64], room: Room
) -> int:
    """Write readings of a derived device, in place of those that were other; mark their rollups; return how many.

    Rows of which nothing is known are left out, unless something was known there before.
    """
    table = readings_table(kind)
    told = ~np.isnan(values).all(axis=1)
    _forget(on, kind, device_id, ts[~told])
    if not told.any():
        return 0
    room(on, kind, ts[told])
    rows = [
        {"device_id": device_id, "ts": moment(int(at)), "quality": 0, **dict(zip(kind.names, row, strict=True))}
        for at, row in zip(ts[told], _plain(values[told]), strict=True)
    ]
    new = upsert(table)
    differs = tuple_(*(table.c[p] for p in kind.names)).is_distinct_from(tuple_(*(new.excluded[p] for p in kind.names)))
    statement = new.values(received_at=func.now()).on_conflict_do_update(
        index_elements=["device_id", "ts"],
        set_={"received_at": new.excluded.received_at, **{p: new.excluded[p] for p in kind.names}},
        where=differs,
    )
    changed: list[Any] = []
    for begin in range(0, len(rows), _AT_ONCE):
        changed += on.execute(statement.returning(table.c.ts), rows[begin : begin + _AT_ONCE]).scalars().all()
    _mark(on, kind, device_id, changed)
    return len(changed)


def _forget(on: Connection, kind: SensorKind, device_id: int, ts: NDArray[np.int64]) -> None:
    """Delete what was derived where nothing is known any more."""
    if not len(ts):
        return
    table = readings_table(kind)
    when = [moment(int(at)) for at in ts]
    gone = table.delete().where(table.c.device_id == device_id, table.c.ts.in_(when)).returning(table.c.ts)
    _mark(on, kind, device_id, on.execute(gone).scalars().all())


def _mark(on: Connection, kind: SensorKind, device_id: int, buckets: Sequence[Any]) -> None:
    if buckets:
        rows = [{"kind": kind.name, "device_id": device_id, "bucket": bucket} for bucket in buckets]
        on.execute(insert(tables.rollup_mark), rows)


def _plain(values: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(v) else v for v in row] for row in values.tolist()]
