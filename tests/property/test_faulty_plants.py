"""Whatever goes wrong, however badly and with whatever else: physics stay physics, and the heat is accounted for."""

from datetime import timedelta
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.kinds import load_kinds
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.faults import KINDS, Schedule, made
from simulators.heat.audit import balance
from simulators.heat.design import StationFacts
from simulators.world import World

KIND = load_kinds()["heat_substation"]
STATIONS = ("a", "b", "c")
NOW = 1_795_000_000_000_000
STEP_US = 120_000_000
STEPS = 90
PLANTS = sorted(k.name for k in KINDS.values() if k.plant is not None)


def world_with(faults):
    parts = [Part(n, KIND, 10_000_000, StationFacts(pipe_m=1500.0 + 900 * k), n) for k, n in enumerate(STATIONS)]
    return World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=5, faults=Schedule(faults))


@cache
def begun():
    return world_with([]).begin(NOW)


@st.composite
def faults(draw):
    kind = draw(st.sampled_from(PLANTS))
    begins = NOW + draw(st.integers(0, STEPS - 1)) * STEP_US
    ends = begins + draw(st.integers(1, STEPS)) * STEP_US if draw(st.booleans()) else None
    severity = draw(st.floats(0, 1))
    growing = [n for n in KINDS[kind].parameters.model_fields if n.startswith(("grows_over", "falls_over"))]
    at_once = dict.fromkeys(growing, 0.0) if draw(st.booleans()) else {}
    device = draw(st.sampled_from(STATIONS))
    return made(kind, device, KIND, begins=begins, ends=ends, severity=severity, parameters=at_once)


@settings(max_examples=15, deadline=timedelta(seconds=20))
@given(st.lists(faults(), min_size=1, max_size=6))
def test_states_stay_physical_and_heat_is_accounted_for(several):
    world = world_with(several)
    moment = first = begun()
    for _ in range(STEPS):
        moment = world.advance(moment, moment.at + STEP_US, 120.0)
        s = moment.stations
        values = np.stack(
            [s.air, s.walls, s.sec_supply, s.sec_return, s.pri_return, s.p_return, s.flow_sec, s.flow_pri]
        )
        assert np.isfinite(values).all()
        assert (s.p_return >= 0).all()
        assert (s.flow_sec > 0).all()
        assert (s.flow_pri > 0).all()
        assert ((s.valve >= 0) & (s.valve <= 1)).all()
        assert ((s.sec_supply > -40) & (s.sec_supply < 130)).all()
        assert ((s.air > -40) & (s.air < 60)).all()
    for counter in ("energy", "volume_pri", "volume_makeup", "electricity"):
        assert (getattr(moment.stations, counter) >= getattr(first.stations, counter)).all()
    booked = balance(world.design, first.stations, moment.stations)
    assert np.abs(booked.missing).sum() < 0.001 * np.abs(booked.source).sum()
