"""The catalogue in the database: seeding repeats safely, devices live their life, and the audit knows who did it."""

from pathlib import Path

import pytest
from sqlalchemy import select

from perception.catalogue import Catalogue, City, Device, DeviceStatus
from perception.kinds import load_kinds
from perception.point import Title
from perception.seed_files import load_catalogue as read_seed
from support import tables
from support.catalogue_store import (
    CatalogueError,
    add_device,
    list_devices,
    load_catalogue,
    save_catalogue,
    set_status,
)
from support.postgres.connect import make_engine
from support.postgres.writer import PostgresStore

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
SEED = read_seed(CITIES)
SENSOR = next(d for d in SEED.devices if d.room is not None)


@pytest.fixture
def conn(database):
    engine = make_engine(database, "test")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


@pytest.fixture
def seeded(conn):
    save_catalogue(conn, SEED, "seeder")
    return conn


def by_name(catalogue):
    return {field: {row.name: row for row in getattr(catalogue, field)} for field in Catalogue.model_fields}


def audit(conn):
    columns = tables.audit.c
    return [
        tuple(r)
        for r in conn.execute(select(columns.actor, columns.action, columns.subject).order_by(columns.audit_id))
    ]


def test_what_was_saved_is_loaded(seeded):
    assert by_name(load_catalogue(seeded)) == by_name(SEED)
    assert audit(seeded) == [("seeder", "seed", "catalogue")]


def test_seeding_again_changes_nothing_and_leaves_no_trace(seeded):
    before = list_devices(seeded)
    assert save_catalogue(seeded, SEED, "seeder") == 0
    assert list_devices(seeded) == before
    assert len(audit(seeded)) == 1


def test_a_changed_fact_is_brought_up_to_date(seeded):
    city = SEED.cities[0]
    changed = City(**{**city.model_dump(), "title": Title(zh="新名", en="New name")})
    assert save_catalogue(seeded, SEED.model_copy(update={"cities": (changed, *SEED.cities[1:])}), "seeder") == 1
    assert by_name(load_catalogue(seeded))["cities"][city.name].title.en == "New name"


def test_devices_are_simulated_where_their_city_is(seeded):
    simulated = {c.name for c in SEED.cities if c.simulated}
    districts = {d.name: d.city for d in SEED.districts}
    cities = {s.name: districts[s.district] for s in SEED.stations}
    assert {d.simulated == (cities[d.station] in simulated) for d in list_devices(seeded)} == {True}
    assert {d.simulated for d in list_devices(seeded)} == {True, False}


def test_a_retired_device_does_not_come_back_by_seeding_and_a_pending_one_is_approved(seeded):
    retired, pending = SEED.devices[0].name, SEED.devices[1].name
    set_status(seeded, retired, DeviceStatus.RETIRED, "operator")
    set_status(seeded, pending, DeviceStatus.PENDING, "operator")
    save_catalogue(seeded, SEED, "seeder")
    assert [d.name for d in list_devices(seeded, DeviceStatus.RETIRED)] == [retired]
    assert list_devices(seeded, DeviceStatus.PENDING) == []


def test_the_life_of_a_device_is_audited(seeded):
    device = Device(name="probe-77", kind="weather_station", station="nis-l4", interval_s=30)
    device_id = add_device(seeded, device, "operator")
    set_status(seeded, "probe-77", DeviceStatus.RETIRED, "operator")
    [record] = list_devices(seeded, DeviceStatus.RETIRED)
    assert (record.device_id, record.name, record.interval_s, record.simulated) == (device_id, "probe-77", 30, False)
    assert audit(seeded)[1:] == [
        ("operator", "device added", "device:probe-77"),
        ("operator", "device retired", "device:probe-77"),
    ]


def test_a_device_that_moves_to_another_station_leaves_its_room(seeded):
    add_device(seeded, SENSOR.model_copy(update={"name": "second-sensor"}), "operator")
    set_status(seeded, SENSOR.name, DeviceStatus.ACTIVE, "operator", station=SENSOR.station)
    devices = by_name(load_catalogue(seeded))["devices"]
    assert devices[SENSOR.name].room == devices["second-sensor"].room == SENSOR.room
    set_status(seeded, SENSOR.name, DeviceStatus.ACTIVE, "operator", station="nis-l4")
    assert by_name(load_catalogue(seeded))["devices"][SENSOR.name].room is None


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda c: add_device(c, SEED.devices[0], "x"), "already there"),
        (lambda c: add_device(c, SEED.devices[0].model_copy(update={"station": "nowhere"}), "x"), "no station"),
        (
            lambda c: add_device(c, SENSOR.model_copy(update={"name": "new-1", "station": "nis-l4"}), "x"),
            "is heated by",
        ),
        (lambda c: add_device(c, SENSOR.model_copy(update={"name": "new-1", "room": "attic"}), "x"), "no room"),
        (lambda c: set_status(c, "nobody", DeviceStatus.ACTIVE, "x"), "no device"),
        (lambda c: set_status(c, SEED.devices[0].name, DeviceStatus.ACTIVE, "x", station="nowhere"), "no station"),
    ],
)
def test_contradictions_are_refused_in_words(seeded, act, says):
    with pytest.raises(CatalogueError, match=says):
        act(seeded)


def test_a_device_without_a_station_is_not_approved_without_one(seeded):
    seeded.execute(tables.device.insert().values(name="newcomer", kind="weather_station", status="pending"))
    with pytest.raises(CatalogueError, match="no station yet"):
        set_status(seeded, "newcomer", DeviceStatus.ACTIVE, "operator")
    set_status(seeded, "newcomer", DeviceStatus.ACTIVE, "operator", station="nis-l4")
    assert "newcomer" in {d.name for d in load_catalogue(seeded).devices}


def test_the_roster_follows_the_catalogue(conn, database):
    store = PostgresStore(database, load_kinds())
    empty = store.roster(-1)
    assert not empty.members
    save_catalogue(conn, SEED, "seeder")
    conn.commit()
    roster = store.roster(empty.version)
    assert roster.members.keys() == {d.name for d in SEED.devices}
    assert store.roster(roster.version) is None
    store.close()
