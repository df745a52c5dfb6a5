"""Each rule in a story: an ordinary substation raises nothing; with one thing wrong, the rule that is meant raises."""

import random
from collections import Counter
from functools import cache

import numpy as np
import pytest

from application.instants import MINUTE, SECOND
from application.rules import load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
T0 = 1_800_000_000 * SECOND // MINUTE * MINUTE
WARM_UP_MIN = 75
"""The fault begins after so many minutes: the hour that rules look back at is then complete."""


def ordinary(minute, dice):
    """What an ordinary substation shows at a minute, exact; `dice` adds the noise of meters."""
    wave = np.sin(minute / 17)
    values = {
        "t_outdoor": -12.0 + 0.5 * wave,
        "t_pri_supply": 92.0 + 1.5 * wave,
        "t_pri_return": 43.0 + 0.9 * wave,
        "flow_pri": 30.0 + 0.6 * wave,
        "p_pri_supply": 0.82,
        "p_pri_return": 0.45,
        "dp_pri": 0.37,
        "valve_pri_position": 55.0 + 1.5 * wave,
        "valve_pri_command": 55.0 + 1.5 * wave,
        "t_sec_supply": 52.0 + 0.8 * wave,
        "t_sec_supply_setpoint": 52.0,
        "t_sec_return": 41.0 + 0.8 * wave,
        "flow_sec": 130.0 + wave,
        "p_sec_return": 0.34 - 0.01 * ((minute % 40) / 40),
        "dp_sec": 0.14,
        "dp_strainer_pri": 14.0,
        "dp_strainer_sec": 16.0,
        "flow_makeup": 0.35 if minute % 40 < 4 else 0.0,
        "level_makeup_tank": 1.6,
        "voltage_mains": 384.0,
        "ups_on_battery": 0.0,
        "t_station_room": 21.0,
        "heat_energy_total": 81_000.0 + minute * 0.1,
        "volume_pri_total": 120_000.0 + minute * 0.5,
        "volume_makeup_total": 900.0 + minute * 0.0006,
        "elec_energy_total": 30_000.0 + minute * 0.2,
    }
    values["p_sec_supply"] = values["p_sec_return"] + values["dp_sec"] + 0.09
    values["heat_power"] = values["flow_pri"] * (values["t_pri_supply"] - values["t_pri_return"]) * 4.187 * 985 / 3600
    for k in (1, 2, 3):
        on = float(k < 3)
        pump = {"run": on, "freq": on * 41.0, "current": on * 24.0, "power": on * 11.0, "fault": 0.0}
        values |= {f"pump_circ_{k}_{what}": value for what, value in pump.items()}
    for contact in ("door_open", "flood_contact", "smoke_contact", "valve_relief_open"):
        values[contact] = 0.0
    return {
        n: v + dice.gauss(0, KIND.point(n).noise * (v if KIND.point(n).noise_relative else 1))
        for n, v in values.items()
    }


def shift(**by):
    return lambda v, _m, _d: v | {name: v[name] + delta for name, delta in by.items()}


def hold(**fixed):
    return lambda v, _m, _d: v | fixed


def leaking(v, m, _d):
    """Make-up of 0.6 % of the flow, without a pause."""
    return v | {"flow_makeup": 0.8}


def swinging(v, m, dice):
    swing = dice.choice([-1, 1])
    return v | {
        "dp_sec": v["dp_sec"] + 0.02 * swing,
        "pump_circ_1_current": v["pump_circ_1_current"] * (1 + 0.15 * swing),
    }


def hunting(v, m, _d):
    return v | dict.fromkeys(("valve_pri_position", "valve_pri_command"), 55.0 + (9.0 if m % 4 < 2 else -9.0))


def travelling(v, m, _d):
    """A slow actuator on its way to a command that is far off, and the flow with it."""
    return v | {
        "valve_pri_command": v["valve_pri_command"] + 40.0,
        "valve_pri_position": v["valve_pri_position"] + 4.0 * m,
        "flow_pri": v["flow_pri"] * (1 + 0.05 * m),
    }


