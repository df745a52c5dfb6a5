"""The plate heat exchanger: counter-flow, by effectiveness and number of transfer units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CP_WATER = 4187.0
"""Specific heat of water, J/(kg K)."""


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
    """Return the steady exchange for these flows (kg/s) and entering temperatures (Cel), without added fouling."""
    heat = transfer(plates, flow_pri, flow_sec, 0.0) * np.maximum(pri_supply - sec_return, 0.0)
    return Exchange(heat, pri_supply - heat / (flow_pri * CP_WATER), sec_return + heat / (flow_sec * CP_WATER))


def transfer(plates: Plates, flow_pri: Floats, flow_sec: Floats, fouling: Floats | float) -> Floats:
    """Return W per K between the entering temperatures, at these flows in kg/s.

    `fouling` is an added thermal resistance, as a share of the clean exchanger's at design flow.
    """
    c_pri, c_sec = flow_pri * CP_WATER, flow_sec * CP_WATER
    c_min, c_max = np.minimum(c_pri, c_sec), np.maximum(c_pri, c_sec)
    passed: Floats = effectiveness(conductance(plates, flow_pri, flow_sec, fouling) / c_min, c_min / c_max) * c_min
    return passed


def conductance(plates: Plates, flow_pri: Floats, flow_sec: Floats, fouling: Floats | float = 0.0) -> Floats:
    """Return UA in W/K at these flows: two films, what was there as built and what has been added, in series."""
    film_pri = plates.film_pri * _three_quarters(flow_pri / plates.flow_pri_d)
    film_sec = plates.film_sec * _three_quarters(flow_sec / plates.flow_sec_d)
    clean = 1 / plates.film_pri + 1 / plates.film_sec + 1 / plates.fouling
    total: Floats = 1 / (1 / film_pri + 1 / film_sec + 1 / plates.fouling + fouling * clean)
    return total


def _three_quarters(share: Floats) -> Floats:
    """To the power 0.75, by roots: heat transfer grows with flow to the power 0.7 to 0.8."""
    root = np.sqrt(share)
    powered: Floats = root * np.sqrt(root)
    return powered


def effectiveness(ntu: Floats, ratio: Floats) -> Floats:
    """Return the counter-flow effectiveness, 0..1; `ratio` is the smaller capacity flow over the larger."""
    bounded = np.minimum(ratio, 0.9999)
    decay = np.exp(-ntu * (1 - bounded))
    share: Floats = (1 - decay) / (1 - bounded * decay)
    return share
