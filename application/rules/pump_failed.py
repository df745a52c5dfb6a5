"""pump_failed: a circulation pump has tripped, or it is said to run and moves no water.

It moves none when the loop has no differential pressure, or when it draws less than a third of the current of
another pump that turns as fast.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_PUMPS = (1, 2, 3)


class PumpFailed(Parameters):
    """Raised on the fault contact, or on a pump above `least_hz` with less than `least_dp_mpa` or `current_share`."""

    on_delay_s: float = Field(default=15.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    least_hz: float = Field(default=15.0, ge=0)
    least_dp_mpa: float = Field(default=0.02, ge=0)
    current_share: float = Field(default=0.3, gt=0, lt=1)


def _column(window: Window, what: str) -> NDArray[np.float64]:
    """float64[n, 3]: a point of each pump."""
    return np.concatenate([window.value(f"pump_circ_{k}_{what}") for k in _PUMPS], axis=1)


def judge(window: Window, p: PumpFailed) -> Judgement:
    """Look at the fault contact, the loop's differential pressure and the current of each pump."""
    run, hz, current = _column(window, "run"), _column(window, "freq"), _column(window, "current")
    fault, dp = _column(window, "fault"), window.value("dp_sec")
    turning = (run > 0.5) & (hz > p.least_hz)
    most = np.fmax.reduce(np.where(turning, current, np.nan), axis=1)[:, None]
    idle = turning & ((dp < p.least_dp_mpa) | (current < p.current_share * most))
    tripped = fault > 0.5
    return judged(tripped | idle, np.where(tripped, 0.0, run + hz + dp + fault + current))


def evidence(window: Window, p: PumpFailed) -> Mapping[str, NDArray[np.float64]]:
    """Show the pump's contact, speed and current, and the differential pressure."""
    del p
    return {
        "fault_contact": _column(window, "fault"),
        "speed_hz": _column(window, "freq"),
        "current_a": _column(window, "current"),
        "dp_sec": window.value("dp_sec"),
    }


RULE = Rule(
    name="pump_failed",
    title=Title(zh="循环泵故障", en="Circulation pump failed"),
    advice=Title(
        zh="可能原因：电机过载跳闸、变频器故障、联轴器断裂或泵内进气。后果：二次网循环减弱或停止，居民很快不热，"
        "严寒时有冻管风险。处理：确认备用泵已投入；未投入则立即手动启动，再查电气与机械故障。",
        en="Cause: a motor tripped on overload, a failed inverter, a broken coupling, or air in the pump. "
        "Consequence: circulation weakens or stops, homes cool, pipes may freeze in severe cold. To do: "
        "make sure that the stand-by pump runs, start it by hand if it does not, then look at electrics "
        "and mechanics.",
    ),
    priority=1,
    respond_s=900,
    parameters=PumpFailed,
    judge=judge,
    evidence=evidence,
    family=Family.PUMP,
    needs=("dp_sec", *(f"pump_circ_{k}_{what}" for k in _PUMPS for what in ("run", "freq", "current", "fault"))),
    elements=lambda _kind: tuple(f"pump_circ_{k}_fault" for k in _PUMPS),
)
