"""Receive: every fate that a delivery can meet before the database."""

import json

import pytest

from network.link import Batch, Delivery, Numbering
from network.receive import MOST_REJECTS, receive, unstamped_again
from network.self_told import MOST_MANIFEST_BYTES
from perception.catalogue import DeviceStatus
from perception.kinds import load_kinds
from perception.payload import MOST_READINGS
from perception.readings import Reason
from perception.roster import Member, Roster

KINDS = load_kinds()
NOW = 1_767_225_600_000_000
MS = NOW // 1000
POINT = KINDS["weather_station"].names[0]
ROSTER = Roster(
    {
        "roof-1": Member(1, "roof-1", KINDS["weather_station"], "roof", "nis", 60),
        "roof-2": Member(2, "roof-2", KINDS["weather_station"], "roof", "nis", 60, DeviceStatus.PENDING),
        "roof-3": Member(3, "roof-3", KINDS["weather_station"], "roof", "nis", 60, DeviceStatus.RETIRED),
        "l4-nis": Member(4, "l4-nis", KINDS["heat_substation"], "l4", "nis", 180),
    },
    KINDS,
)


def delivery(body, device="roof-1", channel="readings", **options) -> Delivery:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(f"hearthline/v1/{device}/{channel}", payload, NOW, **options)


def got(*deliveries: Delivery) -> Batch:
    return receive(deliveries, ROSTER, NOW)


def only(batch: Batch):
    assert len(batch.rejects) == 1
    return batch.rejects[0]


def reading(ts=MS, **values):
    return {"ts": ts, "values": values or {POINT: 1}}


def test_readings_come_by_kind_in_the_order_of_arrival_with_their_origin():
    batch = got(
        delivery(reading(MS - 1)),
        delivery(reading(MS, t_sec_supply=45.2), device="l4-nis"),
        delivery([reading(MS - 3), reading(MS - 2)], channel="backfill"),
    )
    assert set(batch.readings) == {"weather_station", "heat_substation"}
    weather = batch.readings["weather_station"]
    assert weather.ts.tolist() == [NOW - 1000, NOW - 3000, NOW - 2000]
    assert weather.origin.tolist() == [0, 2, 2]
    assert not batch.rejects
    assert not batch.rejected


@pytest.mark.parametrize("body", [{POINT: 1}, {"values": {POINT: 1}}, [{POINT: 1}]])
def test_without_time_the_time_of_receipt_counts(body):
    assert got(delivery(body)).readings["weather_station"].ts.tolist() == [NOW]


def test_elements_of_a_list_without_time_are_kept_apart():
    batch = got(delivery([{POINT: 1}, {POINT: 2}]))
    assert batch.readings["weather_station"].ts.tolist() == [NOW, NOW + 1]


def test_a_retained_reading_without_time_is_not_taken_for_new():
    batch = got(delivery({POINT: 1}, retained=True), delivery(reading(), retained=True))
    assert only(batch).reason is Reason.BAD_TIME
    assert batch.rejected == {"roof-1": 1}
    assert len(batch.readings["weather_station"]) == 1


@pytest.mark.parametrize(
    ("sent", "reason", "device", "counted"),
    [
        (Delivery("hearthline/v1/BAD NAME/readings", b"{}", NOW), Reason.BAD_TOPIC, None, {"": 1}),
        (Delivery("hearthline/v1/a\\xffb/readings", b"[1,2]", NOW), Reason.BAD_TOPIC, None, {"": 2}),
        (delivery(reading(), device="nobody"), Reason.UNKNOWN_DEVICE, "nobody", {"": 1}),
        (delivery([reading()] * 3, device="nobody"), Reason.UNKNOWN_DEVICE, "nobody", {"": 3}),
        (delivery(b"rubbish", device="nobody"), Reason.UNKNOWN_DEVICE, "nobody", {"": 1}),
        (delivery(reading(), device="roof-2"), Reason.INACTIVE_DEVICE, "roof-2", {"roof-2": 1}),
        (delivery(reading(), device="roof-3"), Reason.INACTIVE_DEVICE, "roof-3", {"roof-3": 1}),
        (delivery(b""), Reason.MALFORMED, "roof-1", {"roof-1": 1}),
        (delivery(b"\xff\x00"), Reason.MALFORMED, "roof-1", {"roof-1": 1}),
        (delivery(b"[" * 300_000), Reason.MALFORMED, "roof-1", {"roof-1": 1}),
        (delivery([]), Reason.EMPTY, "roof-1", {"roof-1": 1}),
        (delivery({}), Reason.EMPTY, "roof-1", {"roof-1": 1}),
        (delivery({"ts": MS, "values": {}}), Reason.EMPTY, "roof-1", {"roof-1": 1}),
        (delivery({"ts": MS}), Reason.MALFORMED, "roof-1", {"roof-1": 1}),
        (delivery({"ts": "2026-01-01T00:00:00", "values": {POINT: 1}}), Reason.BAD_TIME, "roof-1", {"roof-1": 1}),
        (delivery(reading(0)), Reason.TIME_OUT_OF_BOUNDS, "roof-1", {"roof-1": 1}),
        (delivery(reading(MS + 300_001)), Reason.TIME_OUT_OF_BOUNDS, "roof-1", {"roof-1": 1}),
        (delivery(reading(nothing=1)), Reason.BAD_POINT, "roof-1", {"roof-1": 1}),
    ],
)
def test_what_cannot_be_taken_in_is_one_reject_with_all_it_takes_to_replay_it(sent, reason, device, counted):
    batch = got(sent)
    reject = only(batch)
    assert (reject.reason, reject.device, reject.partial) == (reason, device, False)
    assert (reject.topic, reject.payload, reject.received_at) == (sent.topic, sent.payload, NOW)
    assert batch.rejected == counted
    assert not batch.readings


