"""primary_return_high: the water goes back to the plant too warm, so that less heat is sold for each turn of the pumps.

A good plate exchanger returns 1 to 2 K above the secondary return (IEA DHC handbook).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class PrimaryReturnHigh(Parameters):
    """Raised above the secondary return by `over_k`, or above `limit_c`; cleared `deadband_k` below both."""

    on_delay_s: float = Field(default=4 * 3600.0, ge=0)
    off_delay_s: float = Field(default=1800.0, ge=0)
    over_k: float = Field(default=10.0, gt=0)
    limit_c: float = Field(default=55.0, gt=0)
    deadband_k: float = Field(default=1.0, ge=0)


def judge(window: Window, p: PrimaryReturnHigh) -> Judgement:
    """Compare the primary return with the secondary return and with the contract's limit."""
    back, low = window.value("t_pri_return"), np.where(window.raised, p.deadband_k, 0.0)
    over = back - window.value("t_sec_return")
    return judged((over > p.over_k - low) | (back > p.limit_c - low), over)


def calm(_: NDArray[np.float64], p: PrimaryReturnHigh) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {
        ("t_pri_return", "t_sec_return"): (-np.inf, p.over_k - p.deadband_k),
        ("t_pri_return", None): (-np.inf, p.limit_c - p.deadband_k),
    }


def evidence(window: Window, p: PrimaryReturnHigh) -> Mapping[str, NDArray[np.float64]]:
    """Show both returns and the limit."""
    back = window.value("t_pri_return")
    return {
        "t_pri_return": back,
        "t_sec_return": window.value("t_sec_return"),
        "limit_c": np.full_like(back, 1) * p.limit_c,
    }


RULE = Rule(
    name="primary_return_high",
    title=Title(zh="一次回水温度过高", en="Primary return too warm"),
    advice=Title(
        zh="可能原因：换热器结垢、一次流量过大、二次流量不足或旁通未关。后果：输送能耗增加，热源效率下降，末端站"
        "流量不足。处理：查旁通阀与一次流量，核对二次循环，评估换热器清洗。",
        en="Cause: a fouled exchanger, too much primary flow, too little secondary flow, or an open bypass. "
        "Consequence: more pumping, a less efficient plant, too little flow for the stations at the end. "
        "To do: check bypass and primary flow, then secondary circulation, and consider cleaning the "
        "exchanger.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=PrimaryReturnHigh,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    heat_left=1.0,
    calm=calm,
    needs=("t_pri_return", "t_sec_return"),
)
