"""Stations: the state of all stations at one instant, and what acts on them from outside."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import load_share, supply_for
from simulators.heat.design import Design

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forcing:
    """What acts on the stations from outside during one step.

    `outdoor` and `outdoor_slow` (as the controllers see it) in Cel; `sun` and `gains` in W/m2 of floor;
    `pri_supply` in Cel at the station's door; `dhw` in W; `leak` in m3/h per sqrt(MPa); `wobble`
    [4, n] are slow disturbances of unit size; `top_up` says whose make-up timer has just run out.
    """

    outdoor: Floats
    outdoor_slow: Floats
    sun: float
    gains: float
    pri_supply: Floats
    dhw: Floats
    leak: Floats
    wobble: Floats
    top_up: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stations:
    """The state of every station: one array per quantity. Never written to after construction."""

    air: Floats
    walls: Floats
    outdoor: Floats
    pri_supply: Floats
    sec_return: Floats
    sec_supply: Floats
    pri_return: Floats
    setpoint: Floats
    valve: Floats
    command: Floats
    flow_pri: Floats
    flow_sec: Floats
    dp_sec: Floats
    p_return: Floats
    loop: Floats  # mean temperature of the secondary loop
    filling: Floats  # make-up pumps that run, 0..2
    flow_makeup: Floats  # m3/h
    tank: Floats
    tank_inlet: Floats  # 0 or 1
    heat: Floats  # W, heating and hot water
    dhw: Floats  # W
    pump_power: Floats  # kW, one circulation pump
    speed: Floats  # of the circulation pumps, 1 is 50 Hz
    energy: Floats  # GJ
    volume_pri: Floats  # m3
    volume_makeup: Floats  # m3
    electricity: Floats  # kW.h
    wobble: Floats  # [4, n]: as in Forcing


def at_rest(d: Design, outdoor: Floats) -> Stations:
    """Return the stations as they would stand after days of this weather, with empty counters."""
    n = len(d)
    share = load_share(outdoor)
    supply = supply_for(share, d.supply, d.back, d.exponent)
    zero = np.zeros(n)
    flow_pri = d.plates.flow_pri_d * 0.8
    return Stations(
        air=np.full(n, 21.0),
        walls=np.full(n, 20.0),
        outdoor=outdoor,
        pri_supply=supply + 40,
        sec_return=supply - (d.supply - d.back) * share,
        sec_supply=supply,
        pri_return=supply - (d.supply - d.back) * share + 1.5,
        setpoint=supply,
        valve=np.full(n, 0.6),
        command=np.full(n, 0.6),
        flow_pri=flow_pri,
        flow_sec=d.flow_sec,
        dp_sec=d.dp_sec,
        p_return=d.p_hold,
        loop=supply - (d.supply - d.back) * share / 2,
        filling=zero,
        flow_makeup=zero,
        tank=np.linspace(1.2, 1.8, n),
        tank_inlet=zero,
        heat=d.heat * share,
        dhw=zero,
        pump_power=zero,
        speed=np.full(n, 0.8),
        energy=zero,
        volume_pri=zero,
        volume_makeup=zero,
        electricity=zero,
        wobble=np.zeros((4, n)),
    )


def side_by_side(many: Sequence[Stations]) -> Stations:
    """Return many states of the stations as one state of many times as many stations."""
    return Stations(**{f.name: np.concatenate([getattr(s, f.name) for s in many], axis=-1) for f in fields(Stations)})
