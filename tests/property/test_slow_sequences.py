"""The slow watch under random sequences: any cut, any restart, gaps, late buckets, and bad values."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from application.baseline import Key
from application.instants import DAY, MINUTE, SECOND, microseconds
from application.journal import Condition
from application.recollection import OpenAlarm, StateRow
from application.rule import Verdict
from application.rules import load_rules, tuned
from application.slow.watch import SETTLE, SlowWatch
from perception.kinds import load_kinds
from perception.roster import Member, Roster
from support.store import Tenths

KINDS = load_kinds()
KIND, ROOM = KINDS["heat_substation"], KINDS["room_climate"]
TENTH, LASTS = 10 * MINUTE, 36
START = 1_800_000_000 * SECOND // DAY * DAY + DAY - 20 * TENTH
"""A day ends on the way: something is learned."""
QUICK = {"on_delay_s": 1200, "off_delay_s": 600}
CHOSEN = dict.fromkeys(("rooms_cold", "sensor_drift", "network_throttled"), QUICK)
RULES = [pair for pair in tuned(load_rules(), CHOSEN) if pair[0].name in CHOSEN]
STATIONS = ("a", "b", "c", "d", "e", "f")
MEMBERS = [Member(i, f"{s}-1", KIND, s, "city", 10.0, district="east") for i, s in enumerate(STATIONS, 1)]
ROOMS = [Member(20 + i, f"{s}-r{i}", ROOM, s, "city", 600.0) for i, s in enumerate(("a", "a", "b"))]
ROSTER = Roster({m.name: m for m in (*MEMBERS, *ROOMS)}, KINDS)
NETWORK = 130.0 / np.sqrt(0.14)


@st.composite
def sequences(draw):
    """Rows (heard in which bucket, of which bucket, device, value) of a few hours: spells, gaps, and late ones."""
    rows, lasts = [], LASTS
    ill = draw(
        st.lists(st.tuples(st.sampled_from([1, 2, 20, 21, 22]), st.integers(0, 20), st.integers(5, 30)), max_size=4)
    )
    gaps = draw(st.sets(st.tuples(st.sampled_from([1, 2, 3, 20, 21]), st.integers(0, lasts)), max_size=40))
    late = draw(st.sets(st.tuples(st.sampled_from([1, 2, 20]), st.integers(0, lasts)), max_size=20))
    for bucket in range(lasts):
        for device in [m.device_id for m in (*MEMBERS, *ROOMS)]:
            wrong = any(d == device and begin <= bucket < begin + length for d, begin, length in ill)
            if (device, bucket) not in gaps:
                rows.append((bucket + (4 if (device, bucket) in late else 0), bucket, device, wrong))
    return sorted(rows, key=lambda row: row[0])


def tenths_of(rows):
    """Return rows as ten-minute means by kind; who is wrong has a warm sensor and a throttled network, or is cold."""
    found = {}
    for kind, chosen in ((KIND, [r for r in rows if r[2] < 20]), (ROOM, [r for r in rows if r[2] >= 20])):
        wrong = np.array([r[3] for r in chosen], np.bool_)
        if kind is KIND:
            mean = {"t_outdoor": np.where(wrong, 9.0, -5.0), "dp_sec": np.where(wrong, 0.3, 0.14)}
            mean["flow_sec"] = np.full(len(chosen), 130.0)
        else:
            mean = {"t_indoor": np.where(wrong, 14.0, 21.0)}
        bucket = np.array([START + r[1] * TENTH for r in chosen], np.int64)
        found[kind.name] = Tenths(bucket, np.array([r[2] for r in chosen], np.int32), mean)
    return found


def begin(watch):
    state = watch.enrol(None, ROSTER)
    known = {
        name: replace(column, value=np.full(len(MEMBERS), NETWORK)) if name == "conductance_m3_h" else column
        for name, column in state.kinds[KIND.name].known.items()
    }
    kinds = {**state.kinds, KIND.name: replace(state.kinds[KIND.name], known=known)}
    return replace(state, kinds=kinds, judged=START)


def run(rows, cuts, watch=None, state=None):
    """Step through rows cut into batches, each as late as its newest row was heard; return all that came of it."""
    watch = watch or SlowWatch(RULES)
    state, transitions, learned = state or begin(watch), [], []
    for first, end in pairwise([0, *sorted(cuts), len(rows)]):
        if first < end:
            now = START + (rows[end - 1][0] + 1) * TENTH
            state, told, _, taught = watch.step(state, tenths_of(rows[first:end]), now)
            transitions += told
            learned += taught
    state, told, _, taught = watch.step(state, {}, START + (rows[-1][0] + 2) * TENTH + SETTLE)
    return [*transitions, *told], [*learned, *taught], state


def keys(transitions):
    return [(t["at"], t["subject"], t["rule"], t["element"], t["what"], t["opened_at"]) for t in transitions]


@settings(max_examples=8, deadline=None)
@given(rows=sequences(), data=st.data())
def test_any_cut_gives_the_same_transitions_and_baselines(rows, data):
    whole, learned, _ = run(rows, range(0, len(rows), 3))
    cuts = data.draw(st.sets(st.integers(0, len(rows)), max_size=12))
    parts, taught, _ = run(rows, cuts)
    cut_late = any(heard != bucket for heard, bucket, _, _ in rows)
    if not cut_late:  # a batch that came at once has no late rows: lateness is part of the sequence
        assert keys(parts) == keys(whole)
        assert taught == learned
    by_bucket = [i for i in range(1, len(rows)) if rows[i][0] != rows[i - 1][0]]
    again, _, _ = run(rows, by_bucket)
    assert keys(again) == keys(whole)


@settings(max_examples=8, deadline=None)
@given(rows=sequences(), data=st.data())
def test_a_restart_goes_on_where_the_tables_are(rows, data):
    rows = [row for row in rows if row[0] == row[1]]
    whole, _, _ = run(rows, ())
    at = data.draw(st.integers(1, LASTS - 1))
    watch = SlowWatch(RULES)
    before, after = ([r for r in rows if (r[0] < at) is early] for early in (True, False))
    if not before or not after:
        return
    told, open_, states = [], {}, {}
    state = begin(watch)
    for bucket in range(at):
        rows_now = [r for r in before if r[0] == bucket]
        state, found, changes, _ = watch.step(state, tenths_of(rows_now), START + (bucket + 1) * TENTH + SETTLE)
        told += found
        for row in (r for r in changes if r.table == "watch_state"):
            states[row.values["subject"], row.values["rule"], row.values["element"]] = row.values
    for t in told:
        condition = Condition(t["subject"], t["rule"], t["element"], t["priority"], t["station"], t["device"])
        if t["what"] == "raised":
            open_[condition] = OpenAlarm(condition, t["opened_at"])
        else:
            del open_[condition]
    rested = SlowWatch(RULES)
    pending = {k: v["pending_since"] for k, v in states.items()}
    remembered = [
        StateRow(*k, Verdict[v["verdict"].upper()], None if pending[k] is None else microseconds(pending[k]), None)
        for k, v in states.items()
    ]
    new = rested.recall(begin(rested), list(open_.values()), remembered, state.judged)
    new = rested.filled(new, tenths_of(before), state.judged)
    later, _, _ = run(after, (), rested, new)
    assert keys([*told, *later]) == keys(whole)


def test_these_sequences_raise_and_clear():
    rows = [(b, b, d.device_id, d.device_id in {2, 20} and b < 20) for b in range(LASTS) for d in (*MEMBERS, *ROOMS)]
    assert {t["rule"] for t in run(rows, ())[0]} == set(CHOSEN)


def test_what_is_known_is_told_of_the_station():
    _, learned, state = run([(b, b, 1, False) for b in range(30)], ())
    assert {key for key, _ in learned} <= {Key("station:a", name) for name in state.kinds[KIND.name].known}
