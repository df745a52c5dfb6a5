"""`devices check`: our own client passes every step; a sloppy foreign one is told what to mend."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from ingesting import DEVICE, KINDS, ingesting, seed, wall
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from network.conformance import tour as touring
from network.conformance.judging import Verdict
from network.device import DeviceClient, DiskQueue
from network.link import Tally
from network.mqtt import Address
from perception.payload import RawReading
from perception.roster import Roster
from support.commands.asking import asker
from support.commands.facts import tally_of
from support.postgres import rosters
from support.postgres.connect import make_engine

CHECKOUT = Path(__file__).resolve().parents[2]
SLOPPY = "probe-02"
EVERY_STEP = [
    "birth", "numbering", "state", "readings", "times", "seq", "duplicate", "command", "will", "backfill", "stored",
]  # fmt: skip


@contextmanager
def repeating(work, every_s=0.2):
    """Do some work again and again for the length of the block."""
    stop = threading.Event()

    def run():
        while not stop.wait(every_s):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_our_own_client_passes_every_step_on_the_command_line(database, own_broker, tmp_path, reachable):
    seed(database)
    home = reachable / f"home-check-{os.getpid()}"
    home.mkdir()
    environment = os.environ | {
        "HEARTHLINE_HOME": str(home),
        "HEARTHLINE_DATABASE__URL": database,
        "HEARTHLINE_BROKER__URL": own_broker.url,
    }
    queue = DiskQueue(tmp_path / "q.db")
    with (
        ingesting(database, own_broker),
        DeviceClient(own_broker, DEVICE, KINDS["weather_station"], queue=queue) as device,
        repeating(lambda: device.send([RawReading(wall(), {"t_outdoor": -3.5})])),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "hearthline", "devices", "check", DEVICE, "--within", "8", "--away", "1", "--json"],
            env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    steps = json.loads(done.stdout)
    assert [s["step"] for s in steps] == EVERY_STEP
    assert {s["step"]: (s["verdict"], s["found"]) for s in steps if s["verdict"] != "pass"} == {}
    assert done.returncode == 0, done.stderr


class Sloppy:
    """Firmware as it is met: no birth, no numbers, no times, QoS 0, deaf to commands, without a will."""

    def __init__(self, address):
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="sloppy")
        self.client.connect(address.host, address.port)
        self.client.loop_start()

    def send(self):
        self.client.publish(f"hearthline/v1/{SLOPPY}/readings", json.dumps({"t_outdoor": 1.0, "tout": 2}), qos=0)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def test_a_sloppy_client_is_told_what_to_mend(database, own_broker, monkeypatch):
    for name, seconds in (("LEDGER_WITHIN_S", 0.5), ("RETAINED_WITHIN_S", 0.5), ("ANSWER_WITHIN_S", 1.4)):
        monkeypatch.setattr(touring, name, seconds)
    seed(database)
    engine = make_engine(database, "test")
    said = []
    sloppy = Sloppy(own_broker)
    with ingesting(database, own_broker), repeating(sloppy.send):
        with engine.connect() as on:
            roster = rosters.load(on, KINDS)
        ports = touring.Ports(
            own_broker, roster, asker(lambda: engine, lambda: "test"), lambda d: tally_of(engine, d), said.append
        )
        steps = {step.step: step for step in touring.tour(ports, SLOPPY, within_s=1, away_s=1)}
    sloppy.close()
    engine.dispose()
    failed = [name for name, step in steps.items() if step.verdict is Verdict.FAIL]
    assert failed == ["birth", "numbering", "state", "readings", "times", "seq", "duplicate", "command"]
    assert [n for n, s in steps.items() if s.verdict is Verdict.CANNOT_TELL] == ["will", "backfill", "stored"]
    assert all(step.remedy for step in steps.values())
    assert "tout" in steps["readings"].found
    assert '"ts"' in steps["times"].remedy
    assert "cut its network" in said[-1]


def test_without_a_broker_the_tour_says_so(monkeypatch):
    monkeypatch.setattr(touring, "CONNECT_S", 0.3)
    ports = touring.Ports(Address("127.0.0.1", 1), Roster({}, {}), asker(dict, str), lambda _: Tally(), print)
    with pytest.raises(touring.TourError, match=r"broker\.url"):
        touring.tour(ports, "dev-x", within_s=1, away_s=1)
