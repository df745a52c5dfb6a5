"""Design: what each station is, in numbers that do not change while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import CONSTANT_FLOW, DESIGN_OUTDOOR_C, ROOM_C, SOURCE_SUPPLY_C, STEADY_FLOW, STEPPED_FLOW
from simulators.heat.exchanger import CP_WATER, Plates, sized_for
from simulators.heat.network import HEAD_MPA, Network, drop, laid_for
from simulators.heat.pipes import CELLS

Floats = NDArray[np.float64]

_LOAD_W_M2 = {"old": 54.0, "renovated": 45.0, "new": 37.0}
_APPROACH_K = 2.0
"""A good plate exchanger returns the primary water 1 to 2 K above the secondary return."""
VALVE_RANGE = 30.0
"""Rangeability of an equal-percentage valve."""
_WATER_VELOCITY_M_S = 1.2
_LOOP_LITRES_M2 = 1.2
_PROGRAMMED = 0.5
"""Share of the stations whose setpoint follows the clock."""
_RELIEF_ABOVE_MPA = 0.20
_COMPLIANCE_PER_MPA = 0.03
"""Share of the loop's volume that one MPa squeezes in: a gas cushion of ordinary size."""


@dataclass(frozen=True, slots=True)
class StationFacts:
    """What the catalogue tells of a station. Unknown facts have been replaced by ordinary ones.

    `source` and `branch` are numbers: stations with the same pair share a primary line, in the order of `pipe_m`.
    """

    area_m2: float = 60_000.0
    homes: int = 700
    envelope: str = "renovated"
    static_head_mpa: float = 0.22
    pipe_m: float = 4_000.0
    source: int = 0
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Design:
    """One array per quantity, one place per station. Flows kg/s, heat W, pressures MPa, temperatures Cel."""

    area: Floats
    heat: Floats
    loss: Floats  # of the buildings, W/K
    air_mass: Floats  # heat capacity of air and furniture, J/K
    wall_mass: Floats  # heat capacity of walls and floors, J/K
    wall_link: Floats  # between the two, W/K
    supply: Floats
    back: Floats  # return temperature
    exponent: Floats  # of the emitters
    emitter: Floats  # W/K^(1+exponent)
    curve_shift: Floats  # the operator's hand on the curve, K
    flow_sec: Floats
    regulation: Floats  # of the flow: CONSTANT_FLOW, STEADY_FLOW or STEPPED_FLOW
    plates: Plates
    network: Network
    dp_own: Floats  # what the station's own connection adds to the network's differential pressure
    p_own: Floats  # likewise to its return pressure
    valve_flow: Floats  # kg/s per sqrt(MPa), fully open
    setback: Floats  # how much colder the operator's programme sends at night, K
    night: Floats  # [2, n]: local hours of its beginning and end
    stray: Floats  # how far the valve's controller strays from its setpoint, K
    cell: Floats  # kg of water in one cell of the pipe from the plant
    source: NDArray[np.int64]
    loop_heat: Floats  # heat capacity of the secondary loop, J/K
    dp_sec: Floats
    net_sec: Floats  # resistance of the secondary network, MPa/(kg/s)^2
    inside: Floats  # of exchanger and pipes inside the station, likewise
    pumps: Floats  # circulation pumps on duty, 1 or 2
    head_zero: Floats  # of one pump at no flow and 50 Hz
    head_slope: Floats  # MPa per (kg/s)^2 of one pump
    efficiency: Floats
    standby_s: Floats  # until a standby pump has taken over
    static_head: Floats
    p_hold: Floats  # secondary return pressure that make-up holds
    p_max: Floats  # secondary return pressure at which the relief valve opens
    compliance: Floats  # m3/MPa
    volume: Floats  # m3
    seep: Floats  # ordinary water loss, m3/h
    makeup: Floats  # of one make-up pump, m3/h
    dhw_homes: Floats
    house_power: Floats  # lights, controls, make-up stand-by, kW
    house_c: Floats  # temperature that the station's own heating keeps
    strainer_pri: Floats  # resistance, MPa/(kg/s)^2, clean
    strainer_sec: Floats

    def __len__(self) -> int:
        return len(self.area)


def design(facts: Sequence[StationFacts], seed: int) -> Design:
    """Return stations for these facts; everything that the facts leave open is drawn from the seed."""
    rng = np.random.default_rng((seed, 23))
    homes = _homes(facts, rng)
    heat, supply, back, flow_sec = homes["heat"], homes["supply"], homes["back"], homes["flow_sec"]
    flow_pri = heat / (CP_WATER * (SOURCE_SUPPLY_C - back - _APPROACH_K))
    lmtd = _lmtd(SOURCE_SUPPLY_C - supply, np.full(len(facts), _APPROACH_K))
    return Design(
        plates=sized_for(heat * 1.02, flow_pri, flow_sec, lmtd),
        source=np.array([f.source for f in facts], dtype=np.int64),
        house_power=1.2 + homes["area"] / 90_000 + rng.uniform(0, 1.0, len(facts)),
        **homes,
        **_primary(facts, flow_pri, rng),
        **_pumps(flow_sec, rng),
        **_water(facts, homes["area"], flow_sec * 3.6, rng),
        **_control(len(facts), seed),
    )


