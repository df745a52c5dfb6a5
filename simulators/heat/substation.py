"""Substation: one step in time of all stations: pumps, control, network, exchange, homes, and the counters."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulators.heat.control import conductance, control
from simulators.heat.design import Design
from simulators.heat.exchanger import CP_WATER, transfer
from simulators.heat.homes import emission, warm
from simulators.heat.house import battery_after, electric_power, room_after
from simulators.heat.network import HEAD_MPA, LEAST_DP_MPA, PLANT_RETURN_MPA, drop
from simulators.heat.pipes import GROUND_C, Pipes, carry
from simulators.heat.pressure import Water, hold_pressure
from simulators.heat.pumps import WATER_KG_M3, Circulation, circulate
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

_DHW_RETURN_C = 38.0
_DHW_LEAST_K = 10.0
COLD_C = 10.0
"""Of the water that replaces what was lost."""
_KG_S = WATER_KG_M3 / 3600
"""Of one m3/h."""
_ROUNDS = 2
"""Flows and pressures of a branch hang on each other: so many times per step they are brought nearer."""


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary side of a step: flows in kg/s, pressures in MPa, temperatures in Cel, heat in W."""

    heating: Floats
    hot_water: Floats
    leak: Floats
    dp: Floats
    p_return: Floats
    pipes: Pipes
    supply: Floats
    ground: Floats


@dataclass(frozen=True, slots=True)
class Heat:
    """The exchanger and the loop after a step: temperatures in Cel, heat in W."""

    passed: Floats
    given: Floats
    refill: Floats  # to warm make-up water
    inner: Floats  # that came with the water through the plates
    sec_return: Floats
    sec_supply: Floats
    pri_return: Floats


def step(d: Design, s: Stations, f: Forcing, dt: float) -> Stations:
    """Return the stations `dt` seconds later. Stable for steps from one second to half an hour."""
    pumped = circulate(d, s, f, dt)
    k = control(d, s, f, pumped.flow_part, dt)
    water = hold_pressure(d, s, f, dt)
    primary = _primary(d, s, f, conductance(d, f, k), dt)
    heat = _exchange(d, s, f, primary, pumped, water, dt)
    rooms = warm(d, s, f, heat.given, dt)
    carried = _flows(s, f, primary, water, heat, (rooms.lost, rooms.gained))
    hot_water = primary.hot_water * CP_WATER * np.maximum(primary.supply - _DHW_RETURN_C, 0.0)
    drawn = primary.heating + primary.hot_water
    c = f.causes
    moved = Stations(
        air=rooms.air, walls=rooms.walls, chill=rooms.chill, starved=c.starved,
        outdoor=f.outdoor, wobble=f.wobble, power=c.power, contacts=np.stack([c.door_open, c.flooded, c.smoke]),
        pipes=primary.pipes, pri_supply=primary.supply, dp_pri=primary.dp, p_pri_return=primary.p_return,
        strainer_pri=d.strainer_pri * c.clog_pri * primary.heating**2,
        flow_pri=drawn, drawn=drawn + primary.leak,
        setpoint=k.setpoint, felt=k.felt, command=k.command, valve=k.valve, shut=k.shut,
        flow_part=pumped.flow_part, flow_sec=pumped.flow, dp_sec=pumped.dp_sec, strainer_sec=pumped.strainer,
        pump_run=pumped.run, pump_fault=pumped.fault, missing_s=pumped.missing_s,
        pump_power=pumped.power, speed=pumped.speed,
        p_return=water.p_return, loop=water.loop, filling=water.filling, flow_makeup=water.flow_makeup,
        tank=water.tank, tank_inlet=water.tank_inlet, relief=water.relief,
        sec_return=heat.sec_return, sec_supply=heat.sec_supply, pri_return=heat.pri_return,
        heat=heat.passed + hot_water, dhw=hot_water,
        room=room_after(d, s, f, dt), battery=battery_after(s, f, dt),
        energy=s.energy + (heat.passed + hot_water) * dt / 1e9,
        volume_pri=s.volume_pri + drawn * dt / WATER_KG_M3,
        volume_makeup=s.volume_makeup + water.flow_makeup * dt / 3600,
        electricity=s.electricity,
        books=s.books + dt * carried,
    )  # fmt: skip
    return replace(moved, electricity=s.electricity + electric_power(d, moved) * dt / 3600)


