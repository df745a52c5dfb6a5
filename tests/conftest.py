"""Shared fixtures: the real embedded database and broker, a whole running system, and a browser."""

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
import structlog

CHECKOUT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 180.0
STOP_WITHIN_S = 8.0
_numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--report-to", type=Path, help="write the outcome and duration of each test to this file")


def pytest_collection_modifyitems(items):
    """Put those last that look at the shared system: it runs to the end, and nobody else need live beside a city."""
    items.sort(key=lambda item: "system" in getattr(item, "fixturenames", ()))


def pytest_terminal_summary(terminalreporter, config):
    target = config.getoption("--report-to")
    if target is None:
        return
    kept = [
        (report.nodeid, outcome, report.duration, report.longrepr[2] if outcome == "skipped" else "")
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.stats.get(outcome, ())
    ]
    lines = [f"{outcome:8} {seconds:8.1f} s  {name}  {why}".rstrip() for name, outcome, seconds, why in kept]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join([time.strftime("%Y-%m-%dT%H:%M:%S%z"), *lines]) + "\n")
    terminalreporter.write_line(f"results kept in {target}")


@dataclass(frozen=True)
class Length:
    """How long a fault test goes on: short in `make test`, full in `make test-faults`."""

    full: bool

    def of(self, short, full):
        return full if self.full else short


@pytest.fixture(autouse=True)
def own_log():
    """What a test, or a verb that it calls, sets up for the log ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def length() -> Length:
    return Length(full=os.environ.get("HEARTHLINE_TEST_LENGTH") == "full")


@pytest.fixture(scope="session")
def reachable(tmp_path_factory) -> Iterator[Path]:
    """A folder that every system user may enter: PostgreSQL runs as one of its own when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="hearthline-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(reachable):
    """The embedded PostgreSQL of this session."""
    from support.postgres.server import EmbeddedServer

    with EmbeddedServer(reachable / "database", durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def migrated(server) -> str:
    """The name of a database with every table and no rows."""
    from perception.kinds import load_kinds
    from support.postgres.schema import migrate

    migrate(server.create_database("migrated"), load_kinds())
    return "migrated"


@pytest.fixture
def database(server, migrated) -> Iterator[str]:
    """The address of a fresh migrated database."""
    name = f"test_{next(_numbers)}"
    yield server.create_database(name, migrated)
    server.drop_database(name)


@pytest.fixture(scope="session")
def broker():
    """The address of the embedded broker of this session. Use topics and client ids of your own."""
    from network.broker import EmbeddedBroker

    with EmbeddedBroker() as running:
        yield running.address


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def browser(chromium):
    """A headless browser that asks nobody but us."""
    from playwright.sync_api import sync_playwright

    switches = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=switches)
        yield running
        running.close()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class System:
    """A whole `hearthline run` in a home of its own."""

    home: Path
    console_port: int
    portal_port: int
    broker_port: int
    broker_port_v5: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    checkout: Path = CHECKOUT
    slow: float = 1.0
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
        return kept | {
            "HEARTHLINE_HOME": str(self.home),
            "HEARTHLINE_CONSOLE__PORT": str(self.console_port),
            "HEARTHLINE_PORTAL__PORT": str(self.portal_port),
            "HEARTHLINE_BROKER__PORT": str(self.broker_port),
            "HEARTHLINE_BROKER__PORT_V5": str(self.broker_port_v5),
            **self.extra,
        }

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.console_port}"

    @property
    def portal(self) -> str:
        return f"http://127.0.0.1:{self.portal_port}"

    @cached_property
    def database(self) -> str:
        """The address of its database, asked for once."""
        return self.call("url", "database").stdout.strip()

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hearthline", *words]

    def call(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; its output is text."""
        return subprocess.run(
            self.command(*words), env=self.environment, cwd=self.checkout, check=False,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def json(self, *words: str):
        """Run a verb that must succeed and return what it says with --json."""
        done = self.call(*words, "--json")
        assert done.returncode == 0, done.stderr or done.stdout
        return json.loads(done.stdout)

    def get(self, url: str, timeout: float = 10) -> tuple[int, bytes]:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read()

    def start(self) -> "System":
        """Start and return once it says that everything is ready."""
        self.process = subprocess.Popen(
            self.command("run"), env=self.environment, cwd=self.checkout, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.wait_for_line("everything is ready", READY_WITHIN_S)
        return self

    def wait_for_line(self, words: str, within_s: float) -> str:
        """Read the log until a line with these words comes."""
        limit = time.monotonic() + within_s
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if words in line:
                return line
            assert time.monotonic() < limit, f"no {words!r} within {within_s} s:\n{''.join(self.lines[-40:])}"
        raise AssertionError(f"it ended before {words!r}:\n{''.join(self.lines[-40:])}")

    def drain(self) -> None:
        """Go on reading the log in the background, so that it never blocks."""
        assert self.process is not None
        threading.Thread(target=self._hear, args=(self.process.stdout,), daemon=True).start()

    def _hear(self, log) -> None:
        for line in log:
            with self.heard:
                self.lines.append(line)
                self.heard.notify_all()

    def heard_line(self, words: str, within_s: float) -> str:
        """Return the first line with these words of a log that is drained, as soon as it has come."""
        with self.heard:
            found = self.heard.wait_for(lambda: [line for line in self.lines if words in line], within_s)
        assert found, f"no {words!r} within {within_s} s:\n{''.join(self.lines[-40:])}"
        return found[0]

    def stop(self) -> float:
        """Stop as Ctrl-C does and return how long it took."""
        assert self.process is not None
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.monotonic() - began


@contextmanager
def running_system(folder: Path, checkout: Path = CHECKOUT, **extra: str) -> Iterator[System]:
    """Run a system in this folder for the length of the block; from a copy of the checkout, if one is named."""
    system = System(folder / f"home-{next(_numbers)}", *free_ports(4), extra=extra, checkout=checkout)
    try:
        system.start().drain()
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="session")
def system(reachable) -> Iterator[System]:
    """A whole system, shared by the session: look, publish, but break nothing."""
    with running_system(reachable) as running:
        yield running


@pytest.fixture(scope="session")
def system_of(reachable):
    """Run a system from a copy of the checkout: `with system_of(checkout) as system`."""
    return lambda checkout: running_system(reachable, checkout)


@pytest.fixture(scope="module")
def own_system(reachable) -> Iterator[System]:
    """A whole system for the tests of one file, which may break it and leave it whole."""
    with running_system(reachable) as running:
        yield running
