"""Audit: where the heat of a walk has gone. It closes, whatever is wrong with the plant.

What crosses the border of the balance is booked while it happens, in J (`Stations.books`):

- source: what the plant put in: water sent, less water that came back, less cold water for what did not come back;
- gains: people, lamps and the sun in the homes;
- pipe: what the ground took on the way from the plant;
- water: what left with lost water, and what warmed its replacement from 10 Cel;
- dhw: domestic hot water;
- homes: what the homes lost to the outside.

What is inside the border is read from the state, before and after: the water in the pipe from the plant, the
secondary loop, the air and the walls of the homes. Two ways to the same number: what is booked twice or nowhere shows
up as `missing`. Not in the balance, because they take nothing out of it: the station's own room (its heater is
electric), the heat of the pumps, the way back to the plant (without loss or delay).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.heat.design import Design
from simulators.heat.exchanger import CP_WATER
from simulators.heat.pipes import content
from simulators.heat.stations import FLOWS, Stations

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Balance:
    """Heat per station between two instants, J [n]. `stored` is what the stores hold more than before."""

    source: Floats
    gains: Floats
    pipe: Floats
    water: Floats
    dhw: Floats
    homes: Floats
    stored: Floats

    @property
    def missing(self) -> Floats:
        """What came in and is neither gone nor stored, J."""
        left: Floats = self.source + self.gains - self.pipe - self.water - self.dhw - self.homes - self.stored
        return left


def balance(d: Design, before: Stations, after: Stations) -> Balance:
    """Return the balance between two states of one walk."""
    booked = dict(zip(FLOWS, after.books - before.books, strict=True))
    return Balance(**booked, stored=stored(d, after) - stored(d, before))


def stored(d: Design, s: Stations) -> Floats:
    """Return the heat in pipe, loop, air and walls, J: of no meaning by itself, only its change counts."""
    water = content(s.pipes) * d.cell * CP_WATER + s.sec_return * d.loop_heat
    heat: Floats = water + s.air * d.air_mass + s.walls * d.wall_mass
    return heat
