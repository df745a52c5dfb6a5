"""The fleet and a replay through the embedded broker, heard by the platform's own inlet."""

import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from network.device import DeviceClient
from network.mqtt import MqttInlet, MqttOutlet
from perception.kinds import load_kinds
from perception.payload import decode
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.fleet import greetings, run_fleet
from simulators.heat.design import StationFacts
from simulators.player import WorldPlayer
from simulators.recording import Trouble, load_map, read_recording
from simulators.replay import run_replay
from simulators.world import World

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KINDS = load_kinds()
S = 1_000_000
PATIENCE_S = 30


def clock():
    return time.time_ns() // 1000


def listen(inlet, enough):
    """Take and acknowledge until `enough(heard)`; heard: payloads by topic."""
    heard = defaultdict(list)
    deadline = time.monotonic() + PATIENCE_S
    while not enough(heard) and time.monotonic() < deadline:
        deliveries = inlet.take(500, 0.2)
        for d in deliveries:
            heard[d.topic].append(d.payload)
        inlet.ack(deliveries)
    return heard


@pytest.fixture
def inlet_of(broker):
    opened = []

    def opener(client_id, *filters):
        inlet = MqttInlet(broker, client_id, filters)
        opened.append(inlet)
        deadline = time.monotonic() + PATIENCE_S
        while inlet.connected_since() is None and time.monotonic() < deadline:
            inlet.take(1, 0.05)
        return inlet

    yield opener
    for inlet in opened:
        inlet.close()


def instants(payloads):
    return [r.ts for p in payloads for r in decode(p)]


def test_a_city_is_born_reports_and_tells_its_past(broker, inlet_of):
    names = [f"fleet-test-{k}" for k in range(3)]
    parts = [Part(n, KINDS["heat_substation"], 1 * S, StationFacts()) for n in names]
    world = World(parts, SEASONS["cold-night"], utc_offset_s=0, seed=1)
    now = clock()
    players = [WorldPlayer(world, now, past_from=now - 2 * 3600 * S)]
    inlet = inlet_of("fleet-test-ear", *(f"hearthline/v1/{n}/+" for n in names))
    outlet = MqttOutlet(broker, "fleet-test", greetings=lambda: tuple(greetings(players)))
    stop = threading.Event()
    counts = []
    play = threading.Thread(
        target=lambda: counts.append(run_fleet(players, outlet, clock=clock, stop=stop, progress=lambda _: None))
    )
    play.start()

    def enough(heard):
        past = all(len(instants(heard[f"hearthline/v1/{n}/backfill"])) >= 110 for n in names)
        return past and all(len(heard[f"hearthline/v1/{n}/readings"]) >= 8 for n in names)

    try:
        heard = listen(inlet, enough)
    finally:
        stop.set()
        play.join(PATIENCE_S)
        outlet.flush(5)
        outlet.close()
    ended = listen(inlet, lambda h: all(b"offline" in h[f"hearthline/v1/{n}/state"] for n in names))
    assert counts
    for n in names:
        assert b'"kind":"heat_substation"' in heard[f"hearthline/v1/{n}/birth"][0]
        assert heard[f"hearthline/v1/{n}/state"][0] == b"online"
        assert ended[f"hearthline/v1/{n}/state"][-1] == b"offline"
        live = instants(heard[f"hearthline/v1/{n}/readings"])
        past = instants(heard[f"hearthline/v1/{n}/backfill"])
        assert len(set(live + past)) == len(live + past)
        assert max(past) < now - 170 * S
        assert len({t % S for t in live if t >= now}) == 1  # each at its own place in the interval


def test_every_acknowledged_reading_of_a_replay_arrives(broker, inlet_of):
    columns = load_map(CONFIGS / "replay" / "nis.toml", KINDS)
    readings = read_recording(CONFIGS / "recordings" / "nis-l4.csv.gz", columns, Trouble())
    inlet = inlet_of("replay-test-ear", "hearthline/v1/replay-test/backfill")
    with DeviceClient(broker, "replay-test", KINDS["heat_substation"], interval_s=900) as device:
        counts = run_replay(readings, device, speed=None, clock=clock, stop=threading.Event(), progress=lambda _: None)
    heard = listen(inlet, lambda h: len(instants(h["hearthline/v1/replay-test/backfill"])) >= len(readings))
    came = [r for p in heard["hearthline/v1/replay-test/backfill"] for r in decode(p)]
    assert (counts.total, counts.sent, counts.acknowledged) == (1344, 1344, 1344)
    assert [(r.ts, r.values) for r in came] == [(r.ts, r.values) for r in readings]
