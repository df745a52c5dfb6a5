"""The rule of matching: what belongs to a fault, what is false, and what counts."""

from dataclasses import replace

import pytest

from simulators.faults import KINDS
from simulators.trial.families import LIMIT_S, RULES_OF, findings_of, rules_of
from simulators.trial.matching import DAY_US, Alarm, Span, matched, scored
from simulators.trial.truths import Event

MIN = 60_000_000
SPAN = Span(stations=10, begin=0, end=30 * DAY_US)


def event(number=1, kind="leak", stations=("a",), begins=DAY_US, due=120 * MIN, ends=None, rules=None):
    rules = rules_of(kind) if rules is None else rules
    stations = frozenset(stations)
    return Event(number, kind, stations, (), begins, ends, begins + due, 0.5, findings_of(kind), frozenset(rules), {})


def alarm(number, rule="secondary_leak", station="a", opened=DAY_US + 30 * MIN, *, operator=True):
    return Alarm(number, station, rule, opened, operator)


@pytest.mark.parametrize(
    ("told", "belongs"),
    [
        (alarm("right"), True),
        (alarm("at the onset", opened=DAY_US), True),
        (alarm("at the limit", opened=DAY_US + 120 * MIN), True),
        (alarm("before", opened=DAY_US - 1), False),
        (alarm("after the limit", opened=DAY_US + 120 * MIN + 1), False),
        (alarm("elsewhere", station="b"), False),
        (alarm("another cause", rule="door_open"), False),
    ],
    ids=lambda value: value.number if isinstance(value, Alarm) else "",
)
def test_an_alarm_is_a_faults_by_place_cause_and_time(told, belongs):
    found = matched([event()], [told])
    assert bool(found.own[1]) == belongs
    assert bool(found.false) != belongs


def test_what_an_incident_explains_neither_finds_nor_is_false():
    figures = scored([event()], [alarm("1", operator=False), alarm("2", station="b", operator=False)], SPAN)
    assert (figures["detected"], figures["false_alarms"], figures["operator_alarms"]) == (0, 0, 0)
    assert figures["recall"] == 0


def test_a_fault_counts_once_however_many_alarms_it_has():
    told = [alarm("1"), alarm("2", opened=DAY_US + 60 * MIN), alarm("3", station="b"), alarm("4", rule="door_open")]
    figures = scored([event(stations=("a", "c"))], told, SPAN)
    assert figures["precision"] == pytest.approx(1 / 3, abs=1e-4)
    leak = figures["per_fault"]["leak"]
    assert (leak["detected"], leak["alarms"], leak["delay_median_s"]) == (1, 2, 1800)
    assert leak["false_alarms"] == 1
    assert figures["per_rule"]["door_open"]["false_beside"] == {"leak": 1}


def test_a_missed_fault_that_something_else_was_raised_for_has_a_wrong_cause():
    missed = event(number=2, stations=("b",))
    figures = scored([event(), missed], [alarm("1"), alarm("2", rule="valve_stuck", station="b")], SPAN)
    assert figures["per_fault"]["leak"]["missed"] == figures["per_fault"]["leak"]["wrong_cause"] == 1


def test_what_nobody_can_say_was_missed_is_left_out():
    late = event(kind="fouling", begins=25 * DAY_US, due=28 * DAY_US)
    quiet = event(number=2, kind="duplicates", stations=("b",))
    figures = scored([late, quiet], [alarm("1", rule="device_silent", station="b")], SPAN)
    assert (figures["sought"], figures["recall"]) == (0, None)
    assert figures["false_alarms"] == 1


def test_every_kind_has_a_limit_and_every_finding_its_rules():
    assert LIMIT_S.keys() == KINDS.keys()
    for kind in KINDS:
        assert set(findings_of(kind)) <= RULES_OF.keys()


def test_the_end_of_a_counters_fault_is_an_onset_that_finds_nothing():
    zero = event(kind="counter_zero", ends=2 * DAY_US)
    zero = replace(zero, due_again=2 * DAY_US + 60 * MIN)
    back = alarm("1", rule="counter_jumped", opened=2 * DAY_US + 30 * MIN)
    late = alarm("2", rule="counter_jumped", opened=2 * DAY_US + 61 * MIN)
    figures = scored([zero], [back, late], SPAN)
    assert (figures["detected"], figures["false_alarms"]) == (0, 1)
