"""House: the station's own room, its electricity, and the battery that its controller lives on in a power cut."""

import numpy as np
from numpy.typing import NDArray

from simulators.heat.design import Design
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

BATTERY_S = 2 * 3600.0
_CHARGE_S = 8 * 3600.0
_ROOM_S = 4 * 3600.0
"""Time constant of a closed room; an open door shortens it."""
_FROM_PIPES, _FROM_OUTSIDE, _FROM_MACHINES_K = 0.25, 0.75, 4.0
"""Unheated, a room stands between its pipes and the weather, and its machines warm it a little."""
_OPEN_DOOR = 4.0
_CONTROLLER_KW, _FILLING_KW = 0.15, 0.55


def room_after(d: Design, s: Stations, f: Forcing, dt: float) -> Floats:
    """Return the temperature of the stations' rooms, Cel. A thermostat heats where the pipes do not."""
    airy = np.where(f.causes.door_open > 0, _OPEN_DOOR, 1.0)
    pipes, outside = _FROM_PIPES, _FROM_OUTSIDE * airy
    alone = (pipes * s.sec_supply + outside * f.outdoor) / (pipes + outside) + _FROM_MACHINES_K * f.causes.power
    heated = (f.causes.room_heating > 0) & (f.causes.power > 0)
    wanted = d.house_c - 2.0 * (airy > 1)
    goal = np.where(heated, np.maximum(alone, wanted), alone)
    room: Floats = s.room + (goal - s.room) * (1 - np.exp(-dt * (pipes + outside) / _ROOM_S))
    return room


def battery_after(s: Stations, f: Forcing, dt: float) -> Floats:
    """Return the charge 0..1: empty after two hours without mains, full again after eight with them."""
    change = np.where(f.causes.power > 0, dt / _CHARGE_S, -dt / BATTERY_S)
    return np.clip(s.battery + change, 0.0, 1.0)


def electric_power(d: Design, s: Stations) -> Floats:
    """Return what the station draws from the mains, kW: circulation, make-up, and the house itself."""
    pumps = s.pump_run.sum(axis=0) * s.pump_power
    own = d.house_power + (1 - s.battery) * _CONTROLLER_KW
    drawn: Floats = s.power * (pumps + own + _FILLING_KW * s.flow_makeup / d.makeup)
    return drawn
