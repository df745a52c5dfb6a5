"""Rollup SQL: the statements that compute marked buckets of a kind, one for each width.

The mean is weighted by time (ADR 9). Within ten minutes a reading weighs as long as it stood: until
the device's next reading; the last one as long as the one before it, or up to the end of the ten
minutes when it is alone, and never beyond that end. Nothing stands for longer than three
intervals, at least 180 s. `covered_s` is the sum of that; in a coarser bucket a finer one weighs
its `covered_s` times the share of its readings in which the point was good.

A value that lies in a quality_span of its point is not good, whatever was known at receipt (ADR 20).
Nor is one that no instrument says, not finite or beyond 1e100: only who writes past ingest can leave it, and a sum with
it would leave the range of numbers and end the pass, again and again.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from psycopg import sql

from perception.sensor_kind import SensorKind
from support.columns import BEYOND, COVERED, STATISTICS, Width, readings_name, rollup_name, widths

HOLD_INTERVALS, HOLD_LEAST_S = 3, 180
"""The same as for lateness (store.late_after_us): a reading older than that says nothing of the present."""

_SANE = sql.Literal(BEYOND)

_FROM_RAW = """
insert into {rollup} (device_id, bucket, n, covered_s, {columns})
select r.device_id, date_bin({width}, r.ts, timestamptz '2000-01-03 00:00+00'), count(*), sum(r.stood_s), {statistics}
from unnest(%s::int4[], %s::timestamptz[]) as m (device_id, bucket)
left join device as d on d.device_id = m.device_id
cross join lateral (
    select exists (
        select from quality_span as q where q.device_id = m.device_id
        and q.from_at < m.bucket + interval '10 minutes' and (q.to_at is null or q.to_at > m.bucket)
    ) as any
) as doubted
cross join lateral (
    select s.device_id, s.ts, {good}, least(
        coalesce(
            date_part('epoch', lead(s.ts) over by_time - s.ts),
            least(
                date_part('epoch', s.ts - lag(s.ts) over by_time),
                date_part('epoch', m.bucket + interval '10 minutes' - s.ts)
            )
        ),
        greatest({intervals} * coalesce(d.interval_s, {interval}), {least})
    ) as stood_s
    from (
        select t.*, case when doubted.any then t.quality | coalesce((
            select bit_or(1::bigint << p.bit) from quality_span as q
            join point as p on p.kind = {kind} and p.name = q.point
            where q.device_id = t.device_id and q.from_at <= t.ts and (q.to_at is null or q.to_at > t.ts)
        ), 0) else t.quality end as word
        from {source} as t
        where t.device_id = m.device_id and t.ts >= m.bucket and t.ts < m.bucket + interval '10 minutes'
        offset 0
    ) as s
    window by_time as (order by s.ts)
) as r
group by 1, 2
on conflict (device_id, bucket) do update set {updates}
"""

_FROM_FINER = """
insert into {rollup} (device_id, bucket, n, covered_s, {columns})
select m.device_id, m.begins, sum(r.n), sum(r.covered), {statistics}
from ({spans}) as m cross join lateral (
    select s.*, coalesce(s.covered_s, s.n * {interval}) as covered,
        coalesce(s.covered_s, s.n * {interval}) / s.n as each_s
    from {source} as s where s.device_id = m.device_id and s.bucket >= m.begins and s.bucket < m.ends
) as r
group by 1, 2
on conflict (device_id, bucket) do update set {updates}
"""

_TENTHS = """
select m.device_id, m.bucket as begins, m.bucket + interval '10 minutes' as ends
from unnest(%s::int4[], %s::timestamptz[]) as m (device_id, bucket)
"""

_HOURS = """
select distinct m.device_id, date_trunc('hour', m.bucket, 'UTC') as begins,
    date_trunc('hour', m.bucket, 'UTC') + interval '1 hour' as ends
from unnest(%s::int4[], %s::timestamptz[]) as m (device_id, bucket)
"""

_DAYS = """
select distinct z.device_id, date_trunc('day', z.bucket, z.zone) as begins,
    (date_trunc('day', z.bucket, z.zone) at time zone z.zone + interval '1 day') at time zone z.zone as ends
