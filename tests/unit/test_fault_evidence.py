"""What each plant fault does to what is measured: the evidence that a rule would look for, and only where it should."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from perception.kinds import load_kinds
from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from simulators.cast import Part, RoomFacts
from simulators.climate import SEASONS
from simulators.faults import KINDS, Schedule, made
from simulators.heat.design import StationFacts
from simulators.world import World

KIND = load_kinds()["heat_substation"]
ROOM = SensorKind(
    name="room_climate",
    title=Title(zh="室温", en="Room"),
    interval_s=600,
    points=(
        Point(name="t_indoor", title=Title(zh="室温", en="Room"), unit="Cel", low=0, high=40, noise=0.1, decimals=2),
    ),
)
MINUTE_US = 60_000_000
STEP_US = 30_000_000
PER_HOUR = 3_600_000_000 // STEP_US
NOON = 1_795_000_000_000_000 // 86_400_000_000 * 86_400_000_000 + 4 * 3600 * 1_000_000
"""Twelve o'clock in Harbin: two hours later everything breaks."""
BROKEN = NOON + 2 * 3_600_000_000
ROOMS = 10
BEYOND = "beyond"
"""A station farther out on the branch whose line breaks."""
SPARED = ("spared-0", "spared-1", "spared-2")
SEVERITY = 0.8
PLANTS = [k.name for k in KINDS.values() if k.plant is not None]


def fault(kind):
    growing = [n for n in KINDS[kind].parameters.model_fields if n.startswith(("grows_over", "falls_over"))]
    return made(kind, kind, KIND, begins=BROKEN, severity=SEVERITY, parameters=dict.fromkeys(growing, 0.0))


class Day:
    """Some hours of a station per plant fault, and of those that are spared; every station on a branch of its own."""

    def __init__(self, faults, hours=11, step_us=STEP_US, rooms=0):
        names = [*PLANTS, *SPARED, BEYOND]
        facts = {n: StationFacts(area_m2=60_000, branch=k, pipe_m=2000 + 37.0 * k) for k, n in enumerate(names)}
        facts[BEYOND] = replace(facts["burst_primary"], pipe_m=6000)
        parts = [Part(n, KIND, 10_000_000, facts[n], n) for n in names]
        parts += [
            Part(f"{n}-{r}", ROOM, 10_000_000, facts[n], n, RoomFacts(f"{n}-{r}")) for n in names for r in range(ROOMS)
        ]
        world = World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=3, faults=Schedule(faults))
        moments = [world.begin(NOON)]
        while moments[-1].at < NOON + hours * 3_600_000_000:
            moments.append(world.advance(moments[-1], moments[-1].at + step_us, step_us / 1e6))
        self.at = np.array([m.at for m in moments])
        self.broken = int(np.searchsorted(self.at, BROKEN))
        rows = dict(world.record(moments, np.arange(len(parts))))
        self.values = {part.name: rows[i] for i, part in enumerate(parts)}
        self.design = world.design
        self.place = {n: k for k, n in enumerate(names)}

    def __call__(self, station, point):
        """Return a point of a station [instants] from the break on."""
        return self.before_and_after(station, point)[self.broken :]

    def before_and_after(self, station, point):
        return self.values[station][:, KIND.bits[point]]

    def rooms(self, station):
        return np.stack(
            [self.values[f"{station}-{r}"][self.broken :, ROOM.bits["t_indoor"]] for r in range(ROOMS)], axis=1
        )

    def fact(self, station, name):
        return getattr(self.design, name)[self.place[station]]


@cache
def ill():
    return Day([fault(kind) for kind in PLANTS])


@cache
def sound():
    return Day([])


@cache
def three_days():
    """Homes take their time to cool."""
    return Day(
        [fault(kind) for kind in PLANTS if "COLD" in KINDS[kind].family], hours=72, step_us=600_000_000, rooms=ROOMS
    )


def last_hours(column, hours=4):
    return column[-hours * PER_HOUR :]


def longest(condition):
    """Return for how many instants on end it holds, at most."""
    run = most = 0
    for holds in condition:
        run = run + 1 if holds else 0
        most = max(most, run)
    return most


def lasts(condition, minutes):
    return longest(condition) >= minutes * 60_000_000 / STEP_US


def leak_sec(day, s):
    return last_hours(day(s, "flow_makeup")).mean() > max(0.01 * day(s, "flow_sec").mean(), 3 * usual_makeup(s)) or (
        last_hours(day(s, "flow_makeup")).mean() > 3 * usual_makeup(s)
    )


