"""The verdicts of a conformance tour, from what was heard."""

import json

import pytest

from network.conformance.judging import Course, Verdict, judge
from network.link import Delivery
from perception.kinds import load_kinds
from perception.roster import Member, Roster

KINDS = load_kinds()
NOW = 1_767_225_600_000_000
ROSTER = Roster({"roof-1": Member(1, "roof-1", KINDS["weather_station"], "roof", "nis", 60)}, KINDS)


def heard(channel, body, **options):
    payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Delivery(f"hearthline/v1/roof-1/{channel}", payload, NOW, **options)


def birth(first=1, boot="a", **more):
    return {"kind": "weather_station", "boot": boot, "first_seq": first, **more}


def reading(seq, ts=NOW // 1000, **more):
    return heard("readings", {"ts": ts + seq, "seq": seq, "values": {"t_outdoor": 1.0}, **more})


GOOD = [
    heard("birth", birth(), retained=True),
    heard("state", "online", retained=True),
    reading(1),
    reading(2),
    heard("stored", {"boot": "a", "seq": 2}),
    heard("command", {"id": "p", "do": "ping"}),
    heard("reply", {"id": "p", "ok": True}),
]
BACK = [
    heard("state", "offline"),
    heard("birth", birth(3)),
    heard("state", "online"),
    reading(3),
    reading(4),
]  # fmt: skip


def verdicts(before=GOOD, after=BACK, repeated=1, duplicates=1):
    course = Course("roof-1", [*before, *after], ROSTER, 30, "p", len(before), repeated, duplicates)
    return {step.step: step for step in judge(course)}


def replaced(course, place, *news):
    return [*course[:place], *news, *course[place + 1 :]]


def born(first=1, **more):
    return {"before": replaced(GOOD, 0, heard("birth", birth(first, **more), retained=True)), "after": []}


def test_what_conforms_passes():
    assert {step.verdict for step in verdicts().values()} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("step", "tour", "found"),
    [
        ("birth", {"before": replaced(GOOD, 0, heard("birth", birth()))}, "not retained"),
        ("birth", born(kind="boiler"), "boiler"),
        ("birth", born(kind="heat_substation"),
         "registered as weather_station"),
        ("birth", born(boot=True), "boot"),
        ("numbering", born(None), "first_seq"),
        ("state", {"before": replaced(GOOD, 1, heard("state", "offline", retained=True))}, "offline"),
        ("state", {"before": replaced(GOOD, 1, heard("state", "up", retained=True))}, "JSON"),
        ("readings", {"before": replaced(GOOD, 2, heard("readings", "{"))}, "malformed"),
        ("times", {"before": replaced(GOOD, 2, reading(1, ts=NOW // 1000 - 400_000))}, "400 s old"),
        ("times", {"before": replaced(GOOD, 2, reading(1, ts=NOW // 1000 + 200_000))}, "ahead"),
        ("seq", {"before": replaced(GOOD, 3, reading(3))}, "1, 3"),
        ("seq", {"before": [*GOOD[:2], GOOD[3], GOOD[2], *GOOD[4:]]}, "2, 1"),
        ("duplicate", {"before": [*GOOD, reading(2, ts=NOW // 1000 + 50)]}, "different content"),
        ("command", {"before": GOOD[:-1]}, "not answered"),
        ("command", {"before": replaced(GOOD, 6, heard("reply", {"id": "p", "ok": False}))}, "not with ok"),
        ("will", {"after": BACK[1:]}, "nobody said"),
        ("will", {"after": [*BACK[:2], *BACK[3:]]}, "still offline"),
        ("backfill", {"after": replaced(BACK, 1, heard("birth", birth(3, boot="b")))}, "another boot"),
        ("backfill", {"after": [*BACK[:3], reading(9)]}, "6 readings of the time away are missing"),
        ("backfill", {"after": BACK[:3]}, "no reading since"),
        ("stored", {"after": replaced(BACK, 1, heard("birth", birth(1)))}, "first_seq stays 1"),
    ],
)  # fmt: skip
def test_what_does_not_conform_fails_with_a_remedy(step, tour, found):
    told = verdicts(**tour)[step]
    assert told.verdict is Verdict.FAIL
    assert found in told.found
    assert told.remedy


@pytest.mark.parametrize(
    ("step", "tour"),
    [
        ("command", {"before": [*GOOD[:5], *GOOD[6:]]}),
        ("duplicate", {"repeated": None}),
        ("duplicate", {"duplicates": 0}),
        ("will", {"after": []}),
        ("backfill", {"after": []}),
        ("stored", {"before": [*GOOD[:4], *GOOD[5:]]}),
        ("seq", {"before": [*GOOD[:3], *GOOD[4:]]}),
    ],
)
def test_what_was_not_seen_is_not_judged(step, tour):
    told = verdicts(**tour)[step]
    assert told.verdict is Verdict.CANNOT_TELL
    assert told.remedy


def test_quality_of_service_is_looked_at():
    told = verdicts(before=replaced(GOOD, 3, Delivery(GOOD[3].topic, GOOD[3].payload, NOW, qos=0)))["readings"]
    assert (told.verdict, "QoS 0" in told.found) == (Verdict.FAIL, True)


def test_silence_fails_with_the_time_that_was_waited():
    told = verdicts(before=GOOD[:2], after=[])["readings"]
    assert told.verdict is Verdict.FAIL
    assert "30 s" in told.found
