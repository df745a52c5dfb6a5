"""From the broker into the tables: stored exactly once, acknowledged after the commit, alive through outages."""

import json
import threading
import time
from collections import Counter

import psycopg
from ingesting import DEVICE, ITS_STATION, KINDS, Recorder, add, ingesting, reading, seed, wall

from network.mqtt import LiveFeed, MqttOutlet
from support.postgres.server import EmbeddedServer
from support.store import FencedError, Row


def test_every_fate_has_its_place_in_the_ledger(running):
    now = wall() // 1000 * 1000
    running.publish(reading(now))
    running.publish(reading(now))  # duplicate
    running.publish(reading(now, t_outdoor=-12.5, wind_speed=3.0))  # merged
    running.publish(reading(now, t_outdoor=99.0))  # conflict
    running.publish(b"{not json")  # rejected
    running.publish([reading(now + 1000), reading(now + 2000, no_such_point=1.0), reading(now + 3000, wind_speed=2.0)])
    running.publish(reading(now), device="stranger-1")
    running.await_answer("select sum(received)::int from ledger", [(9,)])
    fates = running.fates()
    assert fates == {"received": 9, "stored": 3, "duplicate": 1, "merged": 1, "conflict": 1, "rejected": 3}
    assert running.ask("select count(*) from readings_weather_station") == [(3,)]
    reasons = Counter(reason for (reason,) in running.ask("select reason from reject"))
    assert reasons == {"conflict": 1, "malformed": 1, "bad_point": 1, "unknown_device": 1}
    [(topic, payload)] = running.ask("select topic, payload from reject where reason = 'conflict'")
    assert topic == f"hearthline/v1/{DEVICE}/readings"
    assert json.loads(bytes(payload))["values"] == {"t_outdoor": 99.0}


def test_a_device_counts_from_its_first_message_on(running):
    running.publish(reading(wall()))
    running.await_answer("select sum(stored)::int from ledger", [(1,)])
    add(running.database, "newcomer-1")
    running.publish(reading(wall()), device="newcomer-1")
    running.await_answer("select stored::int, rejected::int from ledger where device = 'newcomer-1'", [(1, 0)])
    assert running.fates()["rejected"] == 0


def test_what_the_broker_says_it_dropped_is_said_aloud(database, own_broker):
    seed(database)
    said = iter([0, 3, 2])
    with ingesting(database, own_broker, losses=lambda: next(said, 0)) as running:
        until = time.monotonic() + 15
        while not any("dropped 5 messages" in detail for _, detail in running.beats):
            assert time.monotonic() < until, running.beats
            threading.Event().wait(0.02)
    assert all(ready for ready, _ in running.beats[1:])


