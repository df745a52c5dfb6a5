"""Running numbers, receipts and letters through a running ingest: what a device is told, and what is kept."""

import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from ingesting import DEVICE, Ear, ingesting, reading, seed, wall
from sqlalchemy import text

from network.broker import EmbeddedBroker
from network.link import Numbering
from support.commands.numbers import gap_rows
from support.outgoing import command, notification, replied
from support.postgres.connect import make_engine
from support.sequences import NOTHING, counted

GAP = f"select boot, from_seq, to_seq from seq_gap where device = '{DEVICE}' order by from_seq"


@pytest.fixture
def ear(own_broker):
    opened = []

    def listen(topic):
        opened.append(Ear(own_broker, topic))
        return opened[-1]

    yield listen
    for one in opened:
        one.close()


@contextmanager
def engine_of(running):
    engine = make_engine(running.database, "test")
    yield engine
    engine.dispose()


def birth(boot, first):
    return {"kind": "weather_station", "boot": boot, "first_seq": first}


def numbered(seq, **more):
    return {**reading(wall() - 1_000_000 * (100 - seq)), "seq": seq, **more}


def counts(running):
    columns = "boot, first_seq, settled, sure, highest, ahead, missing"
    return running.ask(f"select {columns} from device_seq where device = '{DEVICE}'")


def test_a_device_is_told_what_is_settled_and_what_never_came_is_listed(running, ear):
    told = ear(f"hearthline/v1/{DEVICE}/stored")
    running.publish(birth("a1", 5), "birth")
    running.publish(numbered(5))
    running.publish(numbered(6))
    told.wait_for(lambda heard: {"boot": "a1", "seq": 6} in heard)
    running.publish([numbered(8), numbered(9, values={"odd": 1}), b"x".hex()])
    running.await_answer(f"select ahead from device_seq where device = '{DEVICE}'", [([[8, 9]],)])
    running.publish(numbered(8), channel="backfill")  # a duplicate settles nothing more
    running.publish(numbered(7), channel="backfill")
    told.wait_for(lambda heard: {"boot": "a1", "seq": 9} in heard)
    running.publish(numbered(11))
    running.publish(birth("a1", 13), "birth")
    told.wait_for(lambda heard: {"boot": "a1", "seq": 12} in heard)
    assert counts(running) == [("a1", 13, 12, True, 12, [], [[10, 10], [12, 12]])]
    with engine_of(running) as engine:
        assert [(r["from_seq"], r["state"]) for r in gap_rows(engine, None)] == [(10, "open"), (12, "open")]
    running.publish(birth(2, 1), "birth")
    told.wait_for(lambda heard: {"boot": 2, "seq": 0} in heard)
    running.await_answer(GAP, [("a1", 10, 10), ("a1", 12, 12)])
    with engine_of(running) as engine:
        rows = gap_rows(engine, DEVICE)
    assert [(r["boot"], r["from_seq"], r["numbers"], r["state"]) for r in rows] == [
        ("a1", 10, 1, "final"), ("a1", 12, 1, "final"),
    ]  # fmt: skip
    seqs = [receipt["seq"] for receipt in told.heard if receipt["boot"] == "a1"]
    assert seqs == sorted(seqs)


def test_a_receipt_that_was_lost_is_said_again_at_the_next_birth(running, ear):
    running.publish(birth("a", 1), "birth")
    running.publish(numbered(1))
    running.await_answer(f"select settled from device_seq where device = '{DEVICE}'", [(1,)])
    late = ear(f"hearthline/v1/{DEVICE}/stored")
    running.publish({**reading(wall()), "seq": 2})
    late.wait_for(lambda heard: {"boot": "a", "seq": 2} in heard)  # the one before is out by now
    late.heard.clear()
    running.publish(birth("a", 1), "birth")
    late.wait_for(lambda heard: heard == [{"boot": "a", "seq": 2}])


