"""The numbers of rules: exceptions by place and date, rules of one's own, and the file that is read again."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

import application.rules_file
from application.instants import DAY, SECOND, microseconds
from application.rule import RuleError
from application.rule_commands import explained
from application.rules import load_rules, tuned
from application.rules_file import RulesFile, read_rules
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
RULES = load_rules()
T0 = microseconds(datetime(2026, 11, 1, tzinfo=UTC))
MEMBERS = [
    Member(1, "a-1", KIND, "s-a", "town", 60.0, static_head_mpa=0.3, district="east"),
    Member(2, "b-1", KIND, "s-b", "town", 60.0, static_head_mpa=0.3, district="east"),
    Member(3, "c-1", KIND, "s-c", "town", 60.0, static_head_mpa=0.3, district="west"),
]
EXCEPTIONS = {
    "supply_off_setpoint": {
        "limit_k": 3.0,
        "except": [
            {"device": "a-1", "limit_k": 9.0},
            {"district": "east", "limit_k": 5.0},
            {"city": ["town", "village"], "from": datetime(2026, 11, 2, tzinfo=UTC).date(), "on_delay_s": 60},
        ],
    }
}


def numbers(tables, name, place, at=T0):
    [tuning] = [tuning for rule, tuning in tuned(RULES, tables) if rule.name == name]
    return tuning.at(MEMBERS[place], at)


def test_what_is_said_of_a_narrower_place_wins_whatever_its_order():
    assert [numbers(EXCEPTIONS, "supply_off_setpoint", k)["limit_k"] for k in range(3)] == [9.0, 5.0, 3.0]


def test_an_exception_holds_from_its_day_on():
    assert numbers(EXCEPTIONS, "supply_off_setpoint", 2)["on_delay_s"] == 1800
    assert numbers(EXCEPTIONS, "supply_off_setpoint", 2, T0 + DAY)["on_delay_s"] == 60
    until = {
        "device_silent": {"except": [{"station": "s-c", "until": datetime(2026, 11, 1, 1, tzinfo=UTC), "least_s": 900}]}
    }
    assert numbers(until, "device_silent", 2)["least_s"] == 900
    assert numbers(until, "device_silent", 2, T0 + DAY)["least_s"] == 180


@pytest.mark.parametrize(
    ("exception", "why"),
    [
        ({"limit_k": 4}, "names one of"),
        ({"city": "town", "device": "a-1", "limit_k": 4}, "names city, device"),
        ({"city": "town"}, "changes nothing"),
        ({"city": [], "limit_k": 4}, "a name or a list"),
        ({"city": "town", "limit_k": -4}, "limit_k"),
        ({"city": "town", "limit": 4}, "limit"),
        ({"city": "town", "from": "tomorrow", "limit_k": 4}, "expected a day"),
        ({"city": "town", "from": datetime(2026, 1, 1), "limit_k": 4}, "its zone"),  # noqa: DTZ001 - without a zone
        (
            {
                "city": "town",
                "from": datetime(2026, 1, 2, tzinfo=UTC),
                "until": datetime(2026, 1, 2, tzinfo=UTC),
                "limit_k": 4,
            },
            "not after",
        ),
    ],
)
def test_an_exception_that_cannot_be_understood_is_named(exception, why):
    with pytest.raises(RuleError, match=why) as caught:
        tuned(RULES, {"supply_off_setpoint": {"except": [exception]}})
    assert "number 1" in str(caught.value)


class Story:
    """Three substations that are told the same, reading after reading."""

    def __init__(self, tables, fresh=lambda: None):
        self.watch = Watch(tuned(RULES, tables), fresh=fresh)
        self.state = self.watch.attend(self.watch.enrol(None, Roster({m.name: m for m in MEMBERS}, KINDS, 1)), T0)
        self.found = []

    def hear(self, second, **values):
        row = np.full((3, len(KIND.points)), np.nan)
        for name, value in values.items():
            row[:, KIND.bits[name]] = value
        at = np.full(3, T0 + second * SECOND)
        readings = Readings(KIND, np.array([1, 2, 3], np.int32), at, at, row, at * 0, at * 0)
        self.state, found, _ = self.watch.step(self.state, {KIND.name: readings}, T0 + second * SECOND)
        self.found += [(t["what"], t["rule"], t["device"], (t["at"] - T0) // SECOND) for t in found]


def test_each_place_is_judged_by_its_own_numbers():
    story = Story(EXCEPTIONS)
    for second in range(0, 1801, 60):
        story.hear(second, t_sec_supply=50.0, t_sec_supply_setpoint=44.0)
    assert sorted(story.found) == [
        ("raised", "supply_off_setpoint", "b-1", 1800),
        ("raised", "supply_off_setpoint", "c-1", 1800),
    ]


OWN = {
    "own": {
        "pump_room_hot": {
            "title": {"zh": "泵房过热", "en": "Pump room hot"},
            "point": "t_station_room",
            "above": 40,
            "deadband": 2,
            "on_delay_s": 60,
            "off_delay_s": 0,
            "except": [{"device": "c-1", "above": 60}],
        },
        "big_spread": {
            "title": {"zh": "温差过大", "en": "Spread too wide"},
            "point": "t_sec_supply",
            "minus": "t_sec_return",
            "above": 20,
            "on_delay_s": 0,
        },
        "falls_fast": {
            "title": {"zh": "压力骤降", "en": "Pressure falls fast"},
            "point": "p_sec_return",
            "rate_over_s": 120,
            "below": -0.01,
            "on_delay_s": 0,
        },
    }
}


def test_a_rule_of_ones_own_lives_like_the_others():
    story = Story(OWN)
    for second, room in ((0, 45), (60, 45), (120, 39), (180, 37)):
        story.hear(second, t_station_room=room)
    mine = [f for f in story.found if f[1] == "pump_room_hot"]
    assert mine == [
        *[("raised", "pump_room_hot", d, 60) for d in ("a-1", "b-1")],
        *[("cleared", "pump_room_hot", d, 180) for d in ("a-1", "b-1")],
    ]


@pytest.mark.parametrize(("tables", "name", "says"), [(OWN, "pump_room_hot", "limits"), ({}, "door_open", "contact")])
def test_a_rule_is_explained_by_what_its_judge_does(tables, name, says):
    [(rule, tuning)] = [pair for pair in tuned(RULES, tables) if pair[0].name == name]
    facts = {row["fact"]: row["value"] for row in explained(rule, tuning, None, T0)}
    assert says in facts["judges"]


def test_a_difference_and_a_rate_are_measured():
    story = Story(OWN)
    for second, pressure in ((0, 0.40), (60, 0.40), (120, 0.39), (180, 0.37)):
        story.hear(second, t_sec_supply=60.0, t_sec_return=35.0, p_sec_return=pressure)
    assert ("raised", "big_spread", "a-1", 0) in story.found
    assert [f for f in story.found if f[1] == "falls_fast" and f[2] == "a-1"] == [("raised", "falls_fast", "a-1", 180)]


@pytest.mark.parametrize(
    ("name", "table", "why"),
    [
        ("x", {}, "3 to 40"),
        ("Bad-Name", {}, "small letters"),
        ("device_silent", {"title": {"zh": "a", "en": "a"}, "point": "p", "above": 1}, "already"),
        ("mine", {"point": "t_outdoor", "above": 1}, "title"),
        ("mine", {"title": {"zh": "a", "en": "a"}, "point": "t_outdoor"}, "give a limit"),
        ("mine", {"title": {"zh": "a", "en": "a"}, "point": "t_outdoor", "above": 1, "below": 2}, "greater"),
        ("mine", {"title": {"zh": "a", "en": "a"}, "point": "t_outdoor", "above": 1, "colour": 2}, "colour"),
        ("mine", {"title": {"zh": "a", "en": "a"}, "point": "approach", "above": 8}, "heat_substation_derived"),
        ("mine", "text", "expected a table"),
    ],
)
def test_a_rule_of_ones_own_that_makes_no_sense_is_named(name, table, why):
    with pytest.raises(RuleError, match=why):
        tuned(RULES, {"own": {name: table}})


@dataclass
class Tenths:
    """What a slow rule sees: the means of one device's last two hours."""

    values: list

    raised = np.array([[False]])

    def trace(self, point, hours):
        assert (point, hours) == ("approach", 2)
        return np.array([self.values], float)


