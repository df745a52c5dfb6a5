"""Ingest and tend are killed at random while alarms open and close: the journal is that of a run that was never killed.

Both runs hear the same tape at the same time, each through a broker and into a database of its own. The rules live by
event time, so that forty minutes of alarms pass in seconds.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import paho.mqtt.client as mqtt
import pytest
from stage import CHECKOUT, await_that

from application.incident_store import group
from application.rules import load_rules
from support.postgres.connect import make_engine

EVENTS = {"HEARTHLINE_WATCH__CLOCK": "events"}
STEP_S, AGO_S = 10, 6 * 3600
STATIONS = 8
CALM = {
    "t_sec_supply": 45.0, "t_sec_supply_setpoint": 45.0, "t_outdoor": -10.0, "p_sec_return": 0.6, "dp_sec": 0.12,
    "voltage_mains": 380.0, "door_open": 0.0, "flood_contact": 0.0,
    **{f"pump_circ_{k}_{what}": value * (k == 1) for k in (1, 2, 3)
       for what, value in (("run", 1.0), ("freq", 40.0), ("current", 50.0), ("fault", 0.0))},
}  # fmt: skip
WRONG = (
    ("p_sec_return", 0.05), ("voltage_mains", 100.0), ("door_open", 1.0), ("pump_circ_2_fault", 1.0), ("dp_sec", 0.0),
    ("t_outdoor", -99.0), ("flood_contact", 1.0),
)  # fmt: skip


def tape(devices, steps, dice):
    """Yield (device, JSON) in the order of event time: each thing that can be wrong comes and goes by dice."""
    begin = (time.time_ns() // 10**9 - AGO_S) * 1000
    wrong = {(device, k): False for device in devices for k in range(len(WRONG))}
    for step, device in itertools.product(range(steps), devices):
        values = dict(CALM)
        for k, (point, value) in enumerate(WRONG):
            if dice.random() < (0.15 if wrong[device, k] else 0.03):
                wrong[device, k] = not wrong[device, k]
            if wrong[device, k]:
                values[point] = value
        ts = begin + step * STEP_S * 1000 + devices.index(device)
        yield device, json.dumps({"ts": ts, "values": values}).encode()


class Player:
    """Publishes a tape to two brokers, message by message, no faster than it is told."""

    def __init__(self, *addresses):
        self.clients = []
        for number, address in enumerate(addresses):
            client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"player-{number}")
            client.max_queued_messages_set(0)
            client.max_inflight_messages_set(200)
            client.connect(address.host, address.port)
            client.loop_start()
            self.clients.append(client)

    def play(self, told, per_s):
        sent, begin = [], time.monotonic()
        for count, (device, payload) in enumerate(told):
            sent += [c.publish(f"hearthline/v1/{device}/readings", payload, 1) for c in self.clients]
            ahead = count / per_s - (time.monotonic() - begin)
            if ahead > 0:
                threading.Event().wait(ahead)
        for each in sent:
            each.wait_for_publish(120)

    def close(self):
        for client in self.clients:
            client.disconnect()
            client.loop_stop()


class Tend:
    """One `hearthline tend` as a process of its own."""

    def __init__(self, stage, number, *words):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
        told = {"HEARTHLINE_HOME": str(stage.folder / "home"), "HEARTHLINE_DATABASE__URL": stage.url}
        self.log = stage.folder / f"tend-{number}.log"
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "hearthline", "tend", *words]
            self.process = subprocess.Popen(command, env=kept | told, cwd=CHECKOUT, stdout=log, stderr=log)

    def end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)


def journal(stage, *, silence=False):
    """Return what happened to conditions, in event time. Who did not listen cannot say when somebody fell silent."""
    rows = stage.ask(
        "select subject, rule, element, what, extract(epoch from at)::float8"
        " from alarm_event join alarm using (alarm_id) where what in ('raised', 'cleared') order by 1, 2, 3, 5, 4"
    )
    return [row for row in rows if (row[1] == "device_silent") == silence]


def sound(stage):
    """Assert what holds of the tables after any number of kills."""
    twice = "select subject, rule, element from alarm where cleared_at is null group by 1, 2, 3 having count(*) > 1"
    assert stage.ask(twice) == []
    moves = stage.ask(
        "select alarm_id, what from alarm_event where what in ('suppressed', 'unsuppressed') order by alarm_event_id"
    )
    by_alarm = {}
    for alarm, what in moves:
        assert by_alarm.get(alarm, "unsuppressed") != what
        by_alarm[alarm] = what
    hidden = {alarm for alarm, what in by_alarm.items() if what == "suppressed"}
    assert hidden == {alarm for (alarm,) in stage.ask("select alarm_id from alarm where suppressed_by is not null")}
    before = stage.ask("select count(*) from alarm_event")
    engine = make_engine(stage.url, "test")
    with engine.begin() as on:
        assert group(on, load_rules(), time.time_ns() // 1000) == 0
    engine.dispose()
    assert stage.ask("select count(*) from alarm_event") == before


def devices_of(stage):
    """Return substations of one branch, so that stations fall together as well."""
    rows = stage.ask(
        "select d.name from device d join station s on s.name = d.station where d.kind = 'heat_substation'"
        " and d.status = 'active' and s.static_head_mpa is not null order by s.branch, d.name limit %s", STATIONS
    )  # fmt: skip
    return [name for (name,) in rows]


@pytest.mark.timeout(2400)
def test_killed_at_random_the_journal_is_that_of_a_run_that_was_never_killed(own_stage, length):
    for seed in range(1, length.of(1, 3) + 1):
        compare(own_stage(), own_stage(), length, random.Random(seed))


def compare(killed, oracle, length, dice):
    devices = devices_of(killed)
    assert len(devices) == STATIONS
    steps, kills, per_s = length.of((80, 2, 300), (1500, 25, 250))
    told = list(tape(devices, steps, dice))
    for stage in (killed, oracle):
        stage.start_ingest(**EVENTS)
    tend = Tend(killed, 0)
    player = Player(killed.broker.address, oracle.broker.address)
    playing = threading.Thread(target=player.play, args=(told, per_s))
    try:
        for stage in (killed, oracle):
            stage.await_ready()
        playing.start()
        before = 0
        for kill in range(kills):
            # each ingest has to have stored something, and something has to be left
            due = min(max((kill + dice.uniform(0.2, 0.9)) * len(told) / (kills + 1), before + 20), len(told) - 20)
            await_that(lambda due=due: stored(killed, devices) >= due, "rows to kill by", pause_s=0.003)
            threading.Event().wait(dice.uniform(0, 0.05))  # anywhere between two instructions
            killed.ingest.kill()
            tend.end(signal.SIGKILL)
            before = stored(killed, devices)
            killed.start_ingest(**EVENTS)
            tend = Tend(killed, kill + 1)
        playing.join()
        for stage in (killed, oracle):
            await_that(lambda s=stage: stored(s, devices) == len(told), "every reading")
    finally:
        player.close()
        tend.end(signal.SIGKILL)
    last = Tend(killed, "last", "--once")
    assert last.process.wait(120) == 0, last.log.read_text()
    expected = journal(oracle)
    assert len(expected) >= length.of(30, 500)
    assert journal(killed) == expected
    assert len(journal(killed, silence=True)) <= len(journal(oracle, silence=True))  # no storm
    sound(killed)


def stored(stage, devices):
    """Return how many readings of these devices are in the table."""
    query = "select count(*) from readings_heat_substation r join device d using (device_id) where d.name = any(%s)"
    return stage.ask(query, devices)[0][0]
