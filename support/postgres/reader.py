"""Reader: readings and rollups out of PostgreSQL. Every read has a lower time bound."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg import sql
from sqlalchemy import Connection

from perception.readings import Readings
from perception.sensor_kind import SensorKind
from support.columns import SECONDS, Width, readings_name, rollup_name, widths
from support.postgres.copy_out import FLOAT8, INT4, INT8, TIMESTAMP, copy_out, epoch_us, matrix
from support.store import Series

RAW_ROWS_PER_INSTANT = 12
"""Up to so many raw rows per instant asked for, bins are made from raw rows: a few milliseconds, and never behind."""

TAIL_S = 3 * 86400
"""How far rollups may lag behind before the youngest part of a long span stays empty."""

_BINS_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
ORIGIN_US = 946_857_600_000_000
"""Where buckets are counted from: 2000-01-03 00:00 UTC, a Monday."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresReader:
    """Reads by a Connection handed in; keeps nothing. Implements ReadingReader."""

    def latest(self, on: Connection, kind: SensorKind, device_ids: Sequence[int], since: int) -> Readings:
        """Return the newest stored reading of each device that has one at or after `since`."""
        query = sql.SQL(
            "select {columns} from unnest(%s::int4[]) as d(device_id) cross join lateral ("
            "select * from {table} as r where r.device_id = d.device_id and r.ts >= %s order by r.ts desc limit 1) as r"
        ).format(columns=_columns(kind), table=_readings(kind))
        return _read(on, kind, query, [list(device_ids), _moment(since)])

    def recent(self, on: Connection, kind: SensorKind, since: int) -> Readings:
        """Return every reading of a kind since then, ordered by device and time."""
        query = sql.SQL("select {columns} from {table} as r where r.ts >= %s order by r.device_id, r.ts").format(
            columns=_columns(kind), table=_readings(kind)
        )
        return _read(on, kind, query, [_moment(since)])

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
        rows = _count(on, kind, device_id, span, most * RAW_ROWS_PER_INSTANT + 1)
        if rows <= most:
            return _raw(on, kind, device_id, points, span)
        if rows <= most * RAW_ROWS_PER_INSTANT:
            return _bins(on, kind, device_id, points, span, _bin_s(span, most))
        return _rolled_up(on, kind, device_id, points, span, _width(kind, span, most))


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


def _count(on: Connection, kind: SensorKind, device_id: int, span: tuple[int, int], limit: int) -> int:
    query = sql.SQL(
        "select count(*) from (select from {table} where device_id = %s and ts >= %s and ts < %s limit %s) as r"
    ).format(table=_readings(kind))
    return int(copy_out(on, query, [device_id, *map(_moment, span), limit], [INT8])["f0"][0])


def _raw(on: Connection, kind: SensorKind, device_id: int, points: Sequence[str], span: tuple[int, int]) -> Series:
    query = sql.SQL(
        "select ts, {values} from {table} where device_id = %s and ts >= %s and ts < %s order by ts"
    ).format(values=_listed(_missing(_good(kind, p)) for p in points), table=_readings(kind))
    rows = copy_out(on, query, [device_id, *map(_moment, span)], [TIMESTAMP, *[FLOAT8] * len(points)])
    values = matrix(rows, 1, len(points))
    return Series(tuple(points), epoch_us(rows["f0"]), values, values, values, "raw")


def _bins(
    on: Connection,
    kind: SensorKind,
    device_id: int,
    points: Sequence[str],
    span: tuple[int, int],
    width_s: int,
    origin: int = ORIGIN_US,
) -> Series:
    """Average raw readings to bins of a width, counted from `origin` and stamped with their beginning."""
    statistics = [
        _missing(sql.SQL("{}({})").format(sql.SQL(function), _good(kind, p)))
        for function in ("avg", "min", "max")
        for p in points
    ]
    query = sql.SQL(
        "select date_bin(%s, ts, %s) as bucket, {statistics} from {table} "
        "where device_id = %s and ts >= %s and ts < %s group by bucket order by bucket"
    ).format(statistics=_listed(statistics), table=_readings(kind))
    parameters = [timedelta(seconds=width_s), _moment(origin), device_id, *map(_moment, span)]
    return _of_statistics(on, points, query, parameters, _label(width_s))


