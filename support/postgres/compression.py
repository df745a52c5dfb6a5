"""Compression: old chunks become a columnstore where the licence has one. The hook "compression" of the servers.

A pass of our own rather than a policy: it is in the log and in the report like all else. What arrives
late for a compressed chunk is stored beside it at once; the next pass compresses that chunk anew. A
chunk into which somebody writes just now has marks: it is left alone until they are drained.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from perception.sensor_kind import SensorKind
from support.postgres.partitions import Divided, Division, is_hypertable, is_marked, probe, raw, tiers
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

UNLIMITED_SQL = """
do $$ begin
    if exists (select from pg_settings where name = 'timescaledb.max_tuples_decompressed_per_dml_transaction')
        and exists (
            select from pg_database where datname = current_database() and pg_has_role(current_user, datdba, 'usage')
        )
    then
        execute format(
            'alter database %I set timescaledb.max_tuples_decompressed_per_dml_transaction = 0', current_database()
        );
    end if;
end $$
"""
"""A batch of late rows may touch many compressed segments: the server's limit would refuse all of it."""

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
        for kind in self._kinds.values():
            for table in (raw(kind), *tiers(kind).values()):
                for old in self._due(kind, table, until):
                    yield self._compress(table, old)

    def _due(self, kind: SensorKind, table: Divided, until: datetime) -> list[Division]:
        with transaction(self._engine) as on:
            if not is_hypertable(on, table.name):
                return []
            found = [Division(*row) for row in on.execute(text(OLD_SQL), {"table": table.name, "until": until})]
            return [d for d in found if table.name != raw(kind).name or not is_marked(on, kind, d)]

    def _compress(self, table: Divided, old: Division) -> int:
        try:
            with transaction(self._engine, lock_timeout_ms=500) as on:
                _enable(on, table)
                on.exec_driver_sql(compress_sql(old))
        except BusyError:  # somebody writes to it just now: the next turn comes
            return 0
        return 1


def allow_late_rows(on: Connection) -> None:
    """See to it that the server takes any number of late rows for compressed chunks, from the next session on."""
    if probe(on).compresses:
        on.exec_driver_sql(UNLIMITED_SQL.replace("%", "%%"))


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
