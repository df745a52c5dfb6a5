"""Doubtful values: found in made-up pasts of known faults, and in real ones with labels of their own making."""

import numpy as np
import pytest
from dirt_labels import POINTS, labelled
from hypothesis import given
from hypothesis import strategies as st
from recorded_dirt import Station, at_once, read_folder, shares, walked

from application.instants import HOUR, MINUTE
from application.quality.bins import WIDTH, Bins, runs_of
from application.quality.finding import Reason
from application.quality.numbers import Numbers
from application.quality.sensing import Around, alone, flagged, found_in, surroundings, weather
from application.quality.spikes import spikes_in, suspects
from perception.kinds import load_kinds
from tests.conftest import CHECKOUT

T0 = 1_800_000_000_000_000 // WIDTH * WIDTH
CADENCES_MIN = [1, 10, 15, 60]


def past(cadence_min, hours=48, **values):
    """The five temperatures over some hours, a wave each with noise; `values` by point: a function of the hour."""
    ts = T0 + np.arange(0, hours * 60, cadence_min) * MINUTE
    dice = np.random.default_rng(5)
    hour = (ts - T0) / HOUR
    columns = []
    for k, point in enumerate(POINTS):
        wave = 12 + 11 * k + 3 * np.sin(hour / 4 + k) + dice.normal(0, 0.1, len(ts))
        columns.append(np.round(values[point](hour, wave) if point in values else wave, 1))
    return Bins.of_readings(POINTS, ts, np.column_stack(columns))


def after(hour, value):
    return lambda hours, wave: np.where(hours >= hour, value, wave)


@pytest.mark.parametrize("cadence", CADENCES_MIN)
def test_a_sound_device_is_believed(cadence):
    bins = past(cadence)
    assert found_in(bins, alone(bins), Numbers()) == []


@pytest.mark.parametrize("cadence", CADENCES_MIN)
def test_what_stands_still_beside_what_moves_is_frozen_from_its_first_value(cadence):
    bins = past(cadence, t_sec_return=after(30, 41.0))
    [found] = found_in(bins, alone(bins), Numbers())
    assert found == ("t_sec_return", T0 + 30 * HOUR, None, Reason.FROZEN)


@pytest.mark.parametrize("cadence", CADENCES_MIN)
def test_a_device_that_repeats_itself_is_frozen_whole(cadence):
    bins = past(cadence, **{p: after(30, 20.0 + k) for k, p in enumerate(POINTS)})
    found = found_in(bins, alone(bins), Numbers())
    assert {(f.point, f.reason) for f in found} == {(p, Reason.FROZEN) for p in POINTS}
    assert {f.from_at for f in found} == {T0 + 30 * HOUR}


@pytest.mark.parametrize("cadence", CADENCES_MIN)
def test_standing_water_is_not_frozen_while_the_weather_moves(cadence):
    water = {p: after(30, 20.0 + k) for k, p in enumerate(POINTS) if p != "t_outdoor"}
    bins = past(cadence, **water)
    assert found_in(bins, alone(bins), Numbers()) == []


def test_what_is_known_to_stand_still_does_so_until_it_moves():
    quiet = past(60, t_sec_return=after(0, 41.0), t_sec_supply=after(0, 41.5))
    assert found_in(quiet, alone(quiet), Numbers()) == []
    [found] = found_in(quiet, alone(quiet), Numbers(), {"t_sec_return": T0 - HOUR})
    assert (found.point, found.to_at) == ("t_sec_return", None)
    moves = past(60, t_sec_return=lambda h, _: np.where(h < 20, 41.0, 44.0), t_sec_supply=after(0, 41.5))
    told = found_in(moves, alone(moves), Numbers(), {"t_sec_return": T0 - HOUR})
    [found] = [f for f in told if f.point == "t_sec_return"]
    assert (found.from_at, found.to_at) == (T0, T0 + 20 * HOUR)


@pytest.mark.parametrize("cadence", CADENCES_MIN)
@pytest.mark.parametrize(("point", "code"), [("t_outdoor", -39.9), ("t_pri_supply", 0.0)])
def test_a_code_is_doubtful_while_it_is_shown(cadence, point, code):
    bins = past(cadence, **{point: lambda h, w: np.where((h >= 20) & (h < 26), code, w)})
    found = [f for f in found_in(bins, alone(bins), Numbers()) if f.point == point]
    assert found == [(point, T0 + 20 * HOUR, T0 + 26 * HOUR, Reason.SENTINEL)]


def test_zero_outdoors_is_a_code_only_beside_water_at_zero():
    mild = past(60, t_outdoor=lambda h, w: np.where(h.astype(int) % 3 == 0, 0.0, w))
    assert found_in(mild, alone(mild), Numbers()) == []
    dead = past(60, t_outdoor=after(40, 0.0), t_sec_supply=after(40, 0.0))
    assert {f.point for f in found_in(dead, alone(dead), Numbers())} == {"t_outdoor", "t_sec_supply"}


