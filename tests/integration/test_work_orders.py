"""Work orders on a real database: opened once, kept by two writers at once, verified by the data alone."""

from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update

from application.disposition import Act
from application.incident_store import group
from application.instants import MINUTE, moment
from application.rules import load_rules
from application.settings import WatchSettings
from application.work import store
from application.work.desk import desk_of
from application.work.order import TEND, Entry, Step, WorkStateError, replay
from application.work.responsibility_file import read_responsibilities
from application.work.responsibility_store import save
from application.work.upkeep import tended
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from tests.integration.conftest import catalogue

NOW = 1_795_000_000_000_000
RULES = load_rules()
DESK = desk_of(RULES, WatchSettings())
LIST = Path(__file__).resolve().parents[2] / "configs" / "responsibilities.toml"
DAY = date(2026, 11, 18)
ORDER, ALARM = tables.work_order, tables.alarm


def shipped():
    return read_responsibilities(LIST, {n: r.family for n, r in RULES.items()}, [], DAY)


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test", connections=10)
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
        save(on, shipped(), "test", DAY)
    yield engine
    engine.dispose()


class World:
    """A town whose alarms come and go, and tend, which looks after it."""

    def __init__(self, engine):
        self.engine = engine

    def raise_(self, rule="pump_failed", station="st-warm", minute=0.0, element=""):
        at, alarm_id = moment(NOW + int(minute * MINUTE)), uuid4()
        key = {"subject": f"station:{station}", "rule": rule, "element": element, "opened_at": at}
        row = {**key, "priority": RULES[rule].priority, "station": station, "device": "x", "recorded_at": at}
        with self.engine.begin() as on:
            on.execute(insert(ALARM).values(alarm_id=alarm_id, **row))
        return alarm_id

    def clear(self, *alarms, minute):
        with self.engine.begin() as on:
            chosen = update(ALARM).where(ALARM.c.alarm_id.in_(alarms))
            on.execute(chosen.values(cleared_at=moment(NOW + int(minute * MINUTE))))

    def tend(self, minute):
        now = NOW + int(minute * MINUTE)
        with self.engine.begin() as on:
            group(on, RULES, now)
        return sum(tended(self.engine, DESK, now))

    def orders(self):
        with self.engine.connect() as on:
            return on.execute(select(ORDER).order_by(ORDER.c.number)).all()

    def take(self, what, minute, actor="cli:ann", comment=None, number=None, **detail):
        order = self.orders()[-1] if number is None else self.orders()[number]
        with self.engine.begin() as on:
            return store.step(on, order.work_order_id, Entry(what, NOW + int(minute * MINUTE), actor, comment, detail))

    def journal(self, number=-1):
        with self.engine.connect() as on:
            return store.journal(on, self.orders()[number].work_order_id)

    def agrees(self):
        """Every order is what its journal says."""
        with self.engine.connect() as on:
            for row in on.execute(select(ORDER)):
                assert replay(store.journal(on, row.work_order_id)) == store.read(row)


@pytest.fixture
def world(engine):
    world = World(engine)
    yield world
    world.agrees()


def done(world, minute):
    world.take(Step.ASSIGNED, minute, to="East team")
    world.take(Step.STARTED, minute + 1, "crew:east")
    world.take(Step.ARRIVED, minute + 2, "crew:east")
    return world.take(Step.DONE, minute + 3, "crew:east", "pump exchanged", minutes=40, parts=["coupling"])


def test_from_the_alarm_to_the_verified_repair(world):
    alarm = world.raise_()
    assert world.tend(0.5) == 0  # not settled
    assert world.tend(1.5) == 1
    assert world.tend(1.6) == 0  # safe to repeat
    [order] = world.orders()
    assert (order.state, order.rule, order.priority, order.body) == ("new", "pump_failed", 1, "area-team")
    assert order.advice_en == RULES["pump_failed"].advice.en
    assert (order.respond_by - order.opened_at).total_seconds() == 3600
    assert (order.due_at - order.opened_at).total_seconds() == 48 * 3600
    done(world, 10)
    assert world.tend(15) == 0
    with world.engine.begin() as on, pytest.raises(WorkStateError, match="pump_failed at st-warm still stands"):
        store.verify(on, DESK, order.work_order_id, Act("cli:ann", NOW + 15 * MINUTE))
    world.clear(alarm, minute=16)
    assert world.tend(16.1) == 0  # has to stay so
    with world.engine.begin() as on, pytest.raises(WorkStateError, match="stay so"):
        store.verify(on, DESK, order.work_order_id, Act("cli:ann", NOW + int(16.2 * MINUTE)))
    assert world.tend(30) == 1
    [order] = world.orders()
    assert (order.state, order.minutes, order.parts) == ("verified", 40, ["coupling"])
    entries = [(e.what, e.actor) for e in world.journal()]
    assert entries[0] == (Step.OPENED, TEND)
    assert entries[-1] == (Step.VERIFIED, TEND)
    with world.engine.connect() as on:
        audited = on.scalars(select(tables.audit.c.action).where(tables.audit.c.subject.like("work_order:%"))).all()
        assert audited == [f"work order {what.value}" for what, _ in entries]
    assert world.tend(31) == 0
