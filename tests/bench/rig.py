"""Rig: the real embedded pair with everything durable, a generated city, and the product's own processes beside it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from network.broker import EmbeddedBroker
from network.mqtt import Address, MqttOutlet
from perception.kinds import load_kinds
from simulators.city import generate_city
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.household import as_owner
from support.postgres.schema import migrate
from support.postgres.server import EmbeddedServer, prepare

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()
READY_WITHIN_S = 60.0


@dataclass
class Rig:
    """Addresses of a running pair, and a folder that the database server can read."""

    folder: Path
    url: str
    broker: str
    outlet: MqttOutlet
    broker_name: str = "embedded broker"

    def ask(self, query, *parameters):
        with psycopg.connect(self.url) as conn:
            return conn.execute(query, parameters).fetchall()

    def do(self, statement):
        """Run a statement that answers nothing."""
        with psycopg.connect(self.url) as conn:
            conn.execute(statement)

    def devices(self, kind):
        """Return (device_id, name) of every device of a kind."""
        return self.ask("select device_id, name from device where kind = %s order by device_id", kind)

    @contextmanager
    def process(self, *words, ready, **settings):
        """Run one of the product's processes until the block ends; it is ready when `ready()` is true."""
        environment = os.environ | {
            "HEARTHLINE_HOME": str(self.folder / "home"),
            "HEARTHLINE_DATABASE__URL": self.url,
            "HEARTHLINE_BROKER__URL": self.broker,
            **settings,
        }
        log = (self.folder / f"{words[-1]}.log").open("ab")
        child = subprocess.Popen(
            [sys.executable, "-m", "hearthline", *words], env=environment, cwd=CHECKOUT, stdout=log, stderr=log
        )
        try:
            until = time.monotonic() + READY_WITHIN_S
            while not ready():
                if child.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{words} did not become ready:\n{Path(log.name).read_text()[-2000:]}")
                time.sleep(0.02)
            yield child
        finally:
            child.terminate()
            child.wait(20)
            log.close()

    def ingesting(self):
        """Run `hearthline ingest` until the block ends."""
        epoch = self._epoch()
        return self.process("ingest", ready=lambda: self._epoch() > epoch)

    def _epoch(self):
        rows = self.ask("select epoch from ingest_epoch")
        return rows[0][0] if rows else 0


@contextmanager
def with_mosquitto(rig):
    """Yield the rig with mosquitto in the place of the embedded broker, its window open as wide as ingest allows."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = rig.folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_inflight_messages 0\nmax_queued_messages 0\nmax_packet_size 1048576\n"
    )
    child = subprocess.Popen([shutil.which("mosquitto"), "-c", str(config)], stderr=subprocess.DEVNULL)
    address = Address.parse(f"mqtt://127.0.0.1:{port}")
    outlet = MqttOutlet(address, "bench")
    try:
        while not outlet.connected:
            time.sleep(0.01)
        yield replace(rig, broker=address.url, outlet=outlet, broker_name="mosquitto")
    finally:
        outlet.close()
        child.terminate()
        child.wait(10)


@contextmanager
def rig(stations):
    """Start the pair with a city of so many stations; fsync, synchronous_commit and full_page_writes are on."""
    with ExitStack() as opened:
        folder = Path(tempfile.mkdtemp(prefix="hearthline-bench-"))
        opened.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        _let_read_files(folder / "database")
        server = opened.enter_context(EmbeddedServer(folder / "database"))
        broker = opened.enter_context(EmbeddedBroker())
        migrate(server.url, KINDS)
        engine = make_engine(server.url, "bench")
        with engine.begin() as conn:
            save_catalogue(conn, generate_city(stations, 1), "bench")
        engine.dispose()
        outlet = MqttOutlet(broker.address, "bench")
        opened.callback(outlet.close)
        while not outlet.connected:
            time.sleep(0.01)
        yield Rig(folder, server.url, broker.address.url, outlet)


def _let_read_files(home):
    """Give our role the right to COPY from files of the server: only the ceiling needs it."""
    plan = prepare(home)
    subprocess.run(
        [plan.command[0], "--single", "-D", str(plan.data), "postgres"],
        input="grant pg_read_server_files to hearthline\n", text=True, check=True, capture_output=True,
        env=dict(plan.env), **as_owner(plan.owner),
    )  # fmt: skip