def test_a_sensor_in_the_sun_strays_from_its_neighbours_and_two_alone_prove_nothing():
    numbers = Numbers()
    good = [past(60), past(15)]
    sunny = past(60, t_outdoor=lambda h, w: np.where((h > 20) & (h < 30), w + 9, w))
    told = [weather(b, numbers) for b in (sunny, *good)]
    found = found_in(sunny, surroundings(sunny, told[0], told[1:]), numbers)
    assert {(f.point, f.reason) for f in found} == {("t_outdoor", Reason.OFFSET)}
    assert all(f.from_at >= T0 + 20 * HOUR and f.to_at <= T0 + 30 * HOUR for f in found)
    assert found_in(good[0], surroundings(good[0], told[1], [told[0], told[2]]), numbers) == []
    assert found_in(sunny, surroundings(sunny, told[0], told[1:2]), numbers) == []


def test_nothing_said_is_nothing_found():
    empty = Bins.of_readings(POINTS, np.empty(0, np.int64), np.empty((0, 5)))
    assert found_in(empty, alone(empty), Numbers()) == []
    one = past(60, hours=1)
    assert found_in(one, alone(one), Numbers()) == []


@given(st.lists(st.sampled_from([0.0, -39.9, 20.0, 20.1, np.nan]), min_size=1, max_size=60), st.integers(0, 3))
def test_whatever_a_device_says_each_flag_has_a_value_and_each_stretch_begins_before_it_ends(told, shift):
    values = np.column_stack([np.roll(told, k * shift) for k in range(5)])
    ts = T0 + np.arange(len(told)) * HOUR
    bins = Bins.of_readings(POINTS, ts, values)
    around = Around(values[:, 0], values[:, 0])
    for flags in flagged(bins, around, Numbers()).values():
        for point, flag in flags.items():
            assert not (flag & ~(bins.column(bins.n, point) > 0)).any()
    for found in found_in(bins, around, Numbers()):
        assert found.to_at is None or found.from_at < found.to_at


@given(st.lists(st.booleans(), max_size=40))
def test_runs_cover_every_place_once(joined):
    runs = runs_of(np.array(joined, np.bool_))
    places = [p for a, b in zip(runs.first.tolist(), runs.last.tolist(), strict=True) for p in range(a, b + 1)]
    assert places == list(range(len(joined)))


TEMPERATURE = load_kinds()["heat_substation"].point("t_pri_supply")


def minutes_of(values):
    return T0 + np.arange(len(values)) * MINUTE, np.asarray(values, float)


def test_a_value_that_leaps_and_comes_back_is_a_spike():
    ts, values = minutes_of(np.round(80 + np.random.default_rng(1).normal(0, 0.15, 60), 1))
    assert spikes_in(ts, values, TEMPERATURE) == []
    values[30] = 120.0
    values[[45, 46]] = 20.0
    assert spikes_in(ts, values, TEMPERATURE) == [
        ("t_pri_supply", ts[30], ts[31], Reason.SPIKE),
        ("t_pri_supply", ts[45], ts[47], Reason.SPIKE),
    ]
    bins = Bins.of_readings(("t_pri_supply",), ts, values[:, None])
    [(begin, end)] = suspects(bins, TEMPERATURE, T0)
    assert begin <= ts[30] - 10 * MINUTE
    assert end >= ts[45] + 10 * MINUTE


def test_a_step_a_ramp_and_a_stay_are_no_spikes():
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, 60)
    step = np.where(np.arange(60) < 30, 40.0, 75.0)
    ramp = np.clip((np.arange(60) - 20) * 3.0, 0, 40) + 40
    stay = np.where((np.arange(60) > 25) & (np.arange(60) < 34), 70.0, 40.0)
    for values in (step, ramp, stay):
        assert spikes_in(*minutes_of(np.round(values + noise, 1)), TEMPERATURE) == []
    assert spikes_in(*minutes_of([40.0, 90.0]), TEMPERATURE) == []
    assert spikes_in(*minutes_of([]), TEMPERATURE) == []


STATIONS = read_folder(CHECKOUT / "tests" / "cases" / "dirt")


def test_real_dirt_is_found_and_real_values_are_believed():
    """The excerpt is mostly dirt; of five whole years less than half a per cent of good rows is flagged (docs)."""
    labels, flags = labelled({name: s.recorded() for name, s in STATIONS.items()}), at_once(STATIONS)
    for name in STATIONS:
        told = shares(labels[name], flags[name])
        for reason in ("sentinel", "frozen", "offset"):
            assert not told[reason] or told[f"{reason}_flagged"] >= 0.95, (name, told)
        assert told["false_share"] <= 0.015, (name, told)
    assert sum(shares(labels[n], flags[n])["offset"] for n in STATIONS) > 100


def test_look_after_look_finds_what_one_look_at_the_whole_finds():
    begin, end = (np.datetime64(day, "us").astype(np.int64) for day in ("2022-05-12", "2022-05-22"))
    part = {
        name: Station(s.ts[k], s.values[k], s.bad[k])
        for name, s in STATIONS.items()
        for k in [(s.ts >= begin) & (s.ts < end)]
    }
    whole, walk = at_once(part), walked(part, 2 * HOUR)
    for name in part:
        assert (whole[name] & ~walk[name]).mean() < 0.01, name
        assert (walk[name] & ~whole[name]).mean() < 0.02, name
