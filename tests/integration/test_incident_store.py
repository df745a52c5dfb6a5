"""Incidents in the tables: opened, extended, closed, with the alarms that they explain."""

from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from application import incident_store
from application.incident_store import group, listed
from application.instants import MINUTE, moment
from application.rules import load_rules
from application.views import Views
from perception.kinds import load_kinds
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from tests.integration.conftest import COMMUNITIES, catalogue

NOW = 1_795_000_000_000_000
RULES = load_rules()


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    yield engine
    engine.dispose()


def raise_(on, station, rule, minute=0.0):
    alarm_id = uuid4()
    row = {
        "subject": f"station:{station}",
        "rule": rule,
        "element": "",
        "opened_at": moment(NOW + int(minute * MINUTE)),
    }
    values = {**row, "priority": RULES[rule].priority, "station": station, "device": "x", "evidence": {}}
    on.execute(tables.alarm.insert().values(alarm_id=alarm_id, **values))
    return alarm_id


def clear(on, *alarms, minute=60.0):
    at = moment(NOW + int(minute * MINUTE))
    on.execute(update(tables.alarm).where(tables.alarm.c.alarm_id.in_(alarms)).values(cleared_at=at))


def attention(engine):
    rows = Views(engine, PostgresReader(), load_kinds(), RULES).overview("testopolis", NOW + 90 * MINUTE).alarms
    return {(row.station, row.rule) for row in rows}


def test_a_cause_hides_its_consequences_and_lets_them_speak_when_it_is_gone(engine):
    with engine.begin() as on:
        power = raise_(on, "st-warm", "power_cut")
        pump = raise_(on, "st-warm", "circulation_stopped", 0.5)
        group(on, RULES, NOW + MINUTE)
    assert attention(engine) == {("st-warm", "power_cut")}
    with engine.begin() as on:
        assert group(on, RULES, NOW + 2 * MINUTE) == 0  # safe to repeat
        clear(on, power)
        group(on, RULES, NOW + 61 * MINUTE)
    assert attention(engine) == {("st-warm", "circulation_stopped")}
    with engine.begin() as on:
        event = tables.alarm_event.c
        told = on.execute(select(event.what, event.comment).where(event.alarm_id == pump).order_by(event.at)).all()
        assert [tuple(t) for t in told] == [("suppressed", "power_cut"), ("unsuppressed", None)]
        [incident] = listed(on, "testopolis", closed=False, most=10)
        assert (incident["scope"], incident["cause"], incident["alarms"]) == (
            "station:st-warm",
            "circulation_stopped",
            2,
        )
        clear(on, pump)
        group(on, RULES, NOW + 70 * MINUTE)
        assert listed(on, "testopolis", closed=False, most=10) == []
        [over] = listed(on, None, closed=True, most=10)
        assert over["closed"] == moment(NOW + 70 * MINUTE)
        assert over["cause"] == "power_cut"  # what it came of, not what spoke last


def test_an_incident_that_is_over_goes_back_to_what_explains_it_and_not_to_a_neighbour(engine):
    with engine.begin() as on:
        door, pump = raise_(on, "st-warm", "door_open"), raise_(on, "st-warm", "circulation_stopped", 1)
        group(on, RULES, NOW + 2 * MINUTE)
        clear(on, pump)
        group(on, RULES, NOW + 61 * MINUTE)
        clear(on, door, minute=62)
        group(on, RULES, NOW + 70 * MINUTE)
        [over] = listed(on, None, closed=True, most=10)
    assert over["cause"] == "door_open"


def say(on, station, rule, verdict):
    row = {"subject": f"station:{station}", "rule": rule, "element": "", "verdict": verdict}
    on.execute(tables.watch_state.insert().values(**row))


