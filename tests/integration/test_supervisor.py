"""The supervisor: order, restart, clean stop, nothing left behind, and clear words when it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from support.set_up import Listener, PortTakenError, check_ports
from support.stopping import TURN_ON_INPUT

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import asyncio, json, os, sys
from pathlib import Path
from support.commands.running import run
from support.health import Asked, Probe
from support.home import open_home
from support.set_up import Listener
from support.supervisor import Program

home = open_home(Path(sys.argv[1]))
BEAT = '''
import os, sys, time
from pathlib import Path
sys.path.insert(0, os.getcwd())
from support.heartbeat import Heartbeat
from support.stopping import await_turn, die_with_supervisor, stop_event
die_with_supervisor()
name, = sys.argv[1:]
stop = stop_event()
await_turn()
print(name, "works", flush=True)
beat = Heartbeat(Path(os.environ["TEST_RUN"]), name).beat
while not stop.wait(0.05):
    beat()
print(name, "leaves", flush=True)
'''
os.environ["TEST_RUN"] = str(home.run)

def program(name, **facts):
    probe = Probe(Asked.HEARTBEAT, str(home.run / f"{name}.json"))
    return Program(name, (sys.executable, "-c", BEAT, name), probe, **facts)

sys.exit(run(home, [program("lower"), program("upper", after=("lower",), loads_after=())], [], {"what": "nowhere"}))
"""


@pytest.fixture
def supervised(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    yield process, tmp_path
    process.kill()
    process.wait()


def until(process, words):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"it ended before {words!r}: {''.join(lines)}")


def children(process):
    found = {}
    for child in psutil.Process(process.pid).children():
        found[child.cmdline()[-1]] = child
    return found


def test_it_starts_in_order_and_stops_in_reverse(supervised):
    process, home = supervised
    lines = "".join(until(process, "everything is ready"))
    assert lines.index("lower works") < lines.index("upper works")
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    rest = process.stdout.read()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 5
    assert rest.index("upper leaves") < rest.index("lower leaves")
    assert "upper leaves" in (home / "log" / "hearthline.log").read_text()


WAITING = """
import os, signal, sys
from support.stopping import await_turn, stop_event
stop_event()
if sys.argv[1] == "before":
    os.kill(os.getpid(), signal.SIGTERM)
print("waits", flush=True)
await_turn()
print("works", flush=True)
"""


@pytest.mark.parametrize("moment", ["before", "during"])
def test_who_waits_for_its_turn_and_is_asked_to_stop_ends_at_once(moment):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, moment],
        cwd=ROOT,
        env={**os.environ, TURN_ON_INPUT: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"waits\n"
        if moment == "during":
            process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.wait()


TWICE = """
import signal, sys
from support.stopping import stop_event
stop = stop_event()

def again(frame, event, _):
    if frame.f_code.co_name in {"ask", "set"} and event == "line":
        signal.raise_signal(signal.SIGTERM)
    return again

sys.settrace(again)
signal.raise_signal(signal.SIGTERM)
sys.settrace(None)
stop.wait()
print("leaves", flush=True)
"""


def test_a_signal_that_finds_its_like_at_work_stops_no_less():
    done = subprocess.run(
        [sys.executable, "-c", TWICE], cwd=ROOT, text=True, capture_output=True, timeout=10, check=False
    )
    assert (done.returncode, done.stdout) == (0, "leaves\n"), done.stderr


def test_a_killed_program_starts_again(supervised):
    process, _ = supervised
    until(process, "everything is ready")
    former = children(process)["lower"].pid
    os.kill(former, signal.SIGKILL)
    lines = until(process, "lower works")
    assert any("SIGKILL" in line for line in lines)
    assert children(process)["lower"].pid != former


def test_nothing_outlives_a_killed_supervisor(supervised):
    process, _ = supervised
    until(process, "everything is ready")
    family = list(children(process).values())
    assert len(family) == 2
    process.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_a_second_run_on_the_same_home_is_refused(supervised):
    process, home = supervised
    until(process, "everything is ready")
    second = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(home)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode != 0
    assert f"already runs on {home} (pid {process.pid}" in second.stderr


def test_a_taken_port_is_named_with_the_setting_that_moves_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"port {port} .*console.*HEARTHLINE_CONSOLE__PORT") as said:
            check_ports([Listener("console", "127.0.0.1", port, "console.port")])
    assert str(os.getpid()) in str(said.value)


def test_two_of_ours_on_one_port_is_said():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    both = [Listener(name, "127.0.0.1", port, f"{name}.port") for name in ("console", "portal")]
    with pytest.raises(PortTakenError, match="both console and portal"):
        check_ports(both)
