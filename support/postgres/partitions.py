"""Partitions: how tables are divided by time: weekly partitions of our own, or the chunks of a hypertable.

This page is the hook "create" of the three servers; retention.py and compression.py are the other two.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from perception.sensor_kind import SensorKind
from support.columns import Width, readings_name, rollup_name, widths
from support.postgres.connect import Lock, lock_in_transaction
from support.servers import Server as Server  # noqa: PLC0414 - the door through which others find it
from support.servers import probe as probe  # noqa: PLC0414
from support.tables import rollup_mark, rollup_touch

WEEK_US = 7 * 86_400 * 1_000_000
_ORIGIN_US = int(datetime(2000, 1, 3, tzinfo=UTC).timestamp()) * 1_000_000  # a Monday
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WEEK = timedelta(days=7)
CHUNKS = {Width.MINUTE: WEEK, Width.TEN_MINUTES: 4 * WEEK, Width.HOUR: 52 * WEEK}
"""How long the chunks of rollups are, on servers that have chunks. Days are few: one plain table everywhere."""


class Divided(NamedTuple):
    """A table that may be divided by time: its name, its column of time, and how long its chunks are."""

    name: str
    by: str
    chunk: timedelta


class Division(NamedTuple):
    """A partition or chunk: its name as SQL may use it, and the span of time [begins, ends) that it holds."""

    name: str
    begins: datetime
    ends: datetime


def raw(kind: SensorKind) -> Divided:
    """Return the table of a kind's readings: divided by weeks everywhere."""
    return Divided(readings_name(kind), "ts", WEEK)


def tiers(kind: SensorKind) -> dict[Width, Divided]:
    """Return the rollup tables of a kind that are hypertables on servers that have chunks."""
    return {w: Divided(rollup_name(kind, w), "bucket", CHUNKS[w]) for w in widths(kind) if w in CHUNKS}


def adopt_timescale(on: Connection) -> None:
    """Make the extension where the server has it loaded and this role may; leave the database plain otherwise."""
    with on.begin():
        if on.execute(text("select pg_has_role('pg_read_all_settings', 'usage')")).scalar() is not True:
            return
        loaded = str(on.execute(text("select current_setting('shared_preload_libraries')")).scalar())
        allowed = on.execute(text(_MAY_CREATE)).scalar()
        if "timescaledb" in loaded and allowed is True:
            on.execute(text("create extension if not exists timescaledb"))


_MAY_CREATE = """
select bool_or(v.trusted and has_database_privilege(current_database(), 'create') or r.rolsuper)
from pg_available_extension_versions v, pg_roles r
where v.name = 'timescaledb' and r.rolname = current_user
"""


def is_hypertable(on: Connection, table: str) -> bool:
    """Tell whether an existing table is a hypertable. A plain one stays plain when the extension comes later."""
    if not probe(on).chunks:
        return False
    found = text("select 1 from timescaledb_information.hypertables where hypertable_name = :t")
    return on.execute(found, {"t": table}).scalar() is not None


def hypertable_sql(table: Divided) -> str:
    """Return the statement that turns a new, empty table into a hypertable."""
    days = f"chunk_time_interval => interval '{table.chunk.days} days', create_default_indexes => false"
    return f"select create_hypertable('{table.name}'::regclass, '{table.by}', {days})"


def make_hypertable(on: Connection, table: Divided) -> None:
    """Turn a new, empty table into a hypertable."""
    on.exec_driver_sql(hypertable_sql(table))


def weeks_of(ts: NDArray[np.int64]) -> list[int]:
    """Return the starts (epoch microseconds) of the weeks that these times fall into."""
    return [int(week) for week in np.unique((ts - _ORIGIN_US) // WEEK_US * WEEK_US + _ORIGIN_US)]


def ensure_weeks(on: Connection, kind: SensorKind, weeks: Iterable[int]) -> None:
    """Make the partitions of these weeks that are missing; nothing to do for a hypertable.

    Made beside the table and attached, so that nobody who reads or writes has to wait. Commit soon:
    an advisory lock is held until then.
    """
    table = readings_name(kind)
    if is_hypertable(on, table):
        return
    lock_in_transaction(on, Lock.PARTITIONS)
    standing = set(existing_weeks(on, kind))
    for week in sorted(set(weeks) - standing):
        _make_week(on, table, week)


def make_room(on: Connection, kind: SensorKind, ts: NDArray[np.int64]) -> None:
    """Make the partitions that readings at these times need, as ensure_weeks does."""
    missing = set(weeks_of(ts)) - set(existing_weeks(on, kind))
    if missing:
        ensure_weeks(on, kind, missing)


def _make_week(on: Connection, table: str, week: int) -> None:
    name = _partition_name(table, week)
    start, end = (datetime.fromtimestamp(at // 1_000_000, UTC).isoformat() for at in (week, week + WEEK_US))
    on.execute(text(f"create table {name} (like {table} including defaults including constraints)"))
    on.execute(text(f"alter table {table} attach partition {name} for values from ('{start}') to ('{end}')"))


def _partition_name(table: str, week: int) -> str:
    return f"{table}_w{datetime.fromtimestamp(week // 1_000_000, UTC):%Y%m%d}"


_CHILDREN = (
    "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = to_regclass(:t)"
)


def existing_weeks(on: Connection, kind: SensorKind) -> list[int]:
    """Return the starts (epoch microseconds) of the weeks that have a partition, ascending. Plain tables only."""
    prefix = f"{readings_name(kind)}_w"
    names = on.execute(text(_CHILDREN), {"t": readings_name(kind)}).scalars()
    days = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return sorted(int(datetime.strptime(day + "Z", "%Y%m%d%z").timestamp()) * 1_000_000 for day in days)


def is_marked(on: Connection, kind: SensorKind, span: Division) -> bool:
    """Tell whether rollups of this partition or chunk of readings are still to be computed."""
    marks = (
        select(table.c.bucket).where(
            table.c.kind == kind.name, table.c.bucket >= span.begins, table.c.bucket < span.ends
        )
        for table in (rollup_mark, rollup_touch)
    )
    return any(on.execute(mark.limit(1)).first() is not None for mark in marks)


_OF_CHUNKS = """
select format('%I.%I', chunk_schema, chunk_name), range_start, range_end
from timescaledb_information.chunks where hypertable_name = :t order by range_start
"""


def divisions(on: Connection, kind: SensorKind, table: Divided) -> list[Division]:
    """Return the partitions or chunks of a table, the oldest first; none for a table that is not divided."""
    if is_hypertable(on, table.name):
        return [Division(*row) for row in on.execute(text(_OF_CHUNKS), {"t": table.name})]
    if table.name != readings_name(kind):
        return []
    starts = [_EPOCH + timedelta(microseconds=week) for week in existing_weeks(on, kind)]
    names = [_partition_name(table.name, week) for week in existing_weeks(on, kind)]
    return [Division(name, start, start + WEEK) for name, start in zip(names, starts, strict=True)]
