"""power_cut: the station has no mains, or lives on its battery."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class PowerCut(Parameters):
    """Raised below `share` of `nominal_v`, or on battery; cleared above `share` + `deadband` on mains."""

    on_delay_s: float = Field(default=10.0, ge=0)
    off_delay_s: float = Field(default=30.0, ge=0)
    nominal_v: float = Field(default=380.0, gt=0)
    share: float = Field(default=0.8, gt=0, lt=1)
    deadband: float = Field(default=0.05, ge=0)


def judge(window: Window, p: PowerCut) -> Judgement:
    """Look at the mains voltage and at the battery's contact; one of them is enough to raise."""
    voltage, battery = window.value("voltage_mains"), window.value("ups_on_battery")
    limit = p.nominal_v * (p.share + np.where(window.raised, p.deadband, 0.0))
    out = (voltage < limit) | (battery > 0.5)
    return judged(out, np.where(out, 0.0, voltage + battery))


def calm(_: NDArray[np.float64], p: PowerCut) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {
        ("voltage_mains", None): (p.nominal_v * (p.share + p.deadband), np.inf),
        ("ups_on_battery", None): (-np.inf, 0.5),
    }


def evidence(window: Window, p: PowerCut) -> Mapping[str, NDArray[np.float64]]:
    """Show voltage, its limit and the battery's contact."""
    voltage = window.value("voltage_mains")
    return {
        "voltage_mains": voltage,
        "limit_v": np.full_like(voltage, 1) * p.nominal_v * p.share,
        "ups_on_battery": window.value("ups_on_battery"),
    }


RULE = Rule(
    name="power_cut",
    title=Title(zh="站点停电", en="Power cut"),
    advice=Title(
        zh="可能原因：市电停电、进线开关跳闸。后果：水泵停转，全站停热，蓄电池耗尽后通信中断。处理：联系供电部门"
        "确认范围与恢复时间；单站停电则派电工；严寒时准备防冻。",
        en="Cause: the mains are out, or the station's main switch tripped. Consequence: pumps stop, the "
        "station gives no heat, and falls silent once its battery is empty. To do: ask the electricity "
        "company for extent and time; send an electrician if it is this station alone; prepare against "
        "frost in severe cold.",
    ),
    priority=1,
    respond_s=900,
    parameters=PowerCut,
    judge=judge,
    evidence=evidence,
    family=Family.POWER,
    calm=calm,
    needs=("voltage_mains", "ups_on_battery"),
)
