"""heat_balance_off: the heat meter's power and what flow and temperatures say do not agree.

The residual of real stations is within -9 to +12 % (p1 to p99) reading by reading: a mean of one hour is judged.
A device that reports by the hour has one reading in it, and the on-delay asks for several of them in a row.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.cadence import expected, last_hour
from application.rule import Family, Judgement, Parameters, Rule, Trigger, Window, judged, load_share
from perception.point import Title

_KW_PER_M3_H_K = 4.187 * 985 / 3600
"""Heat that one m3/h carries per kelvin: specific heat times density of water at 60 Cel."""
_LEAST_SHARE = 0.5
"""Of the samples that a device has in an hour by its interval."""


class HeatBalanceOff(Parameters):
    """Raised when the hour's residual exceeds `limit_pct`, with a load above `least_load` by the weather."""

    on_delay_s: float = Field(default=3 * 3600.0, ge=0)
    off_delay_s: float = Field(default=3600.0, ge=0)
    limit_pct: float = Field(default=10.0, gt=0)
    deadband_pct: float = Field(default=2.0, ge=0)
    least_load: float = Field(default=0.3, ge=0, le=1)
    room_c: float = Field(default=18.0)
    design_outdoor_c: float = Field(default=-24.2)


def _residual_pct(window: Window) -> NDArray[np.float64]:
    """float64[n, 1]: (P - rho cp V dT) / P over the last hour, in per cent."""
    power = last_hour(window, "heat_power")
    spread = last_hour(window, "t_pri_supply") - last_hour(window, "t_pri_return")
    carried = last_hour(window, "flow_pri") * spread * _KW_PER_M3_H_K
    both = ~np.isnan(power) & ~np.isnan(carried)
    told, meant = (np.where(both, x, 0.0).sum(axis=1) for x in (power, carried))
    known = (both.sum(axis=1) >= expected(window)[:, 0] * _LEAST_SHARE) & (told > 1.0)
    return np.where(known, (told - meant) / np.where(known, told, 1.0) * 100, np.nan)[:, None]


def judge(window: Window, p: HeatBalanceOff) -> Judgement:
    """Balance the primary side over the last hour."""
    residual, outdoor = _residual_pct(window), window.value("t_outdoor")
    loaded = load_share(outdoor, p.room_c, p.design_outdoor_c) > p.least_load
    limit = p.limit_pct - np.where(window.raised, p.deadband_pct, 0.0)
    return judged((np.abs(residual) > limit) & loaded, residual, outdoor)


def evidence(window: Window, p: HeatBalanceOff) -> Mapping[str, NDArray[np.float64]]:
    """Show the residual and its limit."""
    residual = _residual_pct(window)
    return {"residual_pct": residual, "limit_pct": np.full_like(residual, 1) * p.limit_pct}


RULE = Rule(
    name="heat_balance_off",
    title=Title(zh="热量不平衡", en="Heat balance off"),
    advice=Title(
        zh="可能原因：流量计或温度计偏差、温度传感器装反、热表配对错误。后果：计量与结算不准，能耗分析失真。处理"
        "：比对两支温度与流量，检查传感器安装与热表参数，必要时送检。",
        en="Cause: a flow meter or a temperature sensor that is off, sensors mounted the wrong way round, a "
        "heat meter set up wrongly. Consequence: wrong bills, wrong analysis. To do: compare "
        "temperatures and flow with an instrument, check mounting and the meter's settings, have it "
        "tested if need be.",
    ),
    priority=2,
    respond_s=3 * 24 * 3600,
    parameters=HeatBalanceOff,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    needs=("heat_power", "flow_pri", "t_pri_supply", "t_pri_return", "t_outdoor"),
    history=("heat_power", "flow_pri", "t_pri_supply", "t_pri_return"),
    trigger=Trigger.MINUTE,
    subject="device",
)