def test_what_is_stored_is_shown(running):
    now = wall()
    running.publish(reading(now, t_outdoor=-20.25))
    until = time.monotonic() + 10
    while not running.frames:
        assert time.monotonic() < until
        threading.Event().wait(0.01)
    frame = running.frames[0]
    [[_, ts, quality, *values]] = frame["rows"]
    assert (frame["kind"], ts, quality) == ("weather_station", now // 1000, 0)
    assert dict(zip(frame["points"], values, strict=True))["t_outdoor"] == -20.25


def test_a_burst_and_a_backfill_are_stored_exactly_once(running):
    now = wall() // 1_000_000 * 1_000_000
    for n in range(3000):
        running.publish(reading(now - n * 20_000))
    for n in range(50):
        block = [reading(now - 3600_000_000 - (n * 60 + k) * 60_000_000) for k in range(60)]
        running.publish(block, channel="backfill")
    running.await_answer("select count(*), count(distinct ts) from readings_weather_station", [(6000, 6000)])
    assert running.fates()["stored"] == 6000
    assert sum(running.watcher.steps) == 6000


def test_a_reading_that_cannot_be_stored_is_set_aside_and_its_neighbours_live(running):
    with psycopg.connect(running.database, autocommit=True) as conn:
        conn.execute(
            "alter table readings_weather_station add constraint refused check (t_outdoor is distinct from 13)"
        )
    now = wall() // 1_000_000 * 1_000_000
    for n in range(500):
        running.publish(reading(now - n * 1000_000, t_outdoor=13.0 if n == 250 else 1.0))
    running.await_answer("select count(*) from readings_weather_station", [(499,)])
    running.await_answer("select reason, convert_from(payload, 'utf8') from reject",
                         [("unstorable", json.dumps(reading(now - 250_000_000, t_outdoor=13.0)))])  # fmt: skip
    assert running.fates() == {
        "received": 500, "stored": 499, "duplicate": 0, "merged": 0, "conflict": 0, "rejected": 1,
    }  # fmt: skip


def test_births_and_states_reach_the_catalogue_and_a_new_device_reports_within_five_seconds(running):
    manifest = {"kind": "weather_station", "points": ["t_outdoor"]}
    running.publish(manifest, "birth", "newcomer-1")
    running.publish(b"online", "state", DEVICE)
    running.await_answer("select status from device where name = 'newcomer-1'", [("pending",)])
    running.await_answer("select online from device where name = 'probe-01'", [(True,)])
    with psycopg.connect(running.database, autocommit=True) as conn:
        conn.execute("update device set status = 'active', station = %s where name = 'newcomer-1'", [ITS_STATION])
    began = time.monotonic()
    while running.ask("select count(*) from readings_weather_station") == [(0,)]:
        assert time.monotonic() - began < 5
        running.publish(reading(wall()), device="newcomer-1")
        threading.Event().wait(0.1)


def test_an_answer_tells_the_device_why(running, own_broker):
    answers = []
    feed = LiveFeed(
        own_broker, f"hearthline/v1/{DEVICE}/rejected", lambda _, payload: answers.append(json.loads(payload))
    )
    until = time.monotonic() + 10
    while not feed.connected:
        assert time.monotonic() < until
        threading.Event().wait(0.01)
    for _ in range(50):
        running.publish(b"nonsense")
    running.await_answer("select count(*) from reject", [(50,)])
    while not answers:
        assert time.monotonic() < until
        threading.Event().wait(0.01)
    feed.close()
    assert answers[0]["reason"] == "malformed"
    assert len(answers) <= 3


def test_rows_of_the_rules_that_are_refused_stop_ingest_and_store_nothing(database, own_broker):
    seed(database)
    watcher = Recorder(rows=[Row("watch_state", {"subject": "s", "rule": "r", "element": "", "verdict": None})])
    with ingesting(database, own_broker, watcher=watcher) as running:
        running.thread.join(10)
        assert [type(e).__name__ for e in running.failures] == ["WatchRowsError"]
        assert running.ask("select count(*) from watch_state") == [(0,)]


def test_nothing_is_lost_between_two_runs_of_one_session(database, own_broker):
    seed(database)
    now = wall() // 1_000_000 * 1_000_000
    with ingesting(database, own_broker, client="kept") as first:
        first.publish(reading(now))
        first.await_answer("select count(*) from readings_weather_station", [(1,)])
    outlet = MqttOutlet(own_broker, "meanwhile")
    for n in range(1, 500):
        outlet.publish(f"hearthline/v1/{DEVICE}/readings", json.dumps(reading(now - n * 1000)).encode())
    assert outlet.flush(10)
    outlet.close()
    with ingesting(database, own_broker, client="kept") as second:
        second.await_answer("select count(*) from readings_weather_station", [(500,)])


def test_an_ingest_that_was_overtaken_stops(running):
    running.publish(reading(wall()))
    running.await_answer("select count(*) from readings_weather_station", [(1,)])
    with psycopg.connect(running.database, autocommit=True) as conn:
        conn.execute("update ingest_epoch set epoch = epoch + 1")
    running.thread.join(10)
    assert [type(e) for e in running.failures] == [FencedError]
    running.failures.clear()


def test_the_database_is_killed_under_load_and_nothing_is_lost(reachable, own_broker, length):
    """kill -9 of PostgreSQL again and again: what the broker acknowledged is in the table once."""
    from support.postgres.schema import migrate

    with EmbeddedServer(reachable / "killed") as server:
        migrate(server.url, KINDS)
        seed(server.url)
        with ingesting(server.url, own_broker) as running:
            now, sent = wall() // 1_000_000 * 1_000_000, 0
            for _ in range(length.of(2, 10)):
                for _ in range(1000):
                    running.publish(reading(now - sent * 20_000))
                    sent += 1
                server.kill()
                for _ in range(1000):
                    running.publish(reading(now - sent * 20_000))
                    sent += 1
                server.start()
            expected = [(sent, sent)]
            running.await_answer("select count(*), count(distinct ts) from readings_weather_station", expected, 60)
            assert not all(ready for ready, _ in running.beats)
        assert running.failures == []


def test_after_a_commit_that_nobody_can_vouch_for_the_rules_begin_from_what_is_stored(running):
    """The connection breaks inside COMMIT, once: a sequence counts on although the transaction is undone."""
    running.publish(reading(wall()))
    running.await_answer("select count(*) from readings_weather_station", [(1,)])
    assert running.watcher.enrolled_from_store == 1
    with psycopg.connect(running.database, autocommit=True) as conn:
        conn.execute("create sequence once")
        conn.execute("""
            create function break_once() returns trigger language plpgsql as $$
            begin
                if nextval('once') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
                return null;
            end $$""")
        conn.execute("""
            create constraint trigger break_once after insert or update on ledger_entry
            deferrable initially deferred for each row execute function break_once()""")
    running.publish(reading(wall()))
    running.await_answer("select count(*) from readings_weather_station", [(2,)])
    running.await_answer("select last_value from once", [(2,)])
    assert running.watcher.enrolled_from_store == 2
    assert running.fates()["stored"] == 2
