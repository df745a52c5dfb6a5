"""Derived points: formulas against values worked out by hand or taken from tables; unknown stays unknown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.derived import quantities as q
from application.derived.learning import ratios
from application.derived.rows import INPUTS, Known, Means, derived, laid_out
from application.instants import HOUR, MINUTE
from perception.kinds import load_kinds

KIND = load_kinds()["heat_substation_derived"]
ORDINARY = {
    "t_outdoor": -10.0, "t_pri_supply": 92.0, "t_pri_return": 43.0, "t_sec_supply": 52.0, "t_sec_return": 41.0,
    "flow_pri": 30.0, "flow_sec": 132.0, "heat_power": 1690.0, "flow_makeup": 0.4, "t_sec_supply_setpoint": 51.5,
    "pump_circ_1_run": 1.0, "pump_circ_2_run": 1.0, "pump_circ_3_run": 0.0,
    "pump_circ_1_freq": 40.0, "pump_circ_2_freq": 42.0, "pump_circ_3_freq": 0.0,
}  # fmt: skip
KNOWN = Known(area_m2=50_000, slope_kw_per_k=60.0, balance_c=17.0, per_hertz={1: 2.0, 2: 3.2, 3: 4.0})


def means(rows=3, **changed):
    values = {**ORDINARY, **changed}
    ts = 1_800_000_000_000_000 + np.arange(rows) * 10 * MINUTE
    return Means(ts, {p: np.broadcast_to(np.asarray(v, float), rows).copy() for p, v in values.items()})


def found(told=None, neighbours=np.nan, known=KNOWN):
    told = means() if told is None else told
    return derived(told, np.full(len(told.ts), neighbours), known)


@pytest.mark.parametrize(
    ("celsius", "expected"), [(4, 999.97), (20, 998.21), (50, 988.04), (80, 971.79), (100, 958.35)]
)
def test_density_is_that_of_tables(celsius, expected):
    assert q.density(np.array([celsius]))[0] == pytest.approx(expected, abs=0.08)


def test_a_station_by_hand():
    told = {name: column[-1] for name, column in found(neighbours=-11.0).items()}
    assert told["delta_t_pri"] == pytest.approx(49)
    assert told["delta_t_sec"] == pytest.approx(11)
    assert told["heat_power_calc_pri"] == pytest.approx(30 / 3600 * 991.0 * 4.187 * 49, rel=1e-3)
    assert told["heat_power_calc_sec"] == pytest.approx(132 / 3600 * 991.8 * 4.187 * 11, rel=1e-3)
    assert told["heat_balance_residual"] == pytest.approx((1690 - told["heat_power_calc_pri"]) / 16.90)
    assert told["approach"] == pytest.approx(2)
    assert told["lmtd"] == pytest.approx((40 - 2) / np.log(20))
    assert told["ua_value"] == pytest.approx(1690 / told["lmtd"])
    assert told["hx_effectiveness"] == pytest.approx(1690 / (30 / 3600 * 991.0 * 4.187 * 51), rel=1e-3)
    assert told["makeup_ratio"] == pytest.approx(0.4 / 132 * 100)
    assert told["makeup_less_contraction"] == pytest.approx(0.4)
    assert told["flow_by_pump"] == pytest.approx(41 * 3.2)
    assert told["t_outdoor_neighbours"] == -11.0
    assert told["heat_power_expected"] == pytest.approx(60 * 28)
    assert told["t_setpoint_error"] == pytest.approx(0.5)
    assert told["specific_heat"] == pytest.approx(33.8)


def test_a_loop_that_cools_draws_water_with_no_leak():
    cooling = means(3, t_sec_supply=[52, 51, 50], t_sec_return=[41, 40, 39])
    drawn = found(cooling)["makeup_less_contraction"]
    assert np.isnan(drawn[0])
    assert drawn[2] == pytest.approx(0.4 - 0.43 * 132 * 4.6e-4 * 6)


def test_equal_ends_have_their_own_difference_and_crossed_ones_none():
    equal = q.lmtd(*(np.array([x]) for x in (60.0, 40.0, 50.0, 30.0)))
    assert equal[0] == pytest.approx(10)
    crossed = q.lmtd(*(np.array([x]) for x in (50.0, 40.0, 55.0, 30.0)))
    assert np.isnan(crossed[0])


@pytest.mark.parametrize("point", [p for p in INPUTS if p in ORDINARY])
def test_what_is_unknown_makes_unknown_and_never_nought(point):
    whole, less = found(), found(means(**{point: np.nan}))
    for name, column in less.items():
        same = np.isnan(column) | (column == whole[name])
        assert same.all() or name in {"ua_value", "specific_heat", "hx_effectiveness"}, name  # by flow, without a meter
    if point in {"t_pri_return", "t_sec_supply"}:
        assert np.isnan(less["lmtd"]).all()


def test_without_anything_known_of_the_station_nothing_is_guessed():
    told = found(known=Known())
    for name in ("flow_by_pump", "heat_power_expected", "specific_heat", "t_outdoor_neighbours"):
        assert np.isnan(told[name]).all(), name


def test_a_setpoint_holds_for_three_quarters_of_an_hour():
    told = found(means(7, t_sec_supply_setpoint=[51.5] + [np.nan] * 6))["t_setpoint_error"]
    assert np.isnan(told).tolist() == [False] * 5 + [True] * 2


def test_pumps_that_are_learned_from_their_own_hours():
    hours = Means(
        np.arange(60) * HOUR,
        {**means(60).values, "flow_sec": np.append(np.full(50, 131.2), np.full(10, 60.0)),
         "pump_circ_2_run": np.append(np.ones(50), np.zeros(10))},
    )  # fmt: skip
    learned = ratios(hours, 7)
    assert set(learned) == {2}  # ten hours of one pump are too few
    assert learned[2].value == pytest.approx(3.2)
    assert (learned[2].samples, learned[2].learned_at) == (50, 7)


numbers = st.one_of(st.just(np.nan), st.floats(-50, 500))


@given(st.fixed_dictionaries(dict.fromkeys(INPUTS, numbers)), numbers)
def test_whatever_comes_in_what_comes_out_is_within_limits_or_unknown(values, neighbours):
    told = means(2, **values)
    with np.errstate(all="raise", under="ignore"):
        rows = laid_out(KIND, found(told, neighbours), 2)
    low, high = (np.array([getattr(p, side) for p in KIND.points]) for side in ("low", "high"))
    assert (np.isnan(rows) | ((rows >= low) & (rows <= high))).all()
    assert set(found(told)) == set(KIND.names)
