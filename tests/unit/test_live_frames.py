"""Live frames: newest per device, coalesced, bounded in rate and size, never late."""

import json

import numpy as np
import pytest

from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster
from support.live import FRAMES_PER_SECOND, MOST_BYTES, LiveFrames

KINDS = load_kinds()
SUBSTATION, WEATHER = KINDS["heat_substation"], KINDS["weather_station"]
NOW = 1_700_000_000_000_000
SECOND = 1_000_000


def roster(count=3, kind=SUBSTATION, city="snow"):
    members = [Member(i, f"dev-{i}", kind, f"station-{i}", city, 10.0) for i in range(1, count + 1)]
    return Roster({m.name: m for m in members}, KINDS, 1)


def readings(rows, kind=SUBSTATION):
    """Rows of (device_id, ts, {point: value}, [bad points])."""
    values = np.full((len(rows), len(kind.points)), np.nan)
    quality = np.zeros(len(rows), np.int64)
    for place, (_, _, said, *bad) in enumerate(rows):
        for point, value in said.items():
            values[place, kind.bits[point]] = value
        for point in bad[0] if bad else ():
            quality[place] |= 1 << kind.bits[point]
    ids = np.array([r[0] for r in rows], np.int32)
    ts = np.array([r[1] for r in rows], np.int64)
    return {kind.name: Readings(kind, ids, ts, ts, values, quality, np.zeros(len(rows), np.int64))}


@pytest.fixture
def live():
    frames = LiveFrames(epoch=7)
    frames.enrol(roster())
    return frames


def sent(live, now):
    return [(topic, json.loads(payload)) for topic, payload in live.due(now)]


