"""The heat closes, sound or with anything wrong, in any weather: within 0.1 % of what the source gives in a day."""

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.kinds import load_kinds
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.heat.audit import balance
from simulators.heat.design import StationFacts
from simulators.heat.exchanger import CP_WATER
from simulators.heat.interventions import PUMPS, Interventions, sound
from simulators.heat.pipes import content
from simulators.heat.stations import at_rest
from simulators.world import Moment, World

N = 4
KIND = load_kinds()["heat_substation"]
DAY_US = 86_400_000_000
WORST = {
    "leak_sec": (0, 60), "leak_pri": (0, 60), "leak_inner": (0, 5), "theft": (0, 5), "makeup_share": (0, 1),
    "pump_stopped": (0, 1), "standby_fails": (0, 1), "air": (0, 1), "clog_pri": (1, 50), "clog_sec": (1, 50),
    "fouling": (0, 3), "valve_stuck": (0, 1), "valve_gain": (0.1, 12), "curve_shift": (-15, 15), "starved": (0, 1),
    "draught": (0.5, 5), "room_heating": (0, 1), "source_offset": (-40, 15), "power": (0, 1), "door_open": (0, 1),
    "flooded": (0, 1), "smoke": (0, 1), "setpoint_offset": (-15, 15), "setpoint": (20, 85), "valve_order": (0, 1),
    "pump_order": (0, 50),
}  # fmt: skip
SWITCHES = {"pump_stopped", "standby_fails", "room_heating", "power", "door_open", "flooded", "smoke"}
ORDERS = {"valve_stuck", "setpoint", "valve_order", "pump_order"}


def drawn(names, seed, share):
    """Interventions of these names for a share of the stations, as bad as can be."""
    rng = np.random.default_rng(seed)
    ill = sound(N)
    for name in names:
        shape = (PUMPS, N) if name == "pump_stopped" else N
        value = rng.uniform(*WORST[name], shape)
        value = np.round(value) if name in SWITCHES else value
        ill = replace(ill, **{name: np.where(rng.random(shape) < share, value, getattr(ill, name))})
    return ill


def world_of(seed, season, causes):
    rng = np.random.default_rng(seed)
    envelopes = rng.choice(["old", "renovated", "new"], N)
    facts = [StationFacts(area, 700, str(e), pipe_m=pipe) for area, e, pipe in zip(
        rng.uniform(1e4, 2e5, N), envelopes, rng.uniform(100, 14_000, N), strict=True)]  # fmt: skip
    parts = [Part(f"s{i}", KIND, 10_000_000, f) for i, f in enumerate(facts)]
    return World(parts, SEASONS[season], utc_offset_s=8 * 3600, seed=seed, causes=causes)


def walked(world, begin, step_s, hours=24):
    outdoor = np.full(N, -10.0)
    moment = Moment(begin, at_rest(world.design, outdoor, outdoor + 100))
    states = [moment.stations]
    for _ in range(round(hours * 3600 / step_s)):
        moment = world.advance(moment, moment.at + round(step_s * 1e6), step_s)
        states.append(moment.stations)
    return states


def test_the_worst_of_every_cause_is_known():
    assert set(WORST) == {f.name for f in fields(Interventions)}


@settings(max_examples=12, deadline=None)
@given(
    names=st.one_of(st.just([]), st.just(sorted(WORST)), st.lists(st.sampled_from(sorted(WORST)), unique=True)),
    share=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 2**31),
    season=st.sampled_from(sorted(SEASONS)),
    day=st.integers(20_700, 20_900),
    step_s=st.sampled_from([240.0, 600.0, 1800.0]),
)
def test_a_day_of_heat_is_accounted_for(names, share, seed, season, day, step_s):
    ill, well, begin = drawn(names, seed, share), sound(N), day * DAY_US
    middle = (begin + 6 * 3_600_000_000, begin + 18 * 3_600_000_000)
    world = world_of(seed, season, lambda at: ill if middle[0] < at <= middle[1] else well)
    states = walked(world, begin, step_s)
    booked = balance(world.design, states[0], states[-1])
    assert all(np.isfinite(getattr(states[-1], f)).all() for f in states[-1].__slots__ if f != "pipes")
    assert np.abs(booked.missing).max() <= 0.001 * np.abs(booked.source).min()


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31), season=st.sampled_from(sorted(SEASONS)))
def test_a_sound_day_loses_no_heat_and_counts_what_it_meters(seed, season):
    world = world_of(seed, season, None)
    states = walked(world, 20_800 * DAY_US, 600.0)
    booked = balance(world.design, states[0], states[-1])
    assert np.abs(booked.missing).max() <= 1e-6 * booked.source.min()
    metered = (states[-1].energy - states[0].energy) * 1e9
    powers = np.array([s.heat for s in states[1:]]).sum(axis=0) * 600.0
    assert np.allclose(metered, powers, rtol=1e-9)
    on_the_way = (content(states[-1].pipes) - content(states[0].pipes)) * world.design.cell * CP_WATER
    assert np.allclose(booked.source - booked.pipe - on_the_way, metered, rtol=1e-6)
