"""In how many hours homes are cold: vectors, what is learned, and how far both are from the simulated rooms."""

import math
from dataclasses import replace

import numpy as np
import pytest

from application.consequence import (
    ANY_ENVELOPE,
    DESIGN_ROOM,
    ENVELOPES,
    Span,
    Why,
    default_tau,
    foreseen,
    heat_left,
    hours_until,
    time_constant,
)
from application.rule import Family
from perception.kinds import load_kinds
from simulators.cast import cast_of
from simulators.city import generate_city
from simulators.climate import SEASONS
from simulators.heat.interventions import sound
from simulators.world import World

TAU = Span(20.0, 28.0, 155.0)
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def exactly(value):
    return Span(value, value, value)


@pytest.mark.parametrize(
    ("tau", "indoor", "outdoor", "left", "hours"),
    [
        (100.0, 22.0, -10.0, 0.0, 100 * math.log(32 / 28)),
        (100.0, 22.0, -24.2, 0.0, 100 * math.log(46.2 / 42.2)),
        (28.0, 21.0, 0.0, 0.5, 28 * math.log(10.5 / 7.5)),
        (100.0, 18.0, -10.0, 0.0, 0.0),
        (100.0, 15.0, -10.0, 0.0, 0.0),
        (100.0, 22.0, 18.0, 0.0, math.inf),
        (100.0, 22.0, -10.0, 0.9, math.inf),  # towards 18.8
        (100.0, 22.0, -10.0, 1.0, math.inf),
    ],
)
def test_vectors(tau, indoor, outdoor, left, hours):
    found = hours_until(exactly(tau), exactly(indoor), exactly(outdoor), exactly(left))
    assert found == pytest.approx((hours, hours, hours))


def test_the_range_holds_the_value_and_widens_with_what_is_not_known():
    near = hours_until(TAU, Span(21.5, 22.0, 22.5), Span(-12.0, -10.0, -8.0))
    far = hours_until(TAU, DESIGN_ROOM, Span(-14.0, -10.0, -6.0))
    assert near.low <= near.value <= near.high
    assert far.low == 0.0
    assert far.high > near.high


@pytest.mark.parametrize(
    ("family", "told", "evidence", "why"),
    [
        (Family.POWER, None, {}, Why.OUTAGE),
        (Family.PUMP, None, {}, Why.OUTAGE),
        (Family.PUMP, 0.5, {}, Why.PARTIAL),
        (Family.PRESSURE, 1.0, {}, Why.NO_HEAT_LOST),
        (Family.HEAT, None, {}, Why.HEAT_LEFT_UNKNOWN),
        (Family.HEAT, None, {"t_sec_supply": 30.0, "t_sec_supply_setpoint": 50.0}, Why.PARTIAL),
        (Family.HEAT, None, {"t_sec_supply": 60.0, "t_sec_supply_setpoint": 50.0}, Why.NO_HEAT_LOST),
        (Family.HEAT, None, {"t_sec_supply": 49.0, "t_sec_supply_setpoint": 50.0}, Why.STAYS_WARM),
        (Family.LINK, None, {}, Why.UNHEARD),
        (Family.SENSOR, None, {}, Why.NO_HEAT_LOST),
        (Family.HOUSE, None, {}, Why.NO_HEAT_LOST),
    ],
)
def test_what_each_sort_of_fault_means(family, told, evidence, why):
    left = heat_left(family, told, evidence)
    outlook = foreseen(family, left, TAU, exactly(22.0), exactly(-10.0))
    assert outlook.why is why
    assert (outlook.hours is not None) == (why in {Why.OUTAGE, Why.PARTIAL})


def test_without_weather_it_cannot_be_told():
    assert foreseen(Family.POWER, exactly(0.0), TAU, exactly(22.0), None) == (None, Why.OUTDOOR_UNKNOWN)


def test_defaults_follow_the_envelopes():
    assert default_tau([]) == default_tau([None, "castle"]) == ANY_ENVELOPE
    assert default_tau(["old"]) == ENVELOPES["old"]
    both = default_tau(["old", "new", None])
    assert (both.low, both.high) == (ENVELOPES["old"].low, ENVELOPES["new"].high)
    assert ENVELOPES["old"].value < both.value < ENVELOPES["new"].value