def usual_makeup(s):
    return sound()(s, "flow_makeup").mean()


def burst(day, s):
    per_minute = 60_000_000 // STEP_US
    drops = [
        column[:-per_minute] - column[per_minute:]
        for column in (
            day.before_and_after(s, p)[day.broken - 2 * per_minute :] for p in ("p_sec_supply", "p_pri_supply")
        )
    ]
    return max(d.max() for d in drops) > 0.1


def hx_leak(day, s):
    """Warmer water needs more room: 0.0153 MPa per K of the loop is not the leak's."""
    loop, filling = (day(s, "t_sec_supply") + day(s, "t_sec_return")) / 2, day(s, "flow_makeup") > 0
    pressure = day(s, "p_sec_return") - 4.6e-4 / 0.03 * loop
    half = PER_HOUR // 2
    idle = np.array([not filling[k : k + half + 1].any() for k in range(len(pressure) - half)])
    return ((pressure[half:] - pressure[:-half] > 0.03 / 2) & idle).any()


def p_low(day, s):
    return lasts(day(s, "p_sec_return") < day.fact(s, "static_head") + 0.03, 1)


def p_high(day, s):
    return lasts(day(s, "p_sec_return") > 0.9 * day.fact(s, "p_max"), 1)


def pump_fail(day, s):
    stands = (day(s, "dp_sec") < 0.2 * sound()(s, "dp_sec").mean()) | (day(s, "pump_circ_1_fault") == 1)
    return lasts(stands, 1)


def pump_cav(day, s):
    ill_swing = np.diff(day(s, "dp_sec")).var()
    return ill_swing > 5 * np.diff(sound()(s, "dp_sec")).var() and (
        np.diff(day(s, "pump_circ_1_current")).var() > 5 * np.diff(sound()(s, "pump_circ_1_current")).var()
    )


def strainer(day, s):
    return any((last_hours(day(s, f"dp_strainer_{side}")) > 50).mean() > 0.9 for side in ("pri", "sec"))


def conductance(day, s):
    supply, back, flow = day(s, "t_sec_supply"), day(s, "t_sec_return"), day(s, "flow_sec")
    warm, cold = day(s, "t_pri_supply") - supply, np.maximum(day(s, "t_pri_return") - back, 0.05)
    lmtd = (warm - cold) / np.log(warm / cold)
    return np.median(last_hours(flow * (supply - back) / lmtd))


def hx_foul(day, s):
    approach = np.median(last_hours(day(s, "t_pri_return") - day(s, "t_sec_return")))
    return conductance(day, s) < 0.8 * conductance(sound(), s) or approach > 8


def valve_stuck(day, s):
    return lasts(np.abs(day(s, "valve_pri_command") - day(s, "valve_pri_position")) > 10, 5)


def valve_hunt(day, s):
    position, turns, extreme, direction = last_hours(day(s, "valve_pri_position"), 2), 0, None, 0
    for value in position:
        extreme = value if extreme is None else extreme
        if direction >= 0 and value < extreme - 5:
            turns, direction, extreme = turns + 1, -1, value
        elif direction <= 0 and value > extreme + 5:
            turns, direction, extreme = turns + 1, 1, value
        elif (direction > 0 and value > extreme) or (direction < 0 and value < extreme):
            extreme = value
    return turns / 2 > 12


def delta_t(day, s):
    return np.median(last_hours(day(s, "t_pri_supply") - day(s, "t_pri_return")))


def low_dt(day, s):
    return delta_t(day, s) < 0.6 * delta_t(sound(), s)


def high_return(day, s):
    back = last_hours(day(s, "t_pri_return"))
    return np.median(back - last_hours(day(s, "t_sec_return"))) > 10 or np.median(back) > 55


def curve(day, s):
    gap = np.abs(day(s, "t_sec_supply_setpoint") - sound()(s, "t_sec_supply_setpoint"))
    return np.median(last_hours(gap)) > 3 or lasts(gap > 3, 60)


def ctrl_err(day, s):
    return lasts(np.abs(day(s, "t_sec_supply") - day(s, "t_sec_supply_setpoint")) > 3, 30)


def cold(_, s):
    """Of ten rooms more than one is below 18 Cel, or any below 16."""
    rooms = three_days().rooms(s)[-6:]
    return ((rooms < 18).mean(axis=1) > 0.1).all() or (rooms < 16).any(axis=1).all()


def frost(day, s):
    return lasts(day(s, "t_station_room") < 5, 5)


