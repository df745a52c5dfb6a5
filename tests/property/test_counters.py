"""What flowed is never negative, adds up, and is not shaken by what meters do."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.counter import Event, Flow, Limits, Spread, State, follow, settled, spread

MINUTE, HOUR = 60_000_000, 3_600_000_000
T0 = 1_800_000_000_000_000
LIMITS = Limits(most_per_hour=72.0)
GAP = 2 * HOUR

steps = st.lists(st.sampled_from([0.0, 0.0, 0.25, 1.0, 3.5, 17.0]), min_size=8, max_size=60)
waits = st.sampled_from([10_000_000, 3 * MINUTE, 15 * MINUTE, HOUR])


def clean(steps, wait, first=5000.0):
    values = first + np.concatenate([[0.0], np.cumsum(steps)])
    return T0 + np.arange(len(values)) * wait, values


def flowed(ts, values, limits=LIMITS, width=HOUR):
    flow, state = follow(State(), np.asarray(ts, np.int64), np.asarray(values, np.float64), limits)
    found = spread(flow, width, GAP)
    return Spread(found.starts, np.array([settled(a) for a in found.amounts]), found.estimated), flow, state


def counted(flow):
    kinds = dict.fromkeys(Event, 0)
    for event, _, count in flow.events:
        kinds[event] += count
    return kinds


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(0, 1e4), st.sampled_from([0.0, 5000.0, 5001.0, 9999.0, -1.0, float("nan")])), max_size=80
    ),
    wait=waits,
    width=st.sampled_from([10 * MINUTE, HOUR, 24 * HOUR]),
    top=st.sampled_from([None, 10_000.0]),
)
def test_never_negative_whatever_the_meter_shows(values, wait, width, top):
    found, flow, _ = flowed(T0 + np.arange(len(values)) * wait, values, Limits(72.0, top), width)
    assert (found.amounts >= 0).all()
    assert (spread(flow, width, GAP).amounts > -1e-6).all()
    assert found.amounts.sum() == pytest.approx(sum(flow.amounts), abs=1e-6)
    assert (np.diff(found.starts) > 0).all()


@settings(max_examples=100, deadline=None)
@given(steps=steps, wait=waits, width=st.integers(1, 3000), phase=st.integers(0, 100))
def test_buckets_of_a_clean_counter_add_up_whatever_their_width(steps, wait, width, phase):
    ts, values = clean(steps, wait)
    flow, _ = follow(State(), ts, values, LIMITS)
    found = spread(flow, width * MINUTE, GAP, phase * MINUTE)
    assert found.amounts.sum() == pytest.approx(values[-1] - values[0])
    assert not counted(flow)[Event.BAD]


@settings(max_examples=150, deadline=None)
@given(steps=steps, wait=waits, place=st.integers(0, 60), bad=st.sampled_from([0.0, 1.0, 4000.0, 9e6, 123_456.0]))
def test_a_single_bad_value_changes_nothing(steps, wait, place, bad):
    ts, values = clean(steps, wait)
    place = min(place, len(ts) - 2) + 1
    between = (ts[place - 1] + ts[place]) // 2
    with_bad, flow, _ = flowed(np.insert(ts, place, between), np.insert(values, place, bad))
    without, _, _ = flowed(ts, values)
    assert with_bad.starts.tolist() == without.starts.tolist()
    assert with_bad.amounts == pytest.approx(without.amounts)
    assert counted(flow)[Event.BAD] == 1


@settings(max_examples=150, deadline=None)
@given(steps=steps, cut=st.integers(3, 57), run=st.integers(1, 30), wait=waits)
def test_a_run_of_zeros_that_comes_back_changes_nothing(steps, cut, run, wait):
    ts, values = clean(steps, wait)
    cut = min(cut, len(ts) - 1)
    zeros = ts[cut - 1] + (np.arange(run) + 1) * 1000
    found, flow, _ = flowed(np.insert(ts, cut, zeros), np.insert(values, cut, np.zeros(run)))
    assert found.amounts.sum() == pytest.approx(values[-1] - values[0])
    assert counted(flow)[Event.BAD] == run
    assert not counted(flow)[Event.RESET]


@settings(max_examples=150, deadline=None)
@given(before=steps, after=steps, wait=waits)
def test_a_reset_loses_only_what_nobody_could_know(before, after, wait):
    after = [*after, 1.0, 1.0, 1.0]
    _, values = clean(before, wait)
    shown = np.concatenate([values, np.cumsum(after)])
    found, flow, _ = flowed(T0 + np.arange(len(shown)) * wait, shown)
    known = (values[-1] - values[0]) + sum(after)
    assert found.amounts.sum() == pytest.approx(known)
    assert counted(flow)[Event.RESET] == 1


@settings(max_examples=150, deadline=None)
@given(before=steps, after=steps, wait=waits)
def test_a_rollover_loses_nothing(before, after, wait):
    true = 9_990.0 + np.cumsum([0.0, *before, 4.0, 4.0, 4.0, *after, 1.0, 1.0])
    ts = T0 + np.arange(len(true)) * wait
    found, flow, _ = flowed(ts, true % 10_000.0, Limits(72.0, 10_000.0))
    assert found.amounts.sum() == pytest.approx(true[-1] - true[0])
    assert counted(flow)[Event.ROLLOVER] == (true[-1] >= 10_000.0)


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 5000.0, 5001.0, 5002.0, 5003.0, 9999.0]), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_any_split_into_portions_says_the_same(values, cuts):
    ts, values = T0 + np.arange(len(values)) * 15 * MINUTE, np.array(values)
    whole, last = follow(State(), ts, values, LIMITS)
    state, parts = State(), Flow()
    edges = sorted({0, *(min(c, len(ts)) for c in cuts), len(ts)})
    for begin, end in pairwise(edges):
        flow, state = follow(State.unpacked(state.packed()), ts[begin:end], values[begin:end], LIMITS)
        parts.extend(flow)
    assert parts == whole
    assert state == last


def test_a_spike_within_reason_that_comes_back_is_taken_back():
    shown = [100.0, 101.0, 131.0, 102.0, 103.0, 104.0]
    found, flow, _ = flowed(T0 + np.arange(6) * 15 * MINUTE, shown)
    assert found.amounts.sum() == pytest.approx(4.0)
    assert counted(flow)[Event.BAD] == 1


def test_another_meter_counts_from_where_it_begins():
    shown = [8000.0, 8001.0, 14_204.0, 14_205.0, 0.0, 14_206.0, 14_207.0]
    found, flow, state = flowed(T0 + np.arange(7) * 15 * MINUTE, shown)
    assert found.amounts.sum() == pytest.approx(1.0 + 3.0)
    assert counted(flow) == {Event.RESET: 0, Event.ROLLOVER: 0, Event.JUMP: 1, Event.BAD: 1}
    assert state.level.value == 14_207.0


def test_a_level_that_stands_still_above_is_never_booked_however_long():
    shown = [0.0, *[28_483.0] * 2000, 28_484.0, 28_485.0]
    found, flow, _ = flowed(T0 + np.arange(len(shown)) * HOUR, shown)
    assert found.amounts.sum() == pytest.approx(2.0)
    assert counted(flow)[Event.JUMP] == 1


def test_what_flowed_in_a_gap_is_spread_evenly_and_called_estimated():
    ts = T0 // HOUR * HOUR + np.array([0, 1, 5, 6]) * HOUR
    found, _, _ = flowed(ts, [10.0, 11.0, 15.0, 16.0])
    assert found.amounts.tolist() == pytest.approx([1.0] * 6)
    assert found.estimated.tolist() == [False, True, True, True, True, False]
    far = T0 // HOUR * HOUR + np.array([0, 24 * 200]) * HOUR
    assert flowed(far, [10.0, 11.0])[0].amounts.tolist() == [1.0]


def test_nothing_gives_nothing():
    found, flow, state = flowed([], [])
    assert (len(found.starts), flow.events, state) == (0, [], State())
