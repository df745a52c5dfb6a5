"""Pumps: the circulation of the secondary loop, by the affinity laws against the resistance of the loop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import flow_share, load_share
from simulators.heat.design import Design
from simulators.heat.interventions import PUMPS
from simulators.heat.stations import Forcing, Stations

Floats = NDArray[np.float64]

WATER_KG_M3 = 985.0
_WATTS_PER_MPA = 1e6 / WATER_KG_M3
"""Hydraulic power of one kg/s against one MPa."""
MAINS_HZ = 50.0
_LEAST_SPEED = 0.4
_SPEED_LAG_S = 15.0
_SPEED_PER_S = 1 / 25
"""Frequency converters are set to run up in about half a minute."""
_BY_ITSELF = 0.02
"""Share of the design flow that warm water moves without a pump."""
_ROTOR = 0.06
"""Of the head at no flow times the design flow: what a pump takes for turning."""
_THROTTLED = 0.75
"""Of its flow that a starved home has lost."""
_AIRLESS_MPA = 0.05
"""Below so much pressure before the pumps they draw air."""
_GURGLE_S = (11.0, 29.0, 73.0)


@dataclass(frozen=True, slots=True)
class Circulation:
    """The secondary loop's flow in kg/s, and what drives it; fields as in `Stations`."""

    flow_part: Floats
    flow: Floats
    dp_sec: Floats
    strainer: Floats
    run: Floats
    fault: Floats
    missing_s: Floats
    speed: Floats
    power: Floats


def circulate(d: Design, s: Stations, f: Forcing, dt: float) -> Circulation:
    """Hold the differential pressure that the load asks for, with the pumps that can run."""
    c = f.causes
    run, missing_s = _on_duty(d, s, f, dt)
    part = flow_share(load_share(f.outdoor_slow), d.regulation, s.flow_part)
    network = d.net_sec / (1 - _THROTTLED * c.starved) ** 2 / (1 + 0.012 * s.wobble[1]) ** 2
    loop = network + d.inside + d.strainer_sec * c.clog_sec
    running = run.sum(axis=0)
    some = np.maximum(running, 1.0)
    speed = _speed(d, s, f, part, (network, loop + d.head_slope / some**2), dt) * (running > 0)
    head = d.head_zero * _healthy(s, f) * speed**2
    pumped = np.sqrt(head / (loop + d.head_slope / some**2))
    flow = np.maximum(pumped, _BY_ITSELF * d.flow_sec)
    each = pumped / some
    rotor = _ROTOR * d.head_zero * d.flow_sec / d.pumps * speed**3
    power = (each * (head - d.head_slope * each**2) + rotor) * _WATTS_PER_MPA / d.efficiency / 1000
    return Circulation(
        part,
        flow,
        network * flow**2,
        d.strainer_sec * c.clog_sec * flow**2,
        run,
        c.pump_stopped,
        missing_s,
        speed,
        power,
    )


def power_at_design(d: Design) -> Floats:
    """Return what all pumps on duty take at design flow, kW."""
    head = d.dp_sec + (d.inside + d.strainer_sec) * d.flow_sec**2
    rotor = _ROTOR * d.head_zero
    power: Floats = d.flow_sec * (head + rotor) * _WATTS_PER_MPA / d.efficiency / 1000
    return power


def _on_duty(d: Design, s: Stations, f: Forcing, dt: float) -> tuple[Floats, Floats]:
    """Return who runs [3, n], and since when a pump on duty has been missing: then the next ones stand in."""
    works = 1 - f.causes.pump_stopped
    duty = (np.arange(1, PUMPS + 1)[:, None] <= d.pumps) * works
    missing = (duty.sum(axis=0) < d.pumps) & (f.causes.power > 0)
    missing_s = np.where(missing, s.missing_s + dt, 0.0)
    stands_in = (missing_s > d.standby_s) & (f.causes.standby_fails == 0)
    wanted = works * (np.cumsum(works, axis=0) <= d.pumps)
    run = np.where(stands_in, wanted, duty) * (f.causes.power > 0)
    return run, missing_s


def _speed(d: Design, s: Stations, f: Forcing, part: Floats, resistances: tuple[Floats, Floats], dt: float) -> Floats:
    """Integral control of dp_sec by the frequency, within what the converter allows; or as ordered."""
    network, total = resistances
    asked = d.dp_sec * (part**2 + 0.005 * s.wobble[2])
    needed = np.sqrt(asked / network * total / d.head_zero)
    order = f.causes.pump_order / MAINS_HZ
    target = np.clip(np.where(np.isnan(order), needed, order), _LEAST_SPEED, 1.0)
    most = _SPEED_PER_S * dt
    moved = np.clip((target - s.speed) * (1 - np.exp(-dt / _SPEED_LAG_S)), -most, most)
    speed: Floats = s.speed + moved
    return speed


def _healthy(s: Stations, f: Forcing) -> Floats:
    """Return the share of its head that a pump reaches: gas makes it collapse and swing, and so does an empty loop."""
    air = np.maximum(f.causes.air, np.clip(1 - s.p_return / _AIRLESS_MPA, 0.0, 1.0))
    if not air.any():
        return np.ones_like(air)
    gurgle = sum(np.sin(2 * np.pi * f.at_s / period + 3 * s.wobble[3]) for period in _GURGLE_S) / len(_GURGLE_S)
    share: Floats = np.maximum(1 - air * (0.45 + 0.5 * gurgle), 0.02)
    return share
