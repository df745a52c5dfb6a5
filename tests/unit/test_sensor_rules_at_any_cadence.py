"""Rules about sensors judge a device at the cadence that it has: every three, fifteen or sixty minutes."""

import numpy as np
import pytest

from application.instants import MINUTE, SECOND
from application.rule import Family
from application.rules import load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
T0 = 1_800_000_000 * SECOND // MINUTE * MINUTE
CADENCES = [3, 15, 60]
ALL = load_rules()
JUDGED = {n: r for n, r in ALL.items() if r.family is Family.SENSOR or n == "device_silent"}
NO_FLOW = {"flow_pri": None, "flow_sec": None}


def shown(minute):
    wave = np.sin(minute / 170)
    return {
        "t_outdoor": -12.0 + wave,
        "t_pri_supply": 92.0 + 3 * wave,
        "t_pri_return": 43.0 + 2 * wave,
        "t_sec_supply": 52.0 + 2 * wave,
        "t_sec_return": 41.0 + 2 * wave,
        "flow_pri": 30.0,
        "flow_sec": 130.0,
        "heat_power": 30.0 * (49.0 + wave) * 4.187 * 985 / 3600,
        "heat_energy_total": 81_000.0 + minute * 0.1,
        "volume_pri_total": 120_000.0 + minute * 0.5,
        "volume_makeup_total": 900.0,
        "elec_energy_total": 30_000.0 + minute * 0.2,
    }


def lived(cadence, change, hours=8, until=None, jitter=0, rules=JUDGED):
    """Return what was found, (what, rule, element, minute), on a device that reports every so many minutes."""
    watch = Watch(tuned(rules, {}))
    member = Member(1, "d-1", KIND, "s-1", "city", cadence * 60.0)
    state, found = watch.attend(watch.enrol(None, Roster({"d-1": member}, KINDS, 1)), T0), []
    dice = np.random.default_rng(7)
    for minute in range(0, hours * 60, cadence):
        at = T0 + minute * MINUTE + int(dice.integers(0, jitter + 1)) * SECOND
        values = shown(minute) | (change(minute, shown(minute)) if until is None or minute < until else {})
        row = np.full((1, len(KIND.points)), np.nan)
        for name, value in values.items():
            row[0, KIND.bits[name]] = np.nan if value is None else round(value, 2)
        bad = (row < [p.low for p in KIND.points]) | (row > [p.high for p in KIND.points])
        quality = np.array([sum(1 << int(bit) for bit in np.flatnonzero(bad[0]))])
        one = np.ones(1, np.int64)
        reading = Readings(KIND, one.astype(np.int32), one * at, one * at, row, quality, one * 0)
        state, transitions, _ = watch.step(state, {KIND.name: reading}, at)
        found += [(t["what"], t["rule"], t["element"], (t["at"] - T0) / MINUTE) for t in transitions]
    return found


@pytest.mark.parametrize("cadence", CADENCES)
def test_a_sound_device_raises_nothing(cadence):
    assert lived(cadence, lambda _m, _v: {}, hours=12, rules=ALL) == []
    assert lived(cadence, lambda _m, _v: NO_FLOW, jitter=40) == []


@pytest.mark.parametrize("cadence", CADENCES)
def test_a_meter_that_contradicts_its_temperatures_is_off(cadence):
    found = lived(cadence, lambda _m, v: {"heat_power": v["heat_power"] * 1.3}, jitter=40)
    [(what, rule, _, at)] = found
    assert (what, rule) == ("raised", "heat_balance_off")
    assert at <= 5.5 * 60


@pytest.mark.parametrize("cadence", CADENCES)
@pytest.mark.parametrize("flow", [{}, NO_FLOW], ids=["flow", "no-flow"])
def test_a_swapped_pair_is_found_with_and_without_a_flow_meter(cadence, flow):
    def swap(_m, v):
        return {"t_sec_supply": v["t_sec_return"], "t_sec_return": v["t_sec_supply"], **flow}

    found = [f for f in lived(cadence, swap, hours=4) if f[1] == "sensors_swapped"]
    assert [f[:3] for f in found] == [("raised", "sensors_swapped", "t_sec_return")]
    assert found[0][3] <= 30 + cadence


