"""An ingest at work in a thread, on a real broker and a real database, and the means to look at it."""

import itertools
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from prometheus_client import CollectorRegistry

from network.mqtt import LiveFeed, MqttInlet, MqttOutlet
from network.receive import receive
from network.topics import LIVE_FILTER, Channel, filters
from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.ingest import Links, ingest
from support.metrics import IngestMetrics
from support.postgres.connect import make_engine
from support.postgres.writer import PostgresStore
from support.settings import IngestSettings
from support.store import StoreError

KINDS = load_kinds()
CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
DEVICE, ITS_STATION = "probe-01", "nis-l4"
_numbers = itertools.count(1)


def wall():
    return time.time_ns() // 1000


@dataclass
class Recorder:
    """A watching step that counts what it was given, and writes what a test asks it to."""

    rows: list = field(default_factory=list)
    enrolled_from_store: int = 0
    steps: list = field(default_factory=list)

    def enrol(self, state, roster):
        self.enrolled_from_store += state is None
        return state or 0

    def retuned(self):
        return False

    def attend(self, state, since):
        return state

    def step(self, state, accepted, now):
        count = sum(map(len, accepted.values()))
        self.steps.append(count)
        return state + count, [], self.rows


@dataclass
class Running:
    """An ingest at work, and the means to look at it."""

    database: str
    outlet: MqttOutlet
    frames: list
    beats: list
    watcher: Recorder
    stop: threading.Event
    failures: list
    thread: threading.Thread | None = None

    def publish(self, payload, channel="readings", device=DEVICE):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.outlet.publish(f"hearthline/v1/{device}/{channel}", body)

    def ask(self, query, *parameters):
        with psycopg.connect(self.database) as conn:
            return conn.execute(query, parameters or None).fetchall()

    def await_answer(self, query, expected, within_s=15):
        """Ask until the answer is the expected one."""
        until = time.monotonic() + within_s
        while (got := self.ask(query)) != expected:
            assert time.monotonic() < until, f"{query}: {got}, expected {expected}; {self.failures}"
            threading.Event().wait(0.02)

    def await_beat(self, detail, within_s=15):
        """Wait until the heartbeat says so."""
        until = time.monotonic() + within_s
        while not any(said == detail for _, said in self.beats[-3:]):
            assert time.monotonic() < until, self.beats[-3:]
            threading.Event().wait(0.02)

    def fates(self):
        columns = ("received", "stored", "duplicate", "merged", "conflict", "rejected")
        [row] = self.ask(f"select {', '.join(f'coalesce(sum({c}), 0)::int' for c in columns)} from ledger")
        return dict(zip(columns, row, strict=True))


def add(database, name):
    engine = make_engine(database, "test")
    with engine.begin() as conn:
        add_device(conn, Device(name=name, kind="weather_station", station=ITS_STATION), "test")
    engine.dispose()


def seed(database):
    engine = make_engine(database, "test")
    with engine.begin() as conn:
        save_catalogue(conn, load_catalogue(CITIES), "test")
        add_device(conn, Device(name=DEVICE, kind="weather_station", station=ITS_STATION), "test")
        add_device(conn, Device(name="probe-02", kind="heat_substation", station=ITS_STATION), "test")
    engine.dispose()


@contextmanager
def ingesting(database, address, client=None, settings=None, watcher=None, losses=None, *, clock=wall):
    """Run ingest in a thread for the length of the block. `clock` gives epoch microseconds."""
    client = client or f"ingest-{next(_numbers)}"
    watcher = watcher or Recorder()
    live = MqttInlet(address, client, filters(Channel.READINGS, Channel.BIRTH, Channel.STATE, Channel.REPLY))
    backfill = MqttInlet(address, f"{client}-backfill", filters(Channel.BACKFILL))
    outlet, own = MqttOutlet(address, f"{client}-test"), MqttOutlet(address, f"{client}-out")
    frames, failures, beats = [], [], []
    feed = LiveFeed(address, LIVE_FILTER, lambda _topic, payload: frames.append(json.loads(payload)))
    store = PostgresStore(database, KINDS)
    stop = threading.Event()

    def work():
        try:
            ingest(
                Links(live, backfill, own, losses=losses), store, watcher, receive, settings or IngestSettings(),
                clock, stop,
                lambda detail="", *, ready=True: beats.append((ready, detail)), IngestMetrics(CollectorRegistry()),
            )  # fmt: skip
        except StoreError as err:
            failures.append(err)

    thread = threading.Thread(target=work)
    running = Running(database, outlet, frames, beats, watcher, stop, failures, thread)
    thread.start()
    until = time.monotonic() + 10
    try:
        while not (live.connected_since() and backfill.connected_since() and outlet.connected() and feed.connected()):
            assert time.monotonic() < until
            threading.Event().wait(0.01)
        yield running
    finally:
        stop.set()
        thread.join(10)
        store.close()
        for link in (live, backfill, outlet, own, feed):
            link.close()
    assert not thread.is_alive()


def reading(ts, **values):
    return {"ts": ts // 1000, "values": values or {"t_outdoor": -12.5}}


class Ear:
    """What comes on a topic, in order; hears from the moment at which it is made."""

    def __init__(self, address, *topics):
        self.heard = []
        self._inlet = MqttInlet(address, f"ear-{next(_numbers)}", topics, session_kept=False)
        assert self._inlet.wait_connected(10)

    def wait_for(self, enough, within_s=10):
        """Listen until `enough(heard)`; heard: the JSON of the payloads."""
        until = time.monotonic() + within_s
        while not enough(self.heard):
            assert time.monotonic() < until, self.heard
            deliveries = self._inlet.take(1000, 0.1)
            self.heard += [json.loads(d.payload) for d in deliveries]
            self._inlet.ack(deliveries)

    def close(self):
        self._inlet.close()
