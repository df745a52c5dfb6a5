"""Alarms of one cause: causes explain consequences at a station, and an area that falls together is one incident."""

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from application.incident import Areas, Grouping, Raised, _explains, _of_stations, _weight, incidents
from application.instants import HOUR, MINUTE
from application.rule import Family

T0 = 1_800_000_000_000_000
BRANCHES = {f"branch:{b}": frozenset(f"{b}{k}" for k in range(10)) for b in "abcde"}
CITY = {"district:one": frozenset().union(*BRANCHES.values())}
AREAS = Areas(
    {s: (branch, "district:one") for branch, stations in BRANCHES.items() for s in stations}, {**BRANCHES, **CITY}
)


def raised(station, family, minute=0, rule=None, priority=1):
    name = rule or family.value
    return Raised(f"{station}-{name}", name, family, priority, station, T0 + round(minute * MINUTE))


def test_a_power_cut_at_a_station_explains_its_pump_its_pressure_and_its_silence_and_not_its_door():
    alarms = [
        raised("a1", Family.PUMP, 0.2),
        raised("a1", Family.POWER, 0.3),
        raised("a1", Family.PRESSURE, 5),
        raised("a1", Family.LINK, 40),
        raised("a1", Family.HOUSE, 6),
        raised("b1", Family.PRESSURE, 5),
    ]
    here, there = incidents(alarms, AREAS)
    assert (here.scope, here.cause.rule) == ("station:a1", "power")
    assert set(here.explained) == {"a1-pump", "a1-pressure", "a1-link"}
    assert (there.scope, there.explained) == ("station:b1", {})


def test_what_was_there_before_the_cause_is_not_explained_by_it():
    [found] = incidents([raised("a1", Family.HEAT, 0), raised("a1", Family.PUMP, 30)], AREAS)
    assert found.explained == {}
    assert found.cause.family is Family.PUMP


def test_a_power_cut_at_many_stations_is_one_incident_that_names_them_all():
    dark = [f"{b}{k}" for b in "ab" for k in range(10)]
    alarms = [raised(s, family, 0.1 * i) for i, s in enumerate(dark) for family in (Family.POWER, Family.PUMP)]
    leak = raised("e5", Family.PRESSURE, 3, "secondary_leak")
    area, other = incidents([*alarms, leak], AREAS)
    assert area.scope == "district:one"
    assert area.stations == tuple(sorted(dark))
    assert len(area.explained) == len(alarms) - 1
    assert area.cause.alarm_id not in area.explained
    assert (other.scope, other.cause.alarm_id) == ("station:e5", leak.alarm_id)


def test_the_smallest_area_that_explains_all_is_taken():
    [found] = incidents([raised(f"a{k}", Family.HEAT, k) for k in range(5)], AREAS)
    assert found.scope == "branch:a"


def test_a_few_or_slowly_falling_stations_are_no_area():
    assert len(incidents([raised(f"a{k}", Family.HEAT) for k in range(2)], AREAS)) == 2
    assert len(incidents([raised(f"a{k}", Family.HEAT, 20 * k) for k in range(6)], AREAS)) == 6


def test_an_area_incident_takes_in_what_falls_later_and_lasts_to_its_last_alarm():
    later = [raised("a8", Family.HEAT, 90)]
    [found] = incidents(later, AREAS, [("branch:a", "heat")])
    assert (found.scope, found.stations) == ("branch:a", ("a8",))
    [apart] = incidents(later, AREAS)
    assert apart.scope == "station:a8"
    assert incidents([], AREAS, [("branch:a", "heat")]) == []


def test_when_power_returns_a_pump_that_stays_off_speaks_for_itself():
    pump = raised("a1", Family.PUMP, 0.2)
    [before] = incidents([raised("a1", Family.POWER), pump], AREAS)
    assert pump.alarm_id in before.explained
    [after] = incidents([pump], AREAS)
    assert after.explained == {}


ALARMS = st.lists(
    st.builds(
        raised,
        st.sampled_from(sorted(AREAS.of_station)),
        st.sampled_from(list(Family)),
        st.integers(0, 6 * HOUR // MINUTE),
        priority=st.integers(1, 3),
    ),
    max_size=40,
    unique_by=lambda a: a.alarm_id,
)


@given(ALARMS, st.randoms(use_true_random=False))
def test_every_alarm_belongs_to_one_incident_whatever_the_order(alarms, dice):
    found = incidents(alarms, AREAS)
    members = [a.alarm_id for f in found for a in f.alarms]
    assert sorted(members) == sorted(a.alarm_id for a in alarms)
    for each in found:
        assert each.cause in each.alarms
        assert each.cause.alarm_id not in each.explained
        assert set(each.explained) <= {a.alarm_id for a in each.alarms}
    shuffled = list(alarms)
    dice.shuffle(shuffled)
    assert incidents(shuffled, AREAS) == found


def test_a_storm_is_one_incident_with_one_alarm_to_look_at():
    dice = random.Random(1)
    began = {station: dice.random() * 5 for station in AREAS.of_station}
    families = (Family.POWER, Family.PUMP, Family.HEAT)
    storm = [raised(s, f, began[s] + dice.random()) for s in AREAS.of_station for f in families]
    [found] = incidents(storm, AREAS)
    assert len(found.explained) == len(storm) - 1


families = st.sampled_from(list(Family))
crowd = st.lists(
    st.builds(
        Raised, alarm_id=st.uuids().map(str), rule=st.sampled_from("abc"), family=families,
        priority=st.integers(1, 3), station=st.just("s"), opened=st.integers(0, 8).map(lambda m: m * MINUTE),
    ),
    min_size=1, max_size=12, unique_by=lambda a: a.alarm_id,
)  # fmt: skip


@given(crowd)
def test_what_explains_an_alarm_is_the_first_of_all_that_do(alarms):
    p, in_order = Grouping(), sorted(alarms, key=_weight)
    every = {a.alarm_id: next((b.rule for b in in_order if _explains(b, a, p)), None) for a in alarms}
    [found] = _of_stations(alarms, p)
    assert found.explained == {alarm: rule for alarm, rule in every.items() if rule is not None}


def test_a_station_with_thousands_of_alarms_takes_no_longer_for_each():
    alarms = [Raised(str(n), "r", list(Family)[n % 6], 1 + n % 3, "s", n) for n in range(50_000)]
    began = time.process_time()
    assert len(_of_stations(alarms, Grouping())[0].alarms) == 50_000
    assert time.process_time() - began < 5


def test_a_cause_that_is_over_explains_what_it_has_left_behind_and_no_pump():
    left = [raised("a1", Family.PRESSURE, 5), raised("a1", Family.HEAT, 9), raised("a1", Family.PUMP, 3)]
    over = [raised("a1", Family.POWER, 0)]
    [found] = incidents(left, AREAS, over=over)
    assert "a1-pump" not in found.explained
    assert found.explained["a1-pressure"] in {"power", "pump"}
    [alone] = incidents(left[:2], AREAS, over=over)
    assert alone.explained == {"a1-pressure": "power", "a1-heat": "pressure"}
    [earlier] = incidents([raised("a1", Family.PRESSURE, -30)], AREAS, over=over)
    assert earlier.explained == {}
    [elsewhere] = incidents([raised("b1", Family.PRESSURE, 5)], AREAS, over=over)
    assert elsewhere.explained == {}
