"""supply_off_setpoint: the station does not hold the secondary supply temperature that it was told to hold.

In three real substations the median control error is 0.5 to 0.6 K; 3 K for half an hour is control
that has failed. The deadband is 1 % of the sensor's span (EEMUA 191 for temperatures). Three states are no error: a
station that is switched off for the night in mild weather (real ones are), one that is on its way up, by more than the
limit in half an hour, and one whose valve is shut and whose water is warm enough all the same.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Verdict, Window
from perception.point import Title

_RISING_MIN = 30


class SupplyOffSetpoint(Parameters):
    """Raised when the error exceeds `limit_k`; cleared when it is below `limit_k - deadband_k`.

    Switched off is a station that gives less than `off_kw`, while it is warmer outside than `off_above_c`: in frost
    nobody does that. Shut is a valve below `shut_pct`.
    """

    on_delay_s: float = Field(default=1800.0, ge=0)
    off_delay_s: float = Field(default=300.0, ge=0)
    limit_k: float = Field(default=3.0, gt=0)
    deadband_k: float = Field(default=1.0, ge=0)
    off_kw: float = Field(default=5.0, ge=0)
    off_above_c: float = Field(default=-5.0)
    shut_pct: float = Field(default=5.0, ge=0, le=100)


def judge(window: Window, p: SupplyOffSetpoint) -> Judgement:
    """Compare supply and setpoint; cannot tell without either."""
    error = window.value("t_sec_supply") - window.value("t_sec_supply_setpoint")
    limit = np.where(window.raised, p.limit_k - p.deadband_k, p.limit_k)
    off = (_told(window, "heat_power") < p.off_kw) & (_told(window, "t_outdoor") > p.off_above_c)
    shut = _told(window, "valve_pri_command") < p.shut_pct
    rising = window.value("t_sec_supply") - window.past("t_sec_supply", _RISING_MIN) > p.limit_k
    verdict = np.where(((error < -limit) & ~off & ~rising) | ((error > limit) & ~shut), Verdict.RAISE, Verdict.CLEAR)
    return Judgement(np.where(np.isnan(error), Verdict.CANNOT_TELL, verdict).astype(np.int8))


def _told(window: Window, point: str) -> NDArray[np.float64]:
    """float64[n, 1]: a point that need not be there."""
    return window.value(point) if point in window.kind.bits else np.full((len(window.now), 1), np.nan)


def calm(_: NDArray[np.float64], p: SupplyOffSetpoint) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("t_sec_supply", "t_sec_supply_setpoint"): (p.deadband_k - p.limit_k, p.limit_k - p.deadband_k)}


def evidence(window: Window, p: SupplyOffSetpoint) -> Mapping[str, NDArray[np.float64]]:
    """Show both temperatures, and the limit of their difference."""
    supply = window.value("t_sec_supply")
    setpoint = window.value("t_sec_supply_setpoint")
    return {"t_sec_supply": supply, "t_sec_supply_setpoint": setpoint, "limit_k": np.full_like(supply, 1) * p.limit_k}


RULE = Rule(
    name="supply_off_setpoint",
    title=Title(zh="二次供水温度偏离设定值", en="Secondary supply temperature off its setpoint"),
    advice=Title(
        zh="可能原因：一次侧供热不足、调节阀卡涩、控制参数不当或换热器结垢。后果：居民室温偏低或过热。"
        "处理：检查一次供水温度与压差、阀门指令与开度是否一致，再查换热器与控制参数。",
        en="Cause: too little primary heat, a stuck control valve, unsuitable controller settings or a fouled "
        "exchanger. Consequence: homes become too cold or too warm. To do: check primary temperature and differential "
        "pressure, compare valve command and position, then look at exchanger and controller.",
    ),
    priority=2,
    respond_s=2 * 3600,
    parameters=SupplyOffSetpoint,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    calm=calm,
    needs=("t_sec_supply", "t_sec_supply_setpoint"),
    history=("t_sec_supply",),
)
