"""The device's side: what `send` accepted ends in the table once, whoever dies on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from ingesting import DEVICE, KINDS, Ear, ingesting, seed, wall

from network.broker import EmbeddedBroker
from network.device import DeviceClient, DiskQueue
from network.link import LinkDownError
from network.mqtt import MqttInlet, MqttOutlet
from perception.payload import RawReading, decode

CHECKOUT = Path(__file__).resolve().parents[2]
KIND = KINDS["weather_station"]
MS = 1_000


def now_ms():
    return wall() // MS * MS


def measured(count, begin, step_us=1_000_000):
    return [RawReading(begin + n * step_us, {"t_outdoor": n / 4}) for n in range(count)]


class Platform:
    """What would be ingest: hears what the device says, and answers only what a test tells it to."""

    def __init__(self, address, name):
        self.name, self.heard = name, []
        self._inlet = MqttInlet(address, f"platform-{name}", [f"hearthline/v1/{name}/+"], session_kept=False)
        assert self._inlet.wait_connected(10)
        self._outlet = MqttOutlet(address, f"platform-out-{name}")

    def listen(self, enough, within_s=15):
        until = time.monotonic() + within_s
        while not enough(self):
            assert time.monotonic() < until, [(c, len(b)) for c, b in self.heard]
            deliveries = self._inlet.take(1000, 0.1)
            self.heard += [(d.topic.rpartition("/")[2], d.payload) for d in deliveries]
            self._inlet.ack(deliveries)

    def numbers(self, *channels):
        return [r.seq for c, b in self.heard if c in channels for r in decode(b)]

    def births(self):
        return [json.loads(b) for c, b in self.heard if c == "birth"]

    def answer(self, seq, boot):
        self._outlet.publish(f"hearthline/v1/{self.name}/stored", json.dumps({"boot": boot, "seq": seq}).encode())

    def close(self):
        self._inlet.close()
        self._outlet.close()


@contextmanager
def platform(address, name):
    opened = Platform(address, name)
    yield opened
    opened.close()


def await_true(what, within_s=10):
    until = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < until
        threading.Event().wait(0.01)


def test_the_queue_is_freed_by_receipts_and_by_nothing_else(own_broker, tmp_path):
    queue = DiskQueue(tmp_path / "q.db")
    first = queue.next()
    with platform(own_broker, "dev-a") as hears, DeviceClient(own_broker, "dev-a", KIND, queue=queue) as device:
        sent = device.send(measured(5, now_ms()))
        hears.listen(lambda p: len(p.numbers("readings")) == 5)
        assert hears.births()[0]["boot"] == queue.boot
        assert hears.births()[0]["first_seq"] == first
        assert not device.flush(0.3)
        assert not sent[0].receipt.acknowledged()
        hears.answer(first + 4, "another run")
        hears.answer(first + 2, queue.boot)
        await_true(lambda: len(queue) == 2)
        hears.answer(first + 4, queue.boot)
        assert device.flush(5)
        assert sent[0].receipt.acknowledged()
        assert (len(queue), queue.first()) == (0, first + 5)
    with pytest.raises(LinkDownError):
        device.send(measured(1, now_ms()))


def test_a_queue_that_is_an_older_copy_begins_a_new_run(own_broker, tmp_path):
    queue = DiskQueue(tmp_path / "q.db")
    boot, first = queue.boot, queue.next()
    with platform(own_broker, "dev-e") as hears, DeviceClient(own_broker, "dev-e", KIND, queue=queue) as device:
        [sent] = device.send(measured(2, now_ms()))
        hears.listen(lambda p: len(p.numbers("readings")) == 2)
        hears.answer(first + 10, boot)  # numbers that this copy never gave
        hears.listen(lambda p: len(p.numbers("readings")) == 4)
        new = hears.births()[-1]
        assert new["boot"] == queue.boot != boot
        assert hears.numbers("readings")[2:] == [new["first_seq"], new["first_seq"] + 1]
        assert new["first_seq"] > first + 10
        hears.answer(first + 10, boot)
        assert not device.flush(0.2)
        assert not sent.receipt.acknowledged()
        hears.answer(new["first_seq"] + 1, queue.boot)
        assert device.flush(5)
        assert sent.receipt.acknowledged()


def test_after_an_outage_the_present_comes_first_and_the_past_in_order(own_broker, tmp_path):
    queue = DiskQueue(tmp_path / "q.db")
    past, recent = queue.append(measured(150, now_ms() - 3_600_000_000)), queue.append(measured(3, now_ms()))
    with platform(own_broker, "dev-b") as hears, DeviceClient(own_broker, "dev-b", KIND, queue=queue) as device:
        hears.listen(lambda p: len(p.numbers("readings", "backfill")) == 153)
        assert hears.numbers("readings") == list(recent)
        assert hears.numbers("backfill") == list(past)
        lists = [len(decode(body)) for channel, body in hears.heard if channel == "backfill"]
        assert lists == [60, 60, 30]
        assert [c for c, _ in hears.heard][:3] == ["birth", "state", "readings"]
        device.send(measured(1, now_ms()))
        hears.listen(lambda p: len(p.numbers("readings")) == 4)
        hears.heard.clear()
        hears.answer(past[-1], queue.boot)
        await_true(lambda: len(queue) == 4)
    queue = DiskQueue(tmp_path / "q.db")  # the next process goes on with what is not stored
    assert len(queue) == 4
    with platform(own_broker, "dev-b") as hears, DeviceClient(own_broker, "dev-b", KIND, queue=queue):
        hears.listen(lambda p: len(p.numbers("readings")) == 4)
        assert hears.births()[-1]["first_seq"] == recent[0]


def test_the_past_does_not_run_far_ahead_of_what_is_stored(own_broker, tmp_path, monkeypatch):
    from network.device import pump

    monkeypatch.setattr(pump, "AHEAD", 120)
    queue = DiskQueue(tmp_path / "q.db")
    past = queue.append(measured(400, now_ms() - 3_600_000_000))
    with platform(own_broker, "dev-c") as hears, DeviceClient(own_broker, "dev-c", KIND, queue=queue):
        hears.listen(lambda p: len(p.numbers("backfill")) == 120)
        until = time.monotonic() + 1
        hears.listen(lambda _: time.monotonic() > until)
        assert hears.numbers("backfill") == list(past)[:120]
        hears.answer(past[59], queue.boot)
        hears.listen(lambda p: len(p.numbers("backfill")) == 180)


def test_what_was_lost_on_the_way_is_sent_again_once_somebody_answers(own_broker, tmp_path):
    queue = DiskQueue(tmp_path / "q.db")
    first = queue.next()
    with (
        platform(own_broker, "dev-d") as hears,
        DeviceClient(own_broker, "dev-d", KIND, queue=queue, patience_s=0.3) as device,
    ):
        device.send(measured(3, now_ms()))
        hears.listen(lambda p: len(p.births()) >= 2)  # it asks, and asks again
        assert hears.numbers("readings") == [first, first + 1, first + 2]
        hears.answer(first, queue.boot)
        hears.listen(lambda p: len(p.births()) >= 3)
        hears.answer(first, queue.boot)
        hears.listen(lambda p: p.numbers("readings")[3:] == [first + 1, first + 2])
        hears.answer(first + 2, queue.boot)
        assert device.flush(5)


def test_what_is_dropped_for_want_of_room_is_said(database, own_broker, tmp_path):
    seed(database)
    queue = DiskQueue(tmp_path / "q.db", most=10, drop_oldest=True)
    first = queue.append(measured(3, now_ms() - 1_000_000_000))[0]
    with ingesting(database, own_broker) as running:
        running.publish({"kind": KIND.name, "boot": queue.boot, "first_seq": first}, "birth")
        running.await_answer("select settled from device_seq", [(first - 1,)])
        queue.append(measured(12 - 3, now_ms() - 900_000_000))
        assert queue.dropped == 2
        with DeviceClient(own_broker, DEVICE, KIND, queue=queue) as device:
            assert device.flush(15)
        running.await_answer("select settled, missing from device_seq", [(first + 11, [[first, first + 1]])])
        running.await_answer("select count(*) from readings_weather_station", [(10,)])


def test_readings_go_through_ingest_and_the_device_is_free_of_them(database, own_broker, tmp_path):
    seed(database)
    queue = DiskQueue(tmp_path / "q.db")
    begin = now_ms() - 600_000_000
    with ingesting(database, own_broker) as running:
        told = Ear(own_broker, f"hearthline/v1/{DEVICE}/stored")
        with DeviceClient(own_broker, DEVICE, KIND, queue=queue) as device:
            for n in range(20):
                device.send(measured(30, begin + n * 30_000_000))
            assert device.flush(20)
            running.await_answer("select count(*) from readings_weather_station", [(600,)])
        told.wait_for(lambda heard: heard and heard[-1] == {"boot": queue.boot, "seq": queue.next() - 1})
        assert len(told.heard) < 15
        told.close()
        assert running.fates()["stored"] == 600


class Process:
    """A child that is killed and started again."""

    def __init__(self, command, log, **environment):
        self._command, self._log, self._environment = command, log, os.environ | environment
        self.start()

    def start(self):
        with self._log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, *self._command], cwd=CHECKOUT, env=self._environment, stdout=log, stderr=log
            )

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self, within_s):
        self.child.terminate()
        try:
            return self.child.wait(within_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return None


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_broker_ingest_and_device_are_killed_and_every_accepted_reading_is_stored_once(
    reachable, database, tmp_path, length
):
    """kill -9 of each in turn under way, the embedded broker forgetting everything: nothing lost, nothing twice."""
    seed(database)
    home = reachable / f"home-{os.getpid()}"
    home.mkdir()
    settings = {"HEARTHLINE_HOME": str(home), "HEARTHLINE_DATABASE__URL": database}
    with EmbeddedBroker() as broker, psycopg.connect(database, autocommit=True) as on:

        def stored():
            return on.execute("select count(*) from readings_weather_station").fetchone()[0]

        def accepts(by=50):
            goal = (tmp_path / "accepted").read_text().count("\n") + by if (tmp_path / "accepted").exists() else by
            await_true((tmp_path / "accepted").exists, 30)
            await_true(lambda: (tmp_path / "accepted").read_text().count("\n") >= goal, 30)

        def goes_on():
            accepts()
            goal = stored() + 20
            await_true(lambda: stored() >= goal, 60)

        def kill_broker():
            os.kill(broker.pid, signal.SIGKILL)
            await_true(lambda: broker.pid is None)

        ingest = Process(
            ["-m", "hearthline", "ingest"], tmp_path / "log", **settings, HEARTHLINE_BROKER__URL=broker.address.url
        )
        device = Process(["tests/rigs/device_process.py", broker.address.url, DEVICE, tmp_path], tmp_path / "log")
        try:
            goes_on()
            for _ in range(length.of(1, 10)):
                ingest.kill()
                accepts()  # the broker acknowledges these, and nobody takes them
                kill_broker()
                accepts()
                broker.start()
                ingest.start()
                goes_on()
                device.kill()
                device.start()
                goes_on()
                kill_broker()
                broker.start()
                goes_on()
            assert device.stop(90) == 0, (tmp_path / "log").read_text()[-3000:]
        finally:
            device.stop(5)
            ingest.stop(20)
        tried, accepted = ({int(line) for line in (tmp_path / n).read_text().split()} for n in ("tried", "accepted"))
        rows = [
            r[0] for r in on.execute("select (extract(epoch from ts) * 1000000)::bigint from readings_weather_station")
        ]
        [fates] = on.execute("select sum(stored)::int, sum(conflict)::int, sum(rejected)::int from ledger")
    assert len(rows) == len(set(rows))
    assert accepted <= set(rows) <= tried
    assert fates == (len(rows), 0, 0)
