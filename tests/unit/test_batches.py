"""The pure arithmetic of batches, answers, outages and listening."""

import json
from threading import Event

import pytest

from network.link import Batch, Delivery, Tally
from network.receive import receive
from perception.kinds import load_kinds
from perception.readings import Reason, Reject
from perception.roster import Member, Roster
from support.answers import Answers
from support.batches import portions, redelivered, tallied
from support.listening import LAG_US, Listening
from support.outage import Outage
from support.store import StoreDownError

KINDS = load_kinds()


def delivery(size, at=0):
    return Delivery("t", b"x" * size, at)


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [([], 10, []), ([5, 5, 5], 10, [2, 1]), ([50], 10, [1]), ([50, 1, 50], 10, [1, 1, 1]), ([1] * 10, 10, [10])],
)
def test_portions_keep_everything_in_order(sizes, most, expected):
    deliveries = [delivery(s, at) for at, s in enumerate(sizes)]
    cut = list(portions(deliveries, most))
    assert [len(p) for p in cut] == expected
    assert [d for p in cut for d in p] == deliveries


def test_tallies_join_by_device():
    batch = Batch([], {}, rejected={"a": 2, "": 1})
    total = tallied(batch, [{"a": Tally(received=3, stored=2, duplicate=1)}, {"a": Tally(received=1, conflict=1)}])
    assert total["a"] == Tally(received=6, stored=2, duplicate=1, conflict=1, rejected=2)
    assert total[""] == Tally(received=1, rejected=1)


def test_answers_once_a_second_and_only_to_known_devices():
    member = Member(1, "dev-1", KINDS["weather_station"], "s", "c", 60)
    roster = Roster({"dev-1": member}, KINDS, 1)
    rejects = [Reject(Reason.BAD_POINT, "no such point", "t", b"", 5_000, name, points=("x",)) for name in
               ("dev-1", "dev-1", "stranger", None)]  # fmt: skip
    answers = Answers()
    now = 10_000_000
    [(topic, payload)] = answers.to(rejects, roster, now)
    assert topic == "hearthline/v1/dev-1/rejected"
    assert json.loads(payload) == {"reason": "bad_point", "detail": "no such point", "points": ["x"], "received_at": 5}
    assert list(answers.to(rejects, roster, now + 999_999)) == []
    assert len(list(answers.to(rejects, roster, now + 1_000_000))) == 1


def test_an_outage_is_endured_and_told_once_each_way():
    turns, beats, attempts = [], [], []

    def work():
        attempts.append(1)
        if len(attempts) < 3:
            raise StoreDownError("gone")

    outage = Outage(Event(), lambda detail="", *, ready=True: beats.append(ready), lambda *, down: turns.append(down))
    assert outage.endure(work)
    assert turns == [True, False]
    assert beats
    assert not any(beats)


def test_an_outage_ends_when_asked_to_stop():
    stop = Event()

    def work():
        stop.set()
        raise StoreDownError("gone")

    assert not Outage(stop, lambda *_, **__: None, lambda *, down: None).endure(work)


def test_listening_begins_anew_after_a_backlog_and_a_step_of_the_clock():
    wall = [1_000_000_000]
    listening = Listening(lambda: wall[0])
    assert listening.since(None) is None
    assert listening.since(5) == 5
    listening.took(delivery(1, 100), 100 + LAG_US)
    assert listening.since(5) == 5
    listening.took(delivery(1, 100), 101 + LAG_US)
    assert listening.since(5) == 101 + LAG_US
    listening.look_at_clock()
    assert listening.since(5) == 101 + LAG_US
    wall[0] += 3_600_000_000
    listening.look_at_clock()
    assert listening.since(5) == wall[0]


def test_only_redelivered_readings_without_time_are_looked_at_again():
    member = Member(1, "dev-1", KINDS["weather_station"], "s", "c", 60)
    roster, now = Roster({"dev-1": member}, KINDS, 1), 1_700_000_000_000_000
    bare, timed = b'{"t_outdoor": 1}', b'{"ts": 1700000000000, "values": {"t_outdoor": 1}}'
    sent = [(bare, False), (bare, True), (timed, True)]
    deliveries = [Delivery("hearthline/v1/dev-1/readings", p, now, redelivered=again) for p, again in sent]
    readings = receive(deliveries, roster, now).readings["weather_station"]
    assert redelivered(readings, deliveries).tolist() == [False, True, False]
    assert redelivered(readings, deliveries[:1]) is None
