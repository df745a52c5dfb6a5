"""A broker of one's own, ingest at work on it, a native TimescaleDB, and a small town for the portal.

The town has one community for each answer that a citizen may get.
"""

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from ingesting import ingesting, seed

from application.public import PublicViews
from application.requests.counter import Counter
from network.broker import EmbeddedBroker
from perception.catalogue import Branch, Building, Catalogue, City, Community, Device, District, HeatSource, Station
from perception.kinds import load_kinds
from perception.point import Title
from presentation.portal.app import create_portal
from presentation.settings import PortalSettings
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.partitions import ensure_weeks, weeks_of
from support.postgres.projection import Projection, apply_projection, portal_engine
from tests.integration import timescale as native

KIND = load_kinds()["heat_substation"]
PASSWORD = "only-for-tests"  # one role for all databases of the test server, so one password
COMMUNITIES = ("warm", "cool", "leaky", "stale", "mute", "blind", "aimless", "tricky")


def both(text: str) -> Title:
    return Title(zh=f"{text}区", en=text)


def catalogue() -> Catalogue:
    tricky = Title(zh="<b>老&新</b>小区", en="<script>alert(1)</script> & sons")
    names = {name: tricky if name == "tricky" else both(name.capitalize()) for name in COMMUNITIES}
    return Catalogue(
        cities=(City(name="testopolis", title=both("Testopolis"), timezone="Asia/Kathmandu", simulated=True,
                     season=Title(zh="寒夜", en="A cold night"), attribution="Test data, CC0"),),
        districts=(District(name="test-east", city="testopolis", title=both("East")),),
        sources=(HeatSource(name="test-plant", city="testopolis", title=both("Plant")),),
        branches=(Branch(name="test-line", source="test-plant", title=both("Line")),),
        stations=tuple(
            Station(name=f"st-{n}", district="test-east", branch="test-line", title=t) for n, t in names.items()
        ),
        communities=tuple(Community(name=f"home-{n}", station=f"st-{n}", title=t) for n, t in names.items()),
        buildings=tuple(Building(name=f"house-{n}", community=f"home-{n}", title=t) for n, t in names.items()),
        devices=tuple(
            Device(name=f"dev-{n}", kind=KIND.name, station=f"st-{n}", interval_s=60) for n in COMMUNITIES
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def own_broker():
    """The address of a broker that this module alone uses."""
    with EmbeddedBroker() as running:
        yield running.address


@pytest.fixture
def running(database, own_broker):
    """Ingest at work on a small catalogue (tests/rigs/ingesting.py); it must not fail."""
    seed(database)
    with ingesting(database, own_broker) as running:
        yield running
    assert running.failures == []


@pytest.fixture(scope="session")
def timescale():
    """A native TimescaleDB (Apache licence) of this session: `with timescale.database() as address`."""
    why = native.missing()
    if why is not None:
        pytest.skip(why)
    with native.running() as server:
        yield server


@dataclass
class Town:
    """A database with the town, its projection, and the hands to change what is read there."""

    url: str
    projection: Projection
    now: datetime
    owner: psycopg.Connection
    ids: dict[str, int]
    engines: list = field(default_factory=list)

    def read(self, device: str, at: datetime, supply=47.0, target=47.0, outdoor=-20.0, bad=()):
        """Store one reading of a device."""
        self.make_room(at)
        quality = sum(1 << KIND.bits[point] for point in bad)
        self.owner.execute(
            "insert into readings_heat_substation"
            " (device_id, ts, received_at, t_sec_supply, t_sec_supply_setpoint, t_outdoor, quality)"
            " values (%s, %s, %s, %s, %s, %s, %s)",
            [self.ids[device], at, at, supply, target, outdoor, quality],
        )

    def fill(self, device: str, first: datetime, last: datetime, supply=47.0, target=47.0):
        """Store a reading a minute."""
        self.make_room(first, last)
        self.owner.execute(
            "insert into readings_heat_substation"
            " (device_id, ts, received_at, t_sec_supply, t_sec_supply_setpoint, t_outdoor, quality)"
            " select %s, t, t, %s, %s, -20, 0 from generate_series(%s, %s, interval '1 minute') t",
            [self.ids[device], supply, target, first, last],
        )

    def alarm(self, station: str, rule: str, minutes: float = 30, seen: datetime | None = None):
        self.owner.execute(
            "insert into alarm"
            " (alarm_id, subject, rule, element, opened_at, priority, station, device, acknowledged_at)"
            " values (%s, %s, %s, '', %s, 1, %s, %s, %s)",
            [uuid.uuid4(), f"station:{station}", rule, self.now - timedelta(minutes=minutes), station, "x", seen],
        )

    def make_room(self, *moments: datetime):
        engine = make_engine(self.url, "test")
        with engine.begin() as on:
            ensure_weeks(on, KIND, weeks_of(np.array([int(m.timestamp() * 1e6) for m in moments], dtype=np.int64)))
        engine.dispose()

    def views(self) -> PublicViews:
        engine = portal_engine(self.url, self.projection.access, PASSWORD)
        self.engines.append(engine)
        return PublicViews(engine, lambda: time.time_ns() // 1000)

    def portal(self):
        views = self.views()
        return create_portal(views, PortalSettings(), Counter(self.engines[-1]))


@pytest.fixture
def empty_town(database):
    """The town, its devices silent so far."""
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    engine.dispose()
    with psycopg.connect(database, autocommit=True) as owner:
        projection = apply_projection(owner, PASSWORD)
        ids = dict(owner.execute("select name, device_id from device").fetchall())
        town = Town(database, projection, datetime.now(UTC), owner, ids)
        yield town
        for engine in town.engines:
            engine.dispose()


@pytest.fixture
def town(empty_town):
    """The town with one community for each answer."""
    town, now = empty_town, empty_town.now
    begin, newest = now - timedelta(hours=25), now - timedelta(seconds=20)
    town.fill("dev-warm", begin, now - timedelta(hours=6))
    town.fill("dev-warm", now - timedelta(hours=4), newest)
    town.fill("dev-tricky", now - timedelta(minutes=30), newest)
    town.fill("dev-cool", begin, newest, supply=41.0)
    town.fill("dev-leaky", begin, newest)
    town.fill("dev-stale", begin, now - timedelta(hours=2))
    town.fill("dev-blind", begin, newest, supply=None)
    town.fill("dev-aimless", begin, newest, target=None)
    town.alarm("st-cool", "supply_off_setpoint", seen=now)
    town.alarm("st-leaky", "return_pressure_low")
    town.alarm("st-stale", "device_silent")
    return town