def swapped(v, _m, _d):
    return v | {"t_sec_supply": v["t_sec_return"], "t_sec_return": v["t_sec_supply"]}


def in_vain(v, m, _d):
    return (
        v
        | {name: 55.0 + min(m * 3.0, 40.0) for name in ("valve_pri_position", "valve_pri_command")}
        | {"flow_pri": 30.0}
    )


FAULTS = {
    "return_pressure_low": (hold(p_sec_return=0.2), "", 3),
    "supply_pressure_high": (shift(p_sec_supply=0.35), "", 3),
    "pipe_burst": (lambda v, m, _d: v | {"p_sec_return": 0.15, "flow_makeup": 1.5}, "p_sec_return", 2),
    "secondary_leak": (leaking, "", 40),
    "exchanger_leak": (
        lambda v, m, _d: v | {"p_sec_return": 0.33 + m * 0.002, "p_sec_supply": 0.56 + m * 0.002, "flow_makeup": 0.0},
        "",
        75,
    ),
    "pump_failed": (hold(pump_circ_2_fault=1.0, pump_circ_2_run=0.0, pump_circ_2_freq=0.0), "pump_circ_2_fault", 1),
    "circulation_stopped": (hold(dp_sec=0.001), "", 3),
    "pump_cavitation": (swinging, "", 15),
    "strainer_clogged": (hold(dp_strainer_sec=70.0), "dp_strainer_sec", 6 * 60 + 2),
    "valve_stuck": (shift(valve_pri_command=25.0), "", 8),
    "valve_hunting": (hunting, "", 100),
    "primary_return_high": (shift(t_pri_return=9.5), "", 4 * 60 + 3),
    "supply_off_setpoint": (shift(t_sec_supply=-5.0), "", 32),
    "frost_risk": (hold(t_station_room=2.0), "", 6),
    "heat_balance_off": (lambda v, m, _d: v | {"flow_pri": v["flow_pri"] * 1.25}, "", 4 * 60 + 5),
    "sensor_frozen": (hold(t_sec_return=41.3), "t_sec_return", 62),
    "sensors_swapped": (swapped, "t_sec_return", 32),
    "counter_jumped": (hold(heat_energy_total=0.0), "heat_energy_total", 1),
    "power_cut": (hold(voltage_mains=0.0, ups_on_battery=1.0), "", 1),
    "sensor_sentinel": (hold(t_sec_return=0.0), "t_sec_return", 2),
    "station_flooded": (hold(flood_contact=1.0), "", 1),
    "station_smoke": (hold(smoke_contact=1.0), "", 1),
    "door_open": (hold(door_open=1.0), "", 2),
}
KNOWN_TOGETHER = {
    "pipe_burst": {"return_pressure_low", "secondary_leak"},
    "return_pressure_low": {"pipe_burst", "secondary_leak"},
    "circulation_stopped": {"pump_failed"},
    "sensors_swapped": {"supply_off_setpoint"},
    "primary_return_high": {"heat_balance_off"},
    "exchanger_leak": {"supply_pressure_high"},
}
"""What a fault honestly shows besides: incidents will tell cause from consequence."""


WATCH = Watch(tuned(load_rules(), {}))


def cooling(v, m, _d):
    """Ten kelvin in two hours: the water shrinks, and what is missing is drawn."""
    fallen = min(m / 120, 1) * 10
    return v | {
        "t_sec_supply": v["t_sec_supply"] - fallen,
        "t_sec_return": v["t_sec_return"] - fallen,
        "t_sec_supply_setpoint": v["t_sec_supply_setpoint"] - fallen,
        "flow_makeup": v["flow_makeup"] + (0.13 if m < 120 else 0.0),
    }


def as_it_is(v, _m, _d):
    return v


