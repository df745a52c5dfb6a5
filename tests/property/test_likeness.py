"""Figures of likeness against series whose answers are known, and against what must not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.payload import RawReading
from simulators.likeness.behaviour import change_per_hour, gaps, memory, noise
from simulators.likeness.dirt import cleaned
from simulators.likeness.energy import daily_shape, heat_balance_residual, signature
from simulators.likeness.figures import likeness
from simulators.likeness.running import running, settled
from simulators.likeness.track import HOUR_US, Track, cadence_s, on_grid, track_of

BEGIN = 1_704_067_200_000_000  # 2024-01-01 00:00 UTC
STEP_S = 900


def track(zone="UTC", days=10, step_s=STEP_S, seed=1, **more):
    """A station that behaves: a day's swing outdoors, a curve, a controller that strays by half a kelvin."""
    rng = np.random.default_rng(seed)
    at = BEGIN + np.arange(round(days * 86_400 / step_s), dtype=np.int64) * round(step_s * 1e6)
    hour = (at - BEGIN) / HOUR_US
    outdoor = -5 + 4 * np.cos((hour - 14) * 2 * np.pi / 24) + 3 * np.sin(hour * 2 * np.pi / 130)
    setpoint = 45 - 0.4 * outdoor
    supply = setpoint + rng.normal(0, 0.5, len(at))
    values = {
        "t_outdoor": outdoor, "t_sec_supply_setpoint": setpoint, "t_sec_supply": supply, "t_sec_return": supply - 8,
        "t_pri_supply": np.full(len(at), 80.0) + rng.normal(0, 0.3, len(at)), "t_pri_return": supply - 6,
        "heat_power": 10.0 * (18 - outdoor),
    }  # fmt: skip
    return Track(at, values | more, zone)


def gridded(t, step_s=STEP_S):
    return on_grid(t, step_s)


def test_a_station_that_never_stops_has_settled_three_hours_after_the_beginning():
    calm = settled(gridded(track()))
    assert not calm[:12].any()
    assert calm[12:].all()


def test_a_night_switch_off_and_the_start_after_it_are_not_settled():
    t = track()
    hour = (t.at - BEGIN) % (24 * HOUR_US) / HOUR_US
    grid = gridded(t.with_values({"heat_power": np.where((hour >= 22) | (hour < 6), 0.5, t.of("heat_power"))}))
    assert set(np.unique(hour[running(grid)]).astype(int)) == set(range(6, 22))
    assert hour[settled(grid)].min() > 6 + 2.9


def test_a_ramp_changes_by_its_slope_and_has_no_noise():
    t = track(days=3)
    ramp = 40 + 0.5 * np.arange(len(t)) * STEP_S / 3600
    grid = gridded(t.with_values({"t_sec_supply": ramp}))
    assert change_per_hour(grid, "t_sec_supply", settled(grid)) == pytest.approx(0.5)
    assert noise(grid, "t_sec_supply", settled(grid)) == pytest.approx(0, abs=1e-6)


def test_white_noise_is_found_at_its_size_and_has_no_memory():
    rng = np.random.default_rng(3)
    t = track(days=30)
    grid = gridded(t.with_values({"t_sec_supply": 45 + rng.normal(0, 0.4, len(t))}))
    calm = settled(grid)
    assert noise(grid, "t_sec_supply", calm) == pytest.approx(0.4, rel=0.2)
    assert abs(memory(grid, "t_sec_supply", 1, calm)) < 0.1
    assert memory(grid, "t_outdoor", 24, calm) > 0.6


def test_the_control_error_is_that_of_the_controller():
    found = likeness(track(days=30), STEP_S).figures
    assert found["control_error.p50"] == pytest.approx(0.5 * 0.6745, rel=0.1)


def test_the_signature_is_the_line_that_was_drawn():
    line = signature(gridded(track(days=20)))
    assert line.slope == pytest.approx(10.0)
    assert line.balance == pytest.approx(18.0)
    assert line.r2 == pytest.approx(1.0)


def test_the_daily_shape_is_in_local_time():
    shape = daily_shape(gridded(track(zone="Asia/Shanghai", days=20)), "t_outdoor")
    assert int(np.argmax(shape)) == 22  # 14 h UTC
    assert np.nanmean(shape) == pytest.approx(0, abs=0.05)


