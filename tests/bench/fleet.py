"""What a pretend city costs: 5,000 substations at ten seconds in real time, by physics, telling and publishing."""

import threading
import time
from contextlib import closing

from figures import emit
from rig import KINDS

from network.address import Address
from network.mqtt import Crowd
from simulators.city import generate_city
from simulators.crew import Crew, by_branch, one_each
from simulators.fleet import run_fleet
from simulators.settings import SimulateSettings
from simulators.stage import branch_of, players_for
from simulators.tempo import Tempo

SEED = 11


def measure(rig):
    """Play for a minute, once through gateways and once with a connection per device; the shares are of one core."""
    stations, seconds = rig.of(200, 5000), rig.of(5, 60)
    catalogue = generate_city(stations, SEED)
    for own in (False, True):
        began = time.process_time()
        players = players_for(catalogue, KINDS, SimulateSettings(faults=False), now=_wall())
        built_s = time.process_time() - began
        parts = [part for player in players for part in player.parts]
        groups = one_each(parts) if own else by_branch(parts, branch_of(catalogue))
        crew = Crew(groups, _wall, most_bytes=1 << 28)
        watch = _Watch()
        watch.on(players[0]._world, "advance", "physics")
        watch.on(players[0]._world, "record", "meters")
        watch.on(crew, "take", "telling")
        with closing(Crowd(Address.parse(rig.broker), crew.gateways)) as link:
            _connect(link, len(crew.gateways))
            watch.on(link, "turn", "publishing")
            _play(players, crew, link, watch, seconds, built_s, "devices" if own else "gateways")


def _play(players, crew, link, watch, seconds, built_s, how):
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    wall_s, cpu_s = time.monotonic(), time.process_time()
    counts = run_fleet(players, crew, link, tempo=Tempo(_wall), stop=stop, progress=lambda _: None)
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    shares = {name: spent / wall_s for name, spent in watch.spent.items()}
    devices = sum(len(gateway.parts) for gateway in crew.gateways)
    emit(
        f"fleet of {devices} devices through {how}", cpu_s / wall_s, "core", readings_per_s=counts.live / wall_s,
        waiting=counts.waiting, **{f"{name}_core": share for name, share in shares.items()},
        rest_core=cpu_s / wall_s - sum(shares.values()), us_per_reading=cpu_s / max(counts.live, 1) * 1e6,
        connections=len(crew.gateways), world_built_s=built_s,
        target="half a core for physics",
    )  # fmt: skip


class _Watch:
    """Adds up the CPU that some methods take, without what is watched inside them."""

    def __init__(self):
        self.spent = {}
        self._inside = 0.0

    def on(self, whose, method, name):
        plain = getattr(whose, method)
        self.spent[name] = 0.0

        def timed(*args, **facts):
            outer, self._inside = self._inside, 0.0
            began = time.thread_time()
            found = plain(*args, **facts)
            found = list(found) if method == "record" else found
            took = time.thread_time() - began
            self.spent[name] += took - self._inside
            self._inside = outer + took
            return found

        setattr(whose, method, timed)


def _connect(link, count):
    until = time.monotonic() + 120
    while link.count_up() < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{link.count_up()} of {count} connections after two minutes")
        link.turn(0.05)


def _wall():
    return time.time_ns() // 1000