def _homes(facts: Sequence[StationFacts], rng: np.random.Generator) -> dict[str, Any]:
    """Return the buildings and their emitters: floor heating in half of the new ones, radiators elsewhere."""
    n = len(facts)
    area = np.array([f.area_m2 for f in facts])
    floor_heated = np.array([f.envelope == "new" for f in facts]) & (rng.random(n) < 0.5)
    load = np.clip(np.array([_LOAD_W_M2[f.envelope] for f in facts]) + rng.normal(0, 3, n), 30, 65)
    heat = load * area
    supply = np.where(floor_heated, 46.0, 58.0) + rng.normal(0, 1.2, n)
    back = supply - np.where(floor_heated, 10.0, 14.5)
    exponent = np.where(floor_heated, 0.1, 0.3)
    return {
        "area": area,
        "heat": heat,
        "loss": heat / (18.0 - DESIGN_OUTDOOR_C),
        "air_mass": area * rng.uniform(0.04e6, 0.06e6, n),
        "wall_mass": area * rng.uniform(0.26e6, 0.40e6, n),
        "wall_link": area * 4.0,
        "supply": supply,
        "back": back,
        "exponent": exponent,
        "emitter": heat / np.sqrt((supply - ROOM_C) * (back - ROOM_C)) ** (1 + exponent),
        "curve_shift": np.clip(rng.normal(0.0, 0.9, n), -2, 2),
        "flow_sec": (flow := heat / (CP_WATER * (supply - back)) * np.clip(rng.normal(1.06, 0.07, n), 0.85, 1.25)),
        "loop_heat": flow * CP_WATER * rng.uniform(300, 1200, n),
        "dhw_homes": np.array([f.homes for f in facts]) * rng.uniform(0.05, 0.12, n),
    }


def _primary(facts: Sequence[StationFacts], flow_pri: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Return the primary side: the farther from the source, the less pressure difference is left."""
    n = len(facts)
    pipe = np.array([f.pipe_m for f in facts])
    network = laid_for([(f.source, f.branch) for f in facts], pipe, flow_pri)
    dp_own = rng.normal(0, 0.012, n)
    p_own = rng.normal(0, 0.01, n)
    dp_pri = HEAD_MPA - 2 * drop(network, flow_pri) + dp_own
    opened = rng.uniform(0.5, 0.78, n)
    strainer_kpa = rng.uniform(8, 19, n)
    return {
        "network": network,
        "dp_own": dp_own,
        "p_own": p_own,
        "valve_flow": flow_pri / (VALVE_RANGE ** (opened - 1) * np.sqrt(dp_pri - strainer_kpa / 1000)),
        "cell": flow_pri * pipe / _WATER_VELOCITY_M_S / CELLS,
        "strainer_pri": strainer_kpa / 1000 / flow_pri**2,
    }


def _pumps(flow_sec: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Return circulation pumps that meet design flow at 39 to 44 Hz."""
    n = len(flow_sec)
    strainer = rng.uniform(8, 21, n) / 1000
    dp_sec, dp_inside = rng.uniform(0.10, 0.16, n), rng.uniform(0.09, 0.13, n)
    pumps = np.where(flow_sec > 55.0, 2.0, 1.0)
    return {
        "dp_sec": dp_sec,
        "net_sec": dp_sec / flow_sec**2,
        "inside": (dp_inside - strainer) / flow_sec**2,
        "strainer_sec": strainer / flow_sec**2,
        "pumps": pumps,
        "head_zero": 1.35 * (dp_sec + dp_inside) / rng.uniform(0.78, 0.88, n) ** 2,
        "head_slope": 0.35 * (dp_sec + dp_inside) / (flow_sec / pumps) ** 2,
        "efficiency": rng.uniform(0.60, 0.72, n),
    }


def _control(n: int, seed: int) -> dict[str, Any]:
    """Return how the station is kept: its controllers, and its own heating."""
    rng = np.random.default_rng((seed, 29))
    return {
        "regulation": rng.choice([CONSTANT_FLOW, STEADY_FLOW, STEPPED_FLOW], n, p=[0.4, 0.3, 0.3]).astype(np.float64),
        "setback": rng.uniform(5.0, 11.0, n) * (rng.random(n) < _PROGRAMMED),
        "night": np.stack([rng.uniform(21.5, 23.5, n), rng.uniform(4.0, 5.5, n)]),
        "stray": rng.uniform(0.35, 0.9, n),
        "standby_s": rng.uniform(8, 25, n),
        "house_c": rng.uniform(14, 20, n),
    }


def _water(
    facts: Sequence[StationFacts], area: Floats, circulating: Floats, rng: np.random.Generator
) -> dict[str, Any]:
    """Return what holds the secondary pressure; `circulating` in m3/h."""
    n = len(facts)
    static_head = np.array([f.static_head_mpa for f in facts])
    volume = area * _LOOP_LITRES_M2 / 1000
    return {
        "static_head": static_head,
        "p_hold": (p_hold := static_head + rng.uniform(0.085, 0.105, n)),
        "p_max": p_hold + _RELIEF_ABOVE_MPA,
        "volume": volume,
        "compliance": volume * _COMPLIANCE_PER_MPA,
        "seep": circulating * rng.uniform(0.0003, 0.0008, n),
        "makeup": circulating * rng.uniform(0.005, 0.008, n),
    }


def repeated(d: Design, times: int) -> Design:
    """Return the stations side by side so many times; the network stays that of one."""
    plates = Plates(**{f.name: np.tile(getattr(d.plates, f.name), times) for f in fields(d.plates)})
    others = [f.name for f in fields(d) if f.name not in {"plates", "network"}]
    return Design(plates=plates, network=d.network, **{name: np.tile(getattr(d, name), times) for name in others})


def _lmtd(warm_end: Floats, cold_end: Floats) -> Floats:
    mean: Floats = (warm_end - cold_end) / np.log(warm_end / cold_end)
    return mean
