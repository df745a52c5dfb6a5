"""Reader: readings and rollups out of PostgreSQL. Every read has a lower time bound."""

from collections.abc import Mapping, Sequence

import numpy as np
from psycopg import sql
from sqlalchemy import Connection

from perception.readings import Readings
from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.postgres.areas import area
from support.postgres.copy_out import FLOAT8, INT4, INT8, TIMESTAMP, copy_out, epoch_us, matrix
from support.postgres.minutes import minutes
from support.postgres.rows import moment
from support.postgres.series import series
from support.postgres.statistics import listed, missing
from support.postgres.tenths import tenths
from support.store import Area, Minutes, Series, Tenths


class PostgresReader:
    """Reads by a Connection handed in; keeps nothing. Implements ReadingReader."""

    def latest(self, on: Connection, kind: SensorKind, device_ids: Sequence[int], since: int) -> Readings:
        """Return the newest stored reading of each device that has one at or after `since`."""
        query = sql.SQL(
            "select {columns} from unnest(%s::int4[]) as d(device_id) cross join lateral ("
            "select * from {table} as r where r.device_id = d.device_id and r.ts >= %s order by r.ts desc limit 1) as r"
        ).format(columns=_columns(kind), table=_readings(kind))
        return _read(on, kind, query, [list(device_ids), moment(since)])

    def recent(self, on: Connection, kind: SensorKind, since: int) -> Readings:
        """Return every reading of a kind since then, ordered by device and time."""
        query = sql.SQL("select {columns} from {table} as r where r.ts >= %s order by r.device_id, r.ts").format(
            columns=_columns(kind), table=_readings(kind)
        )
        return _read(on, kind, query, [moment(since)])

    def span(self, on: Connection, kind: SensorKind, device_id: int, span: tuple[int, int]) -> Readings:
        """Return every reading of a device over [from, to), in the order of time."""
        query = sql.SQL(
            "select {columns} from {table} as r where r.device_id = %s and r.ts >= %s and r.ts < %s order by r.ts"
        ).format(columns=_columns(kind), table=_readings(kind))
        return _read(on, kind, query, [device_id, moment(span[0]), moment(span[1])])

    def minutes(
        self, on: Connection, kind: SensorKind, points: Sequence[str], late_us: Mapping[int, int], since: int
    ) -> Minutes:
        """Return what the rules would remember of these points since then, of the devices in `late_us`."""
        return minutes(on, kind, points, late_us, since)

    def tenths(
        self, on: Connection, kind: SensorKind, points: Sequence[str], device_ids: Sequence[int], span: tuple[int, int]
    ) -> Tenths:
        """Return the ten-minute means of these points in the buckets that begin within [from, to)."""
        return tenths(on, kind, points, device_ids, span)

    def series(
        self,
        on: Connection,
        kind: SensorKind,
        device_id: int,
        points: Sequence[str],
        span: tuple[int, int],
        most: int,
    ) -> Series:
        """Return at most about `most` instants of the span.

        Raw where they are few enough, bins of raw where they are not many times more, else the
        rollup that fits. Values that are not good are left out. KeyError when the kind lacks a point.
        """
        return series(on, kind, device_id, points, span, most)

    def area(
        self, on: Connection, kind: SensorKind, device_ids: Sequence[int], point: str, span: tuple[int, int], most: int
    ) -> Area:
        """Return a point over many devices together, from rollups. KeyError when the kind lacks the point."""
        return area(on, kind, device_ids, kind.point(point).name, span, most)


def _read(on: Connection, kind: SensorKind, query: sql.Composed, parameters: Sequence[object]) -> Readings:
    n = len(kind.points)
    rows = copy_out(on, query, parameters, [INT4, TIMESTAMP, TIMESTAMP, *[FLOAT8] * n, INT8])
    return Readings(
        kind=kind,
        device_id=rows["f0"].astype(np.int32),
        ts=epoch_us(rows["f1"]),
        received_at=epoch_us(rows["f2"]),
        values=matrix(rows, 3, n),
        quality=rows[f"f{3 + n}"].astype(np.int64),
        origin=np.zeros(len(rows), np.int64),
    )


def _columns(kind: SensorKind) -> sql.Composed:
    values = (missing(sql.SQL("r.{}").format(sql.Identifier(name))) for name in kind.names)
    return listed([sql.SQL("r.device_id"), sql.SQL("r.ts"), sql.SQL("r.received_at"), *values, sql.SQL("r.quality")])


def _readings(kind: SensorKind) -> sql.Identifier:
    return sql.Identifier(readings_name(kind))
