"""Alarms of one cause: causes explain consequences at a station, and an area that falls together is one incident."""

import random
import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from application import incident
from application.incident import Areas, Grouping, Raised, _explains, _of_stations, _weight, incidents
from application.instants import HOUR, MINUTE
from application.rule import Family

T0 = 1_800_000_000_000_000
BRANCHES = {f"branch:{b}": frozenset(f"{b}{k}" for k in range(10)) for b in "abcde"}
CITY = {name: frozenset().union(*BRANCHES.values()) for name in ("district:one", "city:big")}
AREAS = Areas({s: (branch, *CITY) for branch, stations in BRANCHES.items() for s in stations}, {**BRANCHES, **CITY})


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


def gone(alarm, minute, *, settling=True):
    return replace(alarm, cleared=T0 + round(minute * MINUTE), settling=settling)


def test_a_few_stations_that_go_dark_at_once_are_one_cut_wherever_they_stand():
    dark = [raised(f"{b}{k}", Family.POWER, 0.2 * k) for k, b in enumerate("abcde")]
    long_ago = raised("a9", Family.POWER, -60)
    cut, other = incidents([*dark, long_ago], AREAS)
    assert (cut.scope, len(cut.explained)) == ("city:big", 4)
    assert cut.stations == tuple(sorted(a.station for a in dark))
    assert other.scope == "station:a9"
    later = raised("b7", Family.POWER, 200)
    assert {f.scope for f in incidents([*dark, later], AREAS, [("city:big", "power")])} == {"city:big", "station:b7"}


def test_a_city_has_no_other_cause_of_its_own_and_a_few_that_go_dark_one_by_one_have_none_in_common():
    assert len(incidents([raised(f"{b}0", Family.LINK) for b in "abcde"], AREAS)) == 5
    assert len(incidents([raised(f"{b}0", Family.POWER, 5 * k) for k, b in enumerate("abcde")], AREAS)) == 5
    assert len(incidents([raised(f"{b}0", Family.POWER) for b in "abcd"], AREAS)) == 4


def test_what_only_waits_out_its_off_delay_or_leaves_time_stays_explained_for_a_while():
    power = gone(raised("a1", Family.POWER), 30)
    waning = replace(raised("a1", Family.PUMP, 1), waning=True)
    patient = replace(raised("a1", Family.HEAT, 40), patient=True)
    known = raised("a1", Family.PRESSURE, 10)
    [found] = incidents([waning, patient, known], AREAS, past=[power])
    assert set(found.explained) == {a.alarm_id for a in (waning, patient, known)}
    assert found.cause is power
    [found] = incidents([patient, known], AREAS, past=[replace(power, settling=False)])
    assert (set(found.explained), found.cause) == ({patient.alarm_id}, known)


def test_a_pump_that_stays_off_and_what_is_new_after_the_cut_speak_at_once():
    power = gone(raised("a1", Family.POWER), 30)
    pump, burst = raised("a1", Family.PUMP, 1), raised("a1", Family.PRESSURE, 31)
    [found] = incidents([pump], AREAS, past=[power])
    assert (found.cause, found.explained) == (pump, {})
    [found] = incidents([burst], AREAS, past=[power])
    assert (found.cause, found.explained) == (burst, {})


def test_a_device_that_is_heard_again_explains_nothing_new():
    link = gone(raised("a1", Family.LINK), 30)
    leak = replace(raised("a1", Family.PRESSURE, 31), patient=True)
    [found] = incidents([leak], AREAS, past=[link])
    assert (found.cause, found.explained) == (leak, {})


def test_an_area_incident_names_those_that_are_back_and_lasts_until_they_have_recovered():
    dark = [raised(f"a{k}", Family.POWER, 0.1 * k) for k in range(6)]
    back = [gone(a, 30) for a in dark]
    recovering = replace(raised("a3", Family.HEAT, 20), patient=True)
    still = [("branch:a", "power")]
    [found] = incidents([recovering], AREAS, still, past=back)
    assert (found.scope, found.stations) == ("branch:a", tuple(f"a{k}" for k in range(6)))
    assert found.explained == {recovering.alarm_id: "power"}
    [found] = incidents([dark[5]], AREAS, still, past=back[:5])
    assert (found.cause, len(found.stations)) == (dark[5], 6)
    assert incidents([], AREAS, still, past=back) == []
    stays = raised("a2", Family.PUMP, 1)
    _, own = incidents([dark[5], stays], AREAS, still, past=back[:5])
    assert (own.scope, own.cause) == ("station:a2", stays)


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


def test_what_rests_on_a_sensor_that_is_known_to_be_wrong_is_explained_by_it():
    sensor = replace(raised("a1", Family.SENSOR, 0), element="t_sec_supply")
    rests = replace(raised("a1", Family.HEAT, 30), needs=frozenset({"t_sec_supply", "t_sec_supply_setpoint"}))
    [found] = incidents([sensor, rests], AREAS)
    assert (found.cause, found.explained) == (sensor, {rests.alarm_id: sensor.rule})
    for unlike in (
        replace(rests, needs=frozenset({"t_outdoor"})),
        replace(rests, family=Family.PRESSURE),
        replace(rests, opened=sensor.opened - 10 * MINUTE),
    ):
        [found] = incidents([sensor, unlike], AREAS)
        assert found.explained == {}


def test_what_only_waits_out_its_delay_stays_explained_long_after_its_cause_and_nothing_else_does():
    power = raised("a1", Family.POWER, 0)
    silent = raised("a1", Family.LINK, 2)
    over = incident.gone(power, T0 + 20 * MINUTE, T0 + 70 * MINUTE, Grouping())
    [found] = incidents([replace(silent, waning=True)], AREAS, past=[over])
    assert found.explained == {silent.alarm_id: power.rule}
    [found] = incidents([silent], AREAS, past=[over])
    assert found.explained == {}


def test_another_sign_of_what_was_found_before_is_explained_by_it():
    leak, night = raised("a1", Family.PRESSURE, 0, "secondary_leak"), raised("a1", Family.PRESSURE, 90, "leak_by_night")
    night = replace(night, follows=frozenset({"secondary_leak"}))
    [found] = incidents([night, leak], AREAS)
    assert (found.cause, found.explained) == (leak, {night.alarm_id: "secondary_leak"})
    [found] = incidents([replace(night, opened=leak.opened), leak], AREAS)
    assert found.explained == {night.alarm_id: "secondary_leak"}
    [found] = incidents([replace(night, opened=leak.opened - MINUTE), leak], AREAS)
    assert found.explained == {}
    each_other = replace(leak, follows=frozenset({"leak_by_night"}))
    [found] = incidents([replace(night, opened=leak.opened), each_other], AREAS)
    assert found.explained == {}
    [found] = incidents([night, each_other], AREAS)
    assert found.explained == {night.alarm_id: "secondary_leak"}
