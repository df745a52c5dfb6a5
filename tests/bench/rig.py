"""Rig: the real embedded pair with everything durable, a generated city, and the product's own processes beside it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from figures import say

from network.address import Address
from network.broker import EmbeddedBroker
from network.mqtt import MqttOutlet
from perception.kinds import load_kinds
from simulators.city import generate_city
from support.catalogue_store import save_catalogue
from support.heartbeat import read_json
from support.postgres.connect import make_engine
from support.postgres.household import as_owner
from support.postgres.schema import migrate
from support.postgres.server import EmbeddedServer, prepare

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()
READY_WITHIN_S = 60.0
EMPTIED = (
    "truncate readings_heat_substation, readings_weather_station, ledger_hour, ledger_entry, rollup_mark, rollup_touch,"
    " incident_alarm, alarm_event, alarm, watch_state cascade"
)
LOCAL = "track_commit_timestamp = on\n"
"""When each row was committed is asked of the server afterwards: nobody has to poll while it works."""


@dataclass
class Rig:
    """Addresses of a running pair, and a folder that the database server can read."""

    folder: Path
    url: str
    broker: str
    outlet: MqttOutlet
    broker_name: str = "embedded broker"
    small: bool = False
    broker_pid: int = 0
    server: EmbeddedServer | None = None

    def of(self, small, full):
        """Return the one or the other, by the size of this run."""
        return small if self.small else full

    @property
    def port(self):
        """The port of the broker."""
        return Address.parse(self.broker).port

    def ask(self, query, *parameters):
        with psycopg.connect(self.url) as conn:
            return conn.execute(query, parameters).fetchall()

    def do(self, statement):
        """Run a statement that answers nothing."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(statement)

    def empty(self):
        """Forget every reading, and everything that was said about one."""
        self.do(EMPTIED)
        self.do("checkpoint")

    def devices(self, kind):
        """Return (device_id, name) of every device of a kind."""
        return self.ask("select device_id, name from device where kind = %s order by device_id", kind)

    def settled(self):
        """Return how many readings the ledger has received and how many of them were stored."""
        return self.ask("select coalesce(sum(received), 0)::int8, coalesce(sum(stored), 0)::int8 from ledger")[0]

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
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            log.close()

    def ingesting(self, **settings):
        """Run `hearthline ingest` until the block ends; it has subscribed when the block begins."""
        epoch, since = self._epoch(), time.time()

        def ready():
            told = read_json(self.folder / "home" / "run" / "ingest.json")
            return self._epoch() > epoch and told.get("ready") and told["at"] > since

        return self.process("ingest", ready=ready, **settings)

    def tending(self, **settings):
        """Run `hearthline tend` until the block ends."""
        began = "select 1 from pg_stat_activity where application_name = 'hearthline tend'"
        return self.process("tend", ready=lambda: bool(self.ask(began)), **settings)

    def _epoch(self):
        rows = self.ask("select epoch from ingest_epoch")
        return rows[0][0] if rows else 0


def free_port():
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def mosquitto():
    """Return the path of mosquitto, None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


@contextmanager
def with_mosquitto(rig):
    """Yield the rig with mosquitto in the place of the embedded broker, its window as wide as in configs/broker."""
    port = free_port()
    config = rig.folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        "max_inflight_messages 20000\nmax_queued_messages 0\nmax_queued_bytes 0\nmax_packet_size 1048576\n"
    )
    child = subprocess.Popen([mosquitto(), "-c", str(config)], stderr=subprocess.DEVNULL)
    address = Address.parse(f"mqtt://127.0.0.1:{port}")
    outlet = MqttOutlet(address, "bench")
    try:
        while not outlet.connected:
            time.sleep(0.01)
        yield replace(rig, broker=address.url, outlet=outlet, broker_name="mosquitto", broker_pid=child.pid)
    finally:
        outlet.close()
        child.send_signal(signal.SIGTERM)
        child.wait(10)


def on_mosquitto(rig, measure):
    """Measure with mosquitto in the place of the embedded broker; where it is not installed, say so."""
    if mosquitto() is None:
        say("mosquitto is not installed: its figures are left out")
        return
    with with_mosquitto(rig) as other:
        measure(other)


@contextmanager
def rig(stations, *, small=False):
    """Start the pair with a city of so many stations; fsync, synchronous_commit and full_page_writes are on."""
    with ExitStack() as opened:
        folder = Path(tempfile.mkdtemp(prefix="hearthline-bench-"))
        opened.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        _prepare(folder / "database")
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
        yield Rig(
            folder, server.url, broker.address.url, outlet,
            small=small, broker_pid=_pid_listening(broker.address.port), server=server,
        )  # fmt: skip


def _pid_listening(port):
    import psutil

    children = psutil.Process().children(recursive=True)
    listening = (c.pid for c in children if any(n.laddr and n.laddr.port == port for n in c.net_connections("tcp")))
    return next(listening, 0)


def _prepare(home):
    """Give our role the right to COPY from files of the server (for yardsticks alone), and let commits be timed."""
    plan = prepare(home)
    subprocess.run(
        [plan.command[0], "--single", "-D", str(plan.data), "postgres"],
        input="grant pg_read_server_files to hearthline\n", text=True, check=True, capture_output=True,
        env=dict(plan.env), **as_owner(plan.owner),
    )  # fmt: skip
    local = plan.data / "local.conf"
    local.write_text(LOCAL)
    if plan.owner.switched:
        os.chown(local, plan.owner.uid, plan.owner.gid)
