"""The watch under random sequences: any cut, any restart, late and repeated readings, silence and gaps."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from application.instants import SECOND, microseconds
from application.journal import Condition
from application.recollection import OpenAlarm, Recollection, StateRow
from application.rule import Verdict
from application.rules import load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
BITS = KIND.bits
START = 1_800_000_000 * SECOND
HEAD, MARGIN, DEADBAND = 0.30, 0.03, 0.02
RULES = tuned(
    load_rules(),
    {
        "supply_off_setpoint": {"on_delay_s": 60, "off_delay_s": 20},
        "return_pressure_low": {"on_delay_s": 30, "off_delay_s": 30},
        "sensor_out_of_range": {"on_delay_s": 30, "off_delay_s": 0},
    },
)
MEMBERS = {
    "a-1": Member(3, "a-1", KIND, "a", "city", 10.0, static_head_mpa=HEAD),
    "a-2": Member(7, "a-2", KIND, "a", "city", 10.0, static_head_mpa=HEAD),
    "b-1": Member(9, "b-1", KIND, "b", "city", 100.0, static_head_mpa=None),
}
ROSTER = Roster(MEMBERS, KINDS, 1)
IDS = [m.device_id for m in MEMBERS.values()]


@dataclass(frozen=True)
class Heard:
    """One reading as it was received. Pressures and temperatures None: not part of it."""

    device_id: int
    ts: int
    at: int
    pressure: float | None
    supply: float | None
    bad: bool


@st.composite
def sequences(draw):
    """Readings of three devices in the order of receipt: steady, late, ahead, and with gaps."""
    clock, heard, known = START, [], set()
    for _ in range(draw(st.integers(1, 40))):
        clock += draw(
            st.sampled_from([1_000, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, 200 * SECOND, 600 * SECOND])
        )
        device = draw(st.sampled_from(IDS))
        delay = draw(
            st.sampled_from([0, 0, 0, 0, SECOND, 20 * SECOND, 100 * SECOND, 179 * SECOND, 400 * SECOND, -60 * SECOND])
        )
        if (device, clock - delay) in known:
            continue
        known.add((device, clock - delay))
        pressure = draw(
            st.sampled_from([None, HEAD + MARGIN - 0.001, HEAD + MARGIN + 0.01, HEAD + MARGIN + DEADBAND, 0.2, 0.2])
        )
        supply = draw(st.sampled_from([None, 45.0, 47.5, 48.5, 60.0, 60.0]))
        heard.append(Heard(device, clock - delay, clock, pressure, supply, draw(st.integers(0, 3)) == 0))
    return heard


def readings_of(heard):
    values = np.full((len(heard), len(KIND.points)), np.nan)
    for row, reading in enumerate(heard):
        values[row, BITS["t_outdoor"]] = -99.0 if reading.bad else -10.0
        values[row, BITS["t_sec_supply_setpoint"]] = 45.0
        values[row, BITS["p_sec_return"]] = np.nan if reading.pressure is None else reading.pressure
        values[row, BITS["t_sec_supply"]] = np.nan if reading.supply is None else reading.supply
    return Readings(
        KIND,
        np.array([h.device_id for h in heard], np.int32),
        np.array([h.ts for h in heard], np.int64),
        np.array([h.at for h in heard], np.int64),
        values,
        np.array([h.bad << BITS["t_outdoor"] for h in heard], np.int64),
        np.zeros(len(heard), np.int64),
    )


def begin(recollection=None):
    watch = Watch(RULES, lambda: recollection or Recollection())
    return watch, watch.attend(watch.enrol(None, ROSTER), START)


def run(watch, state, heard, cuts=(), tables=None):
    """Step through a sequence cut into batches, then let 20 minutes pass; return the transitions and the state."""
    transitions = []
    edges = [0, *sorted(cuts), len(heard)]
    for begin_, end in pairwise(edges):
        if begin_ < end:
            batch = heard[begin_:end]
            state, found, rows = watch.step(state, {KIND.name: readings_of(batch)}, batch[-1].at)
            transitions += found
            if tables is not None:
                tables.put(rows)
    return transitions, state


def finish(watch, state, heard):
    return watch.step(state, {}, heard[-1].at + 1200 * SECOND)[1]


def told(transitions):
    """What must not depend on how the sequence was cut, in the order of each condition."""
    return sorted(
        ((t["subject"], t["rule"], t["element"]), n, t["what"], t["alarm_id"], t["at"], t["opened_at"])
        for n, t in _numbered(transitions)
    )


def _numbered(transitions):
    count = {}
    for t in transitions:
        key = t["subject"], t["rule"], t["element"]
        count[key] = count.get(key, 0) + 1
        yield count[key], t


class Tables:
    """The rows of a run, as the database would keep them."""

    def __init__(self):
        self.alarms, self.states = {}, {}

    def put(self, rows):
        for table, values in rows:
            if table == "alarm":
                self.alarms[values["alarm_id"]] = {**self.alarms.get(values["alarm_id"], {}), **values}
            elif table == "watch_state":
                self.states[values["subject"], values["rule"], values["element"]] = values
        keys = [(a["subject"], a["rule"], a["element"]) for a in self.alarms.values() if a["cleared_at"] is None]
        assert len(keys) == len(set(keys)), "two open alarms of one key"

    def recollection(self, stored):
        alarms = [
            OpenAlarm(
                Condition(a["subject"], a["rule"], a["element"], a["priority"], a["station"], a["device"]),
                microseconds(a["opened_at"]),
            )
            for a in self.alarms.values()
            if a["cleared_at"] is None
        ]
        states = [
            StateRow(
                s["subject"], s["rule"], s["element"], Verdict[s["verdict"].upper()],
                *(s[name] and microseconds(s[name]) for name in ("pending_since", "watermark")),
            )
            for s in self.states.values()
        ]  # fmt: skip
        return Recollection(alarms, states, {KIND.name: readings_of(stored)} if stored else {})


@settings(max_examples=40, deadline=None)
@given(sequences(), st.data())
def test_any_cut_of_a_sequence_gives_the_same_transitions(heard, data):
    cuts = data.draw(st.lists(st.integers(0, len(heard)), max_size=12))
    watch, state = begin()
    whole, after_whole = run(watch, state, heard)
    parts, after_parts = run(watch, state, heard, cuts)
    singles, after_singles = run(watch, state, heard, range(len(heard)))
    expected = told(whole + finish(watch, after_whole, heard))
    assert told(parts + finish(watch, after_parts, heard)) == expected
    assert told(singles + finish(watch, after_singles, heard)) == expected


@settings(max_examples=40, deadline=None)
@given(sequences(), st.data())
def test_each_condition_raises_and_clears_in_turn(heard, data):
    cuts = data.draw(st.lists(st.integers(0, len(heard)), max_size=12))
    tables = Tables()
    watch, state = begin()
    transitions, _ = run(watch, state, heard, cuts, tables)
    standing = {}
    for t in transitions:
        key = t["subject"], t["rule"], t["element"]
        assert (t["what"] == "raised") == (key not in standing)
        assert t["at"] >= t["opened_at"]
        if t["what"] == "raised":
            standing[key] = t["alarm_id"]
            assert t["at"] == t["opened_at"]
        else:
            assert standing.pop(key) == t["alarm_id"]
    assert {str(i) for i, a in tables.alarms.items() if a["cleared_at"] is None} == set(standing.values())


@settings(max_examples=40, deadline=None)
@given(sequences(), st.data())
def test_a_restart_goes_on_where_the_watch_stood(heard, data):
    stop = data.draw(st.integers(0, len(heard)))
    tables = Tables()
    watch, state = begin()
    before, state = run(watch, state, heard[:stop], range(stop), tables)
    again, recalled = begin(tables.recollection(heard[:stop]))
    went_on, state = run(watch, state, heard[stop:])
    resumed, recalled = run(again, recalled, heard[stop:])
    assert told(before + resumed + finish(again, recalled, heard)) == told(
        before + went_on + finish(watch, state, heard)
    )


@settings(max_examples=25, deadline=None)
@given(sequences())
def test_a_step_never_changes_the_state_it_was_given(heard):
    watch, state = begin()
    half = len(heard) // 2
    _, middle = run(watch, state, heard[:half])
    first, after = run(watch, middle, heard[half:])
    second, _ = run(watch, middle, heard[half:])
    assert [t["alarm_id"] for t in first] == [t["alarm_id"] for t in second]
    watch.enrol(after, Roster({}, KINDS, 2))
    assert told(run(watch, middle, heard[half:])[0]) == told(first)


def low_pressure(heard, device_id):
    """The rule return_pressure_low once more, reading by reading, as a person would do it by hand."""
    newest = opened = waiting = held = held_at = None
    found = []
    for reading in heard:
        if (
            reading.device_id != device_id
            or reading.ts < reading.at - 180 * SECOND
            or (newest and reading.ts <= newest)
        ):
            continue
        if newest is not None and reading.ts - newest > 180 * SECOND:
            waiting = None
        newest = reading.ts
        if reading.pressure is not None:
            held, held_at = reading.pressure, reading.ts
        known = held is not None and reading.ts - held_at <= 30 * SECOND
        limit = HEAD + MARGIN + (DEADBAND if opened else 0.0)
        wants = known and ((held >= limit) if opened else (held < limit))
        waiting = (waiting or reading.ts) if wants else None
        if waiting and reading.ts >= waiting + 30 * SECOND:
            found.append(("cleared" if opened else "raised", reading.ts))
            opened, waiting = None if opened else reading.ts, None
    return found


@settings(max_examples=60, deadline=None)
@given(sequences())
def test_low_pressure_is_what_a_person_would_find_by_hand(heard):
    watch, state = begin()
    transitions, _ = run(watch, state, heard)
    for name, element in (("a-1", ""), ("a-2", "a-2")):
        found = [
            (t["what"], t["at"]) for t in transitions if t["rule"] == "return_pressure_low" and t["element"] == element
        ]
        assert found == low_pressure(heard, MEMBERS[name].device_id)
    assert not [t for t in transitions if t["rule"] == "return_pressure_low" and t["device"] == "b-1"]


@settings(max_examples=25, deadline=None)
@given(sequences(), st.integers(1, 1000))
def test_late_readings_never_raise(heard, age_s):
    """Everything an hour and more late: only silence may be found."""
    late = [Heard(h.device_id, h.ts - (3600 + age_s) * SECOND, h.at, 0.1, 90.0, bad=True) for h in heard]
    watch, state = begin()
    transitions, after = run(watch, state, late)
    assert {t["rule"] for t in transitions + finish(watch, after, late)} <= {"device_silent"}
