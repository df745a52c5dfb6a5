"""Pressure: the secondary loop breathes, loses water, and make-up pumps hold it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulators.heat.design import Design
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

HOLD_BAND_MPA = 0.02
_SECOND_PUMP_MPA = 0.045
_EXPANSION_PER_K = 4.6e-4
"""Of water at 50 Cel: a loop that cools draws water without any leak."""
_TANK_M2, _TANK_LOW_M, _TANK_HIGH_M, _TANK_INLET_M3_H = 4.0, 1.1, 1.9, 16.0


def hold_pressure(d: Design, s: Stations, f: Forcing, dt: float) -> Stations:
    """On-off make-up against seepage, leak and contraction; a second pump when the first is not enough."""
    hours = dt / 3600
    loop = (s.sec_supply + s.sec_return) / 2
    swell = d.volume * _EXPANSION_PER_K * (loop - s.loop)
    lost = (d.seep + f.leak * np.sqrt(np.maximum(s.p_return, 0.0))) * hours
    filling = _filling(d, s, f)
    room = (d.p_hold + HOLD_BAND_MPA - s.p_return) * d.compliance + lost
    filled = np.clip(np.minimum(filling * d.makeup * hours, room), 0.0, None)
    pressure = np.maximum(s.p_return + (filled - lost + swell) / d.compliance, 0.0)
    return _draw(replace(s, p_return=pressure, loop=loop, filling=filling, flow_makeup=filled / hours), hours)


def _filling(d: Design, s: Stations, f: Forcing) -> Floats:
    """Pumps that run now: from below the band, or from the timer's word, until its top is reached.

    The timer makes the loop forget how it came here: a world walked in other steps stands at the same pressure.
    """
    starts = (s.p_return < d.p_hold - HOLD_BAND_MPA) | f.top_up
    running = np.where(starts, np.maximum(s.filling, 1.0), s.filling)
    running = np.where(s.p_return < d.p_hold - _SECOND_PUMP_MPA, 2.0, running)
    full = s.p_return > d.p_hold + HOLD_BAND_MPA - 1e-3
    still: Floats = np.where(full, 0.0, running)
    return still


def _draw(s: Stations, hours: float) -> Stations:
    """Take from the make-up tank what the pumps gave; a float valve refills it."""
    inlet = np.where(s.tank < _TANK_LOW_M, 1.0, np.where(s.tank > _TANK_HIGH_M, 0.0, s.tank_inlet))
    filled = np.minimum(inlet * _TANK_INLET_M3_H * hours / _TANK_M2, np.maximum(_TANK_HIGH_M + 0.02 - s.tank, 0.0))
    tank = np.clip(s.tank + filled - s.flow_makeup * hours / _TANK_M2, 0.0, 3.0)
    return replace(s, tank=tank, tank_inlet=inlet)
