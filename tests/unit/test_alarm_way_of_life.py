"""How an alarm lives is said when it is raised: latched and asking again, by rule, place and rules of one's own."""

import numpy as np
import pytest

from application.rules import RuleError, load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
START = 1_800_000_000_000_000
MEMBERS = [Member(i, f"d-{i}", KIND, f"s-{i}", "town", 10.0) for i in (1, 2)]
ROSTER = Roster({m.name: m for m in MEMBERS}, KINDS, 1)
TABLES = {
    "door_open": {
        "on_delay_s": 0, "off_delay_s": 0, "realarm_s": 60,
        "except": [{"device": "d-2", "latched": True, "realarm_s": 3600}],
    },
    "own": {
        "very_warm": {
            "title": {"zh": "热", "en": "Warm"}, "point": "t_station_room", "above": 40, "on_delay_s": 0,
            "latched": True,
        }
    },
}  # fmt: skip


def rows_of(table, **values):
    watch = Watch(tuned(load_rules(), TABLES))
    state = watch.attend(watch.enrol(None, ROSTER), START)
    found = []
    for second in (0, 10, 20):
        told = np.full((2, len(KIND.points)), np.nan)
        for point, value in values.items():
            told[:, KIND.bits[point]] = value if second == 10 else 0.0
        at = np.full(2, START + second * 1_000_000)
        heard = Readings(KIND, np.array([1, 2], np.int32), at, at, told, at * 0, at * 0)
        state, _, rows = watch.step(state, {KIND.name: heard}, int(at[0]))
        found += [row.values for row in rows if row.table == table]
    return found


def test_what_its_place_says_when_it_is_raised_is_kept():
    alarms = [a for a in rows_of("alarm", door_open=1.0) if a["rule"] == "door_open"]
    raised = {a["device"]: (a["latched"], a["realarm_s"]) for a in alarms if a["cleared_at"] is None}
    assert raised == {"d-1": (False, 60.0), "d-2": (True, 3600.0)}
    cleared = [a for a in alarms if a["cleared_at"] is not None]
    assert len(cleared) == 2
    assert not any({"latched", "realarm_s"} & set(a) for a in cleared)  # said once


def test_rules_of_one_s_own_latch_too():
    alarms = [a for a in rows_of("alarm", t_station_room=45.0) if a["rule"] == "very_warm" and a["cleared_at"] is None]
    assert [(a["latched"], a["realarm_s"]) for a in alarms] == [(True, 0.0)] * 2


@pytest.mark.parametrize("wrong", [{"realarm_s": -1}, {"realarm_s": 1e10}, {"latched": "perhaps"}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(RuleError, match="door_open"):
        tuned(load_rules(), {"door_open": wrong})