def test_neighbours_of_a_bad_delivery_are_stored():
    batch = got(delivery(b"{"), delivery(reading()), delivery(b"\xff"))
    assert len(batch.readings["weather_station"]) == 1
    assert [r.origin for r in batch.rejects] == [0, 2]


def test_bad_elements_of_a_list_reject_alone_with_their_own_bytes():
    payload = b'[%s, 7, {"ts": 5, "values": {"%s": 1}}, {"ts": %d, "values": {"%s": 1, "odd": 2}}]' % (
        json.dumps(reading()).encode(), POINT.encode(), MS - 1, POINT.encode()
    )  # fmt: skip
    batch = got(delivery(payload))
    assert len(batch.readings["weather_station"]) == 2
    assert [(r.reason, r.partial) for r in batch.rejects] == [
        (Reason.MALFORMED, False), (Reason.TIME_OUT_OF_BOUNDS, False), (Reason.BAD_POINT, True),
    ]  # fmt: skip
    assert batch.rejects[0].payload == b"7"
    assert json.loads(batch.rejects[2].payload)["values"]["odd"] == 2
    assert batch.rejected == {"roof-1": 2}


def test_rubbish_does_not_multiply():
    batch = got(delivery(b"[" + b"1," * 4_000 + b"1]"))
    reject = only(batch)
    assert len(reject.payload) == 8_003
    assert "4001 elements" in reject.detail
    assert batch.rejected == {"roof-1": 4_001}
    few = got(delivery([1] * MOST_REJECTS))
    assert len(few.rejects) == MOST_REJECTS


def test_a_partial_reject_is_not_counted():
    batch = got(delivery(reading(**{POINT: 1, "odd": 2})))
    assert only(batch).partial
    assert not batch.rejected


def test_births_and_states_are_told():
    manifest = {"kind": "weather_station", "interval_s": 60, "points": [{"name": POINT}], "boot": 3}
    batch = got(
        delivery(manifest, device="new-device", channel="birth"),
        delivery({"kind": "heat_substation"}, device="l4-nis", channel="birth"),
        delivery(b"online", device="new-device", channel="state"),
        delivery(b"offline", channel="state"),
        delivery({"online": True, "since": 1}, channel="state"),
    )
    assert not batch.rejects
    first, second = batch.births
    assert (first.device, first.kind, first.interval_s, first.seen_at) == ("new-device", "weather_station", 60.0, NOW)
    assert json.loads(first.manifest) == manifest
    assert second.interval_s is None
    assert [(s.device, s.online) for s in batch.states] == [("new-device", True), ("roof-1", False), ("roof-1", True)]


@pytest.mark.parametrize(
    "manifest",
    [b"", b"null"[:0]],
)
def test_a_retained_birth_that_is_taken_back_says_nothing(manifest):
    batch = got(delivery(manifest, channel="birth"), delivery(manifest, channel="state"))
    assert not (batch.rejects)
    assert not (batch.births)
    assert not (batch.states)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", Reason.BAD_BIRTH), ([], Reason.BAD_BIRTH), ({}, Reason.BAD_BIRTH), ({"kind": 1}, Reason.BAD_BIRTH),
        ({"kind": "no_such_kind"}, Reason.UNKNOWN_KIND), ({"kind": "Weather Station"}, Reason.BAD_BIRTH),
        ({"kind": "weather_station", "interval_s": 0}, Reason.BAD_BIRTH),
        ({"kind": "weather_station", "interval_s": True}, Reason.BAD_BIRTH),
        ({"kind": "weather_station", "interval_s": "10"}, Reason.BAD_BIRTH),
        (b'{"kind": "weather_station", "interval_s": 1e400}', Reason.BAD_BIRTH),
        ({"kind": "weather_station", "note": "a\x00b"}, Reason.BAD_BIRTH),
        (b'{"kind": "weather_station", "note": "' + b"x" * MOST_MANIFEST_BYTES + b'"}', Reason.BAD_BIRTH),
    ],
)  # fmt: skip
def test_bad_births_are_refused_and_no_reading_is_counted(body, reason):
    batch = got(delivery(body, channel="birth"))
    assert only(batch).reason is reason
    assert not batch.births
    assert not batch.rejected