def _primary(d: Design, s: Stations, f: Forcing, opened: Floats, dt: float) -> Primary:
    """Find what the network offers, what each station takes of it, and the water that arrives."""
    head = HEAD_MPA * (1 + 0.025 * s.wobble[0]) + d.dp_own
    leak = f.causes.leak_pri * np.sqrt(np.maximum(s.p_pri_return + s.dp_pri, 0.0)) * _KG_S
    hot_water = f.dhw * f.causes.power / (CP_WATER * np.maximum(s.pri_supply - _DHW_RETURN_C, _DHW_LEAST_K))
    drawn, lost = s.drawn, s.wobble[0]
    for _ in range(_ROUNDS):
        lost = drop(d.network, drawn)
        wanted = opened * np.sqrt(np.maximum(head - 2 * lost, LEAST_DP_MPA)) + hot_water + leak
        drawn = 0.5 * (drawn + wanted)
    dp = np.maximum(head - 2 * lost, LEAST_DP_MPA)
    heating = opened * np.sqrt(dp)
    total = heating + hot_water + leak
    pipes, left, ground = carry(s.pipes, f.sent + f.causes.source_offset - GROUND_C, total * dt / d.cell, dt)
    p_return = np.maximum(PLANT_RETURN_MPA + d.p_own + lost + 0.004 * s.wobble[3], 0.0)
    return Primary(heating, hot_water, leak, dp, p_return, pipes, left + GROUND_C, ground * d.cell * CP_WATER / dt)


def _exchange(d: Design, s: Stations, f: Forcing, p: Primary, pumped: Circulation, water: Water, dt: float) -> Heat:
    """Move heat through the plates and around the loop: one implicit step, in which what goes in is what comes out."""
    c_sec = pumped.flow * CP_WATER
    per_k = transfer(d.plates, p.heating, pumped.flow, f.causes.fouling) * (p.supply > s.sec_return)
    before = s.sec_return
    now = per_k * (p.supply - before)
    e = emission(d, s, f, before + now / c_sec, 1 - per_k / c_sec)
    refill = water.flow_makeup * _KG_S * CP_WATER * (before - COLD_C)
    into = np.maximum(water.inner, 0.0) * _KG_S * CP_WATER
    inner = into * (s.pri_return - before)
    change = dt * (now - e.given - refill + inner) / (d.loop_heat + dt * (per_k + e.per_k))
    passed = now - per_k * change
    sec_return = before + change
    heating_return = p.supply - passed / (p.heating * CP_WATER)
    used = np.minimum(_DHW_RETURN_C, p.supply)
    mixed = (p.heating * heating_return + p.hot_water * used) / (p.heating + p.hot_water)
    return Heat(passed, e.given + e.per_k * change, refill, inner, sec_return, sec_return + passed / c_sec, mixed)


def _flows(s: Stations, f: Forcing, p: Primary, water: Water, heat: Heat, homes: tuple[Floats, Floats]) -> Floats:
    """Return what crosses the border of the balance, W [6, n], by FLOWS: see the audit."""
    out = np.maximum(-water.inner, 0.0) * _KG_S
    into = np.maximum(water.inner, 0.0) * _KG_S
    flow = p.heating + p.hot_water
    sent = (flow + p.leak) * (f.sent + f.causes.source_offset)
    back = (flow - into) * heat.pri_return + out * (s.sec_return - COLD_C) + (p.leak + into) * COLD_C
    leaked = p.leak * (p.supply - COLD_C) + (into - out) * (s.sec_return - COLD_C)
    carried = CP_WATER * leaked + heat.refill
    carried += CP_WATER * into * (heat.pri_return - s.pri_return)
    hot_water = p.hot_water * CP_WATER * np.maximum(p.supply - _DHW_RETURN_C, 0.0)
    return np.stack([CP_WATER * (sent - back), p.ground, carried, hot_water, homes[0], homes[1]])
