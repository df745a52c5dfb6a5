"""Retention: what is older than it is kept goes: whole partitions and chunks, or rows of a table that is not divided.

The hook "retention" of the three servers. It is a pass of our own on all of them: a policy of the
server would drop readings before their rollups are made.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from perception.sensor_kind import SensorKind
from support.columns import Width, rollup_table, widths
from support.postgres.connect import Lock, lock_in_transaction
from support.postgres.partitions import Divided, Division, divisions, is_hypertable, is_marked, raw, tiers
from support.postgres.transact import BusyError, transaction
from support.settings import TendSettings
from support.tables import device, raw_horizon

_MARGIN = timedelta(days=2)
"""A day of a city begins up to a day before the first reading that is kept; it must still find its ten minutes."""

_DEVICES = 100


class Retention:
    """Drops what is too old. `drop_readings` and `drop_rollups` are passes of tend; each is safe to repeat."""

    def __init__(self, engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> None:
        self._engine, self._kinds, self._settings = engine, kinds, settings

    def drop_readings(self, now: int) -> Iterator[int]:
        """Drop partitions and chunks of readings that ended before the horizon; yield how many.

        One that still has marks stays until they are drained, and what is younger stays with it.
        """
        horizon = _moment(self._settings.horizon(now))
        for kind in self._kinds.values():
            with transaction(self._engine) as on:
                old = [d for d in divisions(on, kind, raw(kind)) if d.ends <= horizon]
            for each in old:
                dropped = self._drop_raw(kind, each)
                yield int(dropped)
                if not dropped:
                    break

    def drop_rollups(self, now: int) -> Iterator[int]:
        """Drop rollups older than their tier is kept; yield how many chunks, or rows of a table without chunks."""
        for kind in self._kinds.values():
            for width in widths(kind):
                days = self._settings.tier_days(width)
                if days:
                    yield from self._drop_tier(kind, width, _moment(now) - timedelta(days=days))

    def _drop_raw(self, kind: SensorKind, old: Division) -> bool:
        try:
            with transaction(self._engine, lock_timeout_ms=500) as on:
                return drop_drained(on, kind, old)
        except BusyError:  # somebody reads or writes it just now: the next turn comes
            return False

    def _drop_tier(self, kind: SensorKind, width: Width, horizon: datetime) -> Iterator[int]:
        with transaction(self._engine) as on:
            standing = divisions(on, kind, raw(kind))
            until = min([horizon, *(d.begins - _MARGIN for d in standing[:1])])
            table = tiers(kind).get(width)
            chunked = table is not None and is_hypertable(on, table.name)
            old = [d for d in divisions(on, kind, table) if d.ends <= until] if table and chunked else []
            ids = on.execute(select(device.c.device_id).where(device.c.kind == kind.name)).scalars().all()
        if table and chunked:
            yield from (self._drop_chunk(table, each) for each in old)
            return
        rows = rollup_table(kind, width)
        for start in range(0, len(ids), _DEVICES):
            with transaction(self._engine) as on:
                mine = rows.c.device_id == func.any(list(ids[start : start + _DEVICES]))
                gone = on.execute(delete(rows).where(mine, rows.c.bucket < until))
            yield gone.rowcount

    def _drop_chunk(self, table: Divided, old: Division) -> int:
        try:
            with transaction(self._engine, lock_timeout_ms=500) as on:
                _drop(on, table, old)
        except BusyError:
            return 0
        return 1


def drop_drained(on: Connection, kind: SensorKind, old: Division) -> bool:
    """Drop one partition or chunk of readings, unless it has marks that are not drained; tell whether it is gone.

    Nobody can write to it between the look and the drop. The horizon of the kind moves to its end.
    """
    table = raw(kind)
    lock_in_transaction(on, Lock.PARTITIONS)  # before the tables, as whoever makes partitions does
    on.execute(text(f"lock table only {table.name} in access exclusive mode"))  # in the order in which writers lock
    on.execute(text(f"lock table {old.name} in access exclusive mode"))
    if is_marked(on, kind, old):
        return False
    _drop(on, table, old)
    row = insert(raw_horizon).values(kind=kind.name, kept_from=old.ends)
    later = func.greatest(raw_horizon.c.kept_from, row.excluded.kept_from)
    on.execute(row.on_conflict_do_update(index_elements=["kind"], set_={"kept_from": later}))
    return True


def kept_from(on: Connection) -> dict[str, datetime]:
    """Return, for kinds of which readings were dropped, the time before which none are kept."""
    return {row.kind: row.kept_from for row in on.execute(select(raw_horizon))}


def drop_sql(table: Divided, old: Division) -> str:
    """Return the statement that drops exactly one chunk of a hypertable."""
    span = f"older_than => '{old.ends.isoformat()}'::timestamptz, newer_than => '{old.begins.isoformat()}'::timestamptz"
    return f"select drop_chunks('{table.name}'::regclass, {span})"


def _drop(on: Connection, table: Divided, old: Division) -> None:
    if is_hypertable(on, table.name):
        on.exec_driver_sql(drop_sql(table, old))
        return
    on.execute(text(f"drop table {old.name}"))


def _moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
