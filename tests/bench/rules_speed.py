"""Engine: CPU of the fast rules over a whole city's readings in micro-batches, nothing stored; needs no rig."""

import gc
import time
from threading import Event

import numpy as np
from figures import emit, say
from physics import city

from application.rules import load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster
from simulators.season import SeasonPlan, run_season

KIND, INTERVAL_S, SECOND = "heat_substation", 10, 1_000_000
NOW = 1_795_000_000_000_000
WARM_S = 3900
"""Until the rules know the hour that they look back at."""
MEASURED_S = 60
"""A whole minute: some rules look once in each."""


def measure(rig):
    """Tell the share of a core that the rules take, by how a second's readings are cut into transactions."""
    for stations, cuts in ((5_000, (500, 25, 5, 1)), (100_000, (10_000, 1_000))):
        if rig.small and stations > 5_000:
            continue
        say(f"rules over {stations} stations ...")
        for size in cuts:
            warm_s, seconds = rig.of(60, WARM_S), rig.of(10, MEASURED_S)
            cpu_s, rows, transitions = run(stations, size, warm_s, seconds)
            emit(
                f"rules_speed_{stations}_by_{size}", cpu_s / seconds, "share of a core",
                target="< 0.05" if stations == 5_000 else None, rules=len(RULES), readings_per_s=rows // seconds,
                us_per_reading=cpu_s / rows * 1e6, batches_per_s=rows // seconds // size, transitions=transitions,
            )  # fmt: skip


RULES = tuned(load_rules(), {})


def run(stations, size, warm_s, seconds):
    """CPU of so many seconds of event time, their readings, and all transitions that came out."""
    kind = load_kinds()[KIND]
    watch = Watch(RULES)
    state = watch.attend(watch.enrol(None, roster(kind, stations)), NOW)
    transitions, rows, spent = 0, 0, 0.0
    for second, (readings, now) in enumerate(played(kind, stations, warm_s + seconds)):
        warm = second < warm_s
        every = len(readings) if warm else size
        cut = [readings.take(slice(k, k + every)) for k in range(0, len(readings), every)]
        if second == warm_s:
            gc.collect()
        began = time.process_time()
        for k, batch in enumerate(cut):
            state, told, _ = watch.step(state, {KIND: batch}, now + k * SECOND // len(cut))
            transitions += len(told)
        if not warm:
            spent += time.process_time() - began
            rows += len(readings)
    return spent, rows, transitions


def roster(kind, stations):
    """A roster of so many substations."""
    members = [
        Member(i + 1, f"s{i}-plc", kind, f"s{i}", "bench", float(INTERVAL_S), static_head_mpa=0.15)
        for i in range(stations)
    ]
    return Roster({member.name: member for member in members}, {KIND: kind}, 1)


def played(kind, stations, seconds):
    """Yield second by second the readings of those stations whose turn it is, each every ten seconds."""
    world, ids = city(stations), np.arange(1, stations + 1, dtype=np.int32)
    begin = NOW - NOW % (INTERVAL_S * SECOND)
    plan = SeasonPlan(begin, begin + seconds * SECOND, INTERVAL_S * SECOND, INTERVAL_S * SECOND,
                      tuple(kind.names))  # fmt: skip
    for bucket in run_season(world, plan, stop=Event(), progress=lambda *_: None):
        values = np.column_stack([bucket.columns[name] for name in kind.names])
        for turn in range(INTERVAL_S):
            mine = slice(turn, None, INTERVAL_S)
            at = bucket.at + turn * SECOND
            n = len(ids[mine])
            ts, zeros = np.full(n, at), np.zeros(n, np.int64)
            yield Readings(kind, ids[mine], ts, ts, values[mine], zeros, zeros), at + SECOND // 2
