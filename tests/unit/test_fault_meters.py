"""Faults of meters: each bends the points that it says, from its beginning to its end, and no other."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from simulators.cast import cast_of
from simulators.climate import SEASONS
from simulators.faults import KINDS, Schedule, made
from simulators.world import World

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
KIND = load_kinds()["heat_substation"]
MINUTE_US = 60_000_000
NOON = 1_795_000_000_000_000 // 86_400_000_000 * 86_400_000_000 + 4 * 3600 * 1_000_000
"""Twelve o'clock in Harbin."""
BEGINS, ENDS, MINUTES = NOON + 30 * MINUTE_US, NOON + 90 * MINUTE_US, 120
METERED = [k.name for k in KINDS.values() if k.meters is not None]


@cache
def cast():
    return cast_of(load_catalogue(CITIES), load_kinds(), "xuecheng")


def world_with(*faults):
    return World(cast()[:2], SEASONS["cold-night"], utc_offset_s=8 * 3600, seed=3, faults=Schedule(faults))


@cache
def minutes():
    """Two hours of two sound stations: what the meters show is asked of them again and again."""
    world = world_with()
    moments = [world.begin(NOON)]
    while len(moments) < MINUTES:
        moments.append(world.advance(moments[-1], moments[-1].at + MINUTE_US))
    return moments


def shown(*faults):
    rows = dict(world_with(*faults).record(minutes(), np.array([0, 1])))
    return np.stack([rows[0], rows[1]], axis=1)


def fault(kind, **parameters):
    return made(kind, cast()[0].name, KIND, begins=BEGINS, ends=ENDS, severity=0.7, parameters=parameters)


@pytest.fixture(scope="module")
def sound():
    return shown()


def point(values, name, station=0):
    return values[:, station, KIND.bits[name]]


@pytest.mark.parametrize("kind", METERED)
def test_it_bends_its_points_while_it_lasts_and_nothing_else(sound, kind):
    bad = fault(kind, **({"share": 0.2} if kind == "sensor_spikes" else {}))
    values = shown(bad)
    bent = [KIND.bits[n] for n in bad.kind.bends(bad.parameters)]
    others = [k for k in range(len(KIND.points)) if k not in bent]
    moved = values[:, 0] != sound[:, 0]
    assert np.isfinite(values).all()
    assert (values[:, 1] == sound[:, 1]).all()
    assert not moved[:30].any()
    assert moved[30:90][:, bent].any(axis=0).all()
    assert not moved[90:].any()
    assert not moved[:, others].any()


@pytest.mark.parametrize("kind", METERED)
def test_readings_one_by_one_are_bent_as_many_at_once(kind):
    bad = fault(kind)
    at = np.array([m.at for m in minutes()])
    together = np.cumsum(np.random.default_rng(5).random((MINUTES, len(KIND.points))), axis=0)
    alone = together.copy()
    world_with(bad).schedule.instrument(bad.device, KIND, at, together)
    schedule = world_with(bad).schedule
    for k in range(MINUTES):
        schedule.instrument(bad.device, KIND, at[k : k + 1], alone[k : k + 1])
    assert (together == alone).all()


def residual(values):
    """Return the share of the heat power that flow and temperatures do not account for."""
    told, lift = point(values, "heat_power"), point(values, "t_pri_supply") - point(values, "t_pri_return")
    return np.abs(1 - point(values, "flow_pri") * 985 / 3600 * 4.187 * lift / told)[30:90]


def beyond(values):
    """Beyond the limits, or a pair at 0.0, which lies within them and says the same."""
    if not values[30:90, 0][:, [KIND.bits["t_sec_supply"], KIND.bits["t_sec_return"]]].any():
        return True
    low, high = (np.array([getattr(p, side) for p in KIND.points]) for side in ("low", "high"))
    return ((values[30:90, 0] < low) | (values[30:90, 0] > high)).all(axis=0).any()


def outlier(values):
    column = point(values, "flow_sec")[30:90]
    middle = np.median(column)
    return (np.abs(column - middle) > 5 * 1.4826 * np.median(np.abs(column - middle))).any()


def miscounted(values):
    grown = np.diff(point(values, "heat_energy_total"))
    return (grown < 0).any() or (grown > 1.5 * point(values, "heat_power").max() * 60 / 1e6).any()


EVIDENCE = {
    "S_RANGE": beyond,
    "S_STUCK": lambda values: any(
        np.ptp(values[30:90, 0, KIND.bits[n]]) == 0 for n in ("t_sec_supply", "t_sec_return")
    ),
    "S_SPIKE": outlier,
    "S_DRIFT": lambda values: np.mean(point(values, "t_outdoor")[30:90] - point(values, "t_outdoor", 1)[30:90]) > 5,
    "S_SWAP": lambda values: (point(values, "t_sec_return") > point(values, "t_sec_supply") + 0.5)[30:90].all(),
    "BALANCE": lambda values: residual(values).mean() > 0.10,
    "COUNTER": miscounted,
}
SEEN_WHEN = {"sensor_drift": {"grows_over_days": 0}, "sensor_spikes": {"share": 0.2}}
LED_TO = [(kind, rule) for kind in METERED for rule in KINDS[kind].family if rule in EVIDENCE]


@pytest.mark.parametrize(("kind", "rule"), LED_TO, ids="-".join)
def test_the_evidence_of_each_finding_is_shown(kind, rule):
    assert EVIDENCE[rule](shown(fault(kind, **SEEN_WHEN.get(kind, {}))))