def plain(tau_h, hours=14 * 24, seed=3):
    """A station of one capacity: hourly means of rooms, heat and outdoors, from steps of six minutes."""
    dice = np.random.default_rng(seed)
    per_kelvin, steps = 60_000.0, hours * 10
    outdoor = -12 + 5 * np.sin(np.arange(steps) * 2 * np.pi / 240) + np.repeat(dice.normal(0, 1, hours), 10)
    room, rooms, heats = 21.0, [], []
    for k in range(steps):
        night = 0.7 if k % 240 < 60 else 1.08
        heat = per_kelvin * (21.0 - outdoor[k]) * night
        rooms.append(room)
        heats.append(heat)
        room += 0.1 / tau_h * (heat / per_kelvin - (room - outdoor[k]))
    hourly = [np.array(x).reshape(hours, 10).mean(axis=1) for x in (rooms, heats, outdoor)]
    return hourly[0] + dice.normal(0, 0.03, hours), *hourly[1:]


@pytest.mark.parametrize("tau_h", [15.0, 40.0, 90.0])
def test_a_time_constant_is_learned_from_setbacks(tau_h):
    room, heat, outdoor = plain(tau_h)
    learned = time_constant(room, heat, outdoor, area_m2=60_000)
    assert learned.tau.value == pytest.approx(tau_h, rel=0.15)
    assert learned.tau.low <= learned.tau.value <= learned.tau.high
    assert learned.hours > 300


def test_gaps_are_no_history_and_little_history_is_none():
    room, heat, outdoor = plain(40.0)
    room[100:150], heat[::50] = np.nan, np.nan
    assert time_constant(room, heat, outdoor).tau.value == pytest.approx(40.0, rel=0.2)
    assert time_constant(room[:100], heat[:100], outdoor[:100]) is None
    assert time_constant(np.full(336, np.nan), heat, outdoor) is None
    assert time_constant(np.full(336, 21.0), heat, outdoor) is None
    assert time_constant(room, np.zeros(336), outdoor) is None
    dice = np.random.default_rng(1)
    assert time_constant(21 + dice.normal(0, 0.5, 336), dice.normal(1e6, 1e5, 336), outdoor) is None


@pytest.fixture(scope="module")
def outage():
    """A week of a pretend city, then a valve that shuts: what was learned before, and when rooms were at 18."""
    catalogue = generate_city(16, 5)
    parts = cast_of(catalogue, load_kinds(), catalogue.cities[0].name)
    parts = [p for p in parts if p.kind.name in {"heat_substation", "room_climate"}]
    world = World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=5)
    moment = world.begin(1_795_000_000_000_000 - 7 * DAY_US)
    told = []
    for _ in range(7 * 24):
        before = moment.stations.energy
        moment = world.advance(moment, moment.at + HOUR_US, 600.0)
        heat = (moment.stations.energy - before) / 3.6e-6
        told.append((world.rooms(moment)["t_indoor"], heat, moment.stations.outdoor))
    first = moment
    world.obey(lambda _at: replace(sound(len(world.design)), valve_order=np.zeros(len(world.design))))
    fallen = [world.rooms(first)["t_indoor"]]
    for _ in range(36):
        moment = world.advance(moment, moment.at + HOUR_US, 600.0)
        fallen.append(world.rooms(moment)["t_indoor"])
    row = {name: k for k, name in enumerate(world.stations)}
    rooms_of = {}
    for place, part in enumerate(p for p in parts if p.kind.name == "room_climate"):
        rooms_of.setdefault(row[part.station], []).append(place)
    return [np.array(x) for x in zip(*told, strict=True)], np.array(fallen), first.stations.outdoor, rooms_of, world


def reached(hourly):
    """Return after how many hours a falling column was at 18, between its rows."""
    first = int(np.argmax(hourly <= 18.0))
    assert first or hourly[0] <= 18.0
    return first and first - 1 + float((hourly[first - 1] - 18.0) / (hourly[first - 1] - hourly[first]))


def test_against_the_simulated_rooms_it_errs_to_the_early_side_and_its_range_holds_them(outage):
    (rooms, heat, outdoor), fallen, weather, rooms_of, world = outage
    learned, ratios, held = 0, [], []
    for k, mine in rooms_of.items():
        found = time_constant(rooms[:, mine].mean(axis=1), heat[:, k], outdoor[:, k], float(world.design.area[k]))
        learned += found is not None
        tau = default_tau(["renovated"]) if found is None else found.tau
        median = np.median(fallen[:, mine], axis=1)
        indoor, out = Span(*(median[0] + d for d in (-0.5, 0, 0.5))), Span(*(weather[k] + d for d in (-2, 0, 2)))
        foreseen_h = hours_until(tau, indoor, out)
        took = reached(median)
        ratios.append(foreseen_h.value / max(took, 0.25))
        held.append(foreseen_h.low <= took + 0.1 and took <= foreseen_h.high)
    assert learned >= 0.6 * len(rooms_of)
    assert 0.5 < np.median(ratios) < 1.3
    assert np.mean(held) >= 0.9
