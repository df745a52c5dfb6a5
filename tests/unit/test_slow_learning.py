"""What the slow rules learn of a station: robust, not from what is wrong, and never dirt for the usual."""

from datetime import timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.baseline import Baseline, Key
from application.instants import DAY, HOUR, MINUTE, SECOND
from application.rules import load_rules, tuned
from application.slow.lesson import theil_sen, usual
from application.slow.past import Past
from application.slow.watch import SETTLE, SlowWatch
from application.slow.window import SlowWindow, median, medians_of
from perception.kinds import load_kinds
from perception.roster import Member, Roster
from support.store import Tenths

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
T0 = 1_800_000_000 * SECOND // DAY * DAY
TENTH = 10 * MINUTE
ROSTER = Roster({"s-1": Member(1, "s-1", KIND, "s", "city", 10.0)}, KINDS)
RULES = [pair for pair in tuned(load_rules(), {}) if pair[0].tempo == "fast" or pair[0].name == "network_throttled"]
NETWORK = Key("station:s", "conductance_m3_h")
values = st.floats(-1e6, 1e6)


def days(count, first=0, **values):
    """Return ten-minute means of whole days."""
    bucket = np.arange(T0 + first * DAY, T0 + (first + count) * DAY, TENTH)
    mean = {point: np.full(len(bucket), value) for point, value in values.items()}
    return {KIND.name: Tenths(bucket, np.ones(len(bucket), np.int32), mean)}


class Station:
    """A watch that lives through days of one station and keeps what was learned of it."""

    def __init__(self):
        self.watch = SlowWatch(RULES)
        self.state, self.day, self.known = self.watch.enrol(None, ROSTER), 0, {}

    def live(self, count, troubles=(), **values):
        heard = days(count, self.day, **values)
        self.day += count
        self.state, found, _, learned = self.watch.step(self.state, heard, T0 + self.day * DAY + SETTLE, troubles)
        self.known |= dict(learned)
        return [(t["what"], t["rule"]) for t in found]

    def conductance(self):
        return self.known[NETWORK].value if NETWORK in self.known else None


def test_three_days_teach_and_a_fourteenth_odd_one_changes_nothing():
    station = Station()
    station.live(2, flow_sec=100.0, dp_sec=0.16)
    assert station.conductance() is None
    station.live(1, flow_sec=100.0, dp_sec=0.16)
    assert station.conductance() == pytest.approx(250.0)
    station.live(1, flow_sec=100.0, dp_sec=0.15)
    assert station.conductance() == pytest.approx(250.0)


def test_days_with_an_alarm_teach_nothing_and_an_open_one_keeps_what_is_known():
    station = Station()
    station.live(3, flow_sec=100.0, dp_sec=0.16)
    spoilt = [("s", "pipe_burst", T0 + 3 * DAY, T0 + 5 * DAY)]
    station.live(2, spoilt, flow_sec=100.0, dp_sec=0.155)
    assert station.known[NETWORK].samples == 3
    station.live(4, flow_sec=100.0, dp_sec=0.155)
    assert station.known[NETWORK].samples == 7
    before = station.known[NETWORK]
    station.live(3, [("s", "primary_return_high", T0 + 9 * DAY, None)], flow_sec=100.0, dp_sec=0.157)
    assert station.known[NETWORK] == before


def test_a_throttled_network_raises_and_is_not_learned_while_it_lasts():
    station = Station()
    station.live(4, flow_sec=100.0, dp_sec=0.16)
    assert station.live(9, flow_sec=100.0, dp_sec=0.22) == [("raised", "network_throttled")]
    assert station.conductance() == pytest.approx(250.0)
    assert station.live(1, flow_sec=100.0, dp_sec=0.16) == [("cleared", "network_throttled")]


def test_dirt_that_grows_for_weeks_is_never_taken_for_the_usual():
    station, key = Station(), Key("station:s", "flow_per_hz_1_m3_h")
    pumps = {"pump_circ_2_freq": 0.0, "pump_circ_3_freq": 0.0}
    for day in range(10):
        station.live(1, flow_sec=120.0 - day, dp_sec=0.16, pump_circ_1_freq=40.0, **pumps)
    assert station.known[key].value == pytest.approx(2.975, rel=0.001)


