"""Rollups: n, and n, min, mean and max of each point's good values, per bucket, recomputed where batches left marks.

A mark names a device and a ten-minute bucket. Marks that have been seen are deleted, then their
buckets are computed anew by a later statement of the same transaction: whatever is committed
after that statement's snapshot brings a mark of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import Connection, Engine, delete, func, select, text

from perception.sensor_kind import SensorKind
from support.columns import STATISTICS, Width, readings_name, rollup_name, widths
from support.postgres.transact import driver, transaction
from support.settings import TendSettings
from support.tables import rollup_mark

_TENTH = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_GENTLY = "set local synchronous_commit = off; set local max_parallel_workers_per_gather = 0; set local jit = off"
"""A crash may forget the newest slices, marks and buckets together: they are then computed again."""

_FROM_RAW = """
insert into {rollup} (device_id, bucket, n, {columns})
select r.device_id, date_bin({width}, r.ts, timestamptz '2000-01-03 00:00+00'), count(*), {statistics}
from unnest(%s::int4[], %s::timestamptz[]) as m(device_id, bucket) cross join lateral (
    select device_id, ts, {good} from {source} as s
    where s.device_id = m.device_id and s.ts >= m.bucket and s.ts < m.bucket + interval '10 minutes'
) as r
group by 1, 2
on conflict (device_id, bucket) do update set {updates}
"""

_FROM_TENTHS = """
insert into {rollup} (device_id, bucket, n, {columns})
select m.device_id, m.begins, sum(r.n), {statistics}
from ({spans}) as m cross join lateral (
    select * from {source} as s where s.device_id = m.device_id and s.bucket >= m.begins and s.bucket < m.ends
) as r
group by 1, 2
on conflict (device_id, bucket) do update set {updates}
"""

_HOURS = """
select distinct m.device_id, date_trunc('hour', m.bucket, 'UTC') as begins,
    date_trunc('hour', m.bucket, 'UTC') + interval '1 hour' as ends
from unnest(%s::int4[], %s::timestamptz[]) as m(device_id, bucket)
"""

_DAYS = """
select distinct z.device_id, date_trunc('day', z.bucket, z.zone) as begins,
    (date_trunc('day', z.bucket, z.zone) at time zone z.zone + interval '1 day') at time zone z.zone as ends