STORIES = {rule: (change, limit + 2, 1) for rule, (change, _, limit) in FAULTS.items()} | {
    "ordinary-1": (as_it_is, 6 * 60, 1),
    "ordinary-2": (as_it_is, 6 * 60, 2),
    "cooling": (cooling, 180, 1),
    "in_vain": (in_vain, 30, 1),
    "torn away": (hold(valve_pri_position=15.0), 9, 1),
    "travelling": (travelling, 9, 1),
}
"""How a station changes once it is warmed up, for how many minutes, and its dice. Each station hears only itself."""
PLACES = {f"d-{k}": name for k, name in enumerate(STORIES, 1)}
MEMBERS = {
    device: Member(k, device, KIND, f"s-{k}", "city", 60.0, static_head_mpa=0.25) for k, device in enumerate(PLACES, 1)
}


def hear(state, shown, minute):
    """Step by one reading of each device that is shown: values by device."""
    rows = np.full((len(shown), len(KIND.points)), np.nan)
    for row, values in zip(rows, shown.values(), strict=True):
        for name, value in values.items():
            row[KIND.bits[name]] = round(value, KIND.point(name).decimals + 1)
    ids = np.array([MEMBERS[device].device_id for device in shown], np.int32)
    at = np.full(len(ids), T0 + minute * MINUTE)
    nothing = np.zeros(len(ids), np.int64)
    state, transitions, _ = WATCH.step(
        state, {KIND.name: Readings(KIND, ids, at, at, rows, nothing, nothing)}, int(at[0])
    )
    return state, transitions


@cache
def lived():
    """Return what was found in all stories: name to (what, rule, element, minute of the story)."""
    dice = {device: random.Random(STORIES[name][2]) for device, name in PLACES.items()}
    found = {name: [] for name in STORIES}
    state = WATCH.attend(WATCH.enrol(None, Roster(MEMBERS, KINDS, 1)), T0)
    for minute in range(WARM_UP_MIN + max(minutes for _, minutes, _ in STORIES.values())):
        since = minute - WARM_UP_MIN
        shown = {}
        for device, name in PLACES.items():
            change, minutes, _ = STORIES[name]
            if since < minutes:
                values = ordinary(minute, dice[device])
                shown[device] = values if since < 0 else change(values, since, dice[device])
        state, transitions = hear(state, shown, minute)
        assert since >= 0 or not transitions
        for t in transitions:
            name = next(PLACES[m.name] for m in MEMBERS.values() if m.station == t["station"])
            if since < STORIES[name][1]:
                found[name].append((t["what"], t["rule"], t["element"], (t["at"] - T0) / MINUTE - WARM_UP_MIN))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_an_ordinary_half_day_raises_nothing(seed):
    assert lived()[f"ordinary-{seed}"] == []


@pytest.mark.parametrize("rule", FAULTS)
def test_the_rule_that_is_meant_raises_in_time_and_no_other_does(rule):
    _, element, limit = FAULTS[rule]
    found = lived()[rule]
    [(_, _, where, at), *_] = [f for f in found if f[1] == rule and f[0] == "raised"] or [(None, None, None, None)]
    assert where == element, found
    assert 0 <= at <= limit + 1
    others = {f[1] for f in found} - {rule} - KNOWN_TOGETHER.get(rule, set())
    assert not others, found
    assert Counter(f[2] for f in found if f[1] == rule and f[0] == "raised")[element] == 1


def test_a_loop_that_cools_by_ten_kelvin_in_two_hours_draws_water_and_is_no_leak():
    assert "secondary_leak" not in {f[1] for f in lived()["cooling"]}


def test_a_valve_that_moves_in_vain_is_stuck():
    assert "valve_stuck" in {f[1] for f in lived()["in_vain"]}


def test_a_valve_that_was_torn_away_from_its_command_is_stuck_at_once_and_one_on_its_way_is_not():
    assert [(f[0], f[3]) for f in lived()["torn away"] if f[1] == "valve_stuck"] == [("raised", 6.0)]
    assert "valve_stuck" not in {f[1] for f in lived()["travelling"]}


def test_every_rule_of_a_substation_has_its_story():
    generic = {"device_silent", "sensor_out_of_range"}
    watched = {rule.name for rule in load_rules().values() if rule.fits(KIND) and rule.tempo == "fast"}
    assert watched - generic == set(FAULTS)
