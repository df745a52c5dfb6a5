"""The stage on which faults happen: broker, database and ingest as real processes, and the hands to break them."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from conservation import conserved
from publishers import Fleet, Publisher

from network.address import Address
from network.linking import reserve
from network.settings import BrokerSettings

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SHIPPED = CHECKOUT / "configs" / "broker" / "mosquitto.conf"
KEPT = (
    "persistence", "autosave_on_changes", "autosave_interval", "max_queued_messages", "max_queued_bytes",
    "memory_limit", "max_inflight_messages", "max_packet_size", "set_tcp_nodelay",
)  # fmt: skip
"""What the shipped configuration says about keeping messages. Who may connect is tested elsewhere."""
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
READY_WITHIN_S = 90.0
PATIENCE_S = 120.0
DEVICES = 200
KEEPALIVE_S = 5
_numbers = itertools.count(1)


def device_name(number):
    return f"fault-{number:03}"


def await_that(condition, what, within_s=PATIENCE_S, pause_s=0.05):
    """Wait until `condition()` is true, and return what it says."""
    limit = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < limit, f"not within {within_s:.0f} s: {what}"
        threading.Event().wait(pause_s)
    return answer


class Mosquitto:
    """Mosquitto with what the shipped configuration says about keeping messages, in a folder and on a port of its own.

    `changes` of settings are for tests in which the shipped value is not at stake.
    """

    def __init__(self, folder, **changes):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = Address("127.0.0.1", probe.getsockname()[1])
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        shipped = dict(line.split(maxsplit=1) for line in SHIPPED.read_text().splitlines() if line[:1].isalpha())
        wanted = {key: shipped[key] for key in KEPT} | changes
        self._config, self._log = folder / "mosquitto.conf", folder / "mosquitto.log"
        self._config.write_text(
            "\n".join([
                "user root",
                f"persistence_location {folder}/",
                f"listener {self.address.port} 127.0.0.1",
                "allow_anonymous true",
                *(f"{key} {value}" for key, value in wanted.items()),
                "",
            ])
        )  # fmt: skip
        self._process = None

    @property
    def pid(self):
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stdout=log, stderr=log)

        def accepts():
            assert self._process.poll() is None, f"mosquitto ended:\n{self.said()[-1000:]}"
            try:
                socket.create_connection((self.address.host, self.address.port), 0.5).close()
            except OSError:
                return False
            return True

        await_that(accepts, "mosquitto accepts connections", READY_WITHIN_S, 0.02)
        return self

    def stop(self):
        """Stop in order: it writes its file."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def said(self):
        return self._log.read_text("utf-8", "replace")

    def kept(self):
        """Return the file in which it keeps sessions and messages."""
        return (self._log.parent / "mosquitto.db").read_bytes()

    def _end(self, how):
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


class Ingest:
    """One `hearthline ingest` as a process of its own, or `script` in its place: a wrapper around the same verb."""

    def __init__(self, folder, url, broker, script=None, *, early=False, **settings):
        self.log = folder / f"ingest-{next(_numbers)}.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
        environment = kept | {
            "HEARTHLINE_HOME": str(folder / "home"),
            "HEARTHLINE_DATABASE__URL": url,
            "HEARTHLINE_BROKER__URL": broker.url,
            "HEARTHLINE_BROKER__KEEPALIVE_S": str(KEEPALIVE_S),
            "HEARTHLINE_SUPERVISOR_PID": str(os.getpid()),  # it ends with us, however we end
            "PYTHONPATH": str(CHECKOUT),
            **settings,
        }
        if early:
            environment["HEARTHLINE_TURN"] = "1"
        command = ["-m", "hearthline"] if script is None else [str(HERE / script.split()[0]), *script.split()[1:]]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, "ingest"], env=environment, cwd=CHECKOUT,
                stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def pid(self):
        return self._process.pid

    @property
    def ended(self):
        return self._process.poll()

    def turn(self):
        """Let one that was started early begin."""
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self

    def said(self):
        return self.log.read_text("utf-8", "replace")

    def await_word(self, word, within_s=PATIENCE_S, times=1):
        def found():
            assert self.ended is None or self.said().count(word) >= times, f"it ended:\n{self.said()[-2000:]}"
            return self.said().count(word) >= times

        await_that(found, f"{word!r} in the log of ingest:\n{self.said()[-2000:]}", within_s)

    def memory(self):
        """Resident memory in bytes."""
        return psutil.Process(self.pid).memory_info().rss

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        self.end(signal.SIGKILL)

    def stop(self):
        self.end(signal.SIGTERM)

    def end(self, how):
        if self.ended is None:
            self.signal(signal.SIGCONT)
            self.signal(how)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdin.close()