def power_cut(day, s):
    return lasts((day(s, "voltage_mains") < 0.8 * 380) | (day(s, "ups_on_battery") == 1), 1)


def theft(day, s):
    evening = NOON + 6 * 60 * MINUTE_US, NOON + 10 * 60 * MINUTE_US
    stolen = (day.at >= evening[0]) & (day.at < evening[1])
    flow = day.before_and_after(s, "flow_makeup")
    return flow[stolen].mean() > 3 * flow[~stolen].mean()


EVIDENCE = {
    "LEAK_SEC": leak_sec, "BURST": burst, "HX_LEAK": hx_leak, "P_LOW": p_low, "P_HIGH": p_high,
    "PUMP_FAIL": pump_fail, "PUMP_CAV": pump_cav, "STRAINER": strainer, "HX_FOUL": hx_foul,
    "VALVE_STUCK": valve_stuck, "VALVE_HUNT": valve_hunt, "LOW_DT": low_dt, "HIGH_RETURN": high_return,
    "CURVE": curve, "CTRL_ERR": ctrl_err, "COLD": cold, "FROST": frost, "POWER_CUT": power_cut, "THEFT": theft,
    "FLOOD": lambda day, s: (day(s, "flood_contact")[2:] == 1).all(),
    "DOOR": lambda day, s: (day(s, "door_open")[2:] == 1).all(),
}  # fmt: skip
LED_TO = [(kind, rule) for kind in PLANTS for rule in KINDS[kind].family if rule in EVIDENCE]


@pytest.mark.parametrize(("kind", "rule"), LED_TO, ids=" ".join)
def test_the_evidence_of_each_finding_is_there(kind, rule):
    assert EVIDENCE[rule](ill(), kind)


@pytest.mark.parametrize("rule", sorted(EVIDENCE.keys() - {"COLD"}))
def test_a_sound_station_gives_no_evidence(rule):
    assert not any(EVIDENCE[rule](sound(), s) for s in (*PLANTS, *SPARED))


@pytest.mark.parametrize("station", SPARED)
def test_stations_without_a_fault_are_as_they_would_have_been(station):
    assert (ill().values[station] == sound().values[station]).all()


def test_a_break_of_the_primary_line_is_felt_beyond_it_and_nowhere_else():
    before, after = sound()(BEYOND, "p_pri_supply")[4:], ill()(BEYOND, "p_pri_supply")[4:]
    assert np.median(before - after) > 0.03
    assert (ill()(BEYOND, "flow_makeup") == sound()(BEYOND, "flow_makeup")).mean() > 0.5
    assert not any(
        rule(ill(), BEYOND) for name, rule in EVIDENCE.items() if name in {"LEAK_SEC", "PUMP_FAIL", "HX_FOUL"}
    )


def test_rooms_of_stations_that_heat_well_stay_warm():
    assert not any(cold(None, s) for s in SPARED)


@pytest.mark.parametrize("kind", PLANTS)
def test_nothing_moves_before_and_nothing_becomes_unphysical(kind):
    values = ill().values[kind]
    first = ill().broken
    assert (values[:first] == sound().values[kind][:first]).all()
    assert np.isfinite(values).all()
    low, high = (np.array([getattr(p, side) for p in KIND.points]) for side in ("low", "high"))
    if KINDS[kind].meters is None:
        assert ((values >= low) & (values <= high)).all()
    assert (values[first:] != sound().values[kind][first:]).any()


def test_a_controller_believes_its_supply_sensor():
    parts = [Part(n, KIND, 10_000_000, StationFacts(branch=k), n) for k, n in enumerate(("misled", "well"))]
    lie = made("sensor_offset", "misled", KIND, begins=NOON, parameters={"point": "t_sec_supply", "offset": 6.0})
    walked = []
    for faults in ([lie], []):
        world = World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=3, faults=Schedule(faults))
        moment = world.advance(world.begin(NOON), NOON + 3 * 3_600_000_000)
        walked.append((moment.stations.sec_supply, dict(world.record([moment], np.array([0, 1])))))
    (water, shown), (sound_water, sound_shown) = walked
    assert water[0] == pytest.approx(sound_water[0] - 6, abs=1.5), "the water is too cold by what the sensor adds"
    assert water[1] == pytest.approx(sound_water[1], abs=1e-9)
    for point in ("t_sec_supply", "t_sec_supply_setpoint"):
        bit = KIND.bits[point]
        assert shown[0][0, bit] == pytest.approx(sound_shown[0][0, bit], abs=1.5), "and the display looks well"
