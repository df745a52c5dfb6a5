"""Pressure: the secondary loop breathes, loses water, gains it through holed plates, and make-up pumps hold it."""

from dataclasses import dataclass

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
_RESEAT_MPA, _RELIEF_SHARE = 0.05, 0.2
"""An open relief valve lets out a fifth of the loop per hour and MPa^0.5, until the pressure is so much lower."""


@dataclass(frozen=True, slots=True)
class Water:
    """The loop's pressure and water; fields as in `Stations`. `inner` is what came through the plates, m3/h."""

    p_return: Floats
    loop: Floats
    filling: Floats
    flow_makeup: Floats
    tank: Floats
    tank_inlet: Floats
    relief: Floats
    inner: Floats


def hold_pressure(d: Design, s: Stations, f: Forcing, dt: float) -> Water:
    """On-off make-up against seepage, leaks, theft and contraction; a second pump when the first is not enough.

    Nothing overshoots, however long the step: what leaks is at most what is there, what comes in from the primary
    side at most what makes both pressures equal.
    """
    hours = dt / 3600
    c = f.causes
    loop = (s.sec_supply + s.sec_return) / 2
    swell = d.volume * _EXPANSION_PER_K * (loop - s.loop)
    root = np.sqrt(s.p_return)
    relief = _relief(d, s)
    escaping = np.minimum(
        relief * _RELIEF_SHARE * d.volume * root * hours,
        np.maximum(s.p_return - d.p_max + _RESEAT_MPA, 0.0) * d.compliance,
    )
    lost = (d.seep + c.leak_sec * root + c.theft) * hours + escaping
    through = _through_plates(d, s, f, hours)
    filling = _filling(d, s, f)
    room = (d.p_hold + HOLD_BAND_MPA - s.p_return) * d.compliance + lost
    filled = np.clip(np.minimum(filling * d.makeup * hours, room), 0.0, None)
    pressure = np.maximum(s.p_return + (filled + through - lost + swell) / d.compliance, 0.0)
    tank, inlet = _drawn(s, filled, hours)
    return Water(pressure, loop, filling, filled / hours, tank, inlet, relief, through / hours)


def _relief(d: Design, s: Stations) -> Floats:
    """Return whose relief valve is open: from its set pressure until some way below it."""
    closes = s.p_return < d.p_max - _RESEAT_MPA + 1e-3
    opened: Floats = np.where(s.p_return > d.p_max, 1.0, np.where(closes, 0.0, s.relief))
    return opened


def _through_plates(d: Design, s: Stations, f: Forcing, hours: float) -> Floats:
    """Return the water that holed plates let into the loop, m3 in this step; out of it where it has more pressure."""
    difference = s.p_pri_return + s.dp_pri / 2 - s.p_return
    wanted = f.causes.leak_inner * np.sqrt(np.abs(difference)) * hours
    through: Floats = np.sign(difference) * np.minimum(wanted, np.abs(difference) * d.compliance)
    return through


def _filling(d: Design, s: Stations, f: Forcing) -> Floats:
    """Pumps that run now: from below the band, or from the timer's word, until its top is reached.

    The timer makes the loop forget how it came here: a world walked in other steps stands at the same pressure.
    """
    starts = (s.p_return < d.p_hold - HOLD_BAND_MPA) | f.top_up
    running = np.where(starts, np.maximum(s.filling, 1.0), s.filling)
    running = np.where(s.p_return < d.p_hold - _SECOND_PUMP_MPA, 2.0, running)
    full = s.p_return > d.p_hold + HOLD_BAND_MPA - 1e-3
    can = 2 * f.causes.makeup_share * (f.causes.power > 0)
    still: Floats = np.where(full, 0.0, np.minimum(running, can))
    return still


def _drawn(s: Stations, filled: Floats, hours: float) -> tuple[Floats, Floats]:
    """Take from the make-up tank what the pumps gave, m3; a float valve refills it. Return level and inlet."""
    inlet = np.where(s.tank < _TANK_LOW_M, 1.0, np.where(s.tank > _TANK_HIGH_M, 0.0, s.tank_inlet))
    let_in = np.minimum(inlet * _TANK_INLET_M3_H * hours / _TANK_M2, np.maximum(_TANK_HIGH_M + 0.02 - s.tank, 0.0))
    return np.clip(s.tank + let_in - filled / _TANK_M2, 0.0, 3.0), inlet