@pytest.mark.parametrize("body", [b"ONLINE", b"1", b"{", {"online": 1}, {"state": "online"}])
def test_bad_states_are_refused(body):
    batch = got(delivery(body, channel="state"))
    assert only(batch).reason is Reason.BAD_STATE
    assert not batch.states


def test_replies_are_told_and_one_that_answers_nothing_is_a_reject():
    batch = got(delivery({"id": "7", "ok": True}, channel="reply"), delivery({"ok": True}, channel="reply"))
    [reply] = batch.replies
    assert (reply.device, reply.id, reply.received_at) == ("roof-1", "7", NOW)
    assert only(batch).reason is Reason.BAD_REPLY
    assert not batch.rejected


def numbers(*deliveries):
    return {device: list(told) for device, told in got(*deliveries).numbers.items()}


def test_running_numbers_are_told_whatever_became_of_the_reading():
    readings = [
        {**reading(MS), "seq": 1},
        {**reading(0), "seq": 2},  # a clock in 1970
        {**reading(odd=1), "seq": 3},  # an unknown point
        {"ts": "yesterday", "values": {POINT: 1}, "seq": 4},
        {"ts": MS, "seq": 5},
        {"ts": MS, "values": {}, "seq": 6, "more": 1},
        {"seq": "7"},
        {"values": {POINT: None}, "seq": 8},
        reading(),
    ]
    assert numbers(*map(delivery, readings)) == {"roof-1": [1, 2, 3, 4, 5, 6, 8]}
    assert numbers(delivery(readings)) == {"roof-1": [1, 2, 3, 4, 5, 6, 8]}
    assert numbers(delivery([{**reading(), "seq": n} for n in range(MOST_READINGS + 1)])) == {
        "roof-1": list(range(MOST_READINGS + 1))
    }
    assert numbers(delivery(readings[0], device="roof-3")) == {}  # of strangers not everything is kept
    assert numbers(delivery(b'[{"seq": 1, "values": {}}, {"seq": 23')) == {"roof-1": [1]}  # the second may be cut short
    assert numbers(delivery(readings[0], device="nobody"), delivery(readings[0], retained=True)) == {}


def test_a_birth_says_which_run_of_numbers_begins():
    def born(**more):
        return delivery({"kind": "weather_station", **more}, channel="birth")

    told = numbers(delivery({**reading(), "seq": 9}), born(boot="a", first_seq=3), born(boot=7), born(first_seq=3))
    assert told == {"roof-1": [9, Numbering("a", 3), Numbering(7, None)]}
    wrong = [born(boot=boot) for boot in (True, "", "x" * 65, -1, 1.5)]
    wrong += [born(boot=1, first_seq=first) for first in (-1, "1", True)]
    assert [r.reason for r in got(*wrong).rejects] == [Reason.BAD_BIRTH] * len(wrong)


def test_rows_without_time_of_redelivered_messages_are_marked():
    batch = got(
        delivery({POINT: 1}, redelivered=True),
        delivery(reading(), redelivered=True),
        delivery({POINT: 1}),
        delivery([{POINT: 1}, {"values": {POINT: 2}}], redelivered=True),
    )
    readings = batch.readings["weather_station"]
    assert unstamped_again(readings, batch.deliveries).tolist() == [True, False, False, True, True]


@pytest.mark.parametrize("element", [1, reading()], ids=["rubbish", "plain"])
def test_a_list_longer_than_any_backfill_is_refused_as_one(element):
    long = delivery([element] * (MOST_READINGS + 1))
    batch = got(long, delivery([reading()] * 3))
    assert only(batch).reason is Reason.MALFORMED
    assert only(batch).payload == long.payload
    assert batch.rejected == {"roof-1": 1}
    assert len(batch.readings["weather_station"]) == 3


def test_what_comes_without_a_time_never_shares_one():
    batch = got(
        delivery([{POINT: 1}, {POINT: 2}, {POINT: 3}]),
        delivery({POINT: 4}),
        delivery({"values": {POINT: 5}}),
        delivery({POINT: 6}, device="l4-nis"),
        delivery([{POINT: 7}, {"ts": MS - 50, "values": {POINT: 8}}]),
    )
    ts = batch.readings["weather_station"].ts.tolist()
    assert len(set(ts)) == len(ts) == 7
    unstamped = [t for t in ts if t >= NOW]
    assert len(unstamped) == 6
    assert unstamped == sorted(unstamped)


def test_a_refused_element_without_a_time_keeps_the_time_that_it_would_have_had():
    first, second = delivery([{POINT: 1}, {POINT: 2}]), delivery([{POINT: 3}, {POINT: 4, "no_such_point": 5}])
    batch = got(first, second)
    assert only(batch).received_at == batch.readings["weather_station"].ts.tolist()[-1]
