"""Physics: CPU time of one step of the pretend city, without and with its instruments; needs no rig."""

import time

import numpy as np
from figures import emit, median, say

from perception.kinds import load_kinds
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.heat.design import StationFacts
from simulators.world import World

NOW = 1_795_000_000_000_000
REAL_TIME_S, SEASON_S, SEASON_DAYS = 10, 60, 183
ROUNDS = 5


def measure(rig):
    """Tell ms of CPU per step of 10 s and of 60 s, the share of a core in real time, and minutes for a season."""
    for stations in (500, 5000):
        say(f"physics of {stations} stations ...")
        world = city(stations)
        moment = world.begin(NOW)
        steps = rig.of(20, 200)
        live, moment = timed(world, moment, REAL_TIME_S, steps)
        shown = seen(world, moment, rig.of(2, 10))
        emit(
            f"physics_step_{stations}", live, "ms", target="< 100 ms at 5,000" if stations == 5000 else None,
            step_s=REAL_TIME_S, instruments_ms=shown, share_of_a_core=(live + shown) / (REAL_TIME_S * 1000),
        )  # fmt: skip
        quick, moment = timed(world, moment, SEASON_S, steps)
        emit(
            f"physics_season_{stations}", quick, "ms", target="< 0.5 ms at 500" if stations == 500 else None,
            step_s=SEASON_S, season_minutes=quick * SEASON_DAYS * 86_400 / SEASON_S / 60_000,
        )  # fmt: skip


def city(stations):
    """A city of so many substations in their whole winter."""
    kind, rng = load_kinds()["heat_substation"], np.random.default_rng(1)
    facts = [
        StationFacts(rng.uniform(3e4, 1.5e5), 700, pipe_m=rng.uniform(300, 12_000), source=i % 5, branch=i // 7)
        for i in range(stations)
    ]
    parts = [Part(f"s{i}", kind, 10_000_000, f) for i, f in enumerate(facts)]
    return World(parts, SEASONS["winter"], utc_offset_s=8 * 3600, seed=1)


def timed(world, moment, step_s, steps):
    """Median over some rounds of the CPU time of a step in ms, and the moment after them."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(steps // ROUNDS):
            moment = world.advance(moment, moment.at + step_s * 1_000_000, float(step_s))
        taken.append((time.process_time() - began) / (steps // ROUNDS) * 1000)
    return median(taken), moment


def seen(world, moment, times):
    """CPU time in ms of reading every instrument once."""
    places = np.arange(len(world.parts))
    began = time.process_time()
    for _ in range(times):
        list(world.record([moment], places))
    return (time.process_time() - began) / times * 1000