def test_a_rule_of_ones_own_looks_at_what_follows_from_readings():
    words = {"title": {"zh": "端差", "en": "Approach"}, "point": "approach", "kind": "heat_substation_derived"}
    tables = {"own": {"far": {**words, "above": 8}, "growing": {**words, "rate_over_s": 1200, "above": 0.1}}}
    found = {rule.name: (rule, tuning.usual) for rule, tuning in tuned(RULES, tables)}
    for rule, _ in (found["far"], found["growing"]):
        assert rule.tempo == "slow"
        assert rule.fits(KINDS["heat_substation_derived"])
        assert not rule.fits(KIND)

    def said(name, values):
        rule, numbers = found[name]
        return int(rule.judge(Tenths(values), numbers).verdict[0, 0])

    assert said("far", [2.0] * 11 + [9.0]) == 1
    assert said("far", [9.0] * 10 + [2.0, np.nan]) == 0
    assert said("far", [9.0] * 6 + [np.nan] * 6) == -1
    assert said("growing", [2.0] * 9 + [2.0, 4.0, 6.0]) == 1
    assert said("growing", [2.0] * 12) == 0


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(application.rules_file, "_LOOK_S", 0.0)


def write(file, text, stamp):
    file.write_text(text, "utf-8")
    os.utime(file, (stamp, stamp))


