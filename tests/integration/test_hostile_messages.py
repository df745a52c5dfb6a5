"""What one device sends, however strange, is kept with its reason and costs its neighbours next to nothing."""

import json

import pytest
from ingesting import DEVICE, reading, wall

OTHER = "probe-02"


def neighbour_is_stored(running):
    running.publish({"ts": wall() // 1000, "values": {"t_sec_supply": 45.0}}, device=OTHER)
    running.await_answer(f"select sum(stored)::int from ledger where device = '{OTHER}'", [(1,)])


@pytest.mark.parametrize("tail", ["9" * 5000, "[" * 900 + "]" * 900], ids=["digits", "depth"])
@pytest.mark.parametrize("channel", ["reply", "birth"])
def test_numbers_without_end_and_depths_end_nothing(running, channel, tail):
    head = '"id":"00000000-0000-4000-8000-000000000001"' if channel == "reply" else '"kind":"weather_station"'
    running.publish(f'{{{head},"x":{tail}}}'.encode(), channel=channel)
    neighbour_is_stored(running)
    if channel == "reply":
        running.await_answer("select reason from reject", [("bad_reply",)])


def test_a_list_of_conflicts_keeps_each_element_once_and_many_as_one(running):
    now = wall() // 1000 * 1000
    running.publish([reading(now, t_outdoor=float(n)) for n in range(5)])
    running.await_answer("select count(*)::int from reject", [(4,)])
    kept = sorted(json.loads(bytes(p))["values"]["t_outdoor"] for (p,) in running.ask("select payload from reject"))
    assert kept == [1.0, 2.0, 3.0, 4.0]
    running.publish([reading(now - 60_000_000, t_outdoor=n / 100) for n in range(3000)])
    running.await_answer("select sum(conflict)::int, sum(stored)::int from ledger", [(3003, 2)])
    [(rows, size)] = running.ask("select count(*)::int, sum(length(payload))::int from reject")
    assert rows == 5
    assert size < 200_000
    neighbour_is_stored(running)


def test_thousands_of_equal_readings_are_one_row_and_quickly_told(running):
    now = wall() // 1000 * 1000
    running.publish([reading(now)] * 5000)
    neighbour_is_stored(running)
    running.await_answer(
        f"select sum(stored)::int, sum(duplicate)::int from ledger where device = '{DEVICE}'", [(1, 4999)]
    )


def test_readings_without_a_time_are_all_stored_however_they_are_cut(running):
    lists = [[{"t_outdoor": float(n % 40)} for n in range(m, m + 700)] for m in range(0, 21_000, 700)]
    for each in lists:
        running.publish(each)
    running.await_answer("select sum(stored)::int, sum(received)::int from ledger", [(21_000, 21_000)], within_s=60)
    assert running.ask("select count(*)::int from readings_weather_station") == [(21_000,)]


def test_what_is_not_kept_is_not_said_to_be_settled(running):
    running.publish({"kind": "weather_station", "boot": "x", "first_seq": 1}, channel="birth", device="newcomer-9")
    running.await_answer("select status from device where name = 'newcomer-9'", [("pending",)])
    for seq in range(1, 21):
        running.publish({**reading(wall()), "seq": seq}, device="newcomer-9")
    running.await_answer("select sum(rejected)::int from ledger where device = 'newcomer-9'", [(20,)])
    settled = "select coalesce(max(settled), 0)::int from device_seq where device = 'newcomer-9'"
    assert running.ask(settled)[0][0] <= 1