@pytest.mark.parametrize("rule", EVIDENCE)
def test_sound_meters_give_no_evidence(sound, rule):
    assert not EVIDENCE[rule](sound)


def test_a_frozen_sensor_keeps_its_last_value(sound):
    held = point(shown(fault("sensor_frozen")), "t_sec_supply")[30:90]
    assert np.ptp(held) == 0
    assert held[0] == point(sound, "t_sec_supply")[30]
    assert np.ptp(point(sound, "t_sec_supply")[30:90]) > 0


def test_a_freeze_that_is_walked_through_holds_what_was_shown_then(sound):
    world = world_with(fault("sensor_frozen"))
    later = world.advance(minutes()[29], BEGINS + 20 * MINUTE_US)
    ((_, rows),) = world.record([later], np.array([0]))
    assert rows[0, KIND.bits["t_sec_supply"]] == pytest.approx(point(sound, "t_sec_supply")[30], abs=0.3)
    assert world.schedule.starting(0, 2**62) == ()


def test_a_freeze_that_nobody_saw_begin_holds_the_first_value_seen():
    world = world_with()
    bit, place = KIND.bits["t_sec_supply"], np.array([0])
    world.schedule.add(made("sensor_frozen", world.parts[0].name, KIND, begins=NOON - MINUTE_US))
    first, *later = [next(iter(world.record([minutes()[k]], place)))[1][0, bit] for k in (0, 50, 100)]
    assert later == [first, first]


def test_swapped_sensors_show_each_other_s_water(sound):
    values = shown(fault("sensors_swapped", side="primary"))
    assert (point(values, "t_pri_supply")[30:90] == point(sound, "t_pri_return")[30:90]).all()
    assert (point(values, "t_pri_return")[30:90] == point(sound, "t_pri_supply")[30:90]).all()


def test_offsets_scales_and_sentinels_are_what_was_asked(sound):
    off = shown(fault("sensor_offset", point="p_sec_return", offset=0.05))
    assert point(off, "p_sec_return")[30:90] - point(sound, "p_sec_return")[30:90] == pytest.approx(0.05, abs=1e-6)
    grown = shown(fault("sensor_drift", point="flow_sec", offset=-12, grows_over_days=1 / 24))
    gap = point(grown, "flow_sec")[30:90] - point(sound, "flow_sec")[30:90]
    assert gap == pytest.approx(-12 * np.arange(60) / 60, abs=0.06)
    watts = shown(fault("wrong_scale", factor=1000))
    assert point(watts, "heat_power")[30:90] == pytest.approx(point(sound, "heat_power")[30:90] * 1000)
    assert (point(shown(fault("sensor_fixed")), "t_sec_return")[30:90] == -39.9).all()
    zero = shown(fault("pair_at_zero"))
    assert not point(zero, "t_sec_supply")[30:90].any()
    assert not point(zero, "t_sec_return")[30:90].any()


def test_spikes_are_rare_and_of_single_readings(sound):
    values = shown(fault("sensor_spikes", share=0.1))
    jumped = np.flatnonzero(point(values, "flow_sec") != point(sound, "flow_sec"))
    assert 1 <= len(jumped) <= 14
    assert (point(values, "flow_sec")[jumped] > point(sound, "flow_sec")[jumped] + 500).all()


def test_the_sun_is_on_the_outdoor_sensor_by_day(sound):
    excess = point(shown(fault("outdoor_sun", excess_k=20)), "t_outdoor")[30:90] - point(sound, "t_outdoor")[30:90]
    assert 2 < excess.min() < excess.max() < 25


def test_counters_reset_roll_over_jump_and_come_back(sound):
    count = point(sound, "heat_energy_total")
    begun = count[30:90] - count[30]
    reset = point(shown(fault("counter_reset")), "heat_energy_total")
    assert reset[30:90] == pytest.approx(begun, abs=0.02)
    rolled = point(shown(fault("counter_rollover", digits=4, left=1)), "heat_energy_total")[30:90]
    assert rolled[0] == 9999
    assert rolled == pytest.approx((begun + 9999) % 10_000, abs=0.02)
    assert rolled.min() < 10
    jumped = point(shown(fault("counter_jump", jump=5000)), "heat_energy_total")
    assert jumped[30:90] == pytest.approx(count[30:90] + 5000)
    away = point(shown(fault("counter_zero")), "heat_energy_total")
    assert not away[30:90].any()
    assert (away[90:] == count[90:]).all()


def test_sensors_of_other_kinds_of_devices_fail_alike():
    parts = [p for p in cast() if p.kind.name == "weather_station"][:2]
    broken = made("sensor_fixed", parts[1].name, parts[1].kind, begins=BEGINS, parameters={"point": "wind_speed"})
    world = World(parts, SEASONS["cold-night"], utc_offset_s=8 * 3600, seed=3, faults=Schedule([broken]))
    moments = [world.begin(BEGINS - MINUTE_US)]
    moments.append(world.advance(moments[0], BEGINS))
    rows = dict(world.record(moments, np.array([0, 1])))
    bit = parts[1].kind.bits["wind_speed"]
    assert rows[1][1, bit] == -39.9
    assert rows[1][0, bit] >= 0
    assert (rows[0][:, bit] >= 0).all()


def test_what_is_shown_is_in_the_resolution_of_the_meter():
    values = shown(fault("sensor_drift", point="t_sec_return", offset=3, grows_over_days=1))
    column = point(values, "t_sec_return")
    assert np.allclose(np.round(column, KIND.point("t_sec_return").decimals), column, rtol=0, atol=1e-9)
