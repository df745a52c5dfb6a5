"""A day of the pretend city, against what real substations do."""

from pathlib import Path

import numpy as np
import pytest

from perception.kinds import load_kinds
from perception.point import Point, Title
from perception.seed_files import load_catalogue
from perception.sensor_kind import SensorKind
from simulators.cast import Part, cast_of
from simulators.climate import SEASONS
from simulators.faults import Faults, opening_scene
from simulators.heat.design import StationFacts
from simulators.world import COUNTERS, World

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
MINUTE_US = 60_000_000
NOW = 1_795_000_000_000_000
MINUTES = 24 * 60
KIND = load_kinds()["heat_substation"]
LEAKY, BROKEN = "xc-laocheng-07", "xc-beian-05"


class Day:
    """The minutes up to NOW of every substation: values[minute, station, point]."""

    def __init__(self, world, names, minutes=MINUTES):
        self.names = names
        moments = [world.begin(NOW - minutes * MINUTE_US)]
        while len(moments) < minutes:
            moments.append(world.advance(moments[-1], moments[-1].at + MINUTE_US))
        rows = dict(world.record(moments, np.arange(len(names))))
        self.values = np.stack([rows[i] for i in range(len(names))], axis=1)

    def point(self, name, of=None):
        column = self.values[:, :, KIND.bits[name]]
        return column if of is None else column[:, self.names.index(of)]


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(CITIES)


def world_of(catalogue, *, faults=True, seed=7):
    parts = cast_of(catalogue, load_kinds(), "xuecheng")
    names = [p.name for p in parts if p.kind is not None and p.kind.name == "heat_substation"]
    scene = opening_scene(names, NOW, LEAKY, BROKEN) if faults else Faults()
    return World(parts, SEASONS["cold-night"], utc_offset_s=8 * 3600, seed=seed, faults=scene), names


@pytest.fixture(scope="module")
def day(catalogue):
    return Day(*world_of(catalogue))


@pytest.fixture(scope="module")
def healthy(catalogue):
    return Day(*world_of(catalogue, faults=False))


def head_of(catalogue, name):
    return next(s.static_head_mpa for s in catalogue.stations if s.name == name)


@pytest.mark.parametrize("point", KIND.points, ids=lambda p: p.name)
def test_every_point_is_there_inside_its_limits_and_on_its_meter_scale(healthy, point):
    column = healthy.point(point.name)
    assert np.isfinite(column).all()
    assert point.low <= column.min() <= column.max() <= point.high
    digits = point.decimals + (2 if point.counter else 0)
    assert np.allclose(np.round(column, digits), column, rtol=0, atol=1e-9)
    if point.typical is not None:
        slack = 0.2 * (point.typical[1] - point.typical[0])
        assert point.typical[0] - slack < np.median(column) < point.typical[1] + slack


def test_temperatures_stand_in_their_order(healthy):
    supply, back = healthy.point("t_sec_supply"), healthy.point("t_sec_return")
    assert (healthy.point("t_pri_supply") > supply + 10).all()
    assert (supply > back + 4).all()
    approach = healthy.point("t_pri_return") - back
    assert 0 < np.median(approach) < 3


def test_power_flow_and_temperatures_balance(healthy):
    flow_kg_s = healthy.point("flow_pri") * 985 / 3600
    lifted = flow_kg_s * 4.187 * (healthy.point("t_pri_supply") - healthy.point("t_pri_return"))
    residual = (healthy.point("heat_power") - lifted) / healthy.point("heat_power")
    assert np.percentile(np.abs(residual), 95) < 0.05
    assert abs(np.median(residual)) < 0.01


def test_counters_count_what_the_meters_show(healthy):
    energy = healthy.point("heat_energy_total")
    assert (np.diff(energy, axis=0) >= 0).all()
    counted = energy[-1] - energy[0]
    shown = healthy.point("heat_power").mean(axis=0) * (MINUTES - 1) * 60 / 1e6
    assert counted == pytest.approx(shown, rel=0.03)
    for name in ("volume_pri_total", "volume_makeup_total", "elec_energy_total"):
        assert (np.diff(healthy.point(name), axis=0) >= 0).all()


def test_heat_per_square_metre_is_that_of_the_trade(catalogue, healthy):
    station_of = {c.name: c.station for c in catalogue.communities}
    area = dict.fromkeys(healthy.names, 0.0)
    for b in catalogue.buildings:
        if station_of[b.community] in area:
            area[station_of[b.community]] += b.heated_area_m2
    specific = healthy.point("heat_power").mean(axis=0) * 1000 / np.array([area[n] for n in healthy.names])
    assert 20 < specific.min() < specific.max() < 65


def test_control_follows_its_setpoint(healthy):
    error = np.abs(healthy.point("t_sec_supply") - healthy.point("t_sec_supply_setpoint"))
    assert 0.3 < np.median(error) < 0.9
    assert np.percentile(error, 99) < 2


def test_trends_are_smooth_and_turn_with_the_day(healthy):
    for name in ("t_sec_supply", "t_pri_supply", "p_sec_supply"):
        per_minute = np.abs(np.diff(healthy.point(name), axis=0))
        assert np.percentile(per_minute, 99) < KIND.point(name).max_rate, name
    swing = np.ptp(healthy.point("t_sec_supply"), axis=0)
    assert (swing > 2.5).all()


def test_stations_differ_from_each_other(healthy):
    for name in ("t_sec_supply", "p_sec_return", "flow_sec", "valve_pri_position", "level_makeup_tank"):
        means = healthy.point(name).mean(axis=0)
        assert len(np.unique(means)) > 35, name
        assert means.std() > 0, name