class Stage:
    """Broker, database and ingest, with devices that are on the roster. What a test breaks, `heal` brings back."""

    def __init__(self, folder, server, url, broker):
        self.folder, self.server, self.url, self.broker = folder, server, url, broker
        self.ingest = self._spare = None
        self._ingests = []
        self._devices = (device_name(number) for number in range(1, DEVICES + 1))
        self._fleets = []
        (folder / "home").mkdir(mode=0o755, parents=True, exist_ok=True)

    def heal(self, **settings):
        """Bring everything up that is down. Fresh sessions are reserved, so that nothing is published to nobody."""
        if self.broker.pid is None:
            self.broker.start()
        if self.server.child is None:
            self.server.start()
        if self.ingest is None or self.ingest.ended is not None:
            self.start_ingest(**settings)
        return self

    def reserve(self):
        """Make the sessions of ingest at the broker before anybody publishes."""
        reserve(BrokerSettings(url=self.broker.address.url))

    def spare(self):
        """Start an ingest that loads and waits for its turn."""
        self._spare = self._launch(early=True)

    def start_ingest(self, script=None, url=None, **settings):
        if self._spare is not None and script is None and url is None and not settings:
            self.ingest, self._spare = self._spare.turn(), None
        else:
            self.ingest = self._launch(script, url, **settings)
        return self.ingest

    def _launch(self, script=None, url=None, **how):
        self._ingests.append(Ingest(self.folder, url or self.url, self.broker.address, script, **how))
        return self._ingests[-1]

    def second_ingest(self):
        """Start another beside the first, as from another home."""
        return self._launch(HEARTHLINE_HOME=str(self.folder / "second"))

    def replace_ingest(self, script=None, url=None, **settings):
        """Stop ingest in order and start another in its place."""
        self.ingest.stop()
        return self.start_ingest(script, url, **settings)

    def await_ready(self):
        """Wait until ingest hears both its sessions."""
        self.ingest.await_word("link up", times=3)

    def names(self, count):
        return list(itertools.islice(self._devices, count))

    def fleet(self, stamped=3, unstamped=1, backfilling=1, rubbish_every=7, period_s=0.03, **how):
        """Devices that nobody has used yet: they talk after `start`."""
        ways = [
            *[{"rubbish_every": rubbish_every, "period_s": period_s}] * stamped,
            *[{"stamped": False, "period_s": 5 * period_s}] * unstamped,
            *[{"backfills": True, "period_s": 5 * period_s}] * backfilling,
        ]
        names = self.names(len(ways))
        fleet = Fleet(
            [Publisher(self.broker.address, name, **way, **how) for name, way in zip(names, ways, strict=True)]
        )
        self._fleets.append(fleet)
        return fleet

    def publisher(self, **how):
        """One device that says only what it is told to."""
        fleet = self.fleet(1, 0, 0, rubbish_every=0, talks=False, **how)
        return fleet.publishers[0]

    def conserved(self, fleet, **limits):
        """Let the devices finish, then compare."""
        publishers = fleet.publishers if isinstance(fleet, Fleet) else [fleet]
        for publisher in publishers:
            publisher.finish()
        return conserved(self.url, publishers, **limits)

    def ask(self, query, *parameters):
        with psycopg.connect(self.url) as on:
            return on.execute(query, parameters).fetchall()

    def rows(self, fleet):
        """How many rows these devices have."""
        query = "select count(*) from readings_weather_station r join device d using (device_id) where name = any(%s)"
        return self.ask(query, [p.name for p in fleet.publishers])[0][0]

    def await_rows_of(self, device, count):
        self.await_rows(Fleet([device]), count)

    def await_rows(self, fleet, count):
        await_that(lambda: self.rows(fleet) >= count, f"{count} rows of the fleet")

    def close(self):
        for fleet in self._fleets:
            fleet.close()
        for process in self._ingests:
            process.kill()
        self.broker.stop()


@contextmanager
def frozen(*pids):
    """Stop processes and their children as SIGSTOP does, for the length of the block."""
    processes = [p for pid in pids for p in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            if process.is_running():
                process.resume()