def test_standing_water_proves_no_swapped_pair():
    def standing(_m, v):
        return {"t_sec_supply": 30.0, "t_sec_return": 32.0, "flow_pri": None, "flow_sec": None, "heat_power": 0.0}

    def unknown(_m, v):
        return standing(_m, v) | {"heat_power": None}

    assert lived(15, standing, hours=4) == []
    assert lived(15, unknown, hours=4) == []


@pytest.mark.parametrize("cadence", CADENCES)
@pytest.mark.parametrize(
    ("codes", "elements"),
    [
        ({"t_pri_supply": 0.0, "t_pri_return": 0.0}, {"t_pri_supply", "t_pri_return"}),
        ({"t_outdoor": -39.9}, {"t_outdoor"}),
        ({"t_sec_supply": 0.0, "t_outdoor": 0.0}, {"t_sec_supply", "t_outdoor"}),
    ],
)
def test_a_code_is_not_a_temperature(cadence, codes, elements):
    found = lived(cadence, lambda _m, _v: codes, hours=8, until=5 * 60)
    told = [f for f in found if f[1] == "sensor_sentinel"]
    assert {f[2] for f in told if f[0] == "raised"} == elements
    assert all(f[3] <= max(1, cadence) for f in told if f[0] == "raised")
    assert {f[2] for f in told if f[0] == "cleared"} == elements


def test_a_mild_day_at_zero_is_weather():
    assert lived(15, lambda _m, _v: {"t_outdoor": 0.0}) == []


@pytest.mark.parametrize("cadence", [3, 10])
def test_a_temperature_that_stands_still_is_frozen(cadence):
    def frozen(m, v):
        return {"t_sec_supply": 52.0 + 3 * np.sin(m / 40), "t_sec_return": 41.0}

    [(what, rule, element, at)] = lived(cadence, frozen, hours=8)
    assert (what, rule, element) == ("raised", "sensor_frozen", "t_sec_return")
    assert at <= 3 * 60


@pytest.mark.parametrize("cadence", [15, 60])
def test_an_hour_does_not_tell_whether_a_sparse_device_is_frozen(cadence):
    assert lived(cadence, lambda m, _v: {"t_sec_supply": 52.0 + 3 * np.sin(m / 40), "t_sec_return": 41.0}) == []


@pytest.mark.parametrize("cadence", CADENCES)
def test_silence_and_range_follow_the_cadence(cadence):
    found = lived(cadence, lambda _m, _v: {"t_sec_supply": 180.0}, hours=4)
    assert ("raised", "sensor_out_of_range", "t_sec_supply") in {f[:3] for f in found}
    watch = Watch(tuned(JUDGED, {}))
    member = Member(1, "d-1", KIND, "s-1", "city", cadence * 60.0)
    state = watch.attend(watch.enrol(None, Roster({"d-1": member}, KINDS, 1)), T0)
    limit = max(3 * cadence, 3) * MINUTE
    state, before, _ = watch.step(state, {}, T0 + limit - SECOND)
    _, after, _ = watch.step(state, {}, T0 + limit + SECOND)
    assert [t["rule"] for t in before] == []
    assert [t["rule"] for t in after] == ["device_silent"]


@pytest.mark.parametrize("cadence", CADENCES)
def test_a_meter_that_falls_has_jumped(cadence):
    found = lived(cadence, lambda m, v: {"heat_energy_total": v["heat_energy_total"] - (900 if m >= 120 else 0)})
    assert ("raised", "counter_jumped", "heat_energy_total") in {f[:3] for f in found}


@pytest.mark.parametrize("cadence", CADENCES)
def test_a_meter_that_shows_nothing_for_a_while_has_gone_once_and_its_return_is_no_jump(cadence):
    def unread(m, v):
        return {"heat_energy_total": 0.0 if 120 <= m < 300 else v["heat_energy_total"]}

    found = [f for f in lived(cadence, unread) if f[1] == "counter_jumped"]
    assert [f[0] for f in found] == ["raised", "cleared"]
    assert found[0][3] == 120
