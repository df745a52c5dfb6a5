"""The four rules and the watch around them, in small stories."""

import numpy as np
import pytest

from application.instants import SECOND, moment
from application.journal import Condition
from application.recollection import OpenAlarm, Recollection
from application.rules import load_rules, tuned
from application.watch import Watch
from perception.catalogue import DeviceStatus
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
T0 = 1_800_000_000 * SECOND
RULES = tuned(load_rules(), {})


def member(name="d-1", number=1, station="s-1", **facts):
    return Member(number, name, KIND, station, "city", 10.0, **{"static_head_mpa": 0.30, **facts})


def roster(*members, version=1):
    return Roster({m.name: m for m in members}, KINDS, version)


def reading(second, number=1, bad=(), late_s=0, **values):
    row = np.full((1, len(KIND.points)), np.nan)
    for name, value in values.items():
        row[0, KIND.bits[name]] = value
    one = np.ones(1, np.int64)
    at = one * (T0 + second * SECOND)
    word = one * sum(1 << KIND.bits[name] for name in bad)
    return Readings(KIND, one.astype(np.int32) * number, at - late_s * SECOND, at, row, word, one * 0)


class Story:
    """A watch that is told one reading after another."""

    def __init__(self, *members, recollection=None, **options):
        self.watch = Watch(RULES, lambda: recollection or Recollection(), **options)
        self.state = self.watch.attend(self.watch.enrol(None, roster(*(members or [member()]))), T0)
        self.found, self.rows = [], []

    def hear(self, second, number=1, bad=(), late_s=0, **values):
        self.step(second, {KIND.name: reading(second, number, bad, late_s, **values)})

    def step(self, second, accepted=None):
        self.state, found, rows = self.watch.step(self.state, accepted or {}, T0 + second * SECOND)
        self.found += [(t["what"], t["rule"], t["element"], (t["at"] - T0) // SECOND) for t in found]
        self.last = found
        self.rows += rows

    def heard_of(self, rule):
        return [(what, at) for what, name, _, at in self.found if name == rule]


def test_low_return_pressure_raises_after_a_minute_and_clears_above_the_deadband():
    story = Story()
    for second in range(0, 70, 10):
        story.hear(second, p_sec_return=0.32)
    assert story.heard_of("return_pressure_low") == [("raised", 60)]
    assert story.last[0]["evidence"] == {"p_sec_return": 0.32, "limit_mpa": 0.33}
    assert story.last[0]["subject"] == "station:s-1"
    for second in range(70, 200, 10):
        story.hear(second, p_sec_return=0.345)  # above the limit, inside the deadband
    assert story.heard_of("return_pressure_low") == [("raised", 60)]
    for second in range(200, 270, 10):
        story.hear(second, p_sec_return=0.36)
    assert story.heard_of("return_pressure_low") == [("raised", 60), ("cleared", 260)]


def test_without_a_static_head_pressure_cannot_be_judged():
    story = Story(member(static_head_mpa=None))
    for second in range(0, 200, 10):
        story.hear(second, p_sec_return=0.0)
    assert story.found == []


def test_supply_off_its_setpoint_for_half_an_hour_raises():
    story = Story()
    for second in range(0, 1801, 100):
        story.hear(second, t_sec_supply=40.0, t_sec_supply_setpoint=44.0)
    assert story.heard_of("supply_off_setpoint") == [("raised", 1800)]


def test_a_setpoint_that_comes_every_quarter_of_an_hour_still_counts():
    story = Story()
    for second in range(0, 1801, 60):
        setpoint = {"t_sec_supply_setpoint": 44.0} if second % 900 == 0 else {}
        story.hear(second, t_sec_supply=40.0, **setpoint)
    assert story.heard_of("supply_off_setpoint") == [("raised", 1800)]


def test_a_point_out_of_range_is_found_by_its_name_and_keeps_its_value_as_evidence():
    story = Story()
    for second in (0, 30, 60):
        story.hear(second, t_outdoor=-99.0, t_pri_supply=90.0, bad=["t_outdoor"])
    assert story.found == [("raised", "sensor_out_of_range", "t_outdoor", 60)]
    assert story.last[0]["evidence"] == {"value": -99.0, "low": -45.0, "high": 45.0}
    for second in (70, 130):
        story.hear(second, t_outdoor=-9.0)
    assert story.found[1:] == [("cleared", "sensor_out_of_range", "t_outdoor", 130)]


def test_silence_opens_at_the_last_reading_plus_the_limit_and_ends_with_the_next():
    story = Story()
    story.hear(0, t_outdoor=1.0)
    for second in range(1, 190):
        story.step(second)
    assert story.found == [("raised", "device_silent", "", 180)]
    story.hear(300, t_outdoor=1.0)
    assert story.found == [("raised", "device_silent", "", 180), ("cleared", "device_silent", "", 300)]


def test_silence_is_not_judged_while_nobody_listens():
    story = Story()
    story.hear(0, t_outdoor=1.0)
    story.state = story.watch.attend(story.state, None)
    story.step(1000)
    assert story.found == []
    story.state = story.watch.attend(story.state, T0 + 1000 * SECOND)
    story.step(1179)
    assert story.found == []
    story.step(1181)
    assert story.found == [("raised", "device_silent", "", 1180)]


def test_a_slow_device_has_three_of_its_own_intervals():
    story = Story(Member(1, "slow", KIND, "s-1", "city", 180.0))
    story.hear(0, t_outdoor=1.0)
    story.step(540)
    assert story.found == []
    story.step(541)
    assert story.found == [("raised", "device_silent", "", 540)]


def test_a_device_that_joins_later_is_not_silent_for_the_time_before():
    story = Story(member())
    story.hear(0, t_outdoor=1.0)
    for second in range(0, 1000, 100):
        story.hear(second, t_outdoor=1.0)
    story.state = story.watch.enrol(story.state, roster(member(), member("d-2", 2, "s-2"), version=2))
    story.hear(1000, t_outdoor=1.0)
    assert story.found == []
    story.hear(1100, t_outdoor=1.0)
    assert [f for f in story.found if f[3] == 1080] == [("raised", "device_silent", "", 1080)]


def test_late_readings_are_not_judged():
    story = Story()
    for second in range(0, 300, 10):
        story.hear(second + 1000, late_s=181, p_sec_return=0.1)
    assert story.heard_of("return_pressure_low") == []


def test_points_of_one_instant_that_come_apart_are_seen_together():
    story = Story()
    for second in range(0, 80, 10):
        story.hear(second, t_sec_supply=45.0)
        story.hear(second, p_sec_return=0.1)
    assert story.heard_of("return_pressure_low") == [("raised", 70)]


def test_two_devices_of_one_station_have_alarms_of_their_own():
    story = Story(member(), member("d-2", 2))
    for second in range(0, 70, 10):
        story.hear(second, 1, p_sec_return=0.1)
        story.hear(second, 2, p_sec_return=0.1)
    assert [f[2] for f in story.found if f[1] == "return_pressure_low"] == ["", "d-2"]
    assert {t.values["subject"] for t in story.rows if t.table == "alarm"} == {"station:s-1"}


def test_a_retired_device_leaves_no_alarm_open():
    story = Story(member(), member("d-2", 2, "s-2"))
    for second in range(0, 70, 10):
        story.hear(second, 2, p_sec_return=0.1)
    gone = roster(member(), member("d-2", 2, "s-2", status=DeviceStatus.RETIRED), version=2)
    story.state = story.watch.enrol(story.state, gone)
    story.found.clear()
    story.step(100)
    assert story.found == [("cleared", "return_pressure_low", "", 100)]
    story.step(102)
    assert len(story.found) == 1


def test_an_open_alarm_that_nobody_watches_any_more_is_cleared_at_the_start():
    condition = Condition("station:s-1", "a_rule_of_old", "", 1, "s-1", "d-1")
    story = Story(recollection=Recollection(alarms=[OpenAlarm(condition, T0)]))
    story.step(5)
    assert story.found == [("cleared", "a_rule_of_old", "", 5)]


def test_rows_tell_the_alarm_its_journal_and_the_state():
    story = Story()
    for second in range(0, 70, 10):
        story.hear(second, p_sec_return=0.1)
    alarm = next(r.values for r in story.rows if r.table == "alarm")
    assert alarm["opened_at"] == moment(T0 + 60 * SECOND)
    assert alarm["cleared_at"] is None
    event = next(r.values for r in story.rows if r.table == "alarm_event")
    assert (event["alarm_id"], event["what"]) == (alarm["alarm_id"], "raised")
    assert not [r for r in story.rows if r.table == "watch_state" and r.values["element"]]


def test_in_event_time_a_recording_of_last_year_can_alarm():
    story = Story(event_time=True)
    last_year = -365 * 86400
    for second in range(0, 70, 10):
        story.step(second + last_year, {KIND.name: reading(second + last_year, p_sec_return=0.1)})
    assert story.heard_of("return_pressure_low") == [("raised", last_year + 60)]


@pytest.mark.parametrize("number", [-5, 0, 999, 2**31 - 1])
def test_strangers_are_passed_over(number):
    story = Story()
    for second in range(0, 70, 10):
        story.hear(second, number, p_sec_return=0.1)
    assert story.found == []