def test_healthy_loops_keep_their_water(catalogue, healthy):
    for name in healthy.names:
        assert healthy.point("p_sec_return", name).min() > head_of(catalogue, name) + 0.03 + 0.02, name


def test_make_up_is_intermittent(healthy):
    running = healthy.point("pump_makeup_1_run").mean(axis=0)
    assert ((running > 0.005) & (running < 0.4)).all()


def test_the_leak_has_lasted_about_an_hour_with_make_up_running(catalogue, day):
    limit = head_of(catalogue, LEAKY) + 0.03
    pressure = day.point("p_sec_return", LEAKY)
    first = int(np.flatnonzero(pressure < limit)[0])
    assert 50 <= MINUTES - first <= 75
    assert (pressure[first + 10 :] < limit).all()
    assert (pressure[: first - 15] > limit + 0.02).all()
    assert (day.point("pump_makeup_1_run", LEAKY)[first:] == 1).all()
    assert (day.point("flow_makeup", LEAKY)[first:] > 0.005 * day.point("flow_sec", LEAKY)[first:]).all()


def test_exactly_one_loop_leaks_and_one_sensor_lies(catalogue, day):
    low = [n for n in day.names if day.point("p_sec_return", n)[-1] < head_of(catalogue, n) + 0.03]
    assert low == [LEAKY]
    beyond = {
        (day.names[k], p.name)
        for p in KIND.points
        for k in np.flatnonzero((day.point(p.name)[-1] < p.low) | (day.point(p.name)[-1] > p.high))
    }
    assert beyond == {(BROKEN, "t_station_room")}


def test_the_same_seed_gives_the_same_values_and_another_seed_others(catalogue):
    one, same, other = (Day(*world_of(catalogue, seed=seed), minutes=10) for seed in (7, 7, 8))
    assert (one.values == same.values).all()
    assert (other.point("t_sec_supply") != one.point("t_sec_supply")).mean() > 0.5


def test_a_world_started_later_is_the_same_world(catalogue, healthy):
    world, names = world_of(catalogue, faults=False)
    late = world.begin(NOW - MINUTE_US)
    row = dict(world.record([late], np.arange(len(names))))
    for name, slack in (("t_sec_supply", 1.0), ("t_outdoor", 0.3), ("flow_sec", 12.0), ("t_pri_supply", 1.0)):
        bit = KIND.bits[name]
        now = np.array([row[i][0, bit] for i in range(len(names))])
        assert np.abs(now - healthy.point(name)[-1]).max() < slack, name
    a_refill = 110  # minutes between two of them: one may have begun a minute sooner
    lag_of = {"heat_energy_total": 1, "volume_pri_total": 1, "elec_energy_total": 1, "volume_makeup_total": a_refill}
    for name, lag in lag_of.items():
        counted = np.array([row[i][0, KIND.bits[name]] for i in range(len(names))])
        drift = (counted - healthy.point(name)[-1]) / np.diff(healthy.point(name), axis=0).mean(axis=0)
        assert -lag < drift.min() < drift.max() < lag + 25, name  # minutes of ordinary counting, after a day


def test_scene_falls_to_others_where_the_named_devices_are_not():
    names = [f"c9-{k}" for k in range(12)]
    scene = opening_scene(names, NOW, LEAKY, BROKEN)
    assert [fault.device for fault in scene.leaks] == ["c9-4"]
    assert [fault.device for fault in scene.sensors] == ["c9-8"]
    assert opening_scene([], NOW, LEAKY, BROKEN) == Faults()


def test_a_kind_that_the_world_does_not_know_lives_by_its_manifest():
    kind = SensorKind(
        name="basin_gauge",
        title=Title(zh="水池", en="Basin"),
        interval_s=60,
        points=(
            Point(name="level", title=Title(zh="水位", en="Level"), unit="m", low=0, high=9, typical=(2, 4), noise=0.1),
            Point(name="hatch", title=Title(zh="盖", en="Hatch"), unit="1", low=0, high=1, decimals=0, event=True),
            Point(name="inflow", title=Title(zh="进水", en="In"), unit="m3", low=0, high=1e6, counter=True),
        ),
    )
    world = World([Part("b", kind, MINUTE_US, StationFacts())], SEASONS["thaw"], utc_offset_s=0, seed=1)
    begin = world.begin(NOW)
    moments = [begin, world.advance(begin, NOW + 3600 * 1_000_000)]
    ((place, rows),) = world.record(moments, np.array([0]))
    told = world.tell(place, rows)
    assert all(1.5 < values["level"] < 4.5 for values in told)
    assert told[0]["hatch"] == 0
    assert told[1]["inflow"] > told[0]["inflow"]


def test_counters_never_count_backwards_when_a_world_is_started_again(catalogue):
    """Also across the Monday from which worlds begin; less than two minutes' worth, as steps differ."""
    parts = [p for p in cast_of(catalogue, load_kinds(), "xuecheng") if p.kind.name == "heat_substation"][::8]
    world = World(parts, SEASONS["winter"], utc_offset_s=8 * 3600, seed=7)
    walked = world.begin(NOW)
    for hours in (3, 26, 130):
        before, later = walked, walked.at + hours * 60 * MINUTE_US
        walked = world.advance(walked, later, 120.0)
        anew = world.begin(later)
        for counter in COUNTERS:
            old, now, new = (getattr(moment.stations, counter) for moment in (before, walked, anew))
            a_minute = (now - old) / (hours * 60)
            slack = world.design.makeup / 2 if counter == "volume_makeup" else 2 * a_minute
            assert (new - now > -slack).all(), (hours, counter)
        walked = anew
