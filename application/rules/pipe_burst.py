"""pipe_burst: a pressure fell by a tenth of a megapascal within minutes, and does not come back.

On the secondary side make-up must be running as well, so that a pump that was switched over is no burst. A
sample per minute is kept: the drop is measured against the highest of the last three minutes, so that a device
with a minute's cadence has the time of the on-delay; once raised, against the highest of the last hour.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_POINTS = ("p_sec_return", "p_pri_supply")


class PipeBurst(Parameters):
    """Raised when a pressure is `drop_mpa` lower than minutes ago; cleared when it is back by half of that."""

    on_delay_s: float = Field(default=20.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    drop_mpa: float = Field(default=0.1, gt=0)
    least_makeup_m3_h: float = Field(default=0.05, ge=0)


def _fallen(
    window: Window, point: str, p: PipeBurst
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Return whether a pressure fell, what it is and what it was; [n, 1] each."""
    now, raised = window.value(point), window.raised[:, [_POINTS.index(point)]]
    before = np.fmax.reduce([window.past(point, back) for back in (1, 2, 3)])
    if not raised.any():
        return before - now > p.drop_mpa, now, before
    hour = np.fmax.reduce(window.trace(point, 60), axis=1)[:, None]
    before = np.where(raised, np.fmax(hour, before), before)
    return before - now > np.where(raised, p.drop_mpa / 2, p.drop_mpa), now, before


def judge(window: Window, p: PipeBurst) -> Judgement:
    """Compare secondary return and primary supply pressure with what they were minutes ago."""
    fell, now, before = _fallen(window, "p_sec_return", p)
    filling = window.value("flow_makeup")
    secondary = judged(fell & (filling > p.least_makeup_m3_h), now, before, filling)
    fell, now, before = _fallen(window, "p_pri_supply", p)
    primary = judged(fell, now, before)
    return Judgement(np.concatenate([secondary.verdict, primary.verdict], axis=1))


def evidence(window: Window, p: PipeBurst) -> Mapping[str, NDArray[np.float64]]:
    """Show the pressures now and before."""
    told = [_fallen(window, point, p) for point in _POINTS]
    now, before = (np.concatenate([t[k] for t in told], axis=1) for k in (1, 2))
    return {"value": now, "before_mpa": before, "flow_makeup": window.value("flow_makeup")}


RULE = Rule(
    name="pipe_burst",
    title=Title(zh="管道爆裂", en="Pipe burst"),
    advice=Title(
        zh="可能原因：管道或设备爆裂、大口径阀门或法兰脱开。后果：大量失水、停热，可能伤人。处理：立即停泵关断，"
        "疏散周边，派抢修队；通知受影响小区。",
        en="Cause: a burst pipe or fitting, a flange or valve that gave way. Consequence: water is lost "
        "fast, heating stops, people may be hurt. To do: stop the pumps and shut off at once, keep "
        "people away, send the emergency crew, tell the communities.",
    ),
    priority=1,
    respond_s=300,
    parameters=PipeBurst,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    needs=("p_sec_return", "p_pri_supply", "flow_makeup"),
    history=("p_sec_return", "p_pri_supply"),
    elements=lambda _kind: _POINTS,
)
