"""network_throttled: the secondary network lets less water through than it did, while all looks well.

Flow over the root of the differential pressure is the network's conductance: it depends on valves and dirt, not on the
pumps. A station whose homes are throttled holds its pressure and its temperature, and the homes go cold.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, judged
from application.slow import physics
from application.slow.window import SlowWindow
from perception.point import Title

_OVER_H = 6


class NetworkThrottled(Parameters):
    """Raised when the network's conductance is `fall_pct` below what was learned."""

    on_delay_s: float = Field(default=6 * 3600.0, ge=0)
    off_delay_s: float = Field(default=6 * 3600.0, ge=0)
    fall_pct: float = Field(default=8.0, gt=0)
    deadband_pct: float = Field(default=3.0, ge=0)


def _fall(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: how much less the network lets through, per cent."""
    now = window.middle(physics.conductance(window, _OVER_H), _OVER_H)
    less: NDArray[np.float64] = (1 - now / window.learned("conductance_m3_h")) * 100
    return less


def judge(window: SlowWindow, p: NetworkThrottled) -> Judgement:
    """Compare the network's conductance over six hours with what was learned."""
    fall = _fall(window)
    return judged(fall > p.fall_pct - np.where(window.raised, p.deadband_pct, 0.0), fall)


def evidence(window: SlowWindow, p: NetworkThrottled) -> Mapping[str, NDArray[np.float64]]:
    """Show the fall and its limit."""
    fall = _fall(window)
    return {"fall_pct": fall, "limit_pct": np.full_like(fall, 1) * p.fall_pct}


RULE = Rule(
    name="network_throttled",
    title=Title(zh="二次网阻力增大", en="Homes get too little water"),
    advice=Title(
        zh="可能原因：楼栋或分支阀门被关小，入户滤网堵塞，水力失调。后果：站点看似正常，部分住户缺流量不热。处理：查近期阀门"
        "操作与检修，逐楼核对回水温度，清洗入户滤网并重新平衡。",
        en="Cause: valves of buildings or branches were closed, blocked filters of homes, badly balanced pipes. "
        "Consequence: the station looks well while part of its homes get too little water and go cold. To do: ask who "
        "moved valves, compare return temperatures building by building, clean the filters and balance anew.",
    ),
    priority=2,
    respond_s=24 * 3600,
    parameters=NetworkThrottled,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    tempo="slow",
    needs=("flow_sec", "dp_sec"),
    learned=("conductance_m3_h",),
)
