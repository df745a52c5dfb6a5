"""A trend keeps within its pixels, keeps every extreme, and keeps its gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.instants import MINUTE, SECOND
from application.trend import drawn, most_instants
from perception.kinds import load_kinds
from support.store import Series

KIND = load_kinds()["heat_substation"]
T0 = 1_800_000_000 * SECOND


def series(ts, columns, width="raw"):
    values = np.array(columns, np.float64).T.reshape(len(ts), len(columns))
    spread = 0.0 if width == "raw" else 1.0
    points = KIND.key_points[: len(columns)]
    return Series(points, np.array(ts, np.int64), values, values - spread, values + spread, width)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.sampled_from([10, 10, 10, 20, 40, 100, 3600]), min_size=0, max_size=900),
    points=st.integers(1, 8),
    pixels=st.integers(1, 300),
    width=st.sampled_from(["raw", "30s", "1m", "10m"]),
    seed=st.integers(0, 9),
)
def test_never_more_than_two_instants_per_pixel(steps, points, pixels, width, seed):
    rng = np.random.default_rng(seed)
    ts = T0 + np.cumsum(np.array(steps, np.int64)) * SECOND
    values = rng.normal(50, 10, (points, len(ts)))
    values[rng.random(values.shape) < 0.3] = np.nan
    trend = drawn("d", KIND, 10.0, series(ts, values, width), pixels)
    assert len(trend.ts) <= most_instants(pixels)
    assert trend.ts == sorted(set(trend.ts))
    assert set(trend.series) == set(KIND.key_points[:points])
    for columns in trend.series.values():
        assert {name: len(column) for name, column in columns.items()} == dict.fromkeys(
            ("mean", "low", "high"), len(trend.ts)
        )


@pytest.mark.parametrize("width", ["raw", "1m"])
def test_a_single_spike_survives_thinning(width):
    ts = T0 + np.arange(50_000) * 10 * SECOND
    columns = [np.sin(np.arange(50_000) / 900) for _ in range(4)]
    columns[2][31_415], columns[3][27_182] = 40.0, -40.0
    trend = drawn("d", KIND, 10.0, series(ts, columns, width), 400)
    assert max(trend.series[KIND.key_points[2]]["high"]) >= 40.0
    assert min(trend.series[KIND.key_points[3]]["low"]) <= -40.0


@pytest.mark.parametrize("pixels", range(1, 40))
@pytest.mark.parametrize("width", ["raw", "1m"])
def test_few_pixels_are_enough_for_points_with_wide_gaps(pixels, width):
    ts = np.arange(1, 121) * (60 if width == "1m" else 1) * SECOND
    columns = [np.where((ts // SECOND) % (7 + k) < 2 + k, np.nan, 40.0 + (ts // SECOND) % 11) for k in range(3)]
    trend = drawn("d", KIND, 10.0, series(ts, columns, width), pixels)
    assert 0 < len(trend.ts) <= most_instants(pixels)


@pytest.mark.parametrize("pixels", [100, 5000])
def test_a_gap_stays_a_gap(pixels):
    ts = np.concatenate([np.arange(0, 3600, 10), np.arange(7200, 10_800, 10)]) * SECOND + T0
    trend = drawn("d", KIND, 10.0, series(ts, [np.full(len(ts), 45.0)] * 2), pixels)
    begins, ends = (T0 // 1000 + s * 1000 for s in (3600, 7200))
    inside = [i for i, at in enumerate(trend.ts) if begins <= at < ends]
    assert inside
    for columns in trend.series.values():
        assert [columns["mean"][i] for i in inside] == [None] * len(inside)
        assert columns["mean"].count(None) == len(inside)


def test_a_point_with_a_short_hold_tears_where_one_with_a_long_hold_does_not():
    """Of a device silent for five minutes the setpoint (45 min) still holds, the supply temperature (30 s) does not."""
    ts = np.array([0, 10, 310, 320]) * SECOND + T0
    values = np.full((4, 2), 45.0)
    trend = drawn(
        "d", KIND, 10.0, Series(("t_sec_supply", "t_sec_supply_setpoint"), ts, values, values, values, "raw"), 100
    )
    assert trend.series["t_sec_supply"]["mean"] == [45.0, 45.0, None, 45.0, 45.0]
    assert trend.series["t_sec_supply_setpoint"]["mean"] == [45.0] * 5


def test_a_slow_point_is_carried_between_its_readings():
    ts = T0 + np.arange(30) * 10 * SECOND
    slow = np.full(30, np.nan)
    slow[::6] = 700.0
    values = np.column_stack([np.full(30, 45.0), slow])
    trend = drawn("d", KIND, 10.0, Series(("t_sec_supply", "heat_power"), ts, values, values, values, "raw"), 100)
    assert trend.series["heat_power"]["mean"] == [700.0] * 30


def test_few_instants_come_as_they_are():
    ts = T0 + np.arange(5) * 10 * SECOND
    trend = drawn("d", KIND, 10.0, series(ts, [[1.0, 2.0, np.nan, 4.0, 5.0]]), 100)
    assert trend.ts == (ts // 1000).tolist()
    assert trend.series[KIND.key_points[0]]["mean"] == [1.0, 2.0, 2.0, 4.0, 5.0]
    assert trend.width == "raw"


def test_nothing_is_an_empty_trend():
    trend = drawn("d", KIND, 10.0, series([], [[]]), 100)
    assert trend.ts == []
    assert trend.series == {KIND.key_points[0]: {"mean": [], "low": [], "high": []}}


def test_a_wide_bucket_holds_for_its_width():
    ts = T0 + np.arange(4) * 10 * MINUTE
    trend = drawn("d", KIND, 10.0, series(ts, [[1.0, 2.0, 3.0, 4.0]], "10m"), 100)
    assert None not in trend.series[KIND.key_points[0]]["mean"]
