"""Substation: one step in time of all stations: pumps, control, exchange, homes, and the counters."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import load_share, supply_for
from simulators.heat.design import VALVE_RANGE, Design
from simulators.heat.exchanger import CP_WATER, Exchange, exchange
from simulators.heat.pressure import hold_pressure
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

WATER_KG_M3 = 985.0
_WATTS_PER_MPA = 1e6 / WATER_KG_M3
"""Hydraulic power of one kg/s against one MPa."""
_CONTROL_LAG_S = 90.0
_VALVE_TRAVEL_S = 120.0
_SLACK_K = 0.35
"""How far a real controller strays: the median error of real substations is 0.5 to 0.6 K."""
_GAINS_W_M2 = 3.8
"""People, cooking, lamps (JGJ 26)."""
_DHW_RETURN_C = 38.0


def step(d: Design, s: Stations, f: Forcing, dt: float) -> Stations:
    """Return the stations `dt` seconds later. Stable for steps from one second to half an hour."""
    s = replace(s, wobble=f.wobble)
    s = _circulate(d, s, f)
    s = _control(d, s, f, dt)
    s = _heat(d, s, f, dt)
    s = hold_pressure(d, s, f, dt)
    return _count(d, s, dt)


def _circulate(d: Design, s: Stations, f: Forcing) -> Stations:
    """Pumps hold a differential pressure that follows the load a little; speed by the affinity laws."""
    wanted = d.dp_sec * (0.82 + 0.18 * load_share(f.outdoor_slow)) + 0.0006 * s.wobble[2]
    flow = d.flow_sec * np.sqrt(wanted / d.dp_sec) * (1 + 0.012 * s.wobble[1])
    head = wanted + d.dp_inside * (flow / d.flow_sec) ** 2
    each = flow / d.pumps
    speed = np.minimum(np.sqrt((head + d.head_slope * each**2) / d.head_zero), 1.0)
    power = each * head * _WATTS_PER_MPA / d.efficiency / 1000
    return replace(s, dp_sec=wanted, flow_sec=flow, speed=speed, pump_power=power)


def _control(d: Design, s: Stations, f: Forcing, dt: float) -> Stations:
    """Set by the heating curve, follow with the primary valve: an integral controller that knows the plant's gain."""
    curve = supply_for(load_share(f.outdoor_slow), d.supply, d.back, d.exponent) + d.curve_shift
    setpoint = _stepped(s.setpoint, curve)
    now = exchange(d.plates, _through(d, s, s.valve), s.flow_sec, f.pri_supply, s.sec_return)
    opened = exchange(d.plates, _through(d, s, s.valve + 0.02), s.flow_sec, f.pri_supply, s.sec_return)
    gain = np.maximum((opened.sec_supply - now.sec_supply) / 0.02, 8.0)
    error = setpoint + _SLACK_K * f.wobble[2] - now.sec_supply
    wanted = np.clip(error / gain, -0.3, 0.3)
    command = np.clip(s.valve + wanted * (1 - np.exp(-dt / _CONTROL_LAG_S)), 0.05, 1.0)
    most = dt / _VALVE_TRAVEL_S
    valve = s.valve + np.clip(command - s.valve, -most, most)
    return replace(s, setpoint=setpoint, command=command, valve=valve)


def _stepped(before: Floats, curve: Floats) -> Floats:
    """Move a setpoint in half degrees, and not back and forth around a boundary."""
    after: Floats = np.where(np.abs(curve - before) > 0.4, np.round(curve * 2) / 2, before)
    return after


def _through(d: Design, s: Stations, opening: Floats) -> Floats:
    flow: Floats = d.valve_flow * VALVE_RANGE ** (opening - 1) * np.sqrt(dp_primary(d, s))
    return flow


def dp_primary(d: Design, s: Stations) -> Floats:
    """Return the differential pressure that the primary network offers, MPa."""
    offered: Floats = d.dp_pri * (1 + 0.025 * s.wobble[0])
    return offered


def _heat(d: Design, s: Stations, f: Forcing, dt: float) -> Stations:
    flow_pri = _through(d, s, s.valve)
    x = exchange(d.plates, flow_pri, s.flow_sec, f.pri_supply, s.sec_return)
    given = _emitted(d, x, s)
    cold = x.sec_supply - given / (s.flow_sec * CP_WATER)
    sec_return = cold + (s.sec_return - cold) * np.exp(-dt / d.loop_lag_s)
    flow_dhw = f.dhw / (CP_WATER * np.maximum(f.pri_supply - _DHW_RETURN_C, 10.0))
    both = flow_pri + flow_dhw
    air, walls = _rooms(d, s, f, given, dt)
    return replace(
        s,
        air=air,
        walls=walls,
        outdoor=f.outdoor,
        pri_supply=f.pri_supply,
        sec_supply=x.sec_supply,
        sec_return=sec_return,
        pri_return=(flow_pri * x.pri_return + flow_dhw * _DHW_RETURN_C) / both,
        flow_pri=both,
        heat=x.heat + f.dhw,
        dhw=f.dhw,
    )


def _emitted(d: Design, x: Exchange, s: Stations) -> Floats:
    warm = np.maximum((x.sec_supply + s.sec_return) / 2 - s.air, 0.1)
    given: Floats = d.emitter * warm ** (1 + d.exponent)
    return given


def _rooms(d: Design, s: Stations, f: Forcing, given: Floats, dt: float) -> tuple[Floats, Floats]:
    """Air and walls, each a heat capacity: windows lose from the air, the envelope from the walls."""
    to_walls = d.wall_link * (s.air - s.walls)
    gains = d.area * (f.gains + f.sun) + given
    air = s.air + dt / d.air_mass * (gains - to_walls - 0.45 * d.loss * (s.air - f.outdoor))
    walls = s.walls + dt / d.wall_mass * (to_walls - 0.55 * d.loss * (s.walls - f.outdoor))
    return air, walls


def gains_at(hour: float) -> float:
    """Return what people, cooking and lamps give, W/m2: most in the evening, least at night."""
    return float(_GAINS_W_M2 + 1.5 * np.cos(2 * np.pi * (hour - 19.5) / 24))


def _count(d: Design, s: Stations, dt: float) -> Stations:
    hours = dt / 3600
    return replace(
        s,
        energy=s.energy + s.heat * dt / 1e9,
        volume_pri=s.volume_pri + s.flow_pri * dt / WATER_KG_M3,
        volume_makeup=s.volume_makeup + s.flow_makeup * hours,
        electricity=s.electricity + electric_power(d, s) * hours,
    )


def electric_power(d: Design, s: Stations) -> Floats:
    """Return what the station draws from the mains, kW."""
    drawn: Floats = d.pumps * s.pump_power + d.house_power + 0.55 * s.flow_makeup / d.makeup
    return drawn
