"""The schema: made, found again, extended by kinds, and refused where it would lose something."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from perception.kinds import load_kinds
from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from support.columns import Width, readings_name, readings_table, rollup_name, rollup_table
from support.postgres.connect import make_engine
from support.postgres.partitions import (
    WEEK_US,
    Server,
    divisions,
    ensure_weeks,
    existing_weeks,
    probe,
    raw,
    weeks_of,
)
from support.postgres.retention import drop_drained
from support.postgres.schema import migrate
from support.store import SchemaError, StoreDownError
from support.tables import metadata

TITLE = Title(zh="点", en="Point")


def kind_of(*points, name="demo_meter", unit="Cel"):
    return SensorKind(
        name=name,
        title=TITLE,
        interval_s=10,
        points=tuple(Point(name=p, title=TITLE, unit=unit, low=0, high=100) for p in points),
    )


@pytest.fixture
def on(database):
    engine = make_engine(database, "test")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def empty(server):
    yield server.create_database("empty_for_schema")
    server.drop_database("empty_for_schema")


def test_migrations_make_what_tables_py_says(on):
    differences = compare_metadata(MigrationContext.configure(on), metadata)
    ours = [d for d in differences if not _of_a_kind(d)]
    assert ours == []


def _of_a_kind(difference):
    """Tables and indexes of readings and rollups, which follow from the kinds."""
    what, thing = difference[0], difference[1] if not isinstance(difference, list) else None
    table = thing.name if what == "remove_table" else getattr(getattr(thing, "table", None), "name", "")
    return what.startswith("remove_") and table.startswith(("readings_", "rollup_"))


def test_two_at_once_and_once_more_change_nothing(empty):
    kinds = load_kinds()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: migrate(empty, kinds), range(2)))
    migrate(empty, kinds)
    engine = make_engine(empty, "test")
    with engine.connect() as on:
        assert on.execute(text("select count(*) from point")).scalar() == sum(len(k.points) for k in kinds.values())
    engine.dispose()


def test_a_database_that_is_away_says_so():
    with pytest.raises(StoreDownError, match=r"database\.url"):
        migrate("postgresql://nobody@127.0.0.1:1/nothing", {})


def test_a_new_point_becomes_columns_and_old_rows_stay(database, on):
    first = kind_of("a", "b")
    migrate(database, {first.name: first})
    on.execute(
        text("create table demo_part partition of readings_demo_meter for values from ('2026-01-05') to ('2026-01-12')")
    )
    on.execute(text("insert into readings_demo_meter values (1, '2026-01-06', now(), 1.5, 2.5, 0)"))
    on.commit()
    grown = kind_of("a", "b", "c")
    migrate(database, {grown.name: grown})
    assert on.execute(text("select a, b, c from readings_demo_meter")).one() == (1.5, 2.5, None)
    assert on.execute(text("select c_n, c_mean from rollup_demo_meter_10m")).all() == []
    assert on.execute(text("select bit from point where kind = 'demo_meter' and name = 'c'")).scalar() == 2


def test_tables_hold_the_columns_that_readers_expect(on):
    kind = load_kinds()["heat_substation"]
    for table in (readings_table(kind), *(rollup_table(kind, width) for width in Width)):
        on.execute(table.select().limit(0))
    assert rollup_name(kind, Width.HOUR) == "rollup_heat_substation_1h"


def test_what_would_change_stored_meaning_is_refused_with_every_reason(database, on):
    migrate(database, {"demo_meter": kind_of("a", "b", "c")})
    changed = SensorKind(
        name="demo_meter",
        title=TITLE,
        interval_s=10,
        points=(
            Point(name="b", title=TITLE, unit="Cel", low=0, high=1),
            Point(name="d", title=TITLE, unit="Cel", low=0, high=1),
            Point(name="c", title=TITLE, unit="K", low=0, high=1),
        ),
    )
    with pytest.raises(SchemaError) as raised:
        migrate(database, {"demo_meter": changed})
    said = str(raised.value)
    assert "demo_meter.b has bit 1, not 0" in said
    assert "bit 1 belongs to b for ever, d cannot have it" in said
    assert "demo_meter.c is stored in 'Cel', not 'K'" in said
    assert on.execute(text("select count(*) from point where kind = 'demo_meter'")).scalar() == 3


def test_a_removed_last_point_keeps_its_bit(database):
    migrate(database, {"demo_meter": kind_of("a", "b")})
    migrate(database, {"demo_meter": kind_of("a")})
    with pytest.raises(SchemaError, match="bit 1 belongs to b"):
        migrate(database, {"demo_meter": kind_of("a", "other")})


def test_a_column_of_another_type_is_refused(database, on):
    migrate(database, {"demo_meter": kind_of("a")})
    on.execute(text("alter table readings_demo_meter add column b integer"))
    on.commit()
    with pytest.raises(SchemaError, match=r"readings_demo_meter\.b is integer, not double precision"):
        migrate(database, {"demo_meter": kind_of("a", "b")})


def test_weeks_begin_on_mondays_and_are_made_once_by_whoever_is_first(database, on):
    kind = load_kinds()["heat_substation"]
    moments = np.array([0, 1, WEEK_US - 1, WEEK_US], np.int64) + 946_857_600_000_000  # 2000-01-03, a Monday
    assert weeks_of(moments) == [946_857_600_000_000, 946_857_600_000_000 + WEEK_US]

    def make(_):
        engine = make_engine(database, "test")
        with engine.begin() as connection:
            ensure_weeks(connection, kind, weeks_of(moments))
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(4)))
    assert existing_weeks(on, kind) == weeks_of(moments)


def test_a_partition_is_made_while_others_read_and_write(database, on):
    kind = load_kinds()["heat_substation"]
    on.execute(text(f"lock table {readings_name(kind)} in row exclusive mode"))
    engine = make_engine(database, "test")
    with engine.begin() as connection:
        connection.execute(text("set local lock_timeout = '2s'"))
        ensure_weeks(connection, kind, weeks_of(np.array([946_857_600_000_000])))
    engine.dispose()
    on.rollback()


def test_a_week_is_dropped_alone(on):
    kind = load_kinds()["heat_substation"]
    assert probe(on) is Server.PLAIN
    first = 946_857_600_000_000
    ensure_weeks(on, kind, [first, first + WEEK_US, first + 2 * WEEK_US])
    oldest = divisions(on, kind, raw(kind))[0]
    assert oldest.name == "readings_heat_substation_w20000103"
    assert drop_drained(on, kind, oldest)
    assert existing_weeks(on, kind) == [first + WEEK_US, first + 2 * WEEK_US]


PLACES = """
insert into city values ('testcity', '城', 'City', 'Asia/Shanghai');
insert into district values ('north', '北', 'North', 'testcity');
insert into heat_source values ('plant', '厂', 'Plant', 'testcity');
insert into branch values ('line', '线', 'Line', 'plant');
insert into station values ('st-1', '站', 'Station', 'north', 'line');
insert into device (name, kind, station) values ('dev-1', 'heat_substation', 'st-1');
"""


@pytest.mark.parametrize(
    ("statement", "rises"),
    [
        ("update device set status = 'retired'", True),
        ("update device set interval_s = 60", True),
        ("update station set static_head_mpa = 0.3", True),
        ("insert into correction (device_id, point, valid_from, actor) values (1, 'x', now(), 'me')", True),
        ("delete from device", True),
        ("update device set online = true, state_at = now(), birth_at = now()", False),
        ("update station set title_en = 'Other'", False),
    ],
)
def test_the_roster_version_rises_with_facts_of_the_roster_alone(on, statement, rises):
    on.exec_driver_sql(PLACES)
    before = on.execute(text("select version from roster_version")).scalar()
    on.exec_driver_sql(statement)
    after = on.execute(text("select version from roster_version")).scalar()
    assert (after > before) is rises
