"""Validate: types, times, corrections and limits of one kind's readings."""

import numpy as np
import pytest

from perception.corrections import Correction
from perception.kinds import load_kinds
from perception.payload import RawReading
from perception.readings import Reason
from perception.roster import Member
from perception.validate import NEWEST_US, OLDEST_US, Sheet

KIND = load_kinds()["weather_station"]
POINTS = KIND.names
NOW = 1_767_225_600_000_000


def member(*corrections: Correction) -> Member:
    return Member(7, "roof-1", KIND, "roof", "nis", 60, corrections=corrections)


def put(values, ts=NOW, who=None):
    """The refusal, and the one row of columns (None when nothing was stored)."""
    sheet = Sheet(KIND, NOW)
    refusal = sheet.add(who or member(), RawReading(ts, values), NOW + 5, 3)
    readings = sheet.readings()
    assert len(readings) <= 1
    return refusal, readings if len(readings) else None


def test_a_good_reading_becomes_a_row():
    refusal, row = put({POINTS[0]: -5, POINTS[1]: 40.5})
    assert refusal is None
    assert row.values[0, :2].tolist() == [-5.0, 40.5]
    assert np.isnan(row.values[0, 2:]).all()
    assert (row.device_id[0], row.ts[0], row.received_at[0], row.origin[0]) == (7, NOW, NOW + 5, 3)
    assert row.quality[0] == 0


def test_without_time_the_time_of_receipt_counts():
    refusal, row = put({POINTS[0]: 1}, ts=None)
    assert refusal is None
    assert row.ts[0] == NOW + 5


def test_booleans_are_numbers_and_null_is_missing():
    refusal, row = put({POINTS[0]: True, POINTS[1]: None})
    assert refusal is None
    assert row.values[0, 0] == 1.0
    assert np.isnan(row.values[0, 1])


@pytest.mark.parametrize("bad", ["1", [], {}, float("inf"), float("-inf"), 10**400, -(10**400)])
def test_a_bad_point_is_named_and_its_neighbours_are_stored(bad):
    refusal, row = put({POINTS[0]: bad, POINTS[1]: 50})
    assert (refusal.reason, refusal.points, refusal.partial) == (Reason.BAD_POINT, (POINTS[0],), True)
    assert np.isnan(row.values[0, 0])
    assert row.values[0, 1] == 50


def test_an_unknown_point_is_named_and_its_neighbours_are_stored():
    refusal, row = put({"t_oudoor": 1, POINTS[0]: 2})
    assert (refusal.reason, refusal.points, refusal.partial) == (Reason.BAD_POINT, ("t_oudoor",), True)
    assert "t_oudoor: unknown (kind weather_station)" in refusal.detail
    assert row.values[0, 0] == 2


def test_a_reading_with_nothing_usable_is_refused_whole():
    refusal, row = put({"x": 1, POINTS[0]: "warm", POINTS[1]: None})
    assert (refusal.reason, refusal.partial) == (Reason.BAD_POINT, False)
    assert refusal.points == ("x", POINTS[0])
    assert row is None


def test_nothing_but_null_is_empty():
    refusal, row = put({POINTS[0]: None})
    assert refusal.reason is Reason.EMPTY
    assert row is None


@pytest.mark.parametrize("ts", [NOW - OLDEST_US, NOW, NOW + NEWEST_US])
def test_times_at_the_bounds_are_accepted(ts):
    refusal, row = put({POINTS[0]: 1}, ts)
    assert refusal is None
    assert row.ts[0] == ts


@pytest.mark.parametrize(
    ("ts", "words"),
    [(NOW - OLDEST_US - 1, "3652 days back"), (0, "days back"), (NOW + NEWEST_US + 1, "300 s ahead"), (2**62, "ahead")],
)
def test_times_beyond_the_bounds_are_refused(ts, words):
    refusal, row = put({POINTS[0]: 1}, ts)
    assert refusal.reason is Reason.TIME_OUT_OF_BOUNDS
    assert words in refusal.detail
    assert row is None


def test_values_beyond_limits_are_stored_with_their_bit():
    point = KIND.points[0]
    for value, beyond in [(point.low, 0), (point.high, 0), (point.low - 1, 1), (point.high + 1, 1)]:
        refusal, row = put({point.name: value, POINTS[1]: None})
        assert refusal is None
        assert row.values[0, 0] == value
        assert row.quality[0] == beyond


def test_a_correction_applies_before_the_limits_and_from_its_time_on():
    fahrenheit = Correction(POINTS[0], scale=5 / 9, offset=-160 / 9, valid_from=NOW)
    _, before = put({POINTS[0]: 23}, NOW - 1, member(fahrenheit))
    _, after = put({POINTS[0]: 104}, NOW, member(fahrenheit))
    assert before.values[0, 0] == 23
    assert after.values[0, 0] == pytest.approx(40)
    assert after.quality[0] == 0


