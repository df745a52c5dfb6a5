"""The plate heat exchanger: counter-flow, by effectiveness and number of transfer units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CP_WATER = 4187.0
"""Specific heat of water, J/(kg K)."""
_FLOW_EXPONENT = 0.75
"""Heat transfer grows with flow to the power 0.7 to 0.8."""


@dataclass(frozen=True, slots=True)
class Plates:
    """Exchangers as built: conductances at design flow and of the fouling, W/K; design flows, kg/s."""

    film_pri: Floats
    film_sec: Floats
    fouling: Floats
    flow_pri_d: Floats
    flow_sec_d: Floats


@dataclass(frozen=True, slots=True)
class Exchange:
    """What comes out: heat in W, and the temperatures that leave, in Cel."""

    heat: Floats
    pri_return: Floats
    sec_supply: Floats


def sized_for(heat: Floats, flow_pri: Floats, flow_sec: Floats, lmtd: Floats) -> Plates:
    """Return exchangers that carry `heat` (W) at these design flows and that logarithmic temperature difference."""
    conductance = heat / lmtd
    film = conductance / 0.45
    return Plates(film, film, conductance / 0.10, flow_pri, flow_sec)


def exchange(plates: Plates, flow_pri: Floats, flow_sec: Floats, pri_supply: Floats, sec_return: Floats) -> Exchange:
    """Return the steady exchange for these flows (kg/s) and entering temperatures (Cel)."""
    c_pri, c_sec = flow_pri * CP_WATER, flow_sec * CP_WATER
    c_min, c_max = np.minimum(c_pri, c_sec), np.maximum(c_pri, c_sec)
    heat = effectiveness(conductance(plates, flow_pri, flow_sec) / c_min, c_min / c_max) * c_min
    heat = heat * np.maximum(pri_supply - sec_return, 0.0)
    return Exchange(heat, pri_supply - heat / c_pri, sec_return + heat / c_sec)


def conductance(plates: Plates, flow_pri: Floats, flow_sec: Floats) -> Floats:
    """Return UA in W/K at these flows: two films and the fouling in series."""
    film_pri = plates.film_pri * (flow_pri / plates.flow_pri_d) ** _FLOW_EXPONENT
    film_sec = plates.film_sec * (flow_sec / plates.flow_sec_d) ** _FLOW_EXPONENT
    total: Floats = 1 / (1 / film_pri + 1 / film_sec + 1 / plates.fouling)
    return total


def effectiveness(ntu: Floats, ratio: Floats) -> Floats:
    """Return the counter-flow effectiveness, 0..1; `ratio` is the smaller capacity flow over the larger."""
    bounded = np.minimum(ratio, 0.9999)
    decay = np.exp(-ntu * (1 - bounded))
    share: Floats = (1 - decay) / (1 - bounded * decay)
    return share
