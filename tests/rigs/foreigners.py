"""Ingest as `hearthline ingest` puts it together for foreign devices, and the clients of other ecosystems."""

import json
import subprocess
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from unwatchful import Unwatchful

from network.foreign import foreign_of
from network.linking import linked
from network.mapped import Mappings
from network.receive import receive
from network.settings import BrokerSettings
from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from support.catalogue_store import save_catalogue
from support.foreigners import Foreigners, remembering
from support.ingest import Links, ingest
from support.metrics import IngestMetrics
from support.postgres.connect import make_engine
from support.postgres.quarantine import Replays
from support.postgres.writer import PostgresStore
from support.settings import IngestSettings

KINDS = load_kinds()
ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "build" / "clients"


def wall():
    return time.time_ns() // 1000


def broker_settings(address, **more):
    return BrokerSettings(url=str(address), sparkplug=True, discovery=True, **more)


@contextmanager
def ingesting(database, settings, mappings=None):
    """Run ingest as `hearthline ingest` puts it together, without rules, for the length of the block."""
    mappings = mappings or Mappings([])
    store, stop, engine = PostgresStore(database, KINDS), threading.Event(), make_engine(database, "test")
    foreign = remembering(foreign_of(settings, mappings), engine)
    with linked(settings, mappings.filters) as links:
        others = Foreigners(foreign, links[0].listen, links[2].greet)

        def work():
            ingest(
                Links(*links, Replays(engine), None, others), store, Unwatchful(), partial(receive, mappings=foreign),
                IngestSettings(), wall, stop, lambda *_, **__: None, IngestMetrics(CollectorRegistry()),
            )  # fmt: skip

        thread = threading.Thread(target=work)
        assert links[0].wait_connected(10)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)
            store.close()
            engine.dispose()


def seeded(database):
    """Put the shipped cities into a database and return an engine, to be disposed of."""
    engine = make_engine(database, "test")
    with engine.begin() as conn:
        save_catalogue(conn, load_catalogue(ROOT / "configs" / "cities"), "test")
    return engine


def await_rows(database, query, good, within_s=15):
    """Ask until the answer is good: rows that are equal to it, or for which it returns true."""
    until = time.monotonic() + within_s
    with psycopg.connect(database, autocommit=True) as on:
        while True:
            got = on.execute(query).fetchall()
            if good(got) if callable(good) else got == good:
                return got
            assert time.monotonic() < until, f"{query}: {got}"
            threading.Event().wait(0.02)


class Client:
    """A program of another ecosystem, in its own environment, driven by lines of JSON."""

    def __init__(self, environment, script, port):
        python = CLIENTS / environment / "bin" / "python"
        if not (CLIENTS / environment / "installed").exists():
            pytest.skip(f"no {environment} client here: sh tests/clients/install.sh")
        self.told = []
        self._process = subprocess.Popen(
            [python, ROOT / "tests" / "clients" / script, str(port)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self.told.append(json.loads(line))
                self._changed.notify_all()

    def do(self, what, **more):
        """Order something and wait until it is done."""
        before = self.count("done")
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        if what != "vanish":
            self.wait_for(lambda: self.count("done") > before, f"{what} done")

    def count(self, what):
        return sum(one["what"] == what for one in self.told)

    def wait_for(self, enough, what, within_s=15):
        with self._changed:
            assert self._changed.wait_for(enough, within_s), f"no {what}: {self.told}"

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._reader.join(5)
        self._process.stdout.close()
