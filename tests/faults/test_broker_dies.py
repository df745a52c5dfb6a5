"""The broker is stopped and killed, with a disk and without; everything dies at once; everyone comes back at once."""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from conservation import conserved
from crowd import Member, all_say, room_for
from stage import await_that, frozen

from network.broker import EmbeddedBroker

FORGETFUL = 10**6


def test_mosquitto_is_restarted_in_order_under_load(stage, length):
    fleet = stage.fleet(period_s=0.05).start()
    for _ in range(length.of(2, 10)):
        stage.await_rows(fleet, stage.rows(fleet) + 20)
        stage.broker.stop()
        stage.broker.start()
    stage.conserved(fleet, unstamped_once=False)


def test_mosquitto_is_killed_under_load(stage, length):
    """kill -9 with the shipped autosave settings: it can lose only what it acknowledged and had not written yet."""
    files = []
    fleet = stage.fleet(period_s=0.05).start()
    for _ in range(length.of(2, 10)):
        stage.await_rows(fleet, stage.rows(fleet) + 20)
        stage.broker.kill()
        files.append(stage.broker.kept())
        stage.broker.start()
    lost_only_what_was_not_written(stage, fleet, files)


def test_everything_is_killed_at_once(stage, length):
    """kill -9 of broker, database and ingest together, then a start in the usual order."""
    files = []
    fleet = stage.fleet(period_s=0.05).start()
    for _ in range(length.of(1, 5)):
        stage.await_rows(fleet, stage.rows(fleet) + 20)
        stage.broker.kill()
        stage.server.kill()
        stage.ingest.kill()
        files.append(stage.broker.kept())
        stage.server.start()
        stage.heal()
    lost_only_what_was_not_written(stage, fleet, files)


def lost_only_what_was_not_written(stage, fleet, files):
    """Mosquitto answers before it writes: a message may be lost that was answered and is in no file and no table."""
    account = stage.conserved(fleet, most_lost=FORGETFUL, unstamped_once=False)
    assert account.acknowledged > 20
    assert len(account.lost) <= 10 * len(files) * len(fleet.publishers)
    sent = {(p.name, s.serial): s.payload for p in fleet.publishers for s in p.sent}
    sent |= {(p.name, s.payload[:40]): s.payload for p in fleet.publishers for s in p.sent}
    for message in account.lost:
        assert not any(sent[message] in file for file in files), f"{message} was in mosquitto's file"


def test_the_embedded_broker_loses_what_it_had_not_delivered_and_nothing_else(own_stage):
    """Killed with a backlog, it forgets exactly that: from devices that have no queue of their own."""
    broker = EmbeddedBroker()
    stage = own_stage(broker).heal()
    stage.await_ready()
    fleet = stage.fleet(2, 0, 0, rubbish_every=0, talks=False)
    speak(fleet, 100)
    stage.await_rows(fleet, 200)
    with frozen(stage.ingest.pid):
        speak(fleet, 150)
        fleet.await_acknowledged(500)
        os.kill(broker.pid, signal.SIGKILL)
        broker.stop()
        broker.start()
    stage.ingest.await_word("link back", times=2)
    speak(fleet, 50)
    account = stage.conserved(fleet, most_lost=300, unstamped_once=False)
    assert 0 < len(account.lost) <= 300
    assert {serial for _, serial in account.lost} <= set(range(101, 251)), "only the backlog was at stake"


def speak(fleet, times):
    for _ in range(times):
        for publisher in fleet.publishers:
            publisher.say()


def test_thousands_of_devices_come_back_at_once(own_stage, length):
    """The broker restarts under 10,000 connections; all come back in the same moment, each with a reading."""
    count = length.of(300, 10_000)
    if not room_for(count):
        pytest.skip(f"{count} connections need that many open files: raise the limit (ulimit -Hn)")
    stage = own_stage(autosave_interval="20")  # what the shipped file advises beyond 200 devices
    with psycopg.connect(stage.url) as on:
        on.execute(
            "insert into device (name, kind, station, interval_s) select format('crowd-%%s', n), 'weather_station',"
            " 'nis-l4', 60 from generate_series(1, %s) n",
            [count],
        )
    stage.heal()
    members = [Member(stage.broker.address, f"crowd-{n}") for n in range(1, count + 1)]

    async def play():
        await all_say(members, at_once=200)
        hung_up = asyncio.gather(*(member.gone() for member in members))
        await asyncio.to_thread(stage.broker.stop)
        await hung_up
        await asyncio.to_thread(stage.broker.start)
        await all_say(members, at_once=count)
        await asyncio.gather(*(member.leave() for member in members))

    with ThreadPoolExecutor(1) as apart:  # a browser of the same session has a loop of its own in this thread
        apart.submit(asyncio.run, play()).result()
    await_that(lambda: stored_of(stage, "crowd-%") >= 2 * count, "every reading of the crowd", 300, 0.5)
    account = conserved(stage.url, members)
    assert (account.acknowledged, account.rows) == (2 * count, 2 * count)


def stored_of(stage, pattern):
    return stage.ask("select coalesce(sum(stored), 0)::int from ledger where device like %s", pattern)[0][0]
