"""valve_stuck: the primary valve does not go where it is told, or moves and changes nothing.

A valve travels its range in 60 to 180 s; three travels are enough to arrive.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_MINUTES = 10
_STILL_MIN = 1


class ValveStuck(Parameters):
    """Raised when command and position differ by `limit_pct`, or the command moved by `moved_pct` in vain."""

    on_delay_s: float = Field(default=360.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    limit_pct: float = Field(default=10.0, gt=0)
    deadband_pct: float = Field(default=3.0, ge=0)
    moved_pct: float = Field(default=20.0, gt=0)
    flow_pct: float = Field(default=3.0, gt=0)


def _off(window: Window) -> NDArray[np.float64]:
    return np.abs(window.value("valve_pri_command") - window.value("valve_pri_position"))


def _way(window: Window) -> NDArray[np.float64]:
    """float64[n, 1]: how far the valve came towards its command within a minute; below nought: away from it."""
    position = window.value("valve_pri_position")
    ahead: NDArray[np.float64] = np.sign(window.value("valve_pri_command") - position)
    return (position - window.past("valve_pri_position", _STILL_MIN)) * ahead


def _in_vain(window: Window, p: ValveStuck) -> NDArray[np.bool_]:
    """bool[n, 1]: within ten minutes the command moved far and the flow stayed where it was."""
    command, flow = window.past("valve_pri_command", _MINUTES), window.past("flow_pri", _MINUTES)
    moved = np.abs(window.value("valve_pri_command") - command) > p.moved_pct
    still = np.abs(window.value("flow_pri") / np.maximum(flow, 0.1) - 1) * 100 < p.flow_pct
    return moved & still & (flow > 0.5)


def judge(window: Window, p: ValveStuck) -> Judgement:
    """Compare where the valve is with where it should be, and what its moves do to the flow.

    A valve that travels towards its command is not stuck, however far it is behind; one that was torn away from it is.
    """
    off = _off(window)
    limit = p.limit_pct - np.where(window.raised, p.deadband_pct, 0.0)
    apart = (off > limit) & (window.raised | ~(_way(window) > p.deadband_pct))
    return judged(apart | _in_vain(window, p), np.where(apart, off, off + window.value("flow_pri")))


def evidence(window: Window, p: ValveStuck) -> Mapping[str, NDArray[np.float64]]:
    """Show command, position and the limit of their difference."""
    command = window.value("valve_pri_command")
    return {
        "valve_pri_command": command,
        "valve_pri_position": window.value("valve_pri_position"),
        "limit_pct": np.full_like(command, 1) * p.limit_pct,
        "flow_pri": window.value("flow_pri"),
    }


RULE = Rule(
    name="valve_stuck",
    title=Title(zh="一次调节阀卡涩", en="Primary control valve stuck"),
    advice=Title(
        zh="可能原因：阀杆卡涩、执行器故障或断电、反馈信号异常。后果：供温失控，居民过热或不热。处理：现场手动开"
        "关试验，检查执行器供电与反馈；必要时改手动并更换执行器。",
        en="Cause: a jammed stem, a failed or unpowered actuator, or a wrong feedback signal. Consequence: "
        "supply temperature is out of control, homes too warm or too cold. To do: move it by hand on "
        "site, check the actuator's power and feedback, run it by hand and replace the actuator if need "
        "be.",
    ),
    priority=2,
    respond_s=2 * 3600,
    parameters=ValveStuck,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    follows=frozenset({"valve_hunting"}),
    needs=("valve_pri_command", "valve_pri_position", "flow_pri"),
    history=("valve_pri_command", "valve_pri_position", "flow_pri"),
)
