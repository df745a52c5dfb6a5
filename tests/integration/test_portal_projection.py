"""The portal's role reads the published views and nothing else; what is published is what was reviewed."""

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from application.answer import Category
from perception.kinds import load_kinds
from support.disclosure import disclosure
from support.postgres.projection import ROLE, Access, apply_projection, choose_access, portal_engine
from support.postgres.schema import migrate
from support.store import StoreDownError

PASSWORD = "only-for-tests"
PUBLISHED = set(disclosure().columns())


@pytest.fixture
def citizen(empty_town):
    """A connection with the rights of the portal."""
    with psycopg.connect(empty_town.url, user=ROLE, password=PASSWORD, autocommit=True) as conn:
        yield conn


def test_the_role_reads_the_published_views_and_no_other_relation(empty_town, citizen):
    everything = empty_town.owner.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^(pg_|information_schema)'"
    ).fetchall()
    readable = set()
    for schema, name in everything:
        try:
            citizen.execute(sql.SQL("select * from {} limit 1").format(sql.Identifier(schema, name)))
        except psycopg.errors.InsufficientPrivilege:
            continue
        readable.add((schema, name))
    assert len(everything) > len(PUBLISHED) + 20
    assert readable == {("portal", name) for name in PUBLISHED}


FORBIDDEN = (
    "insert into portal.city (name, title_zh, title_en, timezone) values ('x', 'x', 'x', 'UTC')",
    "update portal.city set title_en = 'x'",
    "delete from portal.notice",
    "create table portal.mine (a int)",
    "create table public.mine (a int)",
    "create view portal.mine as select 1",
    "select pg_read_file('/etc/passwd')",
    "copy (select 1) to program 'true'",
    "set role hearthline",
    "alter role hearthline_portal createrole",
)


def test_the_role_changes_nothing_even_when_it_lifts_its_own_read_only_mode(citizen):
    citizen.execute("set default_transaction_read_only = off")
    for statement in FORBIDDEN:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
            citizen.execute(statement)


def test_the_role_has_no_attribute_and_belongs_to_nobody(empty_town):
    row = empty_town.owner.execute(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
        " (select count(*) from pg_auth_members where member = r.oid) from pg_roles r where rolname = %s",
        [ROLE],
    ).fetchone()
    assert row == (False, False, False, False, False, 0)


def test_what_happens_in_a_room_is_not_published(empty_town):
    town, owner = empty_town, empty_town.owner
    owner.execute("insert into room values ('attic-1', 'house-warm', 'top', 5)")
    owner.execute(
        "insert into device (name, kind, station, room) values ('attic-1', 'room_climate', 'st-warm', 'attic-1')"
    )
    for rule in ("sensor_out_of_range", "device_silent"):
        town.alarm("st-warm", rule)
        owner.execute("update alarm set device = 'attic-1' where rule = %s", [rule])
        town.alarm("st-cool", rule)
    noticed = owner.execute("select distinct community from portal.notice").fetchall()
    assert noticed == [("home-cool",)]


def test_a_costly_question_is_cut_off(citizen):
    assert citizen.execute("show statement_timeout").fetchone() == ("5s",)


def test_the_projection_can_be_applied_again_beside_a_reader(empty_town):
    views = empty_town.views()
    assert views.community("home-warm") is not None
    assert apply_projection(empty_town.owner, PASSWORD).access is Access.LOGIN
    assert views.community("home-warm") is not None


def test_a_rule_that_nobody_reviewed_is_not_published(town):
    town.alarm("st-warm", "some_new_rule")
    assert town.views().community("home-warm").notices == []
    town.alarm("st-warm", "return_pressure_low")
    assert [n.category for n in town.views().community("home-warm").notices] == [Category.PRESSURE]


def test_cleared_and_suppressed_alarms_are_no_notices(town):
    town.owner.execute("update alarm set cleared_at = now() where station = 'st-leaky'")
    town.owner.execute("update alarm set suppressed_by = 'incident' where station = 'st-cool'")
    assert town.views().community("home-leaky").notices == []
    assert town.views().community("home-cool").notices == []


def test_a_notice_says_whether_a_person_has_confirmed_it(town):
    assert town.views().community("home-cool").notices[0].confirmed
    assert not town.views().community("home-leaky").notices[0].confirmed


def test_a_value_with_its_quality_bit_set_is_not_published(empty_town):
    town = empty_town
    town.read("dev-warm", town.now - timedelta(minutes=3), supply=46.0)
    town.read("dev-warm", town.now - timedelta(minutes=1), supply=140.0, bad=["t_sec_supply"])
    water = town.views().community("home-warm").water
    assert water.supply_c == 46.0
    assert water.read_at == round((town.now - timedelta(minutes=3)).timestamp() * 1000)
    assert 140.0 not in town.views().history("home-warm", 1).high


def test_a_target_that_comes_on_change_is_carried_forward_for_its_hold_alone(empty_town):
    town = empty_town
    town.read("dev-warm", town.now - timedelta(minutes=40), target=48.0)
    town.read("dev-cool", town.now - timedelta(minutes=50), target=48.0)
    for device in ("dev-warm", "dev-cool"):
        town.read(device, town.now - timedelta(seconds=5), supply=47.26, target=None)
    assert town.views().community("home-warm").water.target_c == 48.0
    assert town.views().community("home-cool").water.target_c is None
    assert town.views().community("home-cool").water.supply_c == 47.3