def test_after_a_cause_what_has_gone_already_waits_out_its_delay_in_silence(engine):
    with engine.begin() as on:
        power, _ = raise_(on, "st-warm", "power_cut"), raise_(on, "st-warm", "circulation_stopped", 0.5)
        heat = raise_(on, "st-warm", "supply_off_setpoint", 30)
        say(on, "st-warm", "circulation_stopped", "clear")
        group(on, RULES, NOW + MINUTE)
        clear(on, power)
        group(on, RULES, NOW + 61 * MINUTE)
    assert attention(engine) == set()
    with engine.begin() as on:
        [incident] = listed(on, "testopolis", closed=False, most=10)
        assert (incident["cause"], incident["alarms"]) == ("power_cut", 3)
        on.execute(update(tables.watch_state).values(verdict="raise"))
        group(on, RULES, NOW + 62 * MINUTE)
    assert attention(engine) == {("st-warm", "circulation_stopped")}
    with engine.begin() as on:
        group(on, RULES, NOW + 91 * MINUTE)
        assert on.scalar(select(tables.alarm.c.suppressed_by).where(tables.alarm.c.alarm_id == heat)) == (
            "circulation_stopped"
        )


def test_an_incident_names_every_station_that_it_ever_touched(engine):
    with engine.begin() as on:
        cut = [raise_(on, f"st-{name}", "power_cut", place * 0.1) for place, name in enumerate(COMMUNITIES)]
        group(on, RULES, NOW + MINUTE)
        clear(on, *cut[1:], minute=20)
        group(on, RULES, NOW + 80 * MINUTE)
        [incident] = listed(on, "testopolis", closed=False, most=10)
    assert incident["stations"] == len(COMMUNITIES)


def test_stations_of_a_line_that_fall_together_are_one_incident(engine):
    with engine.begin() as on:
        for place, name in enumerate(COMMUNITIES):
            raise_(on, f"st-{name}", "power_cut", place * 0.1)
            raise_(on, f"st-{name}", "circulation_stopped", place * 0.1)
        group(on, RULES, NOW + 2 * MINUTE)
        [incident] = listed(on, "testopolis", closed=False, most=10)
        assert incident["stations"] == len(COMMUNITIES)
        assert incident["alarms"] == 2 * len(COMMUNITIES)
        assert listed(on, "elsewhere", closed=False, most=10) == []
    assert len(attention(engine)) == 1


def test_more_alarms_than_a_statement_has_parameters_are_one_incident(engine):
    many = text(
        "insert into alarm (alarm_id, subject, rule, element, opened_at, priority, station, device, evidence) "
        "select gen_random_uuid(), 'station:st-warm', 'circulation_stopped', n::text, :at, 1, 'st-warm', 'x', '{}' "
        "from generate_series(1, 35000) n"
    )
    with engine.begin() as on:
        on.execute(many, {"at": moment(NOW + MINUTE)})
        assert group(on, RULES, NOW + 2 * MINUTE) == 1
        [told] = listed(on, None, closed=False, most=5)
        assert told["alarms"] == 35_000
        assert group(on, RULES, NOW + 3 * MINUTE) == 0


def test_an_alarm_that_has_cleared_meanwhile_is_not_suppressed(engine):
    with engine.begin() as on:
        alarm = raise_(on, "st-warm", "circulation_stopped")
        clear(on, alarm)
        assert incident_store._suppress(on, {str(alarm): None}, {str(alarm): "power_cut"}, NOW) == 0
        assert not on.scalars(select(tables.alarm_event)).all()


def test_an_alarm_that_outlives_the_incident_of_its_area_has_its_own_again(engine):
    with engine.begin() as on:
        pump = raise_(on, "st-warm", "circulation_stopped")
        group(on, RULES, NOW + MINUTE)
        dark = [raise_(on, f"st-{name}", "power_cut", 1 + place * 0.1) for place, name in enumerate(COMMUNITIES)]
        group(on, RULES, NOW + 3 * MINUTE)
        clear(on, *dark, minute=10)
        group(on, RULES, NOW + 11 * MINUTE)
        [own] = listed(on, None, closed=False, most=10)
        assert (own["scope"], own["cause"]) == ("station:st-warm", "circulation_stopped")
        clear(on, pump)
        group(on, RULES, NOW + 61 * MINUTE)
        assert listed(on, None, closed=False, most=10) == []
