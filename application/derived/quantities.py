"""Quantities: the formulas of derived points, over columns. Pure; what is unknown (NaN) stays unknown.

Temperatures in Cel, flows in m3/h, powers in kW, frequencies in Hz. Sources are named where a formula stands.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HEAT_CAPACITY = 4.187
"""kJ/(kg K) of water between 20 and 100 Cel, within 1 %."""
EXPANSION_PER_K = 4.6e-4
"""Of water at 50 Cel, by volume."""
LOOP_H = 0.43
"""How much water a secondary loop holds, in hours of its flow: 1.2 l per m2 of floor against 2.8 kg/(h m2)."""
_LEAST_POWER_KW = 5.0
_LEAST_FLOW_M3_H = 1.0
_LEAST_RISE_K = 0.5
_LEAST_HZ = 5.0
"""Below these nothing runs, and a ratio would be that of two noises."""


def density(celsius: Floats) -> Floats:
    """Return kg/m3 of water at 1 bar between 0 and 150 Cel: Kell, J. Chem. Eng. Data 20 (1975) 97."""
    t = celsius
    powers = 999.83952 + t * (
        16.945176 + t * (-7.9870401e-3 + t * (-46.170461e-6 + t * (105.56302e-9 - t * 280.54253e-12)))
    )
    found: Floats = powers / (1 + 16.879850e-3 * t)
    return found


def carried_kw(flow: Floats, supply: Floats, back: Floats) -> Floats:
    """Return the heat that a flow gives off between two temperatures: rho cp V dT.

    The density is that of the return, where heat meters have their flow sensor (EN 1434).
    """
    found: Floats = flow / 3600 * density(back) * HEAT_CAPACITY * (supply - back)
    return found


def residual_pct(power: Floats, carried: Floats) -> Floats:
    """Return by how much a heat meter's power differs from what the water carries: (P - rho cp V dT) / P."""
    return _ratio(power - carried, power, _LEAST_POWER_KW) * 100


def lmtd(pri_supply: Floats, pri_return: Floats, sec_supply: Floats, sec_return: Floats) -> Floats:
    """Return the log mean temperature difference of a counter-flow exchanger; NaN unless both ends differ rightly.

    (d1 - d2) / ln(d1 / d2), d1 = T1s - T2s, d2 = T1r - T2r (VDI Heat Atlas, C1); equal ends: d1.
    """
    hot, cold = pri_supply - sec_supply, pri_return - sec_return
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(hot / cold)
        found = np.where(np.abs(log) < 1e-6, (hot + cold) / 2, (hot - cold) / log)
    return np.where((hot > 0) & (cold > 0), found, np.nan)


def ua_kw_per_k(power: Floats, mean_difference: Floats) -> Floats:
    """Return the conductance of an exchanger: Q / LMTD. It falls as plates foul; it rises with the flows."""
    return np.where(power > _LEAST_POWER_KW, _ratio(power, mean_difference, 0.1), np.nan)


def effectiveness(
    power: Floats, flow_pri: Floats, flow_sec: Floats, pri_supply: Floats, pri_return: Floats, sec_return: Floats
) -> Floats:
    """Return the effectiveness of an exchanger: Q / (Cmin (T1s - T2r)), Cmin the smaller of both capacity flows.

    Kays and London, Compact Heat Exchangers, the eps-NTU method.
    """
    smaller = np.minimum(_capacity(flow_pri, pri_return), _capacity(flow_sec, sec_return))
    most = smaller * (pri_supply - sec_return)
    flows = (flow_pri > _LEAST_FLOW_M3_H) & (flow_sec > _LEAST_FLOW_M3_H)
    return np.where(flows & (power > _LEAST_POWER_KW), _ratio(power, most, _LEAST_POWER_KW), np.nan)


def _capacity(flow: Floats, celsius: Floats) -> Floats:
    """Return kW/K."""
    found: Floats = flow / 3600 * density(celsius) * HEAT_CAPACITY
    return found


def makeup_pct(makeup: Floats, flow_sec: Floats) -> Floats:
    """Return the make-up in per cent of the circulating water."""
    return _ratio(makeup, flow_sec, _LEAST_FLOW_M3_H) * 100


def less_contraction(makeup: Floats, flow_sec: Floats, fell_k_per_h: Floats) -> Floats:
    """Return the make-up without what a cooling loop draws with no leak at all: V beta dT/dt.

    Niemyjski and Zwierzchowski, Energies 14 (2021) 2060. The loop's volume is taken from its flow (`LOOP_H`).
    """
    found: Floats = makeup - LOOP_H * flow_sec * EXPANSION_PER_K * fell_k_per_h
    return found


def flow_by_pump(hertz: Floats, per_hertz: Floats) -> Floats:
    """Return the flow by the affinity law: Q ~ n. `per_hertz` was learned for as many pumps as run."""
    return np.where(hertz > _LEAST_HZ, hertz * per_hertz, np.nan)


def expected_kw(outdoor: Floats, slope: Floats, balance: Floats) -> Floats:
    """Return the load that the energy signature gives for the weather: slope (kW/K) times the balance less outdoor."""
    return np.maximum(slope * (balance - outdoor), 0.0)


def _ratio(part: Floats, whole: Floats, least: float) -> Floats:
    """Return part / whole, NaN where the whole is not above `least`."""
    fits = whole > least
    found: Floats = np.where(fits, part / np.where(fits, whole, 1.0), np.nan)
    return found
