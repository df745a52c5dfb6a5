"""One bad message never blocks its neighbours, and two readings for one instant are told apart."""

import json
import time

import psycopg
import pytest
from publishers import POINT, Due, Sent, value_of

POISON = {
    "NUL bytes": b"\0" * 100,
    "NUL in a text": rb'{"values": {"p_air": "\u0000"}}',
    "an unpaired surrogate": rb'{"values": {"\ud800": 1}}',
    "no UTF-8": b'{"values": {"\xff\xfe": 1}}',
    "nested too deeply": b"[" * 100_000,
    "objects nested too deeply": b'{"values":' * 20_000 + b"1" + b"}" * 20_000,
    "a huge text": b'{"values": {"p_air": "' + b"x" * 500_000 + b'"}}',
    "a number beyond all": b'{"values": {"p_air": 1e999999}}',
    "many digits": b'{"values": {"p_air": ' + b"9" * 100_000 + b"}}",
    "a time beyond any calendar": b'{"ts": 9007199254740991, "values": {"p_air": 1}}',
    "nothing": b"",
    "an empty list": b"[]",
    "too many readings": b"[" + b",".join([b'{"values":{"p_air":900}}'] * 5_001) + b"]",
    "names by the thousand": json.dumps({"values": {f"p{n}": n for n in range(20_000)}}).encode(),
    "a name of markup": b'{"values": {"<script>alert(1)</script>": 1}}',
    "a name of SQL": b'{"values": {"\'); drop table device; --": 1}}',
}


def test_poison_never_blocks_its_neighbours(stage):
    """Each kind of poison between good messages of the same device and of another one."""
    device, neighbour = stage.publisher(), stage.publisher()
    for payload in POISON.values():
        device.say()
        device.publish(device.rubbish(payload))
        neighbour.say()
    account = stage.conserved(device)
    assert account.rows == len(POISON) + 1
    assert account.rejects == len(POISON)
    assert stage.conserved(neighbour).rows == len(POISON) + 1


def test_one_bad_element_of_five_thousand_rejects_alone(stage):
    device, neighbour = stage.publisher(), stage.publisher()
    begin = time.time_ns() // 1_000_000 - 6_000_000
    good = [Sent(n, Due.ROW, b"", begin + (n - 100_000) * 1000) for n in range(100_000, 104_999)]
    elements = [json.dumps({"ts": s.ts_ms, "values": {POINT: value_of(s.serial)}}) for s in good]
    elements.insert(2_500, '{"ts": "yesterday", "values": {"p_air": 1}}')
    whole = device.publish(Sent(0, Due.OTHER, f"[{','.join(elements)}]".encode()))
    for sent in good:
        sent.info = whole.info
    device.sent[:] = good  # its readings count, not the message
    device.publish(Sent(1, Due.REJECT, b'{"ts": "today", "values": {"p_air": 1}}'))
    neighbour.say()
    rejected = Sent(2, Due.REJECT, elements[2_500].encode(), info=whole.info)
    device.sent.append(rejected)
    account = stage.conserved(device)
    assert (account.rows, account.rejects) == (5_000, 2)
    assert stage.conserved(neighbour).rows == 2


@pytest.fixture
def picky(stage):
    """A table that refuses one value, as a constraint or a trigger of somebody's own might."""
    with psycopg.connect(stage.url, autocommit=True) as on:
        on.execute("alter table readings_weather_station add constraint picky check (wind_speed is distinct from 13)")
        yield stage
        on.execute("alter table readings_weather_station drop constraint picky")


def test_what_the_database_refuses_is_set_aside_and_its_neighbours_are_stored(picky):
    device, neighbour = picky.publisher(), picky.publisher()
    for n in range(60):
        device.say()
        neighbour.say()
        if n == 30:
            now = time.time_ns() // 1_000_000 - 60_000
            device.publish(Sent(1000, Due.OTHER, json.dumps({"ts": now, "values": {"wind_speed": 13}}).encode()))
    assert picky.conserved(neighbour).rows == 61
    device.finish()
    query = "select reason, count(*)::int from reject where topic like %s group by reason"
    picky.await_rows_of(device, 61)
    assert picky.ask(query, f"%/{device.name}/%") == [("unstorable", 1)]


def test_one_instant_equal_additional_and_different(stage):
    device = stage.publisher()
    first = device.publish(device.reading())
    again = (
        first.payload,
        json.dumps({"ts": first.ts_ms, "values": {POINT: value_of(first.serial), "wind_speed": 3.5}}).encode(),
        json.dumps({"ts": first.ts_ms, "values": {POINT: value_of(900_000)}}).encode(),
    )
    for serial, payload in enumerate(again, 900_001):
        device.publish(Sent(serial, Due.OTHER, payload, first.ts_ms))
    account = stage.conserved(device)
    fates = {
        fate: account.ledger[fate] for fate in ("received", "stored", "duplicate", "merged", "conflict", "rejected")
    }
    assert fates == {"received": 5, "stored": 2, "duplicate": 1, "merged": 1, "conflict": 1, "rejected": 0}
    query = f"select {POINT}, wind_speed from readings_weather_station join device using (device_id) where name = %s"
    assert (value_of(first.serial), 3.5) in stage.ask(query, device.name)
    conflicts = stage.ask("select payload from reject where reason = 'conflict' and device = %s", device.name)
    assert [bytes(payload) for (payload,) in conflicts] == [again[2]]
