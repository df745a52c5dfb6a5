"""Physics: what ten-minute means of a substation say together, bucket by bucket; NaN where they say nothing.

All take a SlowWindow and the hours to look back, and return float64[n, buckets].
"""

from collections.abc import Callable
from functools import wraps

import numpy as np

from application.slow.window import Floats, SlowWindow

KW_PER_M3_H_K = 4.187 * 985 / 3600
"""Heat that one m3/h carries per kelvin: specific heat times density of water at 60 Cel."""
LEAST_HZ = 15.0
"""A pump below does not drive the loop."""
_LEAST_FLOW_M3_H, _LEAST_SPREAD_K, _LEAST_APPROACH_K = 0.5, 2.0, 0.2
_FILM = 0.75
"""Heat transfer grows with the flow to the power 0.7 to 0.8."""
_FLOWS = 4.0
"""So many times the primary flow is the usual secondary flow: 110/60 against 60/45, and a little more."""
PUMPS = (1, 2, 3)
PRIMARY = ("t_pri_supply", "t_pri_return", "flow_pri")
SECONDARY = ("t_sec_supply", "t_sec_return", "flow_sec")
FREQUENCIES = tuple(f"pump_circ_{k}_freq" for k in PUMPS)


def once(of: Callable[[SlowWindow, int], Floats]) -> Callable[[SlowWindow, int], Floats]:
    """Work a quantity out once per window, however many rules look at it."""

    @wraps(of)
    def asked(window: SlowWindow, hours: int) -> Floats:
        return window.once(of.__name__, hours, of)

    return asked


@once
def heat_primary(window: SlowWindow, hours: int) -> Floats:
    """Return kW that the primary side gives, by flow and temperatures."""
    return _carried(window, PRIMARY, hours)


@once
def heat_secondary(window: SlowWindow, hours: int) -> Floats:
    """Return kW that the secondary side takes, by flow and temperatures."""
    return _carried(window, SECONDARY, hours)


def _carried(window: SlowWindow, points: tuple[str, str, str], hours: int) -> Floats:
    supply, back, flow = (window.trace(point, hours) for point in points)
    spread = supply - back
    moves = (flow > _LEAST_FLOW_M3_H) & (np.abs(spread) > _LEAST_SPREAD_K)
    return np.where(moves, flow * spread * KW_PER_M3_H_K, np.nan)


@once
def agreement(window: SlowWindow, hours: int) -> Floats:
    """Return the heat of the secondary side over that of the primary side, 1 where both are measured well."""
    given = heat_primary(window, hours)
    share: Floats = heat_secondary(window, hours) / np.where(given > 0, given, np.nan)
    return share


@once
def ua_factor(window: SlowWindow, hours: int) -> Floats:
    """Return UA in kW/K of a counter-flow exchanger, brought to flows of 1 m3/h primary and 4 m3/h secondary.

    UA = Q / LMTD; of a clean exchanger 1/UA is the sum of two films that grow with flow^0.75, equal at design flows.
    What is left when the flows are taken off is the exchanger's own, and falls only by what settles on its plates.
    """
    first = window.trace("t_pri_supply", hours) - window.trace("t_sec_supply", hours)
    last = window.trace("t_pri_return", hours) - window.trace("t_sec_return", hours)
    apart = (first > last * 1.01) & (last > _LEAST_APPROACH_K)
    ratio = np.where(apart, first / np.where(apart, last, 1.0), np.e)
    lmtd = np.where(apart, (first - last) / np.log(ratio), np.nan)
    primary, secondary = window.trace("flow_pri", hours), window.trace("flow_sec", hours) / _FLOWS
    moves = (primary > _LEAST_FLOW_M3_H) & (secondary > _LEAST_FLOW_M3_H)
    films = (np.where(moves, primary, np.nan) ** -_FILM + np.where(moves, secondary, np.nan) ** -_FILM) / 2
    factor: Floats = heat_secondary(window, hours) / lmtd * films
    return factor


@once
def pumps_running(window: SlowWindow, hours: int) -> Floats:
    """Return how many circulation pumps drive the loop; NaN where that changed within the bucket or is not known."""
    speeds = [window.trace(point, hours) for point in FREQUENCIES]
    unknown = np.isnan(sum(speeds))
    running = sum((speed > LEAST_HZ).astype(np.float64) for speed in speeds)
    return np.where(unknown | (running == 0), np.nan, running)


@once
def flow_per_hz(window: SlowWindow, hours: int) -> Floats:
    """Return the secondary flow over the mean frequency of the running pumps, m3/h per Hz: constant by affinity."""
    running = pumps_running(window, hours)
    speeds = [window.trace(point, hours) for point in FREQUENCIES]
    total = sum(np.where(speed > LEAST_HZ, speed, 0.0) for speed in speeds)
    constant: Floats = window.trace("flow_sec", hours) * running / np.where(total > 0, total, np.nan)
    return constant


def strainer(window: SlowWindow, side: str, hours: int) -> Floats:
    """Return what a strainer (`pri`, `sec`) takes over its flow squared, kPa per (m3/h)^2: steady while clean."""
    flow = window.trace(f"flow_{side}", hours)
    taken: Floats = window.trace(f"dp_strainer_{side}", hours) / np.where(flow > _LEAST_FLOW_M3_H, flow, np.nan) ** 2
    return taken


@once
def conductance(window: SlowWindow, hours: int) -> Floats:
    """Return the secondary flow over the root of dp_sec, m3/h per MPa^0.5: what the pipes and homes let through."""
    drop = window.trace("dp_sec", hours)
    passed: Floats = window.trace("flow_sec", hours) / np.sqrt(np.where(drop > 0.01, drop, np.nan))
    return passed
