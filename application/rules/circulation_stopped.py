"""circulation_stopped: water no longer moves through the secondary loop, while it is cold enough to heat."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import ANY, Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class CirculationStopped(Parameters):
    """Raised below `least_dp_mpa` of differential pressure, colder outside than `heating_below_c`."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    least_dp_mpa: float = Field(default=0.02, gt=0)
    deadband_mpa: float = Field(default=0.01, ge=0)
    heating_below_c: float = Field(default=8.0)


def judge(window: Window, p: CirculationStopped) -> Judgement:
    """Compare the differential pressure of the loop with what any circulation needs."""
    dp, outdoor = window.value("dp_sec"), window.value("t_outdoor")
    limit = p.least_dp_mpa + np.where(window.raised, p.deadband_mpa, 0.0)
    return judged((dp < limit) & (outdoor < p.heating_below_c), dp, outdoor)


def calm(_: NDArray[np.float64], p: CirculationStopped) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("dp_sec", None): (p.least_dp_mpa + p.deadband_mpa, np.inf), ("t_outdoor", None): ANY}


def evidence(window: Window, p: CirculationStopped) -> Mapping[str, NDArray[np.float64]]:
    """Show the differential pressure, its limit and the outdoor temperature."""
    dp = window.value("dp_sec")
    return {"dp_sec": dp, "limit_mpa": np.full_like(dp, 1) * p.least_dp_mpa, "t_outdoor": window.value("t_outdoor")}


RULE = Rule(
    name="circulation_stopped",
    title=Title(zh="二次网循环停止", en="Circulation stopped"),
    advice=Title(
        zh="可能原因：循环泵全停、主阀关闭或停电。后果：全站停热，严寒时数小时内有冻管风险。处理：立即启动备用泵"
        "，检查供电与主阀；短时不能恢复则通知小区并准备放水防冻。",
        en="Cause: all circulation pumps stopped, a main valve shut, or no power. Consequence: the whole "
        "station gives no heat; in severe cold pipes may freeze within hours. To do: start a stand-by "
        "pump at once, check power and main valves; if it cannot be restored soon, tell the communities "
        "and prepare to drain.",
    ),
    priority=1,
    respond_s=600,
    parameters=CirculationStopped,
    judge=judge,
    evidence=evidence,
    family=Family.PUMP,
    follows=frozenset({"pump_failed"}),
    calm=calm,
    needs=("dp_sec", "t_outdoor"),
)