def _rolled_up(
    on: Connection, kind: SensorKind, device_id: int, points: Sequence[str], span: tuple[int, int], width: Width
) -> Series:
    """Read a rollup; the newest bucket and what follows it come from raw, because rollups lag behind."""
    statistics = [_missing(sql.Identifier(f"{p}_{s}")) for s in ("mean", "min", "max") for p in points]
    query = sql.SQL(
        "select bucket, {statistics} from {table} where device_id = %s and bucket >= %s and bucket < %s order by bucket"
    ).format(statistics=_listed(statistics), table=sql.Identifier(rollup_name(kind, width)))
    old = _of_statistics(on, points, query, [device_id, *map(_moment, span)], width.value)
    newest = int(old.ts[-1]) if len(old.ts) else ORIGIN_US
    start = max(newest, span[1] - TAIL_S * 1_000_000, span[0])
    return _joined(old, _bins(on, kind, device_id, points, (start, span[1]), SECONDS[width], newest))


def _joined(old: Series, tail: Series) -> Series:
    """Put the tail behind a rollup, in place of the buckets that it covers."""
    keep = old.ts < (tail.ts[0] if len(tail.ts) else np.iinfo(np.int64).max)
    return Series(
        points=old.points,
        ts=np.concatenate((old.ts[keep], tail.ts)),
        mean=np.concatenate((old.mean[keep], tail.mean)),
        low=np.concatenate((old.low[keep], tail.low)),
        high=np.concatenate((old.high[keep], tail.high)),
        width=old.width,
    )


def _of_statistics(
    on: Connection, points: Sequence[str], query: sql.Composed, parameters: Sequence[object], width: str
) -> Series:
    n = len(points)
    rows = copy_out(on, query, parameters, [TIMESTAMP, *[FLOAT8] * (3 * n)])
    mean, low, high = (matrix(rows, 1 + n * k, n) for k in range(3))
    return Series(tuple(points), epoch_us(rows["f0"]), mean, low, high, width)


def _good(kind: SensorKind, point: str) -> sql.Composed:
    bit = sql.Literal(1 << kind.bits[point])
    return sql.SQL("case when quality & {} = 0 then {} end").format(bit, sql.Identifier(point))


def _missing(column: sql.Composable) -> sql.Composed:
    return sql.SQL("coalesce({}, 'NaN')").format(column)


def _columns(kind: SensorKind) -> sql.Composed:
    values = (_missing(sql.SQL("r.{}").format(sql.Identifier(name))) for name in kind.names)
    return _listed([sql.SQL("r.device_id"), sql.SQL("r.ts"), sql.SQL("r.received_at"), *values, sql.SQL("r.quality")])


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _readings(kind: SensorKind) -> sql.Identifier:
    return sql.Identifier(readings_name(kind))


def _bin_s(span: tuple[int, int], most: int) -> int:
    seconds = (span[1] - span[0]) / 1_000_000
    return next((b for b in _BINS_S if seconds / b <= most), _BINS_S[-1])


def _width(kind: SensorKind, span: tuple[int, int], most: int) -> Width:
    seconds = (span[1] - span[0]) / 1_000_000
    return next((w for w in widths(kind) if seconds / SECONDS[w] <= 1.5 * most), Width.DAY)


def _label(width_s: int) -> str:
    named = {seconds: width.value for width, seconds in SECONDS.items()}
    return named.get(width_s, f"{width_s // 60}m" if width_s % 60 == 0 and width_s < 3600 else _hours(width_s))


def _hours(width_s: int) -> str:
    return f"{width_s // 3600}h" if width_s % 3600 == 0 else f"{width_s}s"


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)
