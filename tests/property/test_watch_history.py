"""What rules see of the past: the same however readings were cut into batches, and what a plain list would say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from application.history import LONGEST_MIN
from application.instants import MINUTE, SECOND
from application.judging import Judging
from application.rule import Judgement, Parameters, Rule, Trigger
from application.tuning import Tuning
from application.watch import Watch
from perception.kinds import load_kinds
from perception.point import Title
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
POINTS = ("p_sec_return", "flow_sec")
START = 1_800_000_000 * SECOND // MINUTE * MINUTE
MEMBERS = [Member(i, f"d-{i}", KIND, f"s-{i}", "town", 20.0) for i in (1, 2)]
ROSTER = Roster({m.name: m for m in MEMBERS}, KINDS, 1)


class Numbers(Parameters):
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0


class Looker:
    """A rule that never raises and writes down what it saw."""

    def __init__(self, trigger):
        self.seen = []
        words = Title(zh="x", en="x")
        self.rule = Rule(
            "looker",
            words,
            words,
            3,
            60,
            Numbers,
            self.judge,
            lambda _w, _p: {},
            needs=POINTS,
            history=POINTS,
            trigger=trigger,
        )

    def judge(self, window, _):
        for point in POINTS:
            back, trace = window.past(point, 2), window.trace(point, 5)
            for row, now in enumerate(window.now.tolist()):
                self.seen.append((now, point, _text(back[row]), _text(trace[row])))
        return Judgement(np.zeros((len(window.now), 1), np.int8))


def _text(values):
    return [None if np.isnan(v) else float(v) for v in values]


@st.composite
def sequences(draw):
    """Readings (device, second, pressure, flow), each device's in order of time; sometimes bad or missing."""
    second, found = 0, []
    for _ in range(draw(st.integers(1, 30))):
        second += draw(st.sampled_from([1, 10, 20, 59, 61, 120, 400]))
        value = st.sampled_from([None, 1.0, 2.0, 3.0])
        found.append((draw(st.sampled_from([1, 2])), second, draw(value), draw(value), draw(st.booleans())))
    return found


def readings_of(heard):
    values = np.full((len(heard), len(KIND.points)), np.nan)
    quality = np.zeros(len(heard), np.int64)
    for row, (_, _, pressure, flow, bad) in enumerate(heard):
        values[row, KIND.bits["p_sec_return"]] = np.nan if pressure is None else pressure
        values[row, KIND.bits["flow_sec"]] = np.nan if flow is None else flow
        quality[row] = (1 << KIND.bits["flow_sec"]) if bad and flow is not None else 0
    at = np.array([START + h[1] * SECOND for h in heard])
    return Readings(KIND, np.array([h[0] for h in heard], np.int32), at, at, values, quality, at * 0)


def run(heard, cuts, trigger=Trigger.READING):
    looker = Looker(trigger)
    watch = Watch([(looker.rule, Tuning(Numbers()))])
    state = watch.attend(watch.enrol(None, ROSTER), START)
    for begin, end in zip([0, *cuts], [*cuts, len(heard)], strict=True):
        if begin < end:
            part = heard[begin:end]
            state, _, _ = watch.step(state, {KIND.name: readings_of(part)}, START + part[-1][1] * SECOND)
    return sorted(looker.seen), state


def plain(heard):
    """The same by lists: the last good value of each minute; what was held two minutes ago."""
    found = []
    for place, (device, second, *_) in enumerate(heard):
        minute = second // 60
        for k, point in enumerate(POINTS):
            slots = {}
            for other, then, *values, bad in heard[: place + 1]:
                value = values[k] if not (bad and point == "flow_sec") else None
                if other == device and value is not None:
                    slots[then // 60] = value
            back = next((slots[m] for m in range(minute - 2, minute - 4, -1) if m in slots), None)
            found.append((START + second * SECOND, point, [back], [slots.get(minute - b) for b in range(5, 0, -1)]))
    return sorted(found)


@given(sequences(), st.data())
def test_the_past_is_what_a_list_would_say_however_it_was_cut(heard, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(heard)), max_size=4)))
    assert run(heard, cuts)[0] == plain(heard)


@given(sequences(), st.data())
def test_a_rule_of_each_minute_looks_once_a_minute_however_it_was_cut(heard, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(heard)), max_size=4)))
    seen = run(heard, cuts, Trigger.MINUTE)[0]
    assert seen == run(heard, [], Trigger.MINUTE)[0]
    firsts = {}
    for device, second, *_ in heard:
        firsts.setdefault((device, second // 60), second)
    assert sorted({now for now, *_ in seen}) == sorted({START + second * SECOND for second in firsts.values()})


def test_a_state_that_was_given_is_never_changed_and_old_minutes_are_forgotten():
    heard = [(1, 20 * k, 1.0 + k, None, False) for k in range(600)]
    _, state = run(heard[:300], [])
    before = {m: s.copy() for m, s in state.kinds[KIND.name].memory.history.items()}
    judging = Judging(state.kinds[KIND.name], START)
    late = readings_of(heard[300:])
    judging.take_in(late, late.ts)
    after, _ = judging.result()
    kept = dict(state.kinds[KIND.name].memory.history.items())
    assert kept.keys() == before.keys()
    assert all(np.array_equal(kept[m], before[m], equal_nan=True) for m in before)
    assert len(dict(after.memory.history.items())) <= LONGEST_MIN + 7