from (
    select m.device_id, m.bucket, coalesce(c.timezone, 'UTC') as zone
    from unnest(%s::int4[], %s::timestamptz[]) as m (device_id, bucket)
    left join device as d using (device_id) left join station as s on s.name = d.station
    left join district as i on i.name = s.district left join city as c on c.name = i.city
) as z
"""

_SPANS = {Width.TEN_MINUTES: _TENTHS, Width.HOUR: _HOURS, Width.DAY: _DAYS}


class Statement(NamedTuple):
    """How one width is computed; it takes device_ids and ten-minute buckets."""

    width: Width
    sql: sql.Composed


@cache
def statements(kind: SensorKind) -> tuple[Statement, ...]:
    """Return the statements that compute marked buckets of a kind, in order."""
    return tuple(Statement(width, _statement(kind, width)) for width in widths(kind))


def _statement(kind: SensorKind, width: Width) -> sql.Composed:
    columns = [f"{name}_{statistic}" for name in kind.names for statistic in STATISTICS]
    finest = widths(kind)[0]
    parts: dict[str, sql.Composable] = {
        "rollup": sql.Identifier(rollup_name(kind, width)),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "updates": sql.SQL(", ").join(_updates(["n", COVERED, *columns])),
        "interval": sql.Literal(float(kind.interval_s)),
    }
    if width is finest:
        parts |= {
            "source": sql.Identifier(readings_name(kind)),
            "width": sql.SQL("interval '1 minute'" if width is Width.MINUTE else "interval '10 minutes'"),
            "good": sql.SQL(", ").join(_good(kind)),
            "kind": sql.Literal(kind.name),
            "intervals": sql.Literal(HOLD_INTERVALS),
            "least": sql.Literal(HOLD_LEAST_S),
            "statistics": _per_point(kind, _of_values),
        }
        return sql.SQL(_FROM_RAW).format(**parts)
    parts |= {
        "source": sql.Identifier(rollup_name(kind, finest if width is Width.TEN_MINUTES else Width.TEN_MINUTES)),
        "spans": sql.SQL(_SPANS[width]),
        "statistics": _per_point(kind, _of_finer),
    }
    return sql.SQL(_FROM_FINER).format(**parts)


def _updates(columns: Iterable[str]) -> Iterator[sql.Composable]:
    return (sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in columns)


def _good(kind: SensorKind) -> Iterator[sql.Composable]:
    for bit, name in enumerate(kind.names):
        yield sql.SQL("case when s.word & {bit} = 0 and abs(s.{name}) < {sane} then s.{name} end as {name}").format(
            bit=sql.Literal(1 << bit), name=sql.Identifier(name), sane=_SANE
        )


def _per_point(kind: SensorKind, of: Callable[[str], Iterable[sql.Composable]]) -> sql.Composable:
    return sql.SQL(", ").join(column for name in kind.names for column in of(name))


def _of_values(name: str) -> Iterator[sql.Composable]:
    value = sql.SQL("r.{}").format(sql.Identifier(name))
    yield sql.SQL("count({})").format(value)
    yield sql.SQL("min({})").format(value)
    yield sql.SQL("sum({0} * r.stood_s) / sum(r.stood_s) filter (where {0} is not null)").format(value)
    yield sql.SQL("max({})").format(value)


def _of_finer(name: str) -> Iterator[sql.Composable]:
    n, low, mean, high = (sql.SQL("r.{}").format(sql.Identifier(f"{name}_{s}")) for s in STATISTICS)
    yield sql.SQL("sum({})").format(n)
    yield sql.SQL("min({})").format(low)
    sane = sql.SQL("filter (where abs({}) < {})").format(mean, _SANE)
    yield sql.SQL("sum({0} * {1} * r.each_s) {2} / nullif(sum({1} * r.each_s) {2}, 0)").format(mean, n, sane)
    yield sql.SQL("max({})").format(high)
