"""A drill: rules are hurried at one device for a while, their alarms say so, and whatever happens it is ended."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from application.drills import EXERCISES, DrilledRules
from application.drills.hurry import Drilled, hurried
from application.instants import MINUTE, SECOND
from application.rule import Family
from application.rules import load_rules, tuned
from application.rules_file import RulesFile
from application.tuning import Hurry
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster
from simulators.faults import made
from simulators.trial.drill import Engine, Outcome, play

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
RULES = load_rules()
T0 = 1_800_000_000 * SECOND // MINUTE * MINUTE
MEMBERS = [Member(k, f"d-{k}", KIND, f"s-{k}", "town", 10.0, static_head_mpa=0.3, district="east") for k in (1, 2)]
DRILL = Hurry("d-1", T0 + MINUTE, T0 + 5 * MINUTE)


EVERY = frozenset(Family)


def pair(name, *drills, families=EVERY, **tables):
    [(rule, tuning)] = [(r, t) for r, t in tuned(RULES, tables) if r.name == name]
    return rule, hurried(rule, tuning, [Drilled(drill, families) for drill in drills])


def test_times_are_divided_by_sixty_at_one_device_while_the_drill_lasts():
    _, numbers = pair("supply_off_setpoint", DRILL)
    during = numbers.at(MEMBERS[0], T0 + 2 * MINUTE)
    assert (during["on_delay_s"], during["off_delay_s"], during["limit_k"]) == (30.0, 0.0, 3.0)
    for member, at in ((MEMBERS[1], 2), (MEMBERS[0], 0), (MEMBERS[0], 5)):
        assert numbers.at(member, T0 + at * MINUTE)["on_delay_s"] == 1800


def test_what_differs_there_is_divided_too_and_a_rule_by_the_minute_knows_nothing_shorter():
    tables = {"supply_off_setpoint": {"except": [{"device": "d-1", "on_delay_s": 3600}]}}
    _, numbers = pair("supply_off_setpoint", DRILL, **tables)
    assert numbers.at(MEMBERS[0], T0 + 2 * MINUTE)["on_delay_s"] == 60.0
    _, numbers = pair("secondary_leak", DRILL)
    assert numbers.at(MEMBERS[0], T0 + 2 * MINUTE)["on_delay_s"] == 0.0
    _, numbers = pair("device_silent", DRILL)
    assert numbers.at(MEMBERS[0], T0 + 2 * MINUTE)["least_s"] == 0.0


def test_rules_that_the_drill_is_not_about_keep_their_times():
    _, numbers = pair("return_pressure_low", DRILL, families=EXERCISES["pump"].families)
    assert numbers.at(MEMBERS[0], T0 + 2 * MINUTE)["on_delay_s"] == 60
    _, numbers = pair("pump_failed", DRILL, families=EXERCISES["pump"].families)
    assert numbers.at(MEMBERS[0], T0 + 2 * MINUTE)["on_delay_s"] == 0


def test_two_drills_one_after_the_other_both_hold():
    _, numbers = pair("supply_off_setpoint", DRILL, Hurry("d-1", T0 + 7 * MINUTE, T0 + 9 * MINUTE))
    held = [numbers.at(MEMBERS[0], T0 + m * MINUTE)["on_delay_s"] for m in (2, 6, 8, 9)]
    assert held == [30.0, 1800.0, 30.0, 1800.0]


def hear(watch, state, at, supply):
    rows = np.full((2, len(KIND.points)), np.nan)
    rows[:, KIND.bits["t_sec_supply"]], rows[:, KIND.bits["t_sec_supply_setpoint"]] = supply, 50.0
    ids, times = np.array([1, 2], np.int32), np.full(2, at)
    nothing = np.zeros(2, np.int64)
    state, told, rows = watch.step(state, {KIND.name: Readings(KIND, ids, times, times, rows, nothing, nothing)}, at)
    return state, told, rows


def test_an_alarm_of_a_drill_is_raised_soon_says_so_and_is_the_only_one():
    watch = Watch([pair("supply_off_setpoint", DRILL)])
    state = watch.attend(watch.enrol(None, Roster({m.name: m for m in MEMBERS}, KINDS, 1)), T0)
    heard = []
    for second in range(0, 240, 10):
        state, told, rows = hear(watch, state, T0 + second * SECOND, 40.0 if 60 <= second < 120 else 50.0)
        heard += [(t["what"], t["device"], (t["at"] - T0) // SECOND) for t in told]
        marked = [r.values["evidence"] for r in rows if r.table in {"alarm", "alarm_event"} and "evidence" in r.values]
        assert all(evidence["drill"] == 1.0 for evidence in marked)
    assert heard == [("raised", "d-1", 90), ("cleared", "d-1", 120)]


def test_an_alarm_beside_a_drill_does_not_speak_of_one():
    watch = Watch([pair("door_open", DRILL)])
    state = watch.attend(watch.enrol(None, Roster({m.name: m for m in MEMBERS}, KINDS, 1)), T0)
    evidence = {}
    for second in range(70, 200, 10):
        rows = np.full((2, len(KIND.points)), np.nan)
        rows[:, KIND.bits["door_open"]] = 1.0
        at = np.full(2, T0 + second * SECOND)
        nothing = np.zeros(2, np.int64)
        readings = Readings(KIND, np.array([1, 2], np.int32), at, at, rows, nothing, nothing)
        state, told, _ = watch.step(state, {KIND.name: readings}, int(at[0]))
        evidence |= {t["device"]: t["evidence"] for t in told}
    assert "drill" in evidence["d-1"]
    assert evidence["d-2"].keys() == evidence["d-1"].keys() - {"drill"}


def test_drills_come_and_go_over_a_file_that_stays_as_it_is(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text("")
    known = [()]
    rules = DrilledRules(RulesFile(file), lambda: known[0])

    def delay():
        [tuning] = [t for r, t in rules.pairs if r.name == "supply_off_setpoint"]
        return tuning.at(MEMBERS[0], T0 + 2 * MINUTE)["on_delay_s"]

    assert not rules.changed()
    known[0] = (Drilled(DRILL, EVERY),)
    assert rules.changed()
    assert not rules.changed()
    assert delay() == 30
    known[0] = ()
    assert rules.changed()
    assert delay() == 1800


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_breaks_what_can_be_broken_and_shows_what_a_substation_measures(name):
    exercise = EXERCISES[name]
    assert made(exercise.fault, "d-1", KIND, begins=T0, parameters=dict(exercise.args))
    assert exercise.sign.point in KIND.bits
    json.dumps(dict(exercise.args))


@dataclass(frozen=True)
class Thing:
    step: str
    key: str = ""


class Stage:
    """A drill of which the test says what happens."""

    def __init__(self, *looks, **more):
        self.looks, self.now, self.done = list(looks), 0, []
        self.engine = Engine(
            begin=lambda: self, look=self.look, mend=self.mend, end=lambda _: self.done.append("ended"),
            clock=lambda: self.now, wait=self.wait, **more,
        )  # fmt: skip
        self.begins, self.stops = 0, False

    def look(self, _):
        seen = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(seen, BaseException):
            raise seen
        return [Thing(*each.split()) for each in seen]

    def mend(self, _):
        self.done.append("mended")
        return self

    def wait(self, seconds):
        self.now += round(seconds * 1e6)
        return self.stops

    def play(self):
        self.told = []
        return play(self.engine, lambda _, thing: self.told.append(f"{thing.step} {thing.key}".strip()))


FIRST = ["fault", "sensor", "alarm a", "incident i", "order o"]
LAST = ["mended", "cleared a", "closed i", "verified o"]


def test_a_drill_tells_each_step_once_and_mends_what_it_broke():
    stage = Stage(FIRST[:1], FIRST[:2], FIRST, [*FIRST, *LAST[:1]], [*FIRST, *LAST])
    assert stage.play() == Outcome(())
    assert stage.told == [*FIRST, *LAST]
    assert stage.done == ["mended", "ended"]


def test_further_steps_are_waited_for():
    first, last = [*FIRST, "notice n"], [*FIRST, "notice n", *LAST]
    stage = Stage(FIRST, first, last, [*last, "rating r"], steps=("notice",), proofs=("rating",))
    assert stage.play() == Outcome(())
    assert stage.told[5] == "notice n"
    assert stage.told[-1] == "rating r"


def test_what_is_raised_later_has_to_end_as_well():
    late = [*FIRST, *LAST, "alarm b"]
    stage = Stage(FIRST, late, late, [*late, "cleared b"])
    assert stage.play() == Outcome(())
    assert stage.told[-1] == "cleared b"


def test_what_does_not_happen_is_named_and_it_ends_all_the_same():
    stage = Stage(FIRST[:3])
    assert stage.play() == Outcome(("incident", "order"), tuple(each.split()[0] for each in LAST), open=1)
    assert stage.done == ["mended", "ended"]
    assert stage.now <= 240e6


@pytest.mark.parametrize("trouble", [RuntimeError("gone"), KeyboardInterrupt()])
def test_whatever_goes_wrong_it_is_mended_and_ended(trouble):
    stage = Stage(FIRST[:1], trouble)
    with pytest.raises(type(trouble)):
        stage.play()
    assert stage.done == ["mended", "ended"]


def test_who_stops_it_leaves_nothing_broken():
    stage = Stage(FIRST[:2])
    stage.stops = True
    assert stage.play().stopped
    assert stage.done == ["mended", "ended"]
