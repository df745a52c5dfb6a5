"""The life of alarms on a real database: latched, asking again, first-out, two operators at once, what is foreseen."""

import threading
from uuid import uuid5

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from application import disposition, incident_story
from application.alarm import AlarmError
from application.alarm_kpis import kpis, occurrences, without_end
from application.baseline import Baseline, Key, keep, learned
from application.consequence_store import TIME_CONSTANT, batches, foresee, learn, sites
from application.disposition import Act
from application.incident_store import group, listed
from application.instants import DAY, HOUR, MINUTE, SECOND, moment
from application.journal import NAMESPACE
from application.rules import load_rules
from application.tending import Tools, passes
from application.views import Views
from perception.kinds import load_kinds
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.partitions import ensure_weeks, weeks_of
from support.postgres.reader import PostgresReader
from tests.integration.conftest import catalogue

NOW = 1_795_000_000_000_000 // HOUR * HOUR
RULES, KINDS = load_rules(), load_kinds()
KIND = KINDS["heat_substation"]


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    yield engine
    engine.dispose()


@pytest.fixture
def views(engine):
    return Views(engine, PostgresReader(), KINDS, RULES)


def raised(on, rule="pipe_burst", station="warm", at=NOW, *, latched=False, realarm_s=0.0, **evidence):
    alarm_id = uuid5(NAMESPACE, f"{rule}{station}{at}")
    key = {"subject": f"station:st-{station}", "rule": rule, "element": "", "opened_at": moment(at)}
    told = {"station": f"st-{station}", "device": f"dev-{station}", "evidence": evidence}
    row = {"alarm_id": alarm_id, **key, **told, "priority": RULES[rule].priority}
    on.execute(insert(tables.alarm).values(**row, latched=latched, realarm_s=realarm_s))
    on.execute(insert(tables.alarm_event).values(alarm_id=alarm_id, what="raised", at=moment(at), actor="watch"))
    return alarm_id


def cleared(on, alarm_id, at):
    on.execute(update(tables.alarm).where(tables.alarm.c.alarm_id == alarm_id).values(cleared_at=moment(at)))


def act(minutes=0.0, who="cli:ann", comment="because"):
    return Act(who, NOW + round(minutes * MINUTE), comment)


def journal(on, alarm_id):
    event = tables.alarm_event.c
    query = select(event.what, event.at, event.actor).where(event.alarm_id == alarm_id)
    return [(r.what, (r.at - moment(NOW)).total_seconds() / 60, r.actor) for r in on.execute(query.order_by(event.at))]


def names(views, minutes):
    return [row.alarm_id for row in views.alarms("testopolis", NOW + minutes * MINUTE)]