def test_what_the_tables_know_is_known_and_stays_through_a_change_of_the_roster():
    watch = SlowWatch(RULES)
    state = watch.enrol(None, ROSTER, {NETWORK: Baseline(200.0, 190.0, None, 9, T0)})
    more = Roster({**ROSTER.members, "r-1": Member(7, "r-1", KIND, "r", "city", 10.0)}, KINDS, 2)
    known = watch.enrol(state, more).kinds[KIND.name].known["conductance_m3_h"]
    assert known.value.tolist() == [200.0, pytest.approx(np.nan, nan_ok=True)]
    assert known.samples.tolist() == [9, 0]


def test_a_second_substation_of_a_station_learns_for_itself():
    members = [Member(i, f"s-{i}", KIND, "s", "city", 10.0) for i in (1, 2)]
    ward = SlowWatch(RULES).enrol(None, Roster({m.name: m for m in members}, KINDS)).kinds[KIND.name]
    assert [ward.subject(0), ward.subject(1)] == ["station:s", "device:s-2"]


@given(st.lists(st.lists(st.one_of(values, st.just(float("nan"))), min_size=5, max_size=5), min_size=1, max_size=4))
def test_a_median_leaves_out_what_is_unknown(rows):
    found, count = median(np.array(rows))
    for row, middle, told in zip(rows, found[:, 0], count[:, 0], strict=True):
        known = [v for v in row if not np.isnan(v)]
        assert told == len(known)
        assert np.isnan(middle) if not known else middle == pytest.approx(np.median(known))


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(values, st.just(float("nan")))), max_size=12))
def test_medians_of_groups(pairs):
    groups, told = np.array([g for g, _ in pairs], np.intp), np.array([v for _, v in pairs], np.float64)
    for group, found in enumerate(medians_of(groups, told, 4)):
        known = told[(groups == group) & ~np.isnan(told)]
        assert np.isnan(found) if not len(known) else found == pytest.approx(np.median(known))


@given(st.lists(values, min_size=6, max_size=9))
def test_neighbours_are_all_the_others(row):
    n = len(row)
    zeros = np.zeros(n, np.intp)
    window = SlowWindow(KIND, np.zeros(n, np.int64), np.zeros((n, 1), np.bool_), zeros, 1, zeros,
                        np.zeros(n, np.int64), np.ones((n, 1)), Past((), n))  # fmt: skip
    found = window.neighbours(np.array(row)[:, None])[:, 0]
    for i in range(n):
        assert found[i] == pytest.approx(np.median([*row[:i], *row[i + 1 :]]), rel=1e-9, abs=1e-9)


def test_a_line_survives_a_quarter_of_wrong_points_and_needs_some_span():
    x = np.linspace(-20, 0, 20)[None, :]
    y = 40 - 0.8 * x
    y[0, ::5] += 30
    slope, offset = theil_sen(x, y, 5, 3.0)
    assert slope.value[0] == pytest.approx(-0.8, abs=0.05)
    assert offset.value[0] == pytest.approx(40, abs=0.5)
    assert np.isnan(theil_sen(x / 20, y, 5, 3.0)[0].value[0])
    assert np.isnan(theil_sen(x[:, :4], y[:, :4], 5, 3.0)[0].value[0])


def test_the_usual_has_a_range_and_needs_enough_days():
    found = usual(np.array([[9.0, 10.0, 11.0, np.nan], [1.0, np.nan, np.nan, np.nan]]), 3)
    assert found.value[0] == 10.0
    assert found.low[0] < 9.0
    assert found.high[0] > 11.0
    assert np.isnan(found.value[1])


def test_hours_are_those_of_the_city():
    members = [Member(i, f"{c}-1", KIND, c, c, 10.0) for i, c in enumerate(("harbin", "nowhere"), 1)]
    watch = SlowWatch(RULES)
    state = watch.enrol(
        None, Roster({m.name: m for m in members}, KINDS), zones={"harbin": timezone(timedelta(hours=8))}
    )
    hours = state.kinds[KIND.name].window(T0 + 3 * HOUR).local_hour(1)
    assert hours[:, -1].tolist() == pytest.approx([10 + 55 / 60, 2 + 55 / 60])