from (
    select m.device_id, m.bucket, coalesce(c.timezone, 'UTC') as zone
    from unnest(%s::int4[], %s::timestamptz[]) as m(device_id, bucket)
    left join device as d using (device_id) left join station as s on s.name = d.station
    left join district as i on i.name = s.district left join city as c on c.name = i.city
) as z
"""


class Bucket(NamedTuple):
    """A marked ten-minute bucket of a device, with the marks that were seen on it."""

    kind: str
    device_id: int
    begins: datetime
    marks: Sequence[int]


class Rollups:
    """Keeps rollups in step with readings. `drain` is a pass of tend."""

    def __init__(self, engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> None:
        self._engine = engine
        self._kinds = kinds
        self._settings = settings
        self._open_until = 0

    def drain(self, now: int) -> Iterator[int]:
        """Recompute marked buckets, newest first; yield how many after each slice, when nothing is held.

        Buckets that are still filling are computed now and then, a slice of them at most:
        readers take the youngest readings from raw.
        """
        moment = _moment(now)
        yield from self._slices(
            self._marked(_moment(self._settings.horizon(now)), moment - _TENTH, self._settings.most_buckets)
        )
        if now >= self._open_until:
            self._open_until = now + int(self._settings.open_every_s * 1_000_000)
            yield from self._slices(self._marked(moment - _TENTH, moment + _TENTH, self._settings.slice_buckets))

    def _marked(self, after: datetime, until: datetime, most: int) -> list[Bucket]:
        """Return marked buckets that begin after one moment and until another, the newest first, at most so many."""
        c = rollup_mark.c
        query = (
            select(c.kind, c.device_id, c.bucket, func.array_agg(c.mark_id))
            .where(c.bucket > after, c.bucket <= until)
            .group_by(c.kind, c.device_id, c.bucket)
            .order_by(c.bucket.desc(), c.kind, c.device_id)
            .limit(most)
        )
        with transaction(self._engine) as on:
            rows: Sequence[Any] = on.execute(query).all()
        return [Bucket(*row) for row in rows]

    def _slices(self, buckets: Sequence[Bucket]) -> Iterator[int]:
        size = self._settings.slice_buckets
        for start in range(0, len(buckets), size):
            portion = buckets[start : start + size]
            with transaction(self._engine) as on:
                on.execute(text(_GENTLY))
                recompute(on, self._kinds, portion)
            yield len(portion)


def recompute(on: Connection, kinds: Mapping[str, SensorKind], buckets: Iterable[Bucket]) -> None:
    """Delete the marks that were seen on these buckets, then compute them, their hours and their days."""
    by_kind: dict[str, list[Bucket]] = {}
    for bucket in buckets:
        by_kind.setdefault(bucket.kind, []).append(bucket)
    for name, marked in by_kind.items():
        seen = [mark for bucket in marked for mark in bucket.marks]
        on.execute(delete(rollup_mark).where(rollup_mark.c.mark_id == func.any(seen)))
        if name in kinds:
            where = [[b.device_id for b in marked], [b.begins for b in marked]]
            with driver(on).cursor() as cursor:
                for statement in statements(kinds[name]):
                    cursor.execute(statement, where)


def forget(on: Connection, kind: str, horizon: int) -> int:
    """Delete the marks of buckets older than the horizon (epoch microseconds): their raw rows are, or will be, gone."""
    old = rollup_mark.c.bucket < _moment(horizon)
    return on.execute(delete(rollup_mark).where(rollup_mark.c.kind == kind, old)).rowcount


@cache
def statements(kind: SensorKind) -> tuple[sql.Composed, ...]:
    """Return the statements that compute marked buckets of a kind, in order; each takes device_ids and buckets."""
    return tuple(_statement(kind, width) for width in widths(kind))


def _statement(kind: SensorKind, width: Width) -> sql.Composed:
    columns = [f"{name}_{statistic}" for name in kind.names for statistic in STATISTICS]
    parts: dict[str, sql.Composable] = {
        "rollup": sql.Identifier(rollup_name(kind, width)),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "updates": sql.SQL(", ").join(_updates(["n", *columns])),
    }
    if width in {Width.MINUTE, Width.TEN_MINUTES}:
        parts |= {
            "source": sql.Identifier(readings_name(kind)),
            "width": sql.SQL("interval '1 minute'" if width is Width.MINUTE else "interval '10 minutes'"),
            "good": sql.SQL(", ").join(_good(kind)),
            "statistics": _per_point(kind, _of_values),
        }
        return sql.SQL(_FROM_RAW).format(**parts)
    parts |= {
        "source": sql.Identifier(rollup_name(kind, Width.TEN_MINUTES)),
        "spans": sql.SQL(_HOURS if width is Width.HOUR else _DAYS),
        "statistics": _per_point(kind, _of_tenths),
    }
    return sql.SQL(_FROM_TENTHS).format(**parts)


def _updates(columns: Iterable[str]) -> Iterator[sql.Composable]:
    return (sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in columns)


def _good(kind: SensorKind) -> Iterator[sql.Composable]:
    for bit, name in enumerate(kind.names):
        yield sql.SQL("case when quality & {} = 0 then {} end as {}").format(
            sql.Literal(1 << bit), sql.Identifier(name), sql.Identifier(name)
        )


def _per_point(kind: SensorKind, of: Callable[[str], Iterable[sql.Composable]]) -> sql.Composable:
    return sql.SQL(", ").join(column for name in kind.names for column in of(name))


def _of_values(name: str) -> Iterator[sql.Composable]:
    for function in ("count", "min", "avg", "max"):
        yield sql.SQL("{}(r.{})").format(sql.SQL(function), sql.Identifier(name))


def _of_tenths(name: str) -> Iterator[sql.Composable]:
    n, low, mean, high = (sql.SQL("r.{}").format(sql.Identifier(f"{name}_{s}")) for s in STATISTICS)
    yield sql.SQL("sum({})").format(n)
    yield sql.SQL("min({})").format(low)
    yield sql.SQL("sum({0} * {1}) / nullif(sum({1}), 0)").format(mean, n)
    yield sql.SQL("max({})").format(high)


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)