def test_a_latched_alarm_stays_on_the_lists_until_it_is_reset(engine, views):
    with engine.begin() as on:
        alarm = raised(on, latched=True)
        with pytest.raises(AlarmError, match="still stands"):
            disposition.reset(on, alarm, act(1))
        cleared(on, alarm, NOW + 5 * MINUTE)
        with pytest.raises(AlarmError, match="acknowledge it first"):
            disposition.reset(on, alarm, act(6))
    [row] = views.alarms("testopolis", NOW + 7 * MINUTE)
    assert (row.latched, row.cleared_at) == (True, (NOW + 5 * MINUTE) // 1000)
    assert not views.snapshot("testopolis", NOW + 7 * MINUTE)[0]["alarms"]  # its condition went
    with engine.begin() as on:
        disposition.acknowledge(on, alarm, act(8))
        disposition.reset(on, alarm, act(9))
        with pytest.raises(AlarmError, match="not latched"):
            disposition.reset(on, alarm, act(10))
        assert [what for what, _, _ in journal(on, alarm)] == ["raised", "acknowledged", "reset"]
    assert names(views, 11) == []


def test_a_condition_that_came_again_stands_for_its_latched_alarm(engine, views):
    with engine.begin() as on:
        first = raised(on, latched=True)
        disposition.acknowledge(on, first, act(1))
        cleared(on, first, NOW + 2 * MINUTE)
        second = raised(on, latched=True, at=NOW + 10 * MINUTE)
    assert names(views, 11) == [str(second)]
    with engine.begin() as on:
        with pytest.raises(AlarmError, match=str(second)):
            disposition.reset(on, first, act(12))
        cleared(on, second, NOW + 12 * MINUTE)
        disposition.acknowledge(on, second, act(13))
        disposition.reset(on, second, act(14))
        assert journal(on, first)[-1][0] == journal(on, second)[-1][0] == "reset"
    assert names(views, 15) == []


def test_what_was_acknowledged_and_stands_asks_again(engine, views):
    with engine.begin() as on:
        asks, rests, over = (raised(on, s, realarm_s=s_) for s, s_ in (("pipe_burst", 3600.0), ("power_cut", 0.0),
                                                                      ("pump_failed", 3600.0)))  # fmt: skip
        for alarm in (asks, rests, over):
            disposition.acknowledge(on, alarm, act(5))
        cleared(on, over, NOW + 10 * MINUTE)
    tended = next(p for p in passes(Tools(engine, RULES, PostgresReader(), load_kinds())) if p.name == "realarms")
    assert list(tended.run(NOW + 65 * MINUTE - 1)) == [0]
    assert list(tended.run(NOW + 70 * MINUTE)) == [1]
    assert list(tended.run(NOW + 70 * MINUTE)) == [0]
    seen = {row.alarm_id: row.acknowledged for row in views.alarms("testopolis", NOW + 70 * MINUTE)}
    assert seen == {str(asks): False, str(rests): True}
    with engine.begin() as on:
        disposition.acknowledge(on, asks, act(80))
        assert journal(on, asks) == [
            ("raised", 0, "watch"), ("acknowledged", 5, "cli:ann"), ("realarmed", 65, "tend"),
            ("acknowledged", 80, "cli:ann"),
        ]  # fmt: skip
        [answered] = [o for o in occurrences(on, (NOW, NOW + DAY)) if o.condition[1] == "pipe_burst"]
        assert answered.acknowledged == NOW + 5 * MINUTE  # who saw it first counts


def test_out_of_service_and_back_stand_in_the_journal_of_the_open_alarms(engine):
    with engine.begin() as on:
        mine, other = raised(on), raised(on, station="cool")
        disposition.take_out(on, "station:st-warm", NOW + 20 * MINUTE, act(5))
        disposition.end_expired(on, NOW + 30 * MINUTE)
        disposition.take_out(on, "device:dev-warm", None, act(40))
        disposition.bring_back(on, "device:dev-warm", act(50))
        assert journal(on, mine) == [
            ("raised", 0, "watch"), ("out_of_service", 5, "cli:ann"), ("in_service", 20, "tend"),
            ("out_of_service", 40, "cli:ann"), ("in_service", 50, "cli:ann"),
        ]  # fmt: skip
        assert len(journal(on, other)) == 1


def test_what_is_over_is_no_reason_to_refuse(engine):
    with engine.begin() as on:
        disposition.take_out(on, "station:st-warm", NOW + 20 * MINUTE, act(5))
        disposition.take_out(on, "station:st-warm", None, act(25))
        assert [row["since"] for row in disposition.kept(on, NOW + 26 * MINUTE)] == [moment(NOW + 25 * MINUTE)]


def test_what_is_out_of_service_without_an_end_is_counted_after_a_day(engine):
    with engine.begin() as on:
        disposition.take_out(on, "station:st-warm", None, act())
        disposition.take_out(on, "station:st-cool", NOW + 3 * DAY, act())
        assert [without_end(on, NOW + hours * HOUR) for hours in (1, 25)] == [0, 1]
    told = {kpi.name: kpi for kpi in kpis([], (NOW, NOW + DAY), 1, 1)}
    assert told["unauthorised suppression"].met is False
    assert "unauthorised suppression" not in {kpi.name for kpi in kpis([], (NOW, NOW + DAY))}


def test_nothing_is_seen_before_it_came_although_the_device_s_clock_runs_ahead(engine):
    with engine.begin() as on:
        alarm = raised(on, at=NOW + 4 * MINUTE)
        disposition.acknowledge(on, alarm, act(1))
        disposition.comment(on, alarm, act(2))
        raised(on, "power_cut", at=NOW + 3 * MINUTE)
        group(on, RULES, NOW + MINUTE)
        assert all(at >= 4 for _, at, _ in journal(on, alarm))


def at_once(engine, *works):
    """Do things in transactions that overlap; return what each of them said."""
    said, barrier = [None] * len(works), threading.Barrier(len(works))

    def run(place, work):
        barrier.wait()
        try:
            with engine.begin() as on:
                work(on)
        except AlarmError as err:
            said[place] = str(err)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_two_who_take_the_same_station_out_at_once_get_one_clean_answer(engine):
    works = [lambda on: disposition.take_out(on, "station:st-warm", None, act())] * 4
    said = at_once(engine, *works)
    assert said.count(None) == 1
    assert all("out of service already" in words for words in said if words)
    back = at_once(engine, *[lambda on: disposition.bring_back(on, "station:st-warm", act(1))] * 4)
    assert back.count(None) == 1


def test_a_refused_insert_is_seen_when_the_other_commits_later(engine):
    """The one that comes second waits for the first, and then says what the first did."""
    with engine.connect() as first:
        disposition.take_out(first, "station:st-warm", None, act())
        said = []

        def second():
            said.extend(at_once(engine, lambda on: disposition.take_out(on, "station:st-warm", None, act())))

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        first.commit()
        thread.join()
    assert "already" in said[0]


def test_one_condition_is_shelved_once_by_whichever_of_its_alarms(engine):
    with engine.begin() as on:
        alarms = [raised(on)]
        cleared(on, alarms[0], NOW + MINUTE)
        alarms.append(raised(on, at=NOW + 2 * MINUTE))
    said = at_once(
        engine,
        *[lambda on, a=a: disposition.shelve(on, a, NOW + 2 * HOUR, act(5)) for a in alarms * 2],
    )
    assert all(words is None or "just shelved" in words for words in said)
    with engine.begin() as on:
        assert len(disposition.kept(on, NOW + 6 * MINUTE)) == 1


def test_first_out_is_who_came_first_and_stays_marked(engine, views):
    with engine.begin() as on:
        later = raised(on, "supply_off_setpoint", at=NOW + 5 * MINUTE)
        group(on, RULES, NOW + 6 * MINUTE)
    assert [row.first_out for row in views.alarms("testopolis", NOW + 6 * MINUTE)] == [False]  # alone, nobody is first
    with engine.begin() as on:
        first = raised(on, "pump_failed", at=NOW + 4 * MINUTE)  # known later, happened before
        group(on, RULES, NOW + 7 * MINUTE)
        raised(on, "return_pressure_low", at=NOW + 9 * MINUTE)
        group(on, RULES, NOW + 10 * MINUTE)
        cleared(on, first, NOW + 11 * MINUTE)
        group(on, RULES, NOW + 12 * MINUTE)
    rows = {row.alarm_id: row for row in views.alarms("testopolis", NOW + 12 * MINUTE, closed=True)}
    assert {alarm for alarm, row in rows.items() if row.first_out} == {str(first)}
    with engine.begin() as on:
        [incident] = listed(on, None, closed=False, most=5)
        assert incident["first"] == "pump_failed at st-warm"
    assert rows[str(later)].incident.startswith(incident["incident"])


def test_the_story_of_an_area_says_why_and_whom_it_touches(engine, views):
    with engine.begin() as on:
        for place, name in enumerate(("warm", "cool", "leaky")):
            raised(on, "power_cut", name, NOW + place * SECOND, voltage_mains=12.0, drill=1.0)
            raised(on, "circulation_stopped", name, NOW + 30 * SECOND)
        group(on, RULES, NOW + MINUTE)
        [incident] = listed(on, "testopolis", closed=False, most=5)
    story = views.incident(incident["incident"])
    assert (story.cause, story.scope.split(":")[0]) == ("power_cut", "branch")
    words = " / ".join(map(str, story.reasons))
    assert "it came first of 6 alarms" in words
    assert "3 of pump" in words
    assert "3 of 8 stations" in words
    assert "it found voltage_mains 12" in words  # that it was a drill is no reason
    assert story.stations == ("st-cool", "st-leaky", "st-warm")
    assert story.communities == ("home-cool", "home-leaky", "home-warm")
    assert [e.at for e in story.timeline] == sorted(e.at for e in story.timeline)
    assert [e.what for e in story.timeline][:1] == ["raised"]
    assert sum(e.first_out for e in story.timeline) == 1
    assert {"raised", "suppressed"} <= {e.what for e in story.timeline}
    for words in ("abc", "zzzzzz", "000000"):
        with pytest.raises(incident_story.UnknownIncidentError):
            views.incident(words)


def test_what_was_recorded_long_after_it_happened_is_marked(engine, views):
    with engine.begin() as on:
        alarm = raised(on)
        event = tables.alarm_event
        on.execute(update(event).where(event.c.alarm_id == alarm).values(recorded_at=moment(NOW + 10 * MINUTE)))
    [entry] = views.journal("testopolis", NOW + 11 * MINUTE)
    assert (entry.late, entry.at, entry.recorded_at) == (True, NOW // 1000, (NOW + 10 * MINUTE) // 1000)


def furnish(engine, homes=400, rooms=(21.0, 22.0, 40.0)):
    """Give st-warm homes and sampled rooms; the last sensor's value is bad."""
    with engine.begin() as on:
        b = tables.building
        on.execute(update(b).where(b.c.name == "house-warm").values(homes=homes, envelope="old", heated_area_m2=30_000))
        for number in range(len(rooms)):
            name = f"room-warm-{number}"
            on.execute(insert(tables.room).values(name=name, building="house-warm", position="middle"))
            row = {"name": name, "kind": "room_climate", "station": "st-warm", "room": name, "interval_s": 600}
            on.execute(insert(tables.device).values(row))
        ids = dict(on.execute(select(tables.device.c.name, tables.device.c.device_id)).all())
        store(on, "heat_substation", {ids["dev-warm"]: {"t_outdoor": -10.0}, ids["dev-cool"]: {"t_outdoor": -14.0}})
        told = {ids[f"room-warm-{k}"]: {"t_indoor": value} for k, value in enumerate(rooms)}
        store(on, "room_climate", told, bad=[ids[f"room-warm-{len(rooms) - 1}"]])
    return ids


def store(on, kind, values, at=NOW, bad=()):
    ensure_weeks(on, KINDS[kind], weeks_of(np.array([at])))
    for device, points in values.items():
        quality = sum(1 << KINDS[kind].bits[p] for p in points) if device in bad else 0
        names_, marks = ", ".join(points), ", ".join(["%s"] * len(points))
        on.exec_driver_sql(
            f"insert into readings_{kind} (device_id, ts, received_at, quality, {names_})"
            f" values (%s, %s, %s, %s, {marks})",
            (device, moment(at), moment(at), quality, *points.values()),
        )


def test_alarms_and_incidents_say_how_many_homes_are_cold_and_when(engine, views):
    furnish(engine)
    with engine.begin() as on:
        keep(on, [(Key("station:st-warm", TIME_CONSTANT), Baseline(30.0, 20.0, 120.0, 300, NOW - DAY))])
        burst, door = raised(on, "pipe_burst"), raised(on, "door_open")
        cool, silent = raised(on, "pipe_burst", "cool", NOW + 1), raised(on, "device_silent", "leaky")
        dark = raised(on, "pipe_burst", "mute", NOW + 2)
        assert foresee(on, PostgresReader(), KINDS, RULES, NOW + MINUTE) == 5
        assert foresee(on, PostgresReader(), KINDS, RULES, NOW + MINUTE) == 0  # none for the first time
        group(on, RULES, NOW + MINUTE)
    rows = {row.alarm_id: row.consequence for row in views.alarms("testopolis", NOW + 2 * MINUTE)}
    told = rows[str(burst)]
    assert (told.homes, told.why, told.basis["learned"], told.basis["rooms"]) == (400, "outage", True, 2)
    assert told.hours == pytest.approx(30 * np.log(31.5 / 28), abs=0.01)  # the bad sensor counts for nothing
    assert told.low < told.hours < told.high
    assert rows[str(door)].why == "no_heat_lost"
    assert rows[str(silent)].why == "unheard"
    assert rows[str(cool)].basis["own_outdoor"]
    assert not rows[str(dark)].basis["own_outdoor"]  # its neighbours say how cold it is
    assert rows[str(dark)].basis["outdoor_c"] == -12.0
    assert rows[str(dark)].basis["indoor_c"] == 21.0
    assert rows[str(dark)].low == 0.0
    with engine.begin() as on:
        incidents = {row["cause"]: row for row in listed(on, None, closed=False, most=9)}
    soonest = min(rows[str(alarm)].hours for alarm in (burst, cool, dark))
    assert (incidents["pipe_burst"]["hours_to_18"], incidents["pipe_burst"]["homes"]) == (soonest, 400)
    assert incidents["device_silent"]["hours_to_18"] is None


def test_lists_are_sorted_by_when_homes_are_cold_within_priority(engine, views):
    furnish(engine)
    with engine.begin() as on:
        for place, (rule, station) in enumerate(
            [("door_open", "warm"), ("pipe_burst", "warm"), ("pipe_burst", "cool"), ("device_silent", "leaky")]
        ):
            raised(on, rule, station, NOW + place)
        foresee(on, PostgresReader(), KINDS, RULES, NOW + MINUTE)
    rows = views.alarms("testopolis", NOW + 2 * MINUTE)
    keys = [(r.priority, r.consequence.hours is None, r.consequence.hours or 0) for r in rows]
    assert keys == sorted(keys)
    assert len({r.priority for r in rows}) >= 2


def test_a_time_constant_is_learned_from_rollups(engine):
    ids = furnish(engine, rooms=(21.0,))
    hours = 13 * 24
    dice, temperature = np.random.default_rng(4), 21.0
    at = NOW - (hours - np.arange(hours)) * HOUR
    with engine.begin() as on:
        for k in range(hours):
            outdoor = -10 + 3 * np.sin(k / 3.8) + dice.normal(0, 0.2)
            heat = 40.0 * (21 - outdoor) * (0.7 if k % 24 < 6 else 1.08)
            rollup(on, "heat_substation", ids["dev-warm"], at[k], heat_power=heat, t_outdoor=outdoor)
            rollup(on, "room_climate", ids["room-warm-0"], at[k], t_indoor=temperature)
            temperature += 1 / 25 * (heat / 40.0 - (temperature - outdoor))
        known = sites(on, KINDS)
        assert sum(learn(on, PostgresReader(), KINDS, some, NOW + MINUTE) for some in batches(known, 3)) == 1
        [found] = learned(on, [TIME_CONSTANT]).values()
    assert found.value == pytest.approx(25, rel=0.2)
    assert found.low < found.value < found.high
    assert found.learned_at == NOW


def rollup(on, kind, device, at, **means):
    names_ = ", ".join(f"{p}_{s}" for p in means for s in ("n", "min", "mean", "max"))
    cells = [cell for mean in means.values() for cell in (6, mean, mean, mean)]
    on.exec_driver_sql(
        f"insert into rollup_{kind}_10m (device_id, bucket, n, covered_s, {names_})"
        f" values (%s, %s, 6, 600, {', '.join(['%s'] * len(cells))})",
        (device, moment(int(at)), *map(float, cells)),
    )