def test_a_frame_says_what_was_stored(live):
    live.add(readings([(2, NOW, {"t_sec_supply": 45.2}, ["t_sec_supply"])]), NOW)
    [(topic, frame)] = sent(live, NOW)
    assert topic == "hearthline/live/v1/snow"
    assert (frame["v"], frame["epoch"], frame["seq"], frame["kind"]) == (1, 7, 1, "heat_substation")
    [[device, ts, quality, *values]] = frame["rows"]
    assert (device, ts) == (2, NOW // 1000)
    assert quality == 1 << SUBSTATION.bits["t_sec_supply"]
    assert dict(zip(frame["points"], values, strict=True))["t_sec_supply"] == 45.2
    assert values.count(None) == len(values) - 1


def test_no_bit_of_a_quality_word_is_blurred_by_a_browsers_numbers(live):
    bad = [SUBSTATION.names[0], SUBSTATION.names[-1]]
    live.add(readings([(2, NOW, dict.fromkeys(bad, 1.0), bad)]), NOW)
    [(_, frame)] = sent(live, NOW)
    [[_, _, quality, *_]] = frame["rows"]
    assert quality == str(1 | 1 << len(SUBSTATION.points) - 1)


def test_nothing_new_no_frame(live):
    live.add(readings([(2, NOW, {"t_sec_supply": 45.2})]), NOW)
    assert len(sent(live, NOW)) == 1
    assert sent(live, NOW + SECOND) == []


def test_at_most_four_frames_a_second_and_seq_without_gaps(live):
    frames = []
    for step in range(100):
        now = NOW + step * 10_000
        live.add(readings([(1, now, {"t_sec_supply": float(step)})]), now)
        frames += sent(live, now)
    assert len(frames) == FRAMES_PER_SECOND
    assert [f["seq"] for _, f in frames] == [1, 2, 3, 4]


def test_partial_readings_of_one_interval_are_merged(live):
    first = [(1, NOW, {"t_sec_supply": 45.0, "t_sec_return": 35.0}, ["t_sec_return"])]
    live.add(readings(first), NOW)
    live.add(readings([(1, NOW + 1, {"p_sec_return": 0.3}), (1, NOW + 2, {"t_sec_supply": 46.0})]), NOW)
    [(_, frame)] = sent(live, NOW)
    [[_, ts, quality, *values]] = frame["rows"]
    said = dict(zip(frame["points"], values, strict=True))
    assert (said["t_sec_supply"], said["t_sec_return"], said["p_sec_return"]) == (46.0, 35.0, 0.3)
    assert ts == (NOW + 2) // 1000
    assert quality == 1 << SUBSTATION.bits["t_sec_return"]


def test_late_readings_are_not_live(live):
    live.add(readings([(1, NOW, {"t_sec_supply": 45.0})]), NOW)
    sent(live, NOW)
    live.add(readings([(1, NOW, {"t_sec_supply": 1.0}), (1, NOW - SECOND, {"t_sec_supply": 2.0})]), NOW)
    live.add(readings([(2, NOW - 181 * SECOND, {"t_sec_supply": 3.0})]), NOW)
    assert sent(live, NOW + SECOND) == []
    live.add(readings([(2, NOW - 179 * SECOND, {"t_sec_supply": 4.0})]), NOW)
    assert len(sent(live, NOW + SECOND)) == 1


def test_unknown_devices_are_passed_over(live):
    live.add(readings([(99, NOW, {"t_sec_supply": 45.0}), (0, NOW, {"t_sec_supply": 45.0})]), NOW)
    assert sent(live, NOW) == []


def test_a_new_roster_keeps_the_watermark(live):
    live.add(readings([(1, NOW, {"t_sec_supply": 45.0})]), NOW)
    live.enrol(roster(count=5))
    live.add(readings([(1, NOW - 1, {"t_sec_supply": 44.0}), (5, NOW, {"t_sec_supply": 43.0})]), NOW)
    [(_, frame)] = sent(live, NOW)
    assert [row[0] for row in frame["rows"]] == [5]


def test_what_does_not_fit_follows_in_the_next_frame():
    live = LiveFrames(epoch=1)
    live.enrol(roster(count=2000))
    said = dict.fromkeys(SUBSTATION.names, 123456.789)
    live.add(readings([(i, NOW, said) for i in range(1, 2001)]), NOW)
    seen = []
    for step in range(20):
        for _, payload in live.due(NOW + step * 250_000):
            assert len(payload) <= MOST_BYTES
            seen += [row[0] for row in json.loads(payload)["rows"]]
    assert sorted(seen) == list(range(1, 2001))


def test_alarms_travel_with_their_city_even_without_rows(live):
    transition = {
        "what": "raised", "alarm_id": "a", "subject": "device:dev-1", "rule": "device_silent", "element": "",
        "at": NOW, "opened_at": NOW - SECOND, "priority": 2, "station": "station-1", "device": "dev-1", "evidence": {},
    }  # fmt: skip
    live.announce([transition, {**transition, "station": "elsewhere"}])
    [(_, frame)] = sent(live, NOW)
    assert frame["rows"] == []
    assert frame["alarms"] == [{**transition, "at": NOW // 1000, "opened_at": (NOW - SECOND) // 1000}]


def test_two_kinds_take_turns():
    live = LiveFrames(epoch=1)
    pair = [Member(1, "a-1", SUBSTATION, "s-1", "snow", 10), Member(2, "w-1", WEATHER, "s-1", "snow", 60)]
    live.enrol(Roster({m.name: m for m in pair}, KINDS, 1))
    live.add(readings([(1, NOW, {"t_sec_supply": 45.0})]), NOW)
    live.add(readings([(2, NOW, {WEATHER.names[0]: 1.0})], WEATHER), NOW)
    kinds = {f["kind"] for step in (0, 1) for _, f in sent(live, NOW + step * 250_000)}
    assert kinds == {"heat_substation", "weather_station"}


def test_of_many_readings_of_one_batch_each_point_has_its_newest_value(live):
    same = [(1, NOW + step, {"t_sec_supply": float(step)}) for step in (2, 1, 3)]
    live.add(readings(same), NOW)
    [(_, frame)] = sent(live, NOW)
    assert by_point(frame)["t_sec_supply"] == 3.0
    others = [
        (1, NOW + 4, {"t_sec_return": 4.0}),
        (1, NOW + 5, {"t_sec_supply": 5.0}),
        (99, NOW, {"t_sec_supply": 6.0}),
    ]
    live.add(readings(others), NOW)
    [(_, frame)] = sent(live, NOW + SECOND)
    assert (by_point(frame)["t_sec_return"], by_point(frame)["t_sec_supply"]) == (4.0, 5.0)


def by_point(frame):
    [[_, _, _, *values]] = frame["rows"]
    return dict(zip(frame["points"], values, strict=True))
