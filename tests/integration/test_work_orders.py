"""Work orders on a real database: opened once, kept by two writers at once, verified by the data alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update

from application import disposition
from application.disposition import Act
from application.incident_store import group
from application.instants import HOUR, MINUTE, moment
from application.rules import load_rules
from application.settings import WatchSettings
from application.work import store
from application.work.desk import desk_of
from application.work.order import TEND, Entry, Step, UnknownWorkError, WorkError, WorkStateError, replay
from application.work.responsibility_file import read_responsibilities
from application.work.responsibility_store import save
from application.work.upkeep import tended
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from tests.integration.conftest import COMMUNITIES, catalogue

NOW = 1_795_000_000_000_000
RULES = load_rules()
DESK = desk_of(RULES, WatchSettings())
LIST = Path(__file__).resolve().parents[2] / "configs" / "responsibilities.toml"
DAY = date(2026, 11, 18)
ORDER, ALARM = tables.work_order, tables.alarm


def shipped():
    return read_responsibilities(LIST, {n: r.family for n, r in RULES.items()}, [], DAY)


@pytest.fixture(scope="module")
def town(server, migrated):
    """A database with a town and the shipped list, for all tests of this file: a new one each would cost more."""
    engine = make_engine(server.create_database("work_orders", migrated), "test", connections=10)
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
        save(on, shipped(), "test", DAY)
    yield engine
    engine.dispose()
    server.drop_database("work_orders")


@pytest.fixture
def world(town):
    emptied = "alarm, incident, shelving, out_of_service, watch_state, audit"
    with town.begin() as on:
        on.execute(text(f"truncate {emptied} restart identity cascade"))
    world = World(town)
    yield world
    world.agrees()


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


def test_what_stands_after_all_goes_back_and_is_done_again(world):
    alarm = world.raise_()
    world.tend(1.5)
    done(world, 10)
    assert world.tend(43.9) == 0  # 30 minutes and the off-delay of the rule
    assert world.tend(46) == 1
    [order] = world.orders()
    assert (order.state, order.assignee, order.returns) == ("assigned", "East team", 1)
    assert "still stands" in world.journal()[-1].comment
    done(world, 50)
    world.clear(alarm, minute=54)
    assert world.tend(60) == 1
    assert world.orders()[0].state == "verified"


def test_what_comes_back_reopens_its_order_and_opens_no_other(world):
    first = world.raise_()
    world.tend(1.5)
    done(world, 10)
    world.clear(first, minute=14)
    world.tend(14.1)
    second = world.raise_(minute=14.5)  # before it was verified
    world.tend(15)
    [order] = world.orders()
    assert (order.state, order.returns) == ("assigned", 1)
    done(world, 20)
    world.clear(second, minute=24)
    world.tend(40)
    assert world.orders()[0].state == "verified"
    third = world.raise_(minute=300)  # five hours after it was verified
    world.tend(300.1)
    world.tend(310)
    [order] = world.orders()
    assert (order.state, order.returns, order.escalation) == ("assigned", 2, 0)
    assert order.due_at == moment(NOW + int((300.1 + 48 * 60) * MINUTE))
    done(world, 320)
    world.clear(third, minute=324)
    world.tend(340)
    world.raise_(minute=340 + 25 * 60)  # a day later: something new
    world.tend(342 + 25 * 60)
    assert [o.state for o in world.orders()] == ["verified", "new"]


def test_a_condition_that_flutters_stays_with_the_order_under_way(world):
    first = world.raise_()
    world.tend(1.5)
    world.take(Step.ASSIGNED, 2, to="East team")
    world.clear(first, minute=3)
    world.tend(3.1)
    second = world.raise_(minute=5)
    world.tend(5.1)
    world.tend(10)
    [order] = world.orders()
    assert order.state == "assigned"
    done(world, 11)
    world.tend(20)
    assert world.orders()[0].state == "done"
    world.clear(second, minute=21)
    world.tend(30)
    assert world.orders()[0].state == "verified"


def test_an_area_has_one_order_at_its_cause_and_takes_untouched_ones_in(world):
    early = world.raise_("power_cut", "st-cool", minute=-5)
    world.tend(-3)
    assert [o.scope for o in world.orders()] == ["station:st-cool"]
    world.clear(early, minute=-2)
    world.raise_("power_cut", "st-leaky", minute=-1.5)
    world.tend(-0.4)
    assert len(world.orders()) == 2
    for place, name in enumerate(COMMUNITIES):
        world.raise_("power_cut" if name != "leaky" else "circulation_stopped", f"st-{name}", minute=place / 60)
    world.tend(0.5)
    world.tend(1.6)
    world.tend(1.7)
    told = {o.scope: (o.state, o.station) for o in world.orders()}
    assert len(world.orders()) == 2
    assert told["branch:test-line"] == ("new", "st-leaky")  # the first to fall is the cause, and its order goes along
    live = [o for o in world.orders() if o.closed_at is None]
    assert len({o.incident_id for o in live}) == len(live)
    assert world.tend(1.8) == 0


def test_a_station_that_falls_again_after_its_area_was_cured_is_another_matter(world):
    first = [world.raise_("power_cut", f"st-{name}") for name in COMMUNITIES]
    world.tend(1.2)
    done(world, 5)
    world.clear(*first, minute=9)
    world.tend(20)
    alone = world.raise_("power_cut", "st-cool", minute=200)
    world.tend(202)
    world.clear(alone, minute=210)
    world.tend(210)
    assert [(o.scope, o.state) for o in world.orders()] == [
        ("branch:test-line", "verified"), ("station:st-cool", "new")
    ]  # fmt: skip
    for name in COMMUNITIES:
        world.raise_("power_cut", f"st-{name}", minute=300)
    world.tend(302)
    world.tend(302.1)
    assert [(o.scope, o.state, o.returns) for o in world.orders()] == [
        ("branch:test-line", "assigned", 1), ("station:st-cool", "cancelled", 0)
    ]  # fmt: skip


def test_an_alarm_at_a_place_that_nobody_knows_is_passed_over(world):
    world.raise_(station="st-lost")
    world.raise_()
    world.tend(2)
    assert [o.station for o in world.orders()] == ["st-warm"]


def test_a_new_order_of_a_station_is_withdrawn_for_that_of_its_area(world):
    world.raise_("power_cut", "st-warm", minute=0)
    world.raise_("circulation_stopped", "st-warm", minute=-9)
    world.tend(-7)
    [station] = world.orders()
    assert station.rule == "circulation_stopped"
    for name in COMMUNITIES:
        world.raise_("power_cut", f"st-{name}", minute=-8, element="again")
    world.tend(1.2)
    world.tend(1.3)
    told = [(o.scope, o.state) for o in world.orders()]
    assert told[0][1] == "cancelled" or told[0][0] == "branch:test-line"
    assert sum(s != "cancelled" for _, s in told) == 1


def test_nothing_opens_for_what_is_shelved_out_of_service_or_not_urgent(world):
    shelved, resting = world.raise_(), world.raise_(station="st-cool")
    world.raise_("door_open", "st-leaky")  # priority 3
    with world.engine.begin() as on:
        disposition.shelve(on, shelved, NOW + 4 * HOUR, Act("cli:ann", NOW, "pump exchanged today"))
        disposition.take_out(on, "station:st-cool", None, Act("cli:ann", NOW, "exchanger replaced"))
    world.tend(2)
    assert world.orders() == []
    with world.engine.begin() as on:
        disposition.unshelve(on, shelved, Act("cli:ann", NOW + 3 * MINUTE))
        disposition.bring_back(on, "station:st-cool", Act("cli:ann", NOW + 3 * MINUTE))
    world.tend(4)
    assert {o.alarm_id for o in world.orders()} == {shelved, resting}


def test_nothing_is_proved_while_the_rule_cannot_tell(world):
    alarm = world.raise_()
    world.tend(1.5)
    done(world, 10)
    world.clear(alarm, minute=14)
    key = {"subject": "station:st-warm", "rule": "pump_failed", "element": ""}
    with world.engine.begin() as on:
        on.execute(insert(tables.watch_state).values(**key, verdict="cannot_tell"))
    assert world.tend(30) == 0
    [order] = world.orders()
    with world.engine.begin() as on, pytest.raises(WorkStateError, match="cannot tell just now"):
        store.verify(on, DESK, order.work_order_id, Act("cli:ann", NOW + 30 * MINUTE))
    with world.engine.begin() as on:
        on.execute(update(tables.watch_state).values(verdict="clear"))
    assert world.tend(31) == 1


def test_time_limits_are_noted_once_each(world):
    world.raise_()
    world.tend(1.5)
    world.tend(62)
    world.tend(63)
    world.take(Step.ASSIGNED, 64, to="East team")
    world.tend(49 * 60)
    world.tend(50 * 60)
    told = [(e.detail["level"], e.comment) for e in world.journal() if e.what is Step.ESCALATED]
    assert [level for level, _ in told] == [1, 2]
    assert "nobody was on site" in told[0][1]


def test_an_order_by_hand_from_an_alarm_gets_its_incident_later(world):
    alarm = world.raise_("door_open")
    with world.engine.begin() as on:
        store.open_for(on, DESK, alarm, Act("cli:ann", NOW, "somebody is in there"))
    [order] = world.orders()
    assert (order.incident_id, order.state) == (None, "new")
    world.tend(1)
    [order] = world.orders()
    assert order.incident_id is not None
    with world.engine.begin() as on, pytest.raises(WorkStateError, match=f"order {order.number} is under way"):
        store.open_for(on, DESK, alarm, Act("cli:bob", NOW + MINUTE))
    with world.engine.begin() as on:
        assert store.cause_of(on, store.find_incident(on, str(order.incident_id)[:8])) == alarm
    world.take(Step.REJECTED, 2, comment="the property company has the key")
    world.tend(5)
    assert len(world.orders()) == 1  # nothing opens by itself for what was rejected
    with world.engine.begin() as on:
        store.open_for(on, DESK, alarm, Act("cli:ann", NOW + 6 * MINUTE))
    assert [o.state for o in world.orders()] == ["rejected", "new"]


def test_an_order_is_found_by_its_number_and_by_how_its_id_begins(world):
    world.raise_()
    world.tend(2)
    [order] = world.orders()
    with world.engine.connect() as on:
        for known in (str(order.number), f"#{order.number}", str(order.work_order_id)[:13], str(order.work_order_id)):
            assert store.find(on, known) == order.work_order_id
        for words in ("", "0", "99", "zz", "ffffff", "%%%%%%", "9" * 30, "12345678901234567890"):
            with pytest.raises(UnknownWorkError):
                store.find(on, words)


def at_once(engine, *works):
    """Do works in transactions that begin together; return what became of each."""
    begin = threading.Barrier(len(works))

    def run(work):
        begin.wait()
        try:
            with engine.begin() as on:
                work(on)
        except WorkError as err:
            return str(err)
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_of_many_who_open_at_once_one_does(world):
    alarm = world.raise_()
    with world.engine.begin() as on:
        group(on, RULES, NOW + MINUTE)
    works = [lambda on, n=n: store.open_for(on, DESK, alarm, Act(f"cli:{n}", NOW + MINUTE)) for n in range(6)]
    told = at_once(world.engine, *works)
    assert told.count("done") == 1
    assert all("under way" in words for words in told if words != "done")
    assert len(world.orders()) == 1
    assert len(world.journal()) == 1


def test_of_two_who_take_the_same_step_the_second_is_told_the_state(world):
    world.raise_()
    world.tend(1.5)
    world.take(Step.ASSIGNED, 2, to="East team")
    [order] = world.orders()
    works = [
        lambda on, n=n: store.step(on, order.work_order_id, Entry(Step.STARTED, NOW + 3 * MINUTE, f"crew:{n}"))
        for n in range(4)
    ]
    told = at_once(world.engine, *works)
    assert max(told) == f"work order {order.number}: it is on the way"
    assert told.count("done") == 1
    assert [e.what for e in world.journal()] == [Step.OPENED, Step.ASSIGNED, Step.STARTED]


def test_orders_open_while_others_answer_the_same_alarms(world):
    """Whoever answers several alarms locks them one after another: nobody waits in a circle."""
    for place in range(6):
        alarms = sorted(world.raise_("pump_failed", element=f"{place}-{n}") for n in range(12))
        with world.engine.begin() as on:
            group(on, RULES, NOW + MINUTE)

        def acknowledge(on, alarms=alarms):
            for alarm_id in alarms:
                disposition.acknowledge(on, alarm_id, Act("cli:ann", NOW + MINUTE))

        opening = [lambda on, a=alarms[-1]: store.open_for(on, DESK, a, Act("cli:bob", NOW + MINUTE))]
        told = at_once(world.engine, acknowledge, *opening, *opening)
        assert told[0] == "done"
        if place == 0:
            assert sorted(t == "done" for t in told[1:]) == [False, True]
    assert len(world.orders()) == 1


def test_tend_twice_at_once_and_beside_people_does_each_thing_once(world):
    for name in COMMUNITIES:
        world.raise_("frost_risk" if name == "warm" else "station_flooded", f"st-{name}")
    with world.engine.begin() as on:
        group(on, RULES, NOW + MINUTE)
    begin = threading.Barrier(3)

    def pass_(_):
        begin.wait()
        return sum(tended(world.engine, DESK, NOW + 2 * MINUTE))

    with ThreadPoolExecutor(3) as pool:
        amounts = list(pool.map(pass_, range(3)))
    assert sum(amounts) == len(COMMUNITIES)
    assert len(world.orders()) == len(COMMUNITIES)


def test_a_pass_that_is_killed_anywhere_is_taken_up_where_it_was(world):
    """Broken off at each of its writes in turn: nothing is half done, nothing is done twice."""
    for after in range(1, 20):
        begin = after * 3 * 24 * 60
        alarm = world.raise_(minute=begin)
        world.tend(begin + 2)
        done(world, begin + 5)
        world.clear(alarm, minute=begin + 9)
        other = world.raise_(station="st-cool", minute=begin + 10)
        with world.engine.begin() as on:
            group(on, RULES, NOW + (begin + 12) * MINUTE)
        killed = False
        try:
            list(tended(Breaking(world.engine, after), DESK, NOW + (begin + 20) * MINUTE))
        except KilledError:
            killed = True
        world.agrees()
        world.tend(begin + 20)
        told = [(o.station, o.state) for o in world.orders()][-2:]
        assert told == [("st-warm", "verified"), ("st-cool", "new")]
        assert world.tend(begin + 20) == 0
        world.take(Step.CANCELLED, begin + 21, comment="the next round")
        world.clear(other, minute=begin + 22)
        if not killed:
            break
    assert after > 5
    assert not killed


class KilledError(Exception):
    """The process is gone."""


class Breaking:
    """An engine whose connections break after so many writes."""

    def __init__(self, engine, writes):
        self._engine, self._left = engine, writes

    def begin(self):
        return _Broken(self, self._engine.begin())

    def connect(self):
        return self._engine.connect()

    def write(self):
        self._left -= 1
        if self._left <= 0:
            raise KilledError


class _Broken:
    def __init__(self, breaking, begun):
        self._breaking, self._begun = breaking, begun

    def __enter__(self):
        on = self._begun.__enter__()
        execute = on.execute

        def counted(statement, *args, **kwargs):
            if getattr(statement, "is_dml", False):
                self._breaking.write()
            return execute(statement, *args, **kwargs)

        on.execute = counted
        return on

    def __exit__(self, *told):
        return self._begun.__exit__(*told)
