"""Partitions: how a table of readings is divided by time: weekly partitions, or TimescaleDB's chunks of a week.

One schema on three servers: the probe tells them apart, and only the functions of this page differ.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.postgres.connect import Lock, lock_in_transaction

WEEK_US = 7 * 86_400 * 1_000_000
_ORIGIN_US = int(datetime(2000, 1, 3, tzinfo=UTC).timestamp()) * 1_000_000  # a Monday; also TimescaleDB's origin


class Server(StrEnum):
    """What kind of server this is."""

    PLAIN = "postgresql"
    TIMESCALE_APACHE = "timescaledb, Apache licence"
    TIMESCALE = "timescaledb, Timescale licence"

    @property
    def chunks(self) -> bool:
        """Whether tables of readings are hypertables, which divide themselves."""
        return self is not Server.PLAIN


_PROBE = """
select coalesce(current_setting('timescaledb.license', true), '')
from pg_extension where extname = 'timescaledb'
"""


def probe(on: Connection) -> Server:
    """Tell what kind of server a database lives on, by its extensions."""
    licence = on.execute(text(_PROBE)).scalar()
    if licence is None:
        return Server.PLAIN
    return Server.TIMESCALE if licence == "timescale" else Server.TIMESCALE_APACHE


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


def make_hypertable(on: Connection, table: str) -> None:
    """Turn a new, empty table into a hypertable of weekly chunks."""
    by = "chunk_time_interval => :week, create_default_indexes => false"
    make = text(f"select create_hypertable(cast(:table as regclass), 'ts', {by})")
    on.execute(make, {"table": table, "week": timedelta(microseconds=WEEK_US)})


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


def drop_before(on: Connection, kind: SensorKind, horizon: int) -> list[str]:
    """Drop every partition or chunk that ends at or before the horizon (epoch microseconds); return their names.

    The caller has made sure that nothing of them is still to be rolled up.
    """
    table = readings_name(kind)
    if is_hypertable(on, table):
        drop = text("select drop_chunks(cast(:t as regclass), older_than => cast(:h as timestamptz))")
        moment = datetime.fromtimestamp(horizon // 1_000_000, UTC)
        return [str(name) for name in on.execute(drop, {"t": table, "h": moment}).scalars()]
    lock_in_transaction(on, Lock.PARTITIONS)
    names = [_partition_name(table, w) for w in existing_weeks(on, kind) if w + WEEK_US <= horizon]
    for name in names:
        on.execute(text(f"drop table {name}"))
    return names
