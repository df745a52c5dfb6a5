"""The fleet and a replay through the embedded broker, heard by the platform's own inlet."""

import threading
import time
from collections import defaultdict
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from network.broker import EmbeddedBroker
from network.device import DeviceClient
from network.mqtt import Crowd, MqttInlet
from perception.kinds import load_kinds
from perception.payload import decode
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.crew import Crew, by_branch, one_each
from simulators.fleet import run_fleet
from simulators.heat.design import StationFacts
from simulators.player import WorldPlayer
from simulators.recording import Trouble, load_map, read_recording
from simulators.replay import run_replay
from simulators.tempo import Tempo
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

    def opener(client_id, *filters, address=broker):
        inlet = MqttInlet(address, client_id, filters, session_kept=False)
        opened.append(inlet)
        deadline = time.monotonic() + PATIENCE_S
        while inlet.connected_since() is None and time.monotonic() < deadline:
            inlet.take(1, 0.05)
        return inlet

    yield opener
    for inlet in opened:
        inlet.close()


@contextmanager
def playing(address, players, groups, tape=None):
    """Let a fleet play in a thread for the length of the block; yields a list that gets its counts at the end."""
    crew = Crew(groups, clock, most_bytes=1 << 26)
    stop, counts = threading.Event(), []

    def play():
        link = Crowd(address, crew.gateways, on_sent=tape and (lambda by, m: tape.write(clock(), by, m)))
        with closing(link):
            counts.append(run_fleet(players, crew, link, tempo=Tempo(clock), stop=stop, progress=lambda _: None))
            link.flush(5)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def city(names, interval_s=1, seed=1):
    parts = [Part(n, KINDS["heat_substation"], round(interval_s * S), StationFacts()) for n in names]
    return parts, World(parts, SEASONS["cold-night"], utc_offset_s=0, seed=seed)


def instants(payloads):
    return [r.ts for p in payloads for r in decode(p)]


def test_a_city_is_born_reports_and_tells_its_past(broker, inlet_of):
    names = [f"fleet-test-{k}" for k in range(3)]
    parts, world = city(names)
    now = clock()
    players = [WorldPlayer(world, now, past_from=now - 2 * 3600 * S)]
    inlet = inlet_of("fleet-test-ear", *(f"hearthline/v1/{n}/+" for n in names))

    def enough(heard):
        past = all(len(instants(heard[f"hearthline/v1/{n}/backfill"])) >= 110 for n in names)
        return past and all(len(heard[f"hearthline/v1/{n}/readings"]) >= 8 for n in names)

    with playing(broker, players, by_branch(parts, dict.fromkeys(names, "fleet-test"))) as counts:
        heard = listen(inlet, enough)
    ended = listen(inlet, lambda h: all(b"offline" in h[f"hearthline/v1/{n}/state"] for n in names))
    assert counts[0].backfill_done
    for n in names:
        assert b'"kind":"heat_substation"' in heard[f"hearthline/v1/{n}/birth"][0]
        assert heard[f"hearthline/v1/{n}/state"][0] == b"online"
        assert ended[f"hearthline/v1/{n}/state"][-1] == b"offline"
        live = instants(heard[f"hearthline/v1/{n}/readings"])
        past = instants(heard[f"hearthline/v1/{n}/backfill"])
        assert len(set(live + past)) == len(live + past)
        assert max(past) < now - 170 * S
        assert len({t % S for t in live if t >= now}) == 1  # each at its own place in the interval


def test_devices_with_connections_of_their_own_are_told_offline_by_the_broker(inlet_of):
    names = [f"own-test-{k}" for k in range(30)]
    parts, world = city(names)
    crew, stop = Crew(one_each(parts), clock, most_bytes=1 << 20), threading.Event()
    crew.leave = list  # they vanish: nobody says offline but the broker
    with EmbeddedBroker() as running:
        inlet = inlet_of("own-ear", "hearthline/v1/+/state", "hearthline/v1/+/readings", address=running.address)
        link, players = Crowd(running.address, crew.gateways), [WorldPlayer(world, clock())]
        facts = {"tempo": Tempo(clock), "stop": stop, "progress": lambda _: None}
        play = threading.Thread(target=run_fleet, args=(players, crew, link), kwargs=facts)
        play.start()
        heard = listen(inlet, lambda h: all(len(h[f"hearthline/v1/{n}/readings"]) >= 2 for n in names))
        assert link.count_up() == len(names)
        assert all(heard[f"hearthline/v1/{n}/state"][-1] == b"online" for n in names)
        stop.set()
        play.join(PATIENCE_S)
        for line in link._lines:
            line.sock.close()
        ended = listen(inlet, lambda h: all(b"offline" in h[f"hearthline/v1/{n}/state"] for n in names))
    assert all(ended[f"hearthline/v1/{n}/state"][-1] == b"offline" for n in names)


def test_what_is_measured_while_the_broker_is_away_comes_once_and_in_order(inlet_of):
    names = [f"away-test-{k}" for k in range(4)]
    parts, world = city(names, interval_s=0.5)
    opened = ExitStack()
    with EmbeddedBroker() as running:
        address = running.address
        topics = [f"hearthline/v1/{n}/readings" for n in names]
        ear = inlet_of("away-test-ear", *topics, address=address)
        groups = one_each(parts[:2]) | {"away-test-gateway": parts[2:]}
        play = opened.enter_context(playing(address, [WorldPlayer(world, clock(), jitter=0.1)], groups))
        before = listen(ear, lambda h: all(len(h[t]) >= 4 for t in topics))
        ear.close()
    time.sleep(1.5)  # so long the broker is away
    with EmbeddedBroker(port=address.port):
        ear = inlet_of("away-test-ear-2", *topics, address=address)
        after = listen(ear, lambda h: all(len(h[t]) >= 8 for t in topics))
        opened.close()
    assert (play[0].dropped, play[0].lost) == (0, 0)
    for topic in topics:
        times = instants(before[topic]) + instants(after[topic])
        assert times == sorted(times)
        assert len(set(times)) >= len(times) - 8  # what was under way when it died may come again
        steps = {round((b - a) / (0.5 * S)) for a, b in pairwise(times)}
        assert steps <= {0, 1, 2}


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
