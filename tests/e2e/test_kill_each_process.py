"""Every process is killed with -9 in turn, under load: it comes back, and what was acknowledged is stored."""

import os
import signal
import threading
import time

import paho.mqtt.client as mqtt
import psycopg
import pytest

from perception.payload import RawReading, encode
from support.home import Home
from support.run_state import status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
VICTIMS = ("ingest", "tend", "console", "portal", "simulate", "postgres")


class Publisher:
    """A device of its own making that publishes and remembers what the broker acknowledged."""

    def __init__(self, port, device):
        self.device, self.acknowledged, self.waiting = device, set(), {}
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"foreign-{device}")
        self.client.on_publish = self.settled
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()

    def settled(self, _client, _data, mid, *_rest):
        with self.lock:
            if mid in self.waiting:
                self.acknowledged.add(self.waiting.pop(mid))

    def go_on(self):
        while not self.stop.wait(0.02):
            ts = time.time_ns() // 1_000_000 * 1000
            with self.lock:
                info = self.client.publish(
                    f"hearthline/v1/{self.device}/readings", encode([RawReading(ts, {"t_sec_supply": 45.0})]), 1
                )
                self.waiting[info.mid] = ts // 1000

    def end(self):
        self.stop.set()
        self.thread.join()
        limit = time.monotonic() + 30
        while self.waiting and time.monotonic() < limit:
            time.sleep(0.05)  # the broker's acknowledgements
        self.client.disconnect()
        self.client.loop_stop()


def seen_of(system, name):
    """What `hearthline status` says of a process, without starting Python each time."""
    return next(one for one in status(Home(system.home)) if one.name == name)


def ready_again(system, name, former, within_s=120):
    limit = time.monotonic() + within_s
    while True:
        now = seen_of(system, name)
        if now.health == "ready" and now.pid != former:
            return
        assert time.monotonic() < limit, f"{name} did not come back: {now}\n{''.join(system.lines[-40:])}"
        time.sleep(0.3)  # another process's state


def stored(system):
    with psycopg.connect(system.database) as on:
        rows = on.execute(
            "select (extract(epoch from r.ts) * 1000)::bigint from readings_heat_substation r"
            " join device d using (device_id) where d.name = 'kill-01'"
        )
        return {row[0] for row in rows}


def test_a_killed_broker_comes_back_and_everyone_meets_it_again(own_system):
    system = own_system
    former = seen_of(system, "broker").pid
    os.kill(former, signal.SIGKILL)
    for name in ("broker", "ingest", "simulate", "console"):
        ready_again(system, name, former if name == "broker" else None)


def test_what_was_acknowledged_survives_every_kill(own_system, length):
    system = own_system
    added = system.call(
        "devices",
        "add",
        "kill-01",
        "--kind",
        "heat_substation",
        "--station",
        "kill-01",
        "--new-station",
        "--city",
        "nis",
    )
    assert added.returncode == 0, added.stderr
    time.sleep(5)  # effective within five seconds
    publisher = Publisher(system.broker_port, "kill-01")
    try:
        for _ in range(length.of(short=1, full=3)):
            for victim in VICTIMS:
                former = seen_of(system, victim).pid
                os.kill(former, signal.SIGKILL)
                ready_again(system, victim, former)
    finally:
        publisher.end()
    assert len(publisher.acknowledged) > 100
    limit = time.monotonic() + 60
    while not publisher.acknowledged <= (seen := stored(system)):
        assert time.monotonic() < limit, f"{len(publisher.acknowledged - seen)} acknowledged readings are missing"
        time.sleep(0.5)  # ingest works off what waited
    assert system.stop() < 8
