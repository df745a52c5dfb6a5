"""low_delta_t: the primary water gives away far less of its temperature than weather and past ask for.

Low temperature differences are one of the three common groups of faults in substations (Gadd and Werner 2015, 74 % of
135 substations had one).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, judged, load_share
from application.slow.window import SlowWindow
from perception.point import Title

_DAY_H = 24
_LEAST_FLOW_M3_H = 0.5


class LowDeltaT(Parameters):
    """Raised when the day's spread is below `share` of the expected one, with a load above `least_load`.

    Expected: the larger of what the station's own days taught for this weather, and `design_spread_k` times the load.
    """

    on_delay_s: float = Field(default=6 * 3600.0, ge=0)
    off_delay_s: float = Field(default=24 * 3600.0, ge=0)
    share: float = Field(default=0.6, gt=0, lt=1)
    deadband: float = Field(default=0.05, ge=0)
    least_load: float = Field(default=0.3, ge=0, le=1)
    design_spread_k: float = Field(default=50.0, gt=0)
    room_c: float = Field(default=18.0)
    design_outdoor_c: float = Field(default=-24.2)


def _spread(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: supply less return over the hours with flow, mean of a day."""
    flows = window.trace("flow_pri", _DAY_H) > _LEAST_FLOW_M3_H
    spread = window.trace("t_pri_supply", _DAY_H) - window.trace("t_pri_return", _DAY_H)
    return window.middle(np.where(flows, spread, np.nan), _DAY_H)


def _expected(window: SlowWindow, p: LowDeltaT) -> NDArray[np.float64]:
    """float64[n, 1]: what the spread should be, K."""
    outdoor = window.mean("t_outdoor", _DAY_H)
    taught = window.learned("delta_t_pri_at_zero_k") + window.learned("delta_t_pri_k_per_k") * outdoor
    declared = p.design_spread_k * load_share(outdoor, p.room_c, p.design_outdoor_c)
    return np.where(np.isnan(outdoor), np.nan, np.fmax(taught, declared))


def judge(window: SlowWindow, p: LowDeltaT) -> Judgement:
    """Compare the day's spread with what the weather and the station's past ask for."""
    spread, expected = _spread(window), _expected(window, p)
    loaded = load_share(window.mean("t_outdoor", _DAY_H), p.room_c, p.design_outdoor_c) > p.least_load
    share = p.share + np.where(window.raised, p.deadband, 0.0)
    return judged((spread < share * expected) & loaded, spread, expected)


def evidence(window: SlowWindow, p: LowDeltaT) -> Mapping[str, NDArray[np.float64]]:
    """Show the spread and what was expected."""
    return {"delta_t_k": _spread(window), "expected_k": _expected(window, p)}


RULE = Rule(
    name="low_delta_t",
    title=Title(zh="一次供回水温差过小", en="Primary temperature difference too small"),
    advice=Title(
        zh="可能原因：旁通阀未关、一次流量过大、换热器堵塞或结垢、温度传感器偏差。后果：大流量小温差，输送能耗高，末端站"
        "缺流量。处理：查旁通与一次调节阀，核对流量限制，检查换热器与传感器。",
        en="Cause: an open bypass, too much primary flow, blocked or fouled plates, or a wrong temperature sensor. "
        "Consequence: much water for little heat, more pumping, too little flow for the stations at the end. To do: "
        "check bypass and control valve, compare the flow with its limit, then look at exchanger and sensors.",
    ),
    priority=3,
    respond_s=3 * 24 * 3600,
    parameters=LowDeltaT,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    tempo="slow",
    needs=("t_pri_supply", "t_pri_return", "flow_pri", "t_outdoor"),
)
