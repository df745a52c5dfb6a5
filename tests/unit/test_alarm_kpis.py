"""Alarm KPIs on small stories with known answers."""

import numpy as np
import pytest

from application.alarm_kpis import Occurrence, SpanError, chattering, flood_share, kpis, nuisances
from application.instants import DAY, HOUR, MINUTE, SECOND

SPAN = (0, DAY)


def alarm(at, lasted=HOUR, priority=3, condition="a", seen=None):
    cleared = None if lasted is None else at + lasted
    return Occurrence((f"station:{condition}", "rule", ""), priority, at, cleared, None if seen is None else at + seen)


def value(seen, name, span=SPAN, **more):
    [kpi] = [k for k in kpis(seen, span, **more) if k.name == name]
    return kpi


def test_a_quiet_day_meets_its_targets_and_an_empty_one_says_what_it_cannot_tell():
    day = [alarm(k * 2 * HOUR, condition=str(k)) for k in range(12)]
    assert value(day, "alarms per operator and day").value == 12
    assert value(day, "alarms per operator and day").met
    assert value(day, "time in flood").value == 0
    empty = {k.name: k.value for k in kpis([], SPAN)}
    assert empty["alarms per operator and day"] == 0
    assert empty["share of the ten most frequent"] is None
    assert empty["time to acknowledge, median"] is None


def test_operators_share_the_load():
    day = [alarm(k * MINUTE * 4, condition=str(k)) for k in range(300)]
    assert value(day, "alarms per operator and day").value == 300
    assert not value(day, "alarms per operator and day").met
    assert value(day, "alarms per operator and day", operators=2).value == 150
    assert value(day, "alarms per operator and day", operators=2).met


def test_a_flood_begins_above_ten_and_ends_below_five():
    eleven = np.array([HOUR + k * SECOND for k in range(11)])
    assert flood_share(eleven, SPAN) == pytest.approx(10 / 1440)  # all of them leave the window at once
    assert flood_share(eleven[:10], SPAN) == 0
    trailing = np.array(sorted([*eleven, *(HOUR + k * MINUTE for k in range(1, 60, 2))]))
    assert flood_share(trailing, SPAN) > 40 / 1440  # five in ten minutes keep it up
    assert flood_share(np.array([], np.int64), SPAN) == 0


def test_chattering_fleeting_and_stale():
    chatter = [alarm(HOUR, 5 * SECOND), alarm(HOUR + 20 * SECOND, HOUR)]
    assert chattering(chatter) == 1
    assert chattering([alarm(HOUR, MINUTE), alarm(HOUR + 2 * MINUTE, MINUTE)]) == 0
    assert value(chatter, "fleeting").value == 1
    old = [alarm(-2 * DAY, None), alarm(HOUR, None)]
    assert value(old, "stale now").value == 1
    assert value(old, "alarms per operator and day").value == 1


def test_priorities_and_answers():
    day = [
        alarm(HOUR, priority=1, seen=MINUTE),
        *(alarm(2 * HOUR, condition=str(k), seen=9 * MINUTE) for k in range(9)),
    ]
    assert value(day, "high priority").value == 10
    assert value(day, "time to acknowledge, median").value == 9
    assert value(day, "acknowledged").value == 100


def test_delays_are_proposed_from_what_came_and_went():
    short = [alarm(k * HOUR, (20 + k) * SECOND, condition="x") for k in range(10)]
    [found] = nuisances(short)
    assert (found.alarms, found.short, found.conditions) == (10, 10, 1)
    assert 20 <= found.on_delay_s <= 30
    assert found.off_delay_s is None
    assert found.spared >= 8
    back = [alarm(k * 20 * MINUTE, 18 * MINUTE, condition="y") for k in range(10)]
    [found] = nuisances(back)
    assert found.on_delay_s is None
    assert found.off_delay_s == 120
    assert nuisances([]) == []


def test_a_span_since_the_beginning_of_the_calendar_is_refused_at_once():
    with pytest.raises(SpanError, match="739000 days are too many"):
        kpis([], (0, 739_000 * DAY))


def test_of_a_few_alarms_no_share_is_judged():
    two = [alarm(HOUR, priority=1), alarm(2 * HOUR, condition="b")]
    assert value(two, "share of the ten most frequent").value is None
    high = value(two, "high priority")
    assert (high.value, high.met) == (50, None)
    many = [alarm(k * HOUR, priority=1, condition=str(k)) for k in range(20)]
    assert value(many, "share of the ten most frequent").value == 50
    assert value(many, "high priority").met is False
