"""Where drills are begun: what is refused and why, and what becomes of one that nobody ends."""

import numpy as np
import pytest
from ingesting import KINDS, seed
from sqlalchemy import select, update

from application.drills import EXERCISES, Drills
from application.drills.desk import (
    LASTS_US,
    DrillRefusedError,
    NotRunningError,
    NotSimulatedError,
    UnderWayError,
    UnknownDrillError,
)
from application.drills.hurry import under_drill
from application.instants import MINUTE, SECOND, moment
from application.tending import Tools, passes
from perception.readings import Readings
from support import tables
from support.orders import given
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.rosters import load
from support.postgres.writer import PostgresStore

KIND = KINDS["heat_substation"]
NOW = 1_795_000_000 * SECOND
PRETEND, OTHER, REAL = "xc-laocheng-01", "xc-laocheng-02", "probe-02"


@pytest.fixture
def engine(database):
    seed(database)
    engine = make_engine(database, "test")
    yield engine
    engine.dispose()


@pytest.fixture
def desk(engine):
    return Drills(engine, PostgresReader(), KINDS)


@pytest.fixture
def say(engine, database):
    """Store a reading of these devices."""

    def speak(at, *names, **values):
        with engine.connect() as on:
            roster = load(on, KINDS)
        ids = np.array([roster.members[name].device_id for name in names], np.int32)
        rows = np.full((len(ids), len(KIND.points)), np.nan)
        for name, value in values.items():
            rows[:, KIND.bits[name]] = value
        times, nothing = np.full(len(ids), at), np.zeros(len(ids), np.int64)
        store = PostgresStore(database, KINDS)
        assert store.claim()
        with store.transaction() as tx:
            tx.write(Readings(KIND, ids, times, times, rows, nothing, nothing), roster)
        store.close()

    return speak


def test_what_cannot_be_drilled_is_refused_with_a_reason_and_nothing_is_written(engine, desk, say):
    say(NOW, PRETEND, pump_circ_1_fault=0.0)
    station = stands_at(engine, REAL)
    for error, name, where, words in (
        (UnknownDrillError, "quake", None, "leak, pump, power-cut, cold-night"),
        (UnknownDrillError, "pump", "xc-nowhere-01", "hearthline devices list"),
        (NotSimulatedError, "pump", station, "real"),
        (NotRunningError, "pump", OTHER, "hearthline run"),
    ):
        with pytest.raises(error, match=words):
            desk.begin(name, where, "cli:test", NOW + SECOND)
    with pytest.raises(NotRunningError, match="hearthline run"):
        desk.begin("pump", None, "cli:test", NOW + 2 * MINUTE)
    with engine.connect() as on:
        assert not on.execute(select(tables.drill)).all()
        assert not given(on)


def stands_at(engine, device):
    with engine.connect() as on:
        return on.scalar(select(tables.device.c.station).where(tables.device.c.name == device))


def test_a_drill_is_an_order_that_ends_by_itself_and_a_row_that_does(engine, desk, say):
    say(NOW, PRETEND, pump_circ_1_fault=0.0)
    drill = desk.begin("pump", None, "cli:test", NOW + SECOND)
    assert (drill.station, drill.until) == (PRETEND, NOW + SECOND + LASTS_US)
    with engine.connect() as on:
        [order] = given(on)
        assert (order.device, order.do, order.args, order.actor) == (
            PRETEND,
            "fault",
            {"kind": "pump_trip"},
            "cli:test",
        )
        assert order.until is not None
    assert desk.look(drill, NOW + 2 * SECOND) == []
    [(hurry, families)] = under_drill(engine, lambda: NOW)()
    assert families == EXERCISES["pump"].families
    assert (hurry.device, hurry.start, hurry.stop) == (PRETEND, drill.begins, drill.until)
    say(NOW + 9 * SECOND, PRETEND, pump_circ_1_fault=1.0)
    [sensor] = desk.look(drill, NOW + 10 * SECOND)
    assert (sensor.step, sensor.at, sensor.says) == ("sensor", NOW + 9 * SECOND, "pump_circ_1_fault 1 (before: 0)")
    desk.end(drill, NOW + 30 * SECOND)
    [(hurry, _)] = under_drill(engine, lambda: NOW)()
    assert hurry.stop == NOW + 30 * SECOND


def test_one_drill_at_a_time_at_a_station_also_when_nobody_ended_the_last(engine, desk, say):
    say(NOW, PRETEND, OTHER, t_sec_supply=50.0)
    drill = desk.begin("cold-night", PRETEND, "cli:test", NOW)
    with pytest.raises(UnderWayError, match=PRETEND):
        desk.begin("pump", PRETEND, "cli:test", NOW + SECOND)
    assert desk.begin("pump", None, "cli:test", NOW + SECOND).station == OTHER
    with pytest.raises(UnderWayError, match="--station"):
        desk.begin("pump", None, "cli:test", NOW + SECOND)
    later = drill.until + SECOND
    say(later, PRETEND, t_sec_supply=50.0)
    desk.begin("pump", PRETEND, "cli:test", later)  # the first was never ended, and is over all the same
    with engine.connect() as on:
        row = on.execute(select(tables.drill).where(tables.drill.c.drill_id == drill.drill_id)).one()
    assert row.ended_at == moment(drill.until)


def test_tend_ends_a_drill_that_nobody_ended(engine, desk, say):
    say(NOW, PRETEND, t_sec_supply=50.0)
    drill = desk.begin("pump", PRETEND, "cli:test", NOW)
    tools = Tools(engine, {}, PostgresReader(), KINDS)
    [tended] = [each for each in passes(tools) if each.name == "drills"]
    assert list(tended.run(drill.until - 1)) == [0]
    assert list(tended.run(drill.until + MINUTE)) == [1]
    with engine.connect() as on:
        assert on.scalar(select(tables.drill.c.ended_at)) == moment(drill.until)


def test_a_device_that_does_not_do_it_is_said(engine, desk, say):
    say(NOW, PRETEND, pump_circ_1_fault=0.0)
    drill = desk.begin("pump", PRETEND, "cli:test", NOW)
    with engine.begin() as on:
        on.execute(update(tables.outbox).values(expires_at=moment(NOW)))
    with pytest.raises(DrillRefusedError, match="hearthline status"):
        desk.look(drill, NOW + SECOND)
