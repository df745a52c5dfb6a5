"""Who is told what, and when again: as pure functions over times."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from application.instants import HOUR, MINUTE, SECOND
from application.notify.digest import Waiting, folding
from application.notify.matter import Matter, Speaking, Told
from application.notify.plan import Digest, plan_of
from application.notify.routing import due, nobody_on_call
from application.rule import Family

T0 = 1_800_000_000_000_000
INCIDENT = UUID(int=99)


def plan(**more):
    people = {name: {"mail": f"{name}@example.org"} for name in ("room", "duty", "lead", "head")}
    people["machine"] = {"webhook": {"url": "https://example.org/"}, "topic": "testopolis"}
    week = {"from": "00:00", "to": "24:00", "rungs": ["duty", ["lead"], "head"]}
    tables = {
        "recipient": people,
        "on_call": {"net": {"zone": "UTC", "escalate_min": {"1": 15, "2": 60}, "shift": [week]}},
        "route": [{"to": ["on-call:net", "machine"], "priorities": [1, 2], "cleared": True}, {"to": ["room"]}],
        "hold_s": {"1": 20, "2": 120, "3": 600},
        **more,
    }
    return plan_of(tables)


def alarm(number=1, priority=1, opened=T0, *, seen=False, back=None, family=Family.PUMP):
    return Speaking(UUID(int=number), "pump_failed", family, priority, opened, opened, seen, back)


def matter(*speaking, **more):
    known = {"stations": frozenset({"st-1"}), "districts": frozenset({"east"}), "cities": frozenset({"testopolis"})}
    return Matter(INCIDENT, **{"scope": "station:st-1", "speaking": speaking, **known, **more})


def told_of(notices, now, *, sent=True):
    return [Told(n.stage, n.recipient, n.channel, n.via, n.priority, frozenset(n.alarms), now, sent) for n in notices]


def live(the_plan, story):
    """Ask again and again, as tend does; return (minutes, stage, recipient) of each mail, and all that was told."""
    told, seen = [], []
    for now, what in story:
        fresh = due(the_plan, what, told, now)
        told += told_of(fresh, now)
        seen += [((now - T0) / MINUTE, n.stage.partition(":")[0], n.recipient) for n in fresh if n.channel == "mail"]
    return seen, told


def minutes(first, last, what, step=0.25):
    return [(T0 + int(k * step * MINUTE), what) for k in range(int(first / step), int(last / step))]


def test_everybody_is_told_once_over_each_channel_after_a_while():
    assert due(plan(), matter(alarm()), [], T0 + 19 * SECOND) == []
    first = due(plan(), matter(alarm()), [], T0 + 20 * SECOND)
    assert {(n.recipient, n.channel) for n in first} == {
        ("duty", "mail"), ("room", "mail"), ("machine", "webhook"), ("machine", "topic"),
    }  # fmt: skip
    assert due(plan(), matter(alarm()), told_of(first, T0), T0 + MINUTE) == []


def test_fifty_alarms_of_one_incident_are_one_notice():
    many = matter(*(alarm(n) for n in range(1, 51)))
    seen, told = live(plan(), minutes(0, 10, many))
    assert [(stage, who) for _, stage, who in seen] == [("opened", "duty"), ("opened", "room")]
    assert {len(t.alarms) for t in told} == {50}


def test_what_is_not_urgent_waits_longer_and_does_not_ring():
    seen, _ = live(plan(), minutes(0, 30, matter(alarm(priority=3))))
    assert seen == [(10.0, "opened", "room")]


def test_filters_of_a_route_are_all_meant():
    routes = [{"to": ["room"], "stations": ["st-1"], "families": ["power"]}, {"to": ["head"], "districts": ["west"]}]
    only = plan(route=routes)
    assert due(only, matter(alarm()), [], T0 + HOUR) == []
    assert [n.recipient for n in due(only, matter(alarm(family=Family.POWER)), [], T0 + HOUR)] == ["room"]
    west = matter(alarm(), districts=frozenset({"west"}))
    assert [n.recipient for n in due(only, west, [], T0 + HOUR)] == ["head"]


def test_the_next_rung_is_told_until_somebody_acknowledges():
    waiting = matter(alarm())
    seen, _ = live(plan(), minutes(0, 120, waiting))
    assert [s for s in seen if s[2] != "room"] == [
        (0.5, "opened", "duty"), (15.5, "escalation-1", "lead"), (30.5, "escalation-2", "head"),
    ]  # fmt: skip
    story = [*minutes(0, 20, waiting), *minutes(20, 120, matter(alarm(seen=True)))]
    assert [s[1] for s in live(plan(), story)[0] if s[2] != "room"] == ["opened", "escalation-1"]


def test_escalation_goes_by_priority_and_ends_with_the_condition():
    seen, _ = live(plan(), minutes(0, 200, matter(alarm(priority=2)), step=1))
    assert [s[:2] for s in seen if s[2] != "room"] == [(2.0, "opened"), (62.0, "escalation-1"), (122.0, "escalation-2")]
    story = [*minutes(0, 10, matter(alarm())), *minutes(10, 60, matter(over=True))]
    assert [s[1] for s in live(plan(), story)[0]] == ["opened", "opened", "cleared"]


def test_whoever_heard_of_it_and_wants_to_is_told_that_it_is_over():
    _, told = live(plan(), minutes(0, 1, matter(alarm())))
    over = due(plan(), matter(over=True), told, T0 + HOUR)
    assert {(n.stage, n.recipient, n.channel) for n in over} == {
        ("cleared", "duty", "mail"), ("cleared", "machine", "webhook"), ("cleared", "machine", "topic"),
    }  # fmt: skip
    unsent = [replace(t, sent=False) for t in told]
    assert due(plan(), matter(over=True), unsent, T0 + HOUR) == []
    assert due(plan(), matter(moved=True), told, T0 + HOUR) == []


def test_an_alarm_that_joins_is_told_where_it_changes_what_is_to_be_done():
    lesser = alarm(1, priority=2)
    story = minutes(0, 5, matter(lesser))
    same = [*story, *minutes(5, 10, matter(lesser, alarm(2, priority=2, opened=T0 + 5 * MINUTE)))]
    assert [s[1] for s in live(plan(), same)[0]] == ["opened", "opened"]
    worse = [*story, *minutes(5, 10, matter(lesser, alarm(2, opened=T0 + 5 * MINUTE)))]
    assert [s[1] for s in live(plan(), worse)[0]] == ["opened", "opened", "more", "more"]
    seen_before = alarm(1, priority=2, seen=True)
    again = [*story, *minutes(5, 10, matter(seen_before, alarm(2, priority=2, opened=T0 + 5 * MINUTE)))]
    assert [s[1] for s in live(plan(), again)[0]] == ["opened", "opened", "more", "more"]


def test_an_urgent_alarm_that_comes_again_is_told_beside_a_lesser_one_that_nobody_has_seen():
    lesser, leak = alarm(1, priority=2), alarm(2)
    again = alarm(3, opened=T0 + HOUR)
    story = [
        *minutes(0, 5, matter(lesser, leak), step=0.5),
        *minutes(5, 60, matter(lesser), step=0.5),
        *minutes(60, 65, matter(lesser, again), step=0.5),
    ]
    assert [s[:2] for s in live(plan(), story)[0] if s[2] == "room"] == [(0.5, "opened"), (60.5, "more")]


def test_an_area_that_comes_back_station_by_station_is_told_once_and_one_acknowledgement_is_enough():
    """What speaks for an area is the first of its alarms that is still open: one after another."""
    area = {"scope": "district:east"}
    story = [step for n in range(1, 50) for step in minutes(n, n + 1, matter(alarm(n), **area), step=0.5)]
    seen = [s[1:] for s in live(plan(), story)[0] if s[2] != "room"]
    assert seen == [("opened", "duty"), ("escalation-1", "lead"), ("escalation-2", "head")]
    answered = [(now, replace(what, seen=now >= T0 + 5 * MINUTE)) for now, what in story]
    assert [s[1:] for s in live(plan(), answered)[0]] == [("opened", "duty"), ("opened", "room")]
    worse = [*minutes(0, 3, matter(alarm(1, 2), **area), step=0.5), *minutes(3, 4, matter(alarm(2, 1), **area))]
    assert [s[1] for s in live(plan(), worse)[0]] == ["opened", "opened", "more", "more"]


def test_a_worse_alarm_begins_its_own_escalation():
    story = [
        *minutes(0, 5, matter(alarm(1, priority=2))),
        *minutes(5, 60, matter(alarm(1, priority=2, seen=True), alarm(2, opened=T0 + 5 * MINUTE))),
    ]
    seen = [s[:2] for s in live(plan(), story)[0] if s[2] != "room"]
    assert seen == [(2.0, "opened"), (5.5, "more"), (20.5, "escalation-1"), (35.5, "escalation-2")]


def test_the_end_of_a_shelving_is_told_once():
    story = [
        *minutes(0, 5, matter(alarm())),
        *minutes(5, 60, matter()),
        *minutes(60, 70, matter(alarm(back=(7, T0 + HOUR), seen=True))),
    ]
    assert [s[1] for s in live(plan(), story)[0]] == ["opened", "opened", "back", "back"]


def test_a_change_of_shift_tells_nobody_what_was_told():
    shifts = [{"from": "00:00", "to": "12:00", "rungs": ["duty"]}, {"from": "12:00", "to": "24:00", "rungs": ["lead"]}]
    two = plan(on_call={"net": {"zone": "UTC", "escalate_min": {"1": 15}, "shift": shifts}})
    seen, _ = live(two, minutes(0, 48 * 60, matter(alarm()), step=20))
    assert [s[1] for s in seen] == ["opened", "opened"]


def test_where_nobody_is_on_call_somebody_is_told_otherwise_or_it_is_said():
    never = {"zone": "UTC", "shift": [{"from": "00:00", "to": "24:00", "rungs": [[]]}]}
    assert nobody_on_call(plan(on_call={"net": never}), matter(alarm()), T0) == ["on-call:net"]
    instead = plan(on_call={"net": {**never, "otherwise": "head"}})
    assert nobody_on_call(instead, matter(alarm()), T0) == []
    assert "head" in {n.recipient for n in due(instead, matter(alarm()), [], T0 + MINUTE)}


def test_who_is_reached_by_two_routes_is_told_once_and_still_escalated():
    both = plan(route=[{"to": ["duty", "on-call:net"]}])
    seen, _ = live(both, minutes(0, 20, matter(alarm())))
    assert [s[1:] for s in seen] == [("opened", "duty"), ("escalation-1", "lead")]


def test_what_was_seen_before_anybody_was_told_rings_nobody():
    story = [(T0 + SECOND, matter(alarm())), *minutes(1, 60, matter(alarm(seen=True)))]
    assert live(plan(), story)[0] == []


STEPS = st.lists(
    st.tuples(
        st.integers(1, 40),  # minutes that pass
        st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.booleans()), max_size=4),
        st.booleans(),
    ),
    max_size=15,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_no_message_comes_twice_and_none_of_what_does_not_speak(steps):
    told, now = [], T0
    for passed, speaking, over in steps:
        now += passed * MINUTE
        known = {n: alarm(n, p, now - 30 * SECOND, seen=seen) for n, p, seen in speaking}
        what = matter(over=True) if over else matter(*known.values())
        fresh = due(plan(), what, told, now)
        keys = [(n.stage, n.recipient, n.channel) for n in fresh]
        assert len(keys) == len(set(keys))
        assert not set(keys) & {(t.stage, t.recipient, t.channel) for t in told}
        if not over:
            assert {a for n in fresh for a in n.alarms} <= {a.alarm_id for a in known.values()}
        told += told_of(fresh, now)
        assert due(plan(), what, told, now) == []


FLOOD = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 3)), min_size=1, max_size=60)


@given(FLOOD, st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_a_flood_becomes_few_messages_and_nothing_is_lost(arrivals, most):
    p = Digest(more_than=most, within_min=10, urgent_min=2)
    arrivals = sorted(((T0 + s * SECOND, priority) for s, priority in arrivals), key=lambda a: a[0])
    waiting, sent, told = [], [], []
    for k in range(360):
        now = T0 + k * 5 * SECOND
        waiting += [Waiting(n, pr) for n, (at, pr) in enumerate(arrivals) if now - 5 * SECOND < at <= now]
        step = folding(sorted(waiting, key=lambda w: (w.priority, w.notification_id)), sent, now, p)
        assert not (step.alone and step.folded)
        gone = {*step.alone, *step.folded}
        told += gone
        sent += [now] * (len(step.alone) if step.alone else bool(step.folded))
        waiting = [w for w in waiting if w.notification_id not in gone]
    assert sorted(told) == list(range(len(arrivals)))
    urgent = any(priority == 1 for _, priority in arrivals)
    within = round(p.within_min * MINUTE)
    for first in sent:
        count = sum(first <= at < first + within for at in sent)
        assert count <= most + (5 if urgent else 0)


def test_a_few_go_alone_and_a_flood_together_at_once():
    p = Digest(more_than=3, within_min=10, urgent_min=2)
    few, many = [Waiting(n, 2) for n in range(3)], [Waiting(n, 2) for n in range(9)]
    assert folding(few, [], T0, p).alone == (0, 1, 2)
    assert folding(many, [], T0, p).folded == tuple(range(9))
    full = [T0 - MINUTE] * 3
    assert folding(few, full, T0, p).alone == folding(few, full, T0, p).folded == ()
    assert folding([Waiting(1, 1)], full, T0 + MINUTE, p).alone == (1,)
