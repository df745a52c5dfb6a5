"""Homes: what the emitters give, and what air and walls make of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.heat.design import Design
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

_GAINS_W_M2 = 3.8
"""People, cooking, lamps (JGJ 26)."""
_AIR_SHARE = 0.45
"""Of the loss at design: windows and leaks, which lose from the air at once; the rest goes through the walls."""
_STARVED_GIVES = 0.55
"""A home that gets a quarter of its flow still gives more than half of its heat."""
_CHILL_K, _CHILL_S = 5.0, 6 * 3600.0
"""How much colder than the others starved homes become at design weather, and how soon."""


@dataclass(frozen=True, slots=True)
class Emission:
    """Heat given by the emitters at the present temperatures, W; and per K of the return temperature, W/K."""

    given: Floats
    per_k: Floats


@dataclass(frozen=True, slots=True)
class Rooms:
    """Air and walls in Cel, `chill` as in Stations; `lost` and `gained` in W, means of the step."""

    air: Floats
    walls: Floats
    chill: Floats
    lost: Floats
    gained: Floats


def emission(d: Design, s: Stations, f: Forcing, supply: Floats, per_return: Floats) -> Emission:
    """Return what emitters give with this supply and the present return: K (excess)^(1+B).

    The excess is the geometric mean of both ends' over the air, so that a loop that stands still gives nothing.
    `per_return` is what one K of return temperature does to the supply, 0..1.
    """
    warm = np.maximum(supply - s.air, 0.1)
    cool = np.maximum(s.sec_return - s.air, 0.1)
    power = (1 + d.exponent) / 2
    given = d.emitter * (1 - (1 - _STARVED_GIVES) * f.causes.starved) * (warm * cool) ** power
    return Emission(given, given * power * (per_return / warm + 1 / cool))


def warm(d: Design, s: Stations, f: Forcing, given: Floats, dt: float) -> Rooms:
    """Return the rooms after `dt` seconds: air and walls, each a heat capacity."""
    to_walls = d.wall_link * (s.air - s.walls)
    from_air = _AIR_SHARE * d.loss * f.causes.draught * (s.air - f.outdoor)
    from_walls = (1 - _AIR_SHARE) * d.loss * (s.walls - f.outdoor)
    gained = d.area * (f.gains + f.sun)
    air = s.air + dt / d.air_mass * (gained + given - to_walls - from_air)
    walls = s.walls + dt / d.wall_mass * (to_walls - from_walls)
    colder = _CHILL_K * (s.air - f.outdoor) / 44.0 * (f.causes.starved > 0)
    chill = s.chill + (colder - s.chill) * (1 - np.exp(-dt / _CHILL_S))
    return Rooms(air, walls, chill, from_air + from_walls, gained)


def gains_at(hour: float) -> float:
    """Return what people, cooking and lamps give, W/m2: most in the evening, least at night."""
    return float(_GAINS_W_M2 + 1.5 * np.cos(2 * np.pi * (hour - 19.5) / 24))