def test_of_several_devices_the_active_one_with_the_newest_reading_speaks(empty_town):
    town = empty_town
    town.owner.execute("update device set station = 'st-warm' where name in ('dev-cool', 'dev-leaky')")
    town.owner.execute("update device set status = 'retired' where name = 'dev-leaky'")
    for device, age, supply in (("dev-warm", 120, 50.0), ("dev-cool", 30, 51.0), ("dev-leaky", 10, 52.0)):
        town.read(device, town.now - timedelta(seconds=age), supply=supply)
    assert town.views().community("home-warm").water.supply_c == 51.0


def test_history_comes_from_rollups_and_goes_on_with_the_newest_readings(town):
    device = town.ids["dev-warm"]
    town.owner.execute(
        "insert into rollup_heat_substation_10m (device_id, bucket, n, t_sec_supply_n, t_sec_supply_min,"
        " t_sec_supply_mean, t_sec_supply_max)"
        " select %s, date_bin('10 minutes', %s, '2000-01-03 00:00+00'), 1, 1, 1, 2, 3",
        [device, town.now - timedelta(hours=2)],
    )
    history = town.views().history("home-warm", 24)
    assert len(history.at) == 144
    edge = round((town.now - timedelta(hours=2)).timestamp() * 1000) // 600_000 * 600_000 - 20 * 60_000
    newest = round(
        (town.now - timedelta(seconds=20)).timestamp() * 1000
    )  # of the readings: a step may have begun since
    for at, supply in zip(history.at, history.supply, strict=True):
        assert supply == (47.0 if edge <= at <= newest else None)


def test_availability_counts_intervals_that_had_a_good_temperature(town):
    counted = {row.city.name: row for row in town.views().availability()}["testopolis"]
    assert (counted.communities, counted.with_data, counted.intervals) == (8, 0, 8 * 144)
    town.owner.execute(
        "insert into rollup_heat_substation_10m (device_id, bucket, n, t_sec_supply_n)"
        " select %s, date_bin('10 minutes', now() - i * interval '10 minutes', '2000-01-03 00:00+00'), 9, i %% 2"
        " from generate_series(0, 200) i",
        [town.ids["dev-warm"]],
    )
    counted = {row.city.name: row for row in town.views().availability()}["testopolis"]
    assert counted.with_data == 72


@pytest.fixture
def humble(server):
    """The address of a migrated database whose owner may neither create roles nor hand them out."""
    url = server.create_database("portal_humble")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create role humble login password 'humble'")
        conn.execute("grant humble to hearthline")
        conn.execute("alter database portal_humble owner to humble")
    address = url.replace(url.split("//")[1].split("@")[0], "humble:humble")
    migrate(address, load_kinds())
    yield address
    server.drop_database("portal_humble")
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute("drop role humble")


def test_a_server_that_gives_no_roles_is_told_clearly_and_the_views_still_serve(empty_town, humble):
    with psycopg.connect(humble) as conn:
        told = apply_projection(conn, "refused")
    assert told.access is Access.OWNER
    assert "GRANT hearthline_portal TO humble" in told.remark
    assert choose_access(humble, "refused") is Access.OWNER
    engine = portal_engine(humble, Access.OWNER, None)
    with engine.connect() as conn:
        assert conn.exec_driver_sql("select count(*) from portal.community").scalar() == 0
    engine.dispose()


def test_a_device_that_reads_slowly_is_measured_by_its_own_cadence(empty_town):
    town = empty_town
    town.owner.execute("update device set interval_s = 900 where name = 'dev-warm'")
    town.owner.execute(
        "insert into rollup_heat_substation_10m (device_id, bucket, n, t_sec_supply_n)"
        " select distinct %s, date_bin('10 minutes', t, '2000-01-03 00:00+00'), 1, 1 from generate_series("
        "date_trunc('hour', now()) - interval '26 hours', now(), interval '15 minutes') t",
        [town.ids["dev-warm"]],
    )
    row = town.owner.execute(
        "select with_data, intervals from portal.availability where community = 'home-warm'"
    ).fetchone()
    assert row == (72, 72)


def test_without_a_password_the_owner_changes_into_the_role(empty_town):
    assert choose_access(empty_town.url, None) is Access.SET_ROLE
    engine = portal_engine(empty_town.url, Access.SET_ROLE, None)
    try:
        with engine.connect() as conn:
            assert conn.exec_driver_sql("select current_user, current_setting('statement_timeout')").one() == (
                ROLE,
                "5s",
            )
            assert conn.exec_driver_sql("select count(*) from portal.community").scalar() == 8
            with pytest.raises(Exception, match="permission denied"):
                conn.exec_driver_sql("select * from public.device")
    finally:
        engine.dispose()


def test_another_database_of_the_server_does_not_change_the_password(empty_town, server, migrated):
    other = server.create_database("portal_other", migrated)
    try:
        with psycopg.connect(other, autocommit=True) as conn:
            assert apply_projection(conn, "another-password").access is Access.SET_ROLE
        assert choose_access(empty_town.url, PASSWORD) is Access.LOGIN
    finally:
        server.drop_database("portal_other")


def test_a_database_that_is_away_is_named(empty_town):
    with pytest.raises(StoreDownError, match="database"):
        choose_access(empty_town.url.replace("port=5432", "port=5999"), PASSWORD)
