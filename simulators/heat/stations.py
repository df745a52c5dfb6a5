"""Stations: the state of all stations at one instant, and what acts on them from outside."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import load_share, supply_for
from simulators.heat.design import Design
from simulators.heat.interventions import PUMPS, Interventions
from simulators.heat.pipes import GROUND_C, Pipes, filled

Floats = NDArray[np.float64]

FLOWS = ("source", "pipe", "water", "dhw", "homes", "gains")
"""Rows of `Stations.books`: what crossed the border of the balance; the audit says what each of them is."""


@dataclass(frozen=True, slots=True)
class Forcing:
    """What acts on the stations from outside during one step, which ends at `at_s` (epoch seconds), local `hour`.

    `outdoor` and `outdoor_slow` (as the controllers see it) in Cel; `sun` and `gains` in W/m2 of floor; `sent` in
    Cel as it leaves the plant; `dhw` is the hot water wanted, W; `wobble` [4, n] are slow disturbances of unit size;
    `top_up` says whose make-up timer has just run out; `causes` is what is wrong, or ordered.
    """

    at_s: float
    hour: float
    outdoor: Floats
    outdoor_slow: Floats
    sun: float
    gains: float
    sent: Floats
    dhw: Floats
    wobble: Floats
    top_up: NDArray[np.bool_]
    causes: Interventions


@dataclass(frozen=True, slots=True)
class Stations:
    """The state of every station: one array per quantity. Never written to after construction."""

    air: Floats
    walls: Floats
    chill: Floats  # how much colder the starved homes are, K
    starved: Floats  # share of the homes
    outdoor: Floats
    pipes: Pipes
    pri_supply: Floats
    sec_return: Floats
    sec_supply: Floats
    pri_return: Floats
    setpoint: Floats
    felt: Floats  # [3, n]: sec_supply on its way to the controller, and as its sensor has it
    valve: Floats
    command: Floats
    shut: Floats  # 1: the self-acting limiter has closed the primary side
    flow_pri: Floats  # through the station, hot water included
    drawn: Floats  # from the branch: flow_pri and what leaks before it
    dp_pri: Floats
    p_pri_return: Floats
    strainer_pri: Floats  # MPa
    flow_part: Floats  # flow by regulation, as a share of the design flow
    flow_sec: Floats
    dp_sec: Floats
    strainer_sec: Floats  # MPa
    p_return: Floats
    loop: Floats  # mean temperature of the secondary loop
    filling: Floats  # make-up pumps that run, 0..2
    flow_makeup: Floats  # m3/h
    tank: Floats
    tank_inlet: Floats  # 0 or 1
    relief: Floats  # 1: open
    heat: Floats  # W, heating and hot water
    dhw: Floats  # W
    pump_run: Floats  # [3, n]
    pump_fault: Floats  # [3, n]
    missing_s: Floats  # since when a pump on duty has been missing
    pump_power: Floats  # kW, one circulation pump
    speed: Floats  # of the circulation pumps, 1 is 50 Hz
    room: Floats  # of the station itself, Cel
    power: Floats  # 1: mains are there
    battery: Floats  # 0..1
    contacts: Floats  # [3, n]: door, flood, smoke
    energy: Floats  # GJ
    volume_pri: Floats  # m3
    volume_makeup: Floats  # m3
    electricity: Floats  # kW.h
    wobble: Floats  # [4, n]: as in Forcing
    books: Floats  # [6, n]: J since the walk began, by FLOWS


_AT_FIRST_NOTHING = (
    "chill", "starved", "shut", "strainer_pri", "strainer_sec", "filling", "flow_makeup", "tank_inlet", "relief",
    "dhw", "missing_s", "pump_power", "energy", "volume_pri", "volume_makeup", "electricity",
)  # fmt: skip


def at_rest(d: Design, outdoor: Floats, sent: Floats) -> Stations:
    """Return the stations as they would stand after days of this weather, with empty counters.

    `sent` is what the plant sends out, Cel.
    """
    n = len(d)
    share = load_share(outdoor)
    supply = supply_for(share, d.supply, d.back, d.exponent)
    back = supply - (d.supply - d.back) * share
    return Stations(
        **dict.fromkeys(_AT_FIRST_NOTHING, np.zeros(n)),
        air=np.full(n, 21.0),
        walls=np.full(n, 20.0),
        outdoor=outdoor,
        pipes=filled(sent - GROUND_C),
        pri_supply=sent,
        sec_return=back,
        sec_supply=supply,
        pri_return=back + 1.5,
        setpoint=supply,
        felt=np.tile(supply, (3, 1)),
        valve=np.full(n, 0.6),
        command=np.full(n, 0.6),
        flow_pri=d.plates.flow_pri_d * 0.8,
        drawn=d.plates.flow_pri_d * 0.8,
        dp_pri=np.full(n, 0.2),
        p_pri_return=np.full(n, 0.4),
        flow_part=np.ones(n),
        flow_sec=d.flow_sec,
        dp_sec=d.dp_sec,
        p_return=d.p_hold,
        loop=(supply + back) / 2,
        tank=np.linspace(1.2, 1.8, n),
        heat=d.heat * share,
        pump_run=np.zeros((PUMPS, n)),
        pump_fault=np.zeros((PUMPS, n)),
        speed=np.full(n, 0.8),
        room=d.house_c,
        power=np.ones(n),
        battery=np.ones(n),
        contacts=np.zeros((3, n)),
        wobble=np.zeros((4, n)),
        books=np.zeros((len(FLOWS), n)),
    )


def side_by_side(many: Sequence[Stations]) -> Stations:
    """Return many states of the stations as one of many times as many stations; pipes are those of the last."""
    names = [f.name for f in fields(Stations) if f.name != "pipes"]
    joined = {name: np.concatenate([getattr(s, name) for s in many], axis=-1) for name in names}
    return Stations(pipes=many[-1].pipes, **joined)
