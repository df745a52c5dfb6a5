"""Control: the setpoint by the heating curve, and the primary valve that follows it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import load_share, supply_for
from simulators.heat.design import VALVE_RANGE, Design
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

VALVE_TRAVEL_S = 120.0
_RESET_S = 30.0
"""The integral part undoes an error in about so long."""
_PROPORTIONAL = 2.0
"""Loop gain at once, 1 is a full correction."""
_ON_THE_WAY_S = 25.0
"""Time constant of each of the three: plates, pipe to the sensor, pocket of the sensor."""
_SUBSTEP_S, _SUBSTEPS, _CALM = 10.0, 30, 0.3
"""Control is walked in steps of its own: a valve that hunts moves faster than a home warms."""
_SETPOINT_C = (20.0, 85.0)
_LEAST_OPEN = 0.05
_PROGRAMME_H = 0.7
_TOO_HOT_C, _COOL_AGAIN_C, _MOVING = 88.0, 75.0, 0.3


@dataclass(frozen=True, slots=True)
class Control:
    """Setpoint in Cel, what the sensor feels and will feel [3, n], command and valve 0..1, limiter 1 when shut."""

    setpoint: Floats
    felt: Floats
    command: Floats
    valve: Floats
    shut: Floats


def control(d: Design, s: Stations, f: Forcing, flow_part: Floats, dt: float) -> Control:
    """Return what the controller has made of the step."""
    setpoint = _setpoint(d, s, f, flow_part)
    felt, command, valve = _follow(d, s, f, setpoint, dt)
    stuck = f.causes.valve_stuck
    valve = np.where(np.isnan(stuck), np.where(f.causes.power > 0, valve, s.valve), stuck)
    command = np.where(f.causes.power > 0, command, s.command)
    return Control(setpoint, felt, command, valve, _limited(d, s))


def _setpoint(d: Design, s: Stations, f: Forcing, flow_part: Floats) -> Floats:
    c = f.causes
    load = load_share(f.outdoor_slow)
    shift = d.curve_shift + c.curve_shift + c.setpoint_offset - d.setback * _night(d, f.hour) * _mild(load)
    curve = supply_for(load, d.supply, d.back, d.exponent, flow_part) + shift
    wanted = np.where(np.isnan(c.setpoint), _stepped(s.setpoint, curve), c.setpoint)
    return np.clip(np.where(c.power > 0, wanted, s.setpoint), *_SETPOINT_C)


def _night(d: Design, hour: float) -> Floats:
    """Return 0 by day, 1 at night, by each station's own clock; moved in steps over some time."""
    into, out_of = (hour - d.night) % 24 / _PROGRAMME_H
    longest = (d.night[1] - d.night[0]) % 24 / _PROGRAMME_H
    night: Floats = np.where(into < longest, np.minimum(into, 1.0), np.maximum(1.0 - out_of, 0.0))
    return night


def _mild(load: Floats) -> Floats:
    """Return how much of the night's programme is used: all of it in mild weather, nothing in the coldest."""
    return np.clip((1.05 - load) / 0.3, 0.0, 1.0)


def _stepped(before: Floats, curve: Floats) -> Floats:
    """Move a setpoint in half degrees, and not back and forth around a boundary."""
    after: Floats = np.where(np.abs(curve - before) > 0.4, np.round(curve * 2) / 2, before)
    return after


def _follow(d: Design, s: Stations, f: Forcing, setpoint: Floats, dt: float) -> tuple[Floats, Floats, Floats]:
    """PI, tuned for the design; the plant is taken as linear around where it stands.

    Dead band, sticking valve and a sensor in the wrong place are one disturbance of what the sensor feels: a function
    of time, so that any walk meets the same. Large steps of a spin-up are walked with a calm controller.
    """
    c = f.causes
    count = int(min(np.ceil(dt / _SUBSTEP_S), _SUBSTEPS))
    h = dt / count
    usual = np.log(VALVE_RANGE) * (d.supply - d.back)
    gain = c.valve_gain if h <= _SUBSTEP_S else _CALM * np.minimum(c.valve_gain, 1.0)
    at_once, in_time = gain * _PROPORTIONAL / usual, gain * min(h / _RESET_S, 0.5) / usual
    slope = valve_slope(s)
    lowest, highest = np.fmax(_LEAST_OPEN, c.valve_order), np.fmin(1.0, c.valve_order)
    goal = setpoint + d.stray * f.wobble[2]
    most, nearer = h / VALVE_TRAVEL_S, 1 - np.exp(-h / _ON_THE_WAY_S)
    water, (plates, pipe, felt), command, valve = s.sec_supply, s.felt, s.command, s.valve
    for _ in range(count):
        before = felt
        plates = plates + (water - plates) * nearer
        pipe = pipe + (plates - pipe) * nearer
        felt = felt + (pipe - felt) * nearer
        wanted = (goal - felt) * in_time - (felt - before) * at_once
        command = np.minimum(np.maximum(command + wanted, lowest), highest)
        moved = np.minimum(np.maximum(command - valve, -most), most)
        valve, water = valve + moved, water + slope * moved
    return np.stack([plates, pipe, felt]), command, valve


def valve_slope(s: Stations) -> Floats:
    """Return what opening the valve does to the secondary supply, K per unit of travel, about.

    The heat of a counter-flow exchanger grows with the primary flow to a power that falls from 1 as the approach
    `a` (share of the largest difference) grows: 1 + 0.7 a ln(a) / (1 - a), from effectiveness-NTU with UA ~ m^0.4.
    """
    lift = s.sec_supply - s.sec_return
    a = np.clip((s.pri_return - s.sec_return) / np.maximum(s.pri_supply - s.sec_return, 1.0), 1e-3, 0.99)
    power = 1 + 0.7 * a * np.log(a) / (1 - a)
    slope: Floats = np.log(VALVE_RANGE) * np.maximum(lift, 0.5) * power
    return slope


def _limited(d: Design, s: Stations) -> Floats:
    """Return who is shut off: a self-acting limiter closes at 88 Cel and opens when the water moves and is cool."""
    cool = (s.sec_supply < _COOL_AGAIN_C) & (s.flow_sec > _MOVING * d.flow_sec)
    shut: Floats = np.where(s.sec_supply > _TOO_HOT_C, 1.0, np.where(cool, 0.0, s.shut))
    return shut


def conductance(d: Design, f: Forcing, k: Control) -> Floats:
    """Return what valve and strainer let through, kg/s per sqrt(MPa)."""
    valve = d.valve_flow * VALVE_RANGE ** (k.valve - 1) * np.where(k.shut > 0, 0.01, 1.0)
    through: Floats = 1 / np.sqrt(1 / valve**2 + d.strainer_pri * f.causes.clog_pri)
    return through