def test_a_meter_that_agrees_with_its_parts_leaves_no_residual():
    t = track(t_pri_return=np.full(960, 40.0))
    rho = 1001.1 - 0.0867 * 60 - 0.00346 * 3600
    flow = t.of("heat_power") * 3600 / (rho * 4.186 * (t.of("t_pri_supply") - 40))
    grid = gridded(t.with_values({"flow_pri": flow}))
    assert np.abs(heat_balance_residual(grid)).max() < 1.0
    assert heat_balance_residual(gridded(t.with_values({"flow_pri": flow * 0.9}))).mean() == pytest.approx(10, abs=0.6)


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(0.5, 4), offset=st.floats(-3, 3), seed=st.integers(0, 1000))
def test_scaling_a_point_scales_its_changes_and_its_noise_and_nothing_else(factor, offset, seed):
    one, other = track(days=4, seed=seed), track(days=4, seed=seed)
    other = other.with_values({"t_pri_supply": np.clip(other.of("t_pri_supply") * factor / 4 + offset + 20, 1, 149)})
    one = one.with_values({"t_pri_supply": one.of("t_pri_supply") / 4 + 20})
    a, b = likeness(one, STEP_S).figures, likeness(other, STEP_S).figures
    for name in ("change.t_pri_supply.p50", "change.t_pri_supply.p99", "noise.t_pri_supply"):
        assert b[name] == pytest.approx(a[name] * factor, rel=1e-6)
    assert b["memory.t_pri_supply.1h"] == pytest.approx(a["memory.t_pri_supply.1h"], abs=1e-6)
    assert b["level.t_sec_supply.p50"] == a["level.t_sec_supply.p50"]


@settings(max_examples=25, deadline=None)
@given(lost=st.integers(50, 300), first=st.integers(20, 600))
def test_a_gap_is_a_gap_and_no_change(lost, first):
    t = track()
    kept = np.r_[0:first, first + lost : len(t)]
    holed = Track(t.at[kept], {n: c[kept] for n, c in t.values.items()}, t.zone)
    whole, found = likeness(t, STEP_S).figures, likeness(holed, STEP_S).figures
    assert found["share.gaps"] == pytest.approx(lost / (len(t) - 1), abs=0.002)
    assert found["change.t_sec_supply.p50"] == pytest.approx(whole["change.t_sec_supply.p50"], rel=0.25)
    assert found["change.t_sec_supply.p99"] < 1.5 * whole["change.t_sec_supply.p99"]


@settings(max_examples=25, deadline=None)
@given(every=st.sampled_from([2, 4]), seed=st.integers(0, 1000))
def test_two_cadences_are_compared_on_the_coarser(every, seed):
    t = track(days=30, seed=seed)
    coarse = Track(t.at[::every], {n: c[::every] for n, c in t.values.items()}, t.zone)
    assert cadence_s(coarse) == every * STEP_S
    a, b = (likeness(one, every * STEP_S).figures for one in (t, coarse))
    for name in ("change.t_sec_supply.p50", "level.t_sec_supply.p50", "control_error.p50", "noise.t_sec_supply"):
        assert a[name] == pytest.approx(b[name], rel=0.01)  # the fine one may reach one instant farther


def test_dirt_goes_by_its_rules_and_nothing_else_does():
    t = track()
    dirty = {name: column.copy() for name, column in t.values.items()}
    dirty["t_outdoor"][100] = -39.9
    dirty["t_outdoor"][200] += 25
    dirty["heat_power"][300] = 8e6
    dirty["heat_power"][301] = 15_000
    dirty["t_sec_supply"][400:500] = dirty["t_sec_return"][400:500] = 0.0
    dirty["t_outdoor"][450] = 0.0
    dirty["t_pri_return"][600:700] = 40.0
    clean, taken = cleaned(t.with_values(dirty))
    assert taken == {"out_of_range": 2, "dead_pair": 201, "outlier": 1, "jump": 1, "frozen": 100}
    untouched = np.isfinite(clean.of("t_outdoor"))
    assert untouched.sum() == len(t) - 3
    assert np.array_equal(clean.of("t_outdoor")[untouched], t.of("t_outdoor")[untouched])


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_too_little_says_nothing_and_breaks_nothing(rows):
    t = track()
    short = Track(t.at[:rows], {n: c[:rows] for n, c in t.values.items()}, t.zone)
    found = likeness(short, STEP_S).figures
    assert all(np.isnan(v) for n, v in found.items() if n.startswith(("level.", "change.", "noise.", "memory.")))


@pytest.mark.parametrize(
    "missing", ["t_outdoor", "heat_power", "t_sec_supply", "t_sec_supply_setpoint", "t_pri_return"]
)
def test_a_station_without_a_point_is_described_by_the_others(missing):
    t = track()
    found = likeness(Track(t.at, {n: c for n, c in t.values.items() if n != missing}, t.zone), STEP_S).figures
    assert found.keys() == likeness(t, STEP_S).figures.keys()
    assert np.isfinite(found["level.t_sec_return.p50"])


def test_gaps_follow_a_cadence_that_changes():
    fine, coarse = track(days=40, step_s=900), track(days=40, step_s=3600)
    at = np.r_[coarse.at, fine.at + 40 * 24 * HOUR_US]
    assert gaps(Track(at, {}, "UTC")) < 0.3  # the month in which it changes counts on its own


def test_where_power_is_not_reported_its_counter_tells_it():
    gigajoules = [0.0, 0.36, 0.72, 0.0, 0.36, None, 1.08]  # 100 kW, and a reset
    readings = [
        RawReading(BEGIN + k * HOUR_US, {} if gj is None else {"heat_energy_total": gj})
        for k, gj in enumerate(gigajoules)
    ]
    power = track_of(readings, "UTC").of("heat_power")
    assert power == pytest.approx([np.nan, 100, 100, np.nan, 100, np.nan, 100], nan_ok=True)