def test_receipts_come_at_most_once_a_second(running, ear):
    told = ear(f"hearthline/v1/{DEVICE}/stored")
    running.publish(birth("a", 0), "birth")
    began, seq = time.monotonic(), 0
    while time.monotonic() - began < 1.6:
        running.publish({**reading(wall()), "seq": seq})
        seq += 1
        threading.Event().wait(0.02)
    told.wait_for(lambda heard: {"boot": "a", "seq": seq - 1} in heard)
    assert len(told.heard) <= (time.monotonic() - began) + 2


def test_numbers_are_counted_on_by_the_next_ingest(database, own_broker):
    seed(database)
    with ingesting(database, own_broker, client="counting") as first:
        first.publish(birth("a", 1), "birth")
        first.publish([numbered(1), numbered(3)])
        first.await_answer("select ahead from device_seq", [([[3, 3]],)])
    with ingesting(database, own_broker, client="counting") as second:
        second.publish(numbered(2))
        second.await_answer("select settled, highest, ahead from device_seq", [(3, 3, [])])
        second.publish(numbered(4))
        second.await_answer("select settled, highest from device_seq", [(4, 4)])
        [row] = second.ask("select boot, former, first_seq, settled, sure, highest from device_seq")
        assert row == counted(NOTHING, [Numbering("a", 1), 1, 2, 3, 4])[0][:6]


def test_a_delivery_that_is_set_aside_settles_its_numbers(running):
    with psycopg.connect(running.database, autocommit=True) as conn:
        conn.execute("alter table readings_weather_station add constraint no13 check (t_outdoor is distinct from 13)")
    running.publish(birth("a", 1), "birth")
    began = wall()
    for seq in range(1, 8):
        running.publish({**reading(began + seq * 1000, t_outdoor=13.0 if seq == 4 else 1.0), "seq": seq})
    running.await_answer("select settled, ahead, missing from device_seq", [(7, [], [])])
    assert running.ask("select reason from reject") == [("unstorable",)]


def test_a_command_is_sent_once_the_broker_is_there_and_its_reply_is_kept(running, ear):
    commands = ear(f"hearthline/v1/{DEVICE}/command")
    engine = make_engine(running.database, "test")
    with engine.begin() as on:
        sent_id = command(on, DEVICE, "ping", "test", expires_s=60)
        command(on, DEVICE, "late", "test", expires_s=-1)
        on.execute(text("insert into outbox (topic, payload, actor) values ('#', 'x', 'test'), ('a/b', 'x', 'test')"))
        notification(on, "nis", {"what": "raised"}, "test")
    notices = ear("hearthline/v1/notify/nis")
    commands.wait_for(lambda heard: heard == [{"id": str(sent_id), "do": "ping"}])
    running.await_answer("select count(*) from outbox where sent_at is not null", [(2,)])
    running.await_answer("select count(*) from outbox where refused like 'the topic%'", [(2,)])
    running.await_answer("select count(*) from outbox where refused like 'it expired%'", [(1,)])
    assert len(notices.heard) <= 1
    for answer in ({"id": str(sent_id), "ok": True}, {"id": str(sent_id), "ok": "again"}):
        running.publish(answer, "reply")
    for stray in (str(uuid4()), "x"):
        running.publish({"id": stray}, "reply")
    running.publish({"id": str(sent_id)}, "reply", "probe-02")  # of another device
    running.await_answer("select count(*) from reject where reason = 'bad_reply'", [(3,)])
    with engine.begin() as on:
        assert replied(on, sent_id) == {"id": str(sent_id), "ok": True}
        assert on.execute(text("select count(*) from audit where action = 'command ping'")).scalar() == 1
    engine.dispose()


def test_letters_wait_for_the_broker_and_go_out_when_it_is_back(database):
    seed(database)
    engine = make_engine(database, "test")
    with EmbeddedBroker() as broker, ingesting(database, broker.address) as running:
        broker.stop()
        with engine.begin() as on:
            for n in range(20):
                command(on, DEVICE, f"step-{n}", "test")
        running.await_beat("the broker is away")
        assert running.ask("select count(*) from outbox where sent_at is not null") == [(0,)]
        broker.start()
        running.await_answer("select count(*) from outbox where sent_at is not null", [(20,)], 30)
    engine.dispose()
