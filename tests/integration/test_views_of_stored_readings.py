"""Views, and the watch's recollection, on a real database."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, event

from application.instants import DAY, HOUR, MINUTE, SECOND
from application.rules import load_rules, tuned
from application.views import Views
from application.watch import Watch
from application.watch_store import remembering
from perception.kinds import load_kinds
from perception.readings import Readings, Reason, Reject
from perception.seed_files import load_catalogue
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.writer import PostgresStore
from support.store import StoreDownError

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
KINDS = load_kinds()
KIND, WEATHER = KINDS["heat_substation"], KINDS["weather_station"]
RULES = load_rules()
NOW = time.time_ns() // 1000 // SECOND * SECOND


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, load_catalogue(CITIES), "test", simulated=True)
    yield engine
    engine.dispose()


@pytest.fixture
def store(database, engine):
    store = PostgresStore(database, KINDS)
    assert store.claim(5)
    yield store
    store.close()


@pytest.fixture
def views(engine):
    return Views(engine, PostgresReader(), KINDS, RULES)


@pytest.fixture
def devices(store):
    """Every device of the city by name, as the roster knows it."""
    return {name: m for name, m in store.roster(-1).members.items() if m.city == "xuecheng"}


def reading(device, ts, received_at=None, bad=(), **values):
    row = np.full((1, len(device.kind.points)), np.nan)
    for name, value in values.items():
        row[0, device.kind.bits[name]] = value
    one = np.ones(1, np.int64)
    word = sum(1 << device.kind.bits[name] for name in bad)
    return Readings(
        device.kind,
        one.astype(np.int32) * device.device_id,
        one * ts,
        one * (received_at or ts),
        row,
        one * word,
        one * 0,
    )


def whole(device, ts, **values):
    ordinary = {p.name: float(sum(p.typical or (p.low, p.high)) / 2) for p in device.kind.points}
    return reading(device, ts, **{**ordinary, **values})


def keep(store, *readings):
    roster = store.roster(-1)
    with store.transaction() as tx:
        for kind in {r.kind.name for r in readings}:
            tx.write(Readings.concat([r for r in readings if r.kind.name == kind]), roster)


def substations(devices):
    return sorted((d for d in devices.values() if d.kind is KIND), key=lambda d: d.device_id)


def test_cities_say_who_they_are(views):
    cards = {card.name: card for card in views.cities()}
    assert set(cards) == {"xuecheng", "nis"}
    assert cards["xuecheng"].simulated
    assert cards["xuecheng"].season is not None
    assert cards["nis"].attribution


def test_an_overview_of_an_empty_database_is_an_overview(views):
    overview = views.overview("xuecheng", NOW)
    assert len(overview.stations) >= 40
    assert len(overview.districts) == 3
    assert overview.heat_kw is None
    assert overview.outdoor_c is None
    assert overview.reporting == 0
    assert overview.silent > 0
    assert views.overview("nowhere", NOW) is None


def test_an_overview_adds_up(views, store, devices):
    first, second, third = substations(devices)[:3]
    weather = next(d for d in devices.values() if d.kind is WEATHER)
    keep(
        store,
        whole(first, NOW - 10 * SECOND, heat_power=1000.0),
        whole(second, NOW - 10 * SECOND, heat_power=500.0),
        whole(third, NOW - HOUR, heat_power=4000.0),
        whole(weather, NOW - 60 * SECOND, t_outdoor=-21.5),
    )
    overview = views.overview("xuecheng", NOW)
    assert overview.heat_kw == 1500.0
    assert overview.outdoor_c == -21.5
    assert overview.reporting == 3
    rows = {s.device: s for s in overview.stations}
    assert rows[third.name].ts == (NOW - HOUR) // 1000
    assert rows[first.name].values["heat_power"] == 1000.0
    assert rows[first.name].values.keys() == set(KIND.names)


def test_points_that_came_earlier_stand_in_for_those_that_did_not_come_now(views, store, devices):
    device = substations(devices)[0]
    keep(
        store,
        whole(device, NOW - 25 * SECOND, t_sec_supply=44.0),
        reading(device, NOW - 15 * SECOND, t_outdoor=-99.0, bad=["t_outdoor"]),
        reading(device, NOW - 5 * SECOND, t_sec_supply=45.5),
    )
    row = views.station(device.station, NOW).station
    assert row.ts == (NOW - 5 * SECOND) // 1000
    assert row.values["t_sec_supply"] == 45.5
    assert row.values["t_outdoor"] == -99.0
    assert list(row.bad) == ["t_outdoor"]
    assert row.values.keys() == set(KIND.names)


def test_what_a_device_said_beyond_its_hold_is_not_shown_as_its_present(views, store, devices):
    device = substations(devices)[0]
    keep(store, whole(device, NOW - 10 * MINUTE), reading(device, NOW, t_sec_supply=45.5))
    values = views.station(device.station, NOW).station.values
    assert "t_sec_return" not in values
    assert "t_sec_supply_setpoint" in values  # an event: it holds for 45 minutes


def watch_and_keep(store, watch, state, batches):
    roster = store.roster(-1)
    for readings in batches:
        with store.transaction() as tx:
            accepted = tx.write(readings, roster).accepted
            state, _, rows = watch.step(state, {KIND.name: accepted}, int(readings.received_at.max()))
            tx.put(rows)
    return state


def low_pressure(device, seconds):
    return [whole(device, NOW + s * SECOND, p_sec_return=0.05) for s in seconds]


def test_an_alarm_is_listed_with_its_words_and_its_journal(views, store, devices):
    device = substations(devices)[0]
    watch = Watch(tuned(RULES, {}))
    state = watch.attend(watch.enrol(None, store.roster(-1)), NOW - 100 * SECOND)
    watch_and_keep(store, watch, state, low_pressure(device, range(-100, 0, 20)))
    overview = views.overview("xuecheng", NOW)
    (alarm,) = [a for a in overview.alarms if a.rule == "return_pressure_low"]
    assert alarm.title == RULES["return_pressure_low"].title
    assert alarm.station == device.station
    assert alarm.opened_at == (NOW - 40 * SECOND) // 1000
    assert alarm.evidence["p_sec_return"] == 0.05
    assert overview.unacknowledged[1] == 1
    station = next(s for s in overview.stations if s.name == device.station)
    assert station.worst_priority == 1
    assert [(j.what, j.alarm_id, j.actor) for j in overview.journal if j.rule == alarm.rule] == [
        ("raised", alarm.alarm_id, "watch")
    ]
    assert [a.alarm_id for a in views.alarms("nis", NOW)] == []
    assert views.station(device.station, NOW).alarms[0].alarm_id == alarm.alarm_id
    frame = next(f for f in views.snapshot("xuecheng", NOW) if f["alarms"])
    assert json.loads(json.dumps(frame["alarms"]))[0]["alarm_id"] == alarm.alarm_id


def test_cleared_alarms_are_listed_when_asked_for(views, store, devices):
    device = substations(devices)[0]
    watch = Watch(tuned(RULES, {}))
    state = watch.attend(watch.enrol(None, store.roster(-1)), NOW - DAY)
    state = watch_and_keep(store, watch, state, low_pressure(device, range(-200, -100, 20)))
    watch_and_keep(store, watch, state, [whole(device, NOW + s * SECOND) for s in range(-100, 0, 20)])
    assert not [a for a in views.alarms("xuecheng", NOW) if a.rule == "return_pressure_low"]
    (alarm,) = [a for a in views.alarms("xuecheng", NOW, closed=True, most=500) if a.rule == "return_pressure_low"]
    assert alarm.cleared_at == (NOW - 40 * SECOND) // 1000
    assert alarm.evidence["p_sec_return"] == 0.05
    what = [j.what for j in views.journal("xuecheng", NOW) if j.rule == "return_pressure_low"]
    assert what == ["cleared", "raised"]


def test_a_new_watch_goes_on_from_the_tables(engine, store, devices):
    """The first three readings before the restart, the fourth after it: the delay of a minute is complete."""
    device, other = substations(devices)[:2]
    remember = remembering(engine, PostgresReader(), KINDS, lambda: NOW)
    watch = Watch(tuned(RULES, {}), remember)
    state = watch.attend(watch.enrol(None, store.roster(-1)), NOW - DAY)
    watch_and_keep(store, watch, state, low_pressure(device, (-65, -45, -25)))
    watch_and_keep(store, watch, state, low_pressure(other, (-150, -120, -90, -60)))
    again = Watch(tuned(RULES, {}), remember)
    state = again.attend(again.enrol(None, store.roster(-1)), NOW - DAY)
    _, found, _ = again.step(state, {KIND.name: low_pressure(device, [-4])[0]}, NOW)
    assert [(t["what"], t["rule"], t["device"]) for t in found if t["rule"] == "return_pressure_low"] == [
        ("raised", "return_pressure_low", device.name)
    ]
    _, found, _ = again.step(state, {KIND.name: whole(other, NOW)}, NOW)
    assert not [t for t in found if t["device"] == other.name]


def test_a_setpoint_of_half_an_hour_ago_is_remembered(engine, store, devices):
    device = substations(devices)[0]
    keep(
        store,
        reading(device, NOW - 30 * MINUTE, t_sec_supply_setpoint=45.0),
        reading(device, NOW - SECOND, t_outdoor=1.0),
    )
    told = remembering(engine, PostgresReader(), KINDS, lambda: NOW)()
    column = told.recent[KIND.name].values[:, KIND.bits["t_sec_supply_setpoint"]]
    assert column[0] == 45.0
    assert len(told.recent[KIND.name]) == 2


def test_a_trend_is_read_within_its_pixels(views, store, devices):
    device = substations(devices)[0]
    keep(store, *(whole(device, NOW - s * SECOND, t_sec_supply=40 + s % 7) for s in range(0, 7200, 10)))
    asked = ["t_sec_supply", "no_such_point", "t_sec_return", "t_sec_supply"]
    for pixels in (50, 400):
        trend = views.trend(device.name, asked, NOW - DAY, NOW + 1, pixels)
        assert 0 < len(trend.ts) <= 2 * pixels
        assert set(trend.series) == {"t_sec_supply", "t_sec_return"}
    assert views.trend("nobody", asked, NOW - DAY, NOW, 400) is None
    assert views.trend(device.name, asked, NOW, NOW, 400) is None
    assert views.trend(device.name, [], NOW - DAY, NOW, 400).series == {}


def test_devices_rejects_and_health(views, store, devices):
    device = substations(devices)[0]
    keep(store, whole(device, NOW - 10 * SECOND))
    with store.transaction() as tx:
        tx.reject([Reject(Reason.MALFORMED, "not JSON", "hearthline/v1/x/readings", b"\xff{", NOW, "x")])
    rows = {d.name: d for d in views.devices("xuecheng", NOW)}
    assert rows.keys() == devices.keys()
    assert rows[device.name].last_ts == (NOW - 10 * SECOND) // 1000
    (reject,) = views.rejects(NOW)
    assert (reject.reason, reject.device, reject.payload) == ("malformed", "x", "\ufffd{")
    health = views.health(NOW)
    assert (health.reporting, health.rejects) == (1, 1)
    assert health.newest_ts == (NOW - 10 * SECOND) // 1000


def test_a_snapshot_is_a_live_frame_of_everybody(views, store, devices):
    device = substations(devices)[0]
    keep(store, reading(device, NOW, t_sec_supply=45.0, t_outdoor=-99.0, bad=["t_outdoor"]))
    frame = next(f for f in views.snapshot("xuecheng", NOW) if f["kind"] == KIND.name)
    assert set(frame) == {"v", "epoch", "seq", "kind", "points", "rows", "alarms"}
    row = json.loads(json.dumps(frame["rows"]))[0]
    assert row[:3] == [device.device_id, NOW // 1000, 1 << KIND.bits["t_outdoor"]]
    assert row[3 + KIND.bits["t_sec_supply"]] == 45.0
    assert row[3 + KIND.bits["t_sec_return"]] is None


def test_views_write_nothing_and_read_in_a_few_queries(engine, views, store, devices):
    keep(store, *(whole(d, NOW - s * SECOND) for d in devices.values() for s in range(0, 600, 10)))
    said = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cu, statement, *_: said.append(statement))
    began = time.perf_counter()
    views.overview("xuecheng", NOW)
    assert time.perf_counter() - began < 2.0
    assert len(said) <= 10, said
    assert all(s.lstrip().lower().startswith(("select", "show", "copy")) for s in said)


def test_a_database_that_is_away_is_said_so():
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing", connect_args={"connect_timeout": 1})
    with pytest.raises(StoreDownError):
        Views(engine, PostgresReader(), KINDS, RULES).cities()
