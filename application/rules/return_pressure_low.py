"""return_pressure_low: the secondary return pressure no longer carries water up to the highest flat.

Below the static head of the buildings, plus a margin, top floors draw air and lose circulation.
The deadband is 2 % of the sensor's span of 1 MPa (EEMUA 191 for pressures).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Verdict, Window
from perception.point import Title


class ReturnPressureLow(Parameters):
    """Raised below static head + `margin_mpa`; cleared above static head + `margin_mpa` + `deadband_mpa`."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    margin_mpa: float = Field(default=0.03, ge=0)
    deadband_mpa: float = Field(default=0.02, ge=0)


def _limit(window: Window, p: ReturnPressureLow) -> NDArray[np.float64]:
    limit: NDArray[np.float64] = window.static_head_mpa[:, None] + p.margin_mpa
    return limit


def judge(window: Window, p: ReturnPressureLow) -> Judgement:
    """Compare the return pressure with the static head; cannot tell without either."""
    above = window.value("p_sec_return") - _limit(window, p)
    verdict = np.where(above < np.where(window.raised, p.deadband_mpa, 0.0), Verdict.RAISE, Verdict.CLEAR)
    return Judgement(np.where(np.isnan(above), Verdict.CANNOT_TELL, verdict).astype(np.int8))


def calm(static_head_mpa: NDArray[np.float64], p: ReturnPressureLow) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("p_sec_return", None): (static_head_mpa + p.margin_mpa + p.deadband_mpa, np.inf)}


def evidence(window: Window, p: ReturnPressureLow) -> Mapping[str, NDArray[np.float64]]:
    """Show the pressure and its limit."""
    return {"p_sec_return": window.value("p_sec_return"), "limit_mpa": _limit(window, p)}


RULE = Rule(
    name="return_pressure_low",
    title=Title(zh="二次回水压力过低", en="Secondary return pressure low"),
    advice=Title(
        zh="可能原因：二次网泄漏、补水泵停运或水箱缺水、定压设定过低。后果：高层倒空进气、循环中断、不热。"
        "处理：立即查看补水流量、水箱液位与补水泵；补水持续偏大时派人巡查二次管网漏点。",
        en="Cause: a leak in the secondary network, a stopped make-up pump or an empty tank, or a pressure setpoint "
        "too low. Consequence: top floors draw air, circulation stops, homes go cold. To do: look at make-up flow, "
        "tank level and make-up pumps at once; if make-up stays high, send a crew to find the leak.",
    ),
    priority=1,
    respond_s=600,
    parameters=ReturnPressureLow,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    calm=calm,
    needs=("p_sec_return",),
)
