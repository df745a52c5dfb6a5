"""Compression: old chunks become a columnstore where the licence has one. The hook "compression" of the servers.

A pass of our own rather than a policy: it is in the log and in the report like all else. What arrives
late for a compressed chunk is stored beside it at once; the next pass compresses that chunk anew.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from perception.sensor_kind import SensorKind
from support.postgres.partitions import Divided, Division, is_hypertable, probe, raw, tiers
from support.postgres.transact import BusyError, transaction
from support.settings import TendSettings

OLD_SQL = """
select format('%I.%I', i.chunk_schema, i.chunk_name), i.range_start, i.range_end
from timescaledb_information.chunks i
join _timescaledb_catalog.chunk c on c.schema_name = i.chunk_schema and c.table_name = i.chunk_name
where i.hypertable_name = :table and i.range_end <= :until and (c.status & 1 = 0 or c.status & 8 <> 0)
order by i.range_start
"""
"""Chunks that are not compressed (bit 0 of the status) or only in part (bit 3: late rows lie beside)."""

ENABLED_SQL = "select compression_enabled from timescaledb_information.hypertables where hypertable_name = :table"


class Compression:
    """Compresses what is old. `run` is a pass of tend and safe to repeat."""

    def __init__(self, engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> None:
        self._engine, self._kinds, self._days = engine, kinds, settings.compress_after_days

    def run(self, now: int) -> Iterator[int]:
        """Compress chunks of readings and rollups that ended so many days ago; yield 1 after each."""
        if not self._days:
            return
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now) - timedelta(days=self._days)
        with transaction(self._engine) as on:
            if not probe(on).compresses:
                return
            found = [t for k in self._kinds.values() for t in (raw(k), *tiers(k).values()) if is_hypertable(on, t.name)]
        for table in found:
            for old in self._due(table, until):
                yield self._compress(old)

    def _due(self, table: Divided, until: datetime) -> list[Division]:
        with transaction(self._engine) as on:
            old = [Division(*row) for row in on.execute(text(OLD_SQL), {"table": table.name, "until": until})]
            if old:
                _enable(on, table)
        return old

    def _compress(self, old: Division) -> int:
        try:
            with transaction(self._engine, lock_timeout_ms=2000) as on:
                on.exec_driver_sql(compress_sql(old))
        except BusyError:  # somebody writes to it just now: the next turn comes
            return 0
        return 1


def _enable(on: Connection, table: Divided) -> None:
    if on.execute(text(ENABLED_SQL), {"table": table.name}).scalar() is not True:
        on.exec_driver_sql(enable_sql(table))


def enable_sql(table: Divided) -> str:
    """Return the statement that lets a hypertable have a columnstore: by device, in the order of time."""
    options = f"timescaledb.compress_segmentby = 'device_id', timescaledb.compress_orderby = '{table.by}'"
    return f"alter table {table.name} set (timescaledb.compress, {options})"  # understood by every version since 2.0


def compress_sql(old: Division) -> str:
    """Return the statement that compresses a chunk, or again one that is compressed in part."""
    return f"select compress_chunk('{old.name}'::regclass, if_not_compressed => true)"