def test_the_newest_correction_in_force_wins_whatever_their_order():
    first, second = Correction(POINTS[0], offset=1, valid_from=10), Correction(POINTS[0], offset=2, valid_from=20)
    for both in [(first, second), (second, first)]:
        assert member(*both).timeline.at(5) == {}
        assert member(*both).timeline.at(15) == {POINTS[0]: first}
        assert member(*both).timeline.at(20) == {POINTS[0]: second}


def test_an_alias_is_read_as_its_point_and_both_at_once_are_told():
    alias = Correction(POINTS[0], alias="Taussen", scale=0.1)
    refusal, row = put({"Taussen": -55}, who=member(alias))
    assert refusal is None
    assert row.values[0, 0] == pytest.approx(-5.5)
    refusal, row = put({"Taussen": -55, POINTS[0]: 3}, who=member(alias))
    assert (refusal.points, refusal.partial) == ((POINTS[0],), True)
    assert row.values[0, 0] == pytest.approx(-5.5)


def test_a_point_is_corrected_under_its_own_name_too():
    alias = Correction(POINTS[0], alias="Taussen", scale=0.1)
    _, row = put({POINTS[0]: -55}, who=member(alias))
    assert row.values[0, 0] == pytest.approx(-5.5)


def test_two_points_that_were_wired_the_wrong_way_round_are_exchanged():
    crossed = (Correction(POINTS[0], alias=POINTS[1]), Correction(POINTS[1], alias=POINTS[0]))
    refusal, row = put({POINTS[0]: 1, POINTS[1]: 2}, who=member(*crossed))
    assert refusal is None
    assert row.values[0, :2].tolist() == [2, 1]


def test_what_is_older_than_readings_are_kept_is_refused_with_a_reason_of_its_own():
    day = 86_400_000_000
    sheet = Sheet(KIND, NOW, kept_us=30 * day)
    assert sheet.add(member(), RawReading(NOW - 30 * day, {POINTS[0]: 1}), NOW, 0) is None
    assert not sheet.add_plain(member(), NOW - 30 * day - 1, {POINTS[0]: 1.0}, NOW, 0)
    refusal = sheet.add(member(), RawReading(NOW - 30 * day - 1, {POINTS[0]: 1}), NOW, 0)
    assert (refusal.reason, refusal.partial) == (Reason.BEYOND_RETENTION, False)
    assert "readings are kept for 30 (tend.raw_days)" in refusal.detail


def test_a_correction_that_overflows_makes_the_point_bad():
    refusal, row = put({POINTS[0]: 1e308}, who=member(Correction(POINTS[0], scale=1e10)))
    assert refusal.reason is Reason.BAD_POINT
    assert row is None


def test_what_a_refusal_says_is_short_and_printable():
    values = {f"{'x' * 300}{i}\x00\ud800": "y" * 10_000 for i in range(1_000)}
    refusal, _ = put(values)
    assert len(refusal.detail) < 2_000
    assert len(refusal.points) <= len(POINTS)
    assert (refusal.detail + "".join(refusal.points)).isprintable()


def test_a_sheet_without_rows_is_empty():
    readings = Sheet(KIND, NOW).readings()
    assert len(readings) == 0
    assert readings.values.shape == (0, len(POINTS))


def test_the_quick_way_in_refuses_what_it_cannot_judge_and_leaves_no_trace():
    sheet = Sheet(KIND, NOW)
    assert sheet.add_plain(member(), NOW, {POINTS[0]: 1.0}, NOW, 0)
    assert not sheet.add_plain(member(), NOW, {POINTS[1]: 1.0, "unknown": 2.0}, NOW, 1)
    assert not sheet.add_plain(member(), NOW + NEWEST_US + 1, {POINTS[1]: 1.0}, NOW, 2)
    assert not sheet.add_plain(member(Correction(POINTS[0])), NOW, {POINTS[1]: 1.0}, NOW, 3)
    assert sheet.add_plain(member(), NOW, {POINTS[2]: 2.0}, NOW, 4)
    readings = sheet.readings()
    assert readings.origin.tolist() == [0, 4]
    np.testing.assert_array_equal(readings.values[:, :3], [[1, np.nan, np.nan], [np.nan, np.nan, 2]])


def test_what_our_own_clock_stamped_before_it_was_set_back_is_no_fault_of_the_device():
    sheet = Sheet(KIND, NOW)
    ahead = NOW + 3_600_000_000
    assert sheet.add(member(), RawReading(None, {"t_outdoor": 1.0}), ahead, 0) is None
    assert sheet.add(member(), RawReading(ahead + 1, {"t_outdoor": 1.0}), NOW, 1).reason is Reason.TIME_OUT_OF_BOUNDS
    assert sheet.readings().ts.tolist() == [ahead]
