"""Schema: fixed tables by Alembic, tables of readings and rollups by reconciliation with the kinds.

Reconciliation only adds: tables, columns, points. It never drops and never changes a type; what
would need that is refused with the whole list of contradictions.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg import errors
from sqlalchemy import Connection, Engine, Table, inspect, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.schema import CreateColumn

from perception.sensor_kind import SensorKind
from support.columns import readings_name, readings_table, rollup_table, widths
from support.postgres.compression import allow_late_rows
from support.postgres.connect import Lock, lock_in_transaction, make_engine, store_down
from support.postgres.partitions import adopt_timescale, make_hypertable, probe, raw, tiers
from support.store import SchemaError
from support.tables import point

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str, kinds: Mapping[str, SensorKind]) -> None:
    """Bring a database to the present schema and these kinds, in one transaction; safe to repeat and to run at once.

    Works on an empty database or an older one, plain or TimescaleDB. Raises SchemaError when
    manifests contradict the tables or the role may not create them, StoreDownError when the database is away.
    """
    engine = make_engine(url, "migrate", connections=1)
    try:
        _migrate(engine, kinds)
    except OperationalError as err:
        raise store_down(err.orig or err) from err
    except ProgrammingError as err:
        if not isinstance(err.orig, errors.InsufficientPrivilege):
            raise
        raise SchemaError(f"the database role may not do this: {err.orig}: let it own the database") from err
    finally:
        engine.dispose()


def _migrate(engine: Engine, kinds: Mapping[str, SensorKind]) -> None:
    with engine.connect() as on:
        if not inspect(on).has_table("alembic_version"):
            on.rollback()
            adopt_timescale(on)
        on.rollback()
        with on.begin():
            lock_in_transaction(on, Lock.MIGRATE)
            upgrade(on)
            reconcile(on, kinds.values())
            allow_late_rows(on)


def upgrade(on: Connection) -> None:
    """Bring the fixed tables to the newest version, on this connection and in its transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = on
    command.upgrade(config, "head")


def reconcile(on: Connection, kinds: Iterable[SensorKind]) -> None:
    """Make the tables, columns and points that these kinds have and the database has not. Raises SchemaError."""
    kinds = tuple(kinds)
    columns = _columns(on)
    problems = [*_changed_points(on, kinds), *_foreign_types(columns, kinds)]
    if problems:
        raise SchemaError("the kinds contradict the database: " + "; ".join(problems))
    for kind in kinds:
        for table in (readings_table(kind), *(rollup_table(kind, width) for width in widths(kind))):
            _reconcile(on, kind, table, columns.get(table.name))
        _state_points(on, kind)


_ALL_COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
  and (c.relname like 'readings\\_%' or c.relname like 'rollup\\_%')
  and not c.relispartition and a.attnum > 0 and not a.attisdropped
"""


def _columns(on: Connection) -> dict[str, dict[str, str]]:
    """Return the types of the columns of every table of readings or rollups that stands."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind_of_value in on.exec_driver_sql(_ALL_COLUMNS.replace("%", "%%")):
        found.setdefault(table, {})[column] = kind_of_value
    return found


def _changed_points(on: Connection, kinds: Iterable[SensorKind]) -> list[str]:
    stored = {(row.kind, row.name): (row.bit, row.unit) for row in on.execute(point.select())}
    holders = {(kind, bit): name for (kind, name), (bit, _) in stored.items()}
    problems = []
    for kind in kinds:
        for bit, p in enumerate(kind.points):
            was = stored.get((kind.name, p.name))
            holder = holders.get((kind.name, bit), p.name)
            if was is not None and was[0] != bit:
                problems.append(f"{kind.name}.{p.name} has bit {was[0]}, not {bit}: add points at the end only")
            elif was is not None and was[1] != p.unit:
                problems.append(f"{kind.name}.{p.name} is stored in {was[1]!r}, not {p.unit!r}: add a new point for it")
            elif was is None and holder != p.name:
                problems.append(f"{kind.name}: bit {bit} belongs to {holder} for ever, {p.name} cannot have it")
    return problems


def _foreign_types(columns: Mapping[str, Mapping[str, str]], kinds: Iterable[SensorKind]) -> list[str]:
    return [
        f"{readings_name(kind)}.{name} is {columns[readings_name(kind)][name]}, not double precision"
        for kind in kinds
        for name in kind.names
        if columns.get(readings_name(kind), {}).get(name, "double precision") != "double precision"
    ]


def _reconcile(on: Connection, kind: SensorKind, table: Table, standing: Mapping[str, str] | None) -> None:
    if standing is None:
        _make(on, kind, table)
        return
    missing = [column for column in table.columns if column.name not in standing]
    if missing:
        additions = ", ".join(f"add column {CreateColumn(column).compile(dialect=on.dialect)}" for column in missing)
        on.execute(text(f"alter table {table.name} {additions}"))


def _make(on: Connection, kind: SensorKind, table: Table) -> None:
    """Make a table: readings divided by weeks everywhere, fine rollups where the server has chunks."""
    chunks = probe(on).chunks
    readings = table.name == readings_name(kind)
    if readings and not chunks:
        table.dialect_options["postgresql"]["partition_by"] = "RANGE (ts)"
    table.create(on)
    if chunks:
        for divided in (raw(kind), *tiers(kind).values()):
            if divided.name == table.name:
                make_hypertable(on, divided)
    if readings:
        on.execute(text(f"create index ix_{table.name}_ts on {table.name} using brin (ts)"))


def _state_points(on: Connection, kind: SensorKind) -> None:
    rows = [
        {"kind": kind.name, "name": p.name, "bit": bit, "unit": p.unit, "title_zh": p.title.zh, "title_en": p.title.en}
        for bit, p in enumerate(kind.points)
    ]
    statement = insert(point).values(rows)
    titles = {name: statement.excluded[name] for name in ("title_zh", "title_en")}
    on.execute(statement.on_conflict_do_update(index_elements=["kind", "name"], set_=titles))