@pytest.mark.usefixtures("at_once")
def test_the_file_is_read_again_and_what_cannot_be_used_leaves_the_old_in_force(tmp_path):
    file = tmp_path / "rules.toml"
    write(file, "[supply_off_setpoint]\nlimit_k = 7\n", 1000)
    rules = RulesFile(file)
    story = Story({}, fresh=lambda: rules.pairs if rules.changed() else None)
    assert not story.watch.retuned()
    write(file, "[supply_off_setpoint]\nlimit_k = 'many'\n", 2000)
    assert not story.watch.retuned()
    assert dict(rules.pairs)[rules["supply_off_setpoint"]].usual.limit_k == 7
    write(file, '[own.room_hot]\ntitle = {zh = "热", en = "Hot"}\npoint = "t_station_room"\nabove = 30\n', 3000)
    assert story.watch.retuned()
    assert rules["room_hot"].title.en == "Hot"
    story.state = story.watch.enrol(story.state, Roster({m.name: m for m in MEMBERS}, KINDS, 1))
    for second in (0, 60):
        story.hear(second, t_station_room=35.0)
    assert {f[1] for f in story.found} == {"room_hot"}


@pytest.mark.usefixtures("at_once")
def test_new_numbers_leave_open_alarms_open(tmp_path):
    file = tmp_path / "rules.toml"
    write(file, "[return_pressure_low]\non_delay_s = 0\n", 1000)
    rules = RulesFile(file)
    story = Story({"return_pressure_low": {"on_delay_s": 0}}, fresh=lambda: rules.pairs if rules.changed() else None)
    story.hear(0, p_sec_return=0.31)
    write(file, "[return_pressure_low]\non_delay_s = 0\nmargin_mpa = 0.0\ndeadband_mpa = 0\noff_delay_s = 0\n", 2000)
    assert story.watch.retuned()
    story.state = story.watch.enrol(story.state, Roster({m.name: m for m in MEMBERS}, KINDS, 1))
    assert {f[:2] for f in story.found} == {("raised", "return_pressure_low")}
    story.hear(60, p_sec_return=0.31)
    assert {f[0] for f in story.found if f[3] == 60} == {"cleared"}


def own_table(above="30", more=""):
    """Return a rule of one's own, as a file has it."""
    return f'[own.room_hot]\ntitle = {{zh = "热", en = "Hot"}}\npoint = "t_station_room"\nabove = {above}\n{more}\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = " + "9" * 5000, "digits"),
        ("a = " + "[" * 20_000 + "]" * 20_000, "too deep"),
        (own_table(above="nan"), "finite"),
        (own_table(more="on_delay_s = inf"), "finite"),
        (own_table(more="on_delay_s = 1e300"), "at most 31622400 s"),
        (own_table(more="respond_s = 4611686018427387904"), "respond_s"),
        ("[device_silent]\noff_delay_s = 1e18", "at most 31622400 s"),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_absurd_numbers_and_depths_are_refused_while_the_old_stay_in_force(tmp_path, text, why):
    file = tmp_path / "rules.toml"
    write(file, "[device_silent]\nleast_s = 120\n", 1000)
    rules = RulesFile(file)
    before = rules.pairs
    write(file, text, 2000)
    assert not rules.changed()
    assert rules.pairs is before
    with pytest.raises(RuleError, match=why):
        read_rules(file)
