"""Adopting kinds: tables, one simulated device, and everything that would lose what is stored is refused."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from perception.catalogue import Device, DeviceStatus
from perception.kinds import load_kinds
from perception.point import Point, Title
from perception.seed_files import load_catalogue
from perception.sensor_kind import SensorKind
from support.catalogue_store import add_device, list_devices, save_catalogue, set_status
from support.commands.adopting import AdoptionError, adopted
from support.commands.catalogue import cast
from support.postgres.connect import make_engine
from support.store import SchemaError

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
NAMED = Title(zh="测", en="Measured")


def kind(*names, name="quay_probe", unit="m"):
    points = tuple(Point(name=n, title=NAMED, unit=unit, low=0, high=9) for n in names)
    return SensorKind(name=name, title=NAMED, interval_s=60, points=points, key_points=names[:1])


@pytest.fixture
def city(database):
    """An engine on a database with the shipped cities."""
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, load_catalogue(CITIES), "test")
    yield engine
    engine.dispose()


def adopt(engine, database, *extra, **how):
    return adopted(engine, database, dict(load_kinds()) | {k.name: k for k in extra}, "test", **how)


def devices(engine, name="quay_probe"):
    with engine.connect() as on:
        return [d for d in list_devices(on) if d.kind == name]


def test_a_new_kind_gets_tables_and_a_simulated_device_and_a_known_one_nothing(city, database):
    assert adopt(city, database) == []
    told = adopt(city, database, kind("depth", "speed"))
    assert told == [
        "kind quay_probe is new: its tables are made",
        "device xc-beian-01-quay-probe of kind quay_probe is simulated at xc-beian-01",
    ]
    (made,) = devices(city)
    assert (made.station, made.simulated, made.status) == ("xc-beian-01", True, DeviceStatus.ACTIVE)
    assert {"depth", "speed"} <= {c["name"] for c in inspect(city).get_columns("readings_quay_probe")}
    assert adopt(city, database, kind("depth", "speed")) == []


def test_a_taken_name_is_given_a_number_and_a_long_one_is_cut(city, database):
    long = kind("depth", name="q" * 40)
    with city.begin() as on:
        add_device(on, Device(name="xc-beian-01-quay-probe", kind="weather_station", station="xc-beian-02"), "test")
    adopt(city, database, kind("depth"), long)
    assert [d.name for d in devices(city)] == ["xc-beian-01-quay-probe-2"]
    assert [len(d.name) for d in devices(city, long.name)] == [52]


def test_new_points_are_columns_and_what_would_lose_any_is_refused(city, database):
    adopt(city, database, kind("depth", "speed"))
    assert adopt(city, database, kind("depth", "speed", "salt")) == ["kind quay_probe has new points: salt"]
    with pytest.raises(AdoptionError, match="quay_probe has lost speed: points are for ever"):
        adopt(city, database, kind("depth", "salt"))
    with pytest.raises(SchemaError, match=r"quay_probe\.depth has bit 0, not 1"):
        adopt(city, database, kind("speed", "depth", "salt"))
    with pytest.raises(SchemaError, match=r"quay_probe\.depth is stored in 'm', not 'mm'"):
        adopt(city, database, kind("depth", "speed", "salt", unit="mm"))


def test_a_kind_may_go_when_its_devices_have_gone(city, database):
    adopt(city, database, kind("depth"))
    with pytest.raises(AdoptionError, match="quay_probe is gone, and its devices xc-beian-01-quay-probe are not"):
        adopt(city, database)
    new = kind("height", name="mast_probe")
    assert adopt(city, database, new, only_new=True)[0] == "kind mast_probe is new: its tables are made"
    with city.begin() as on:
        set_status(on, "xc-beian-01-quay-probe", DeviceStatus.RETIRED, "test")
    assert adopt(city, database, new) == []
    assert adopt(city, database, new, kind("depth")) == []
    assert [d.status for d in devices(city)] == [DeviceStatus.RETIRED]


def test_who_was_only_just_added_and_said_nothing_is_a_newcomer(city, database):
    with city.begin() as on:
        on.execute(text("insert into ledger_hour (hour, device) values (date_trunc('hour', now()), 'xc-beian-01')"))
        on.execute(text("update device set created_at = now() - interval '2 hours'"))
    adopt(city, database, kind("depth"))
    assert cast(city, None).newcomers == ("xc-beian-01-quay-probe",)
    with city.begin() as on:
        spoke = "insert into ledger_hour (hour, device) values (date_trunc('hour', now()), 'xc-beian-01-quay-probe')"
        on.execute(text(spoke))
    assert cast(city, None).newcomers == ()
