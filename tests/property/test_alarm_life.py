"""The life of an alarm under random orders of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.alarm import Alarm, AlarmError, AlarmState

HOUR = 3_600_000_000
EVENTS = {
    "raise": lambda a, _: a.raised(),
    "clear": lambda a, _: a.cleared(),
    "acknowledge": lambda a, _: a.acknowledge(),
    "shelve": lambda a, now: a.shelve(now, now + HOUR),
    "unshelve": lambda a, _: a.unshelve(),
    "suppress": lambda a, _: a.suppress("device_silent"),
    "unsuppress": lambda a, _: a.unsuppress(),
    "out": lambda a, _: a.take_out_of_service(),
    "in": lambda a, _: a.return_to_service(),
    "reset": lambda a, _: a.reset(),
    "realarm": lambda a, _: a.realarm(),
}


@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=40), st.booleans())
def test_the_condition_is_the_rules_and_the_disposition_the_operators(events, latches):
    alarm, active = Alarm(latches=latches), False
    for now, event in enumerate(events):
        before = alarm
        try:
            alarm = EVENTS[event](alarm, now * HOUR)
        except AlarmError:
            assert alarm is before
        active = {"raise": True, "clear": False}.get(event, active)
        assert alarm.active == active
        if event == "raise" and not before.active:
            assert not alarm.acknowledged
        if event not in {"raise", "acknowledge", "realarm"}:
            assert alarm.acknowledged == before.acknowledged
        assert alarm.latched <= (latches and not alarm.active)
        if event == "clear" and before.active and latches:
            assert alarm.latched
        if before.latched and not alarm.latched:
            assert event == "raise" or (event == "reset" and before.acknowledged)
        hidden = alarm.state(now * HOUR) in {AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE}
        normal = alarm.state(now * HOUR) is AlarmState.NORMAL
        assert alarm.needs_attention(now * HOUR) == (not hidden and not normal)


def test_the_four_states_that_everybody_knows():
    new = Alarm().raised()
    assert new.state(0) is AlarmState.UNACKNOWLEDGED
    assert new.acknowledge().state(0) is AlarmState.ACKNOWLEDGED
    assert new.cleared().state(0) is AlarmState.RETURNED_UNACKNOWLEDGED
    assert new.acknowledge().cleared().state(0) is AlarmState.NORMAL


def test_shelving_ends_by_itself_and_lasts_a_day_at_most():
    shelved = Alarm().raised().shelve(0, 24 * HOUR)
    assert shelved.state(24 * HOUR - 1) is AlarmState.SHELVED
    assert shelved.state(24 * HOUR) is AlarmState.UNACKNOWLEDGED
    for until in (0, -1, 24 * HOUR + 1):
        with pytest.raises(AlarmError):
            Alarm().raised().shelve(0, until)


def test_a_latched_alarm_stays_until_somebody_who_has_seen_it_resets_it():
    latched = Alarm(latches=True).raised().cleared()
    assert latched.state(0) is AlarmState.LATCHED_UNACKNOWLEDGED
    assert latched.needs_attention(0)
    with pytest.raises(AlarmError, match="acknowledge it first"):
        latched.reset()
    seen = latched.acknowledge()
    assert seen.state(0) is AlarmState.LATCHED_ACKNOWLEDGED
    assert seen.reset().state(0) is AlarmState.NORMAL
    with pytest.raises(AlarmError, match="still stands"):
        Alarm(latches=True).raised().acknowledge().reset()
    with pytest.raises(AlarmError, match="not latched"):
        Alarm().raised().cleared().acknowledge().reset()


def test_what_was_acknowledged_and_stands_may_ask_again():
    again = Alarm().raised().acknowledge().realarm()
    assert again.state(0) is AlarmState.UNACKNOWLEDGED
    for other in (Alarm().raised(), Alarm().raised().acknowledge().cleared()):
        with pytest.raises(AlarmError, match="asks again"):
            other.realarm()
