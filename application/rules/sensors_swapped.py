"""sensors_swapped: a return is warmer than its supply while water flows: two sensors have changed places.

Real stations show it for 0.04 to 0.9 % of the time, in moments: half an hour of it is a fault.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import ANY, Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_PAIRS = (("t_pri_supply", "t_pri_return", "flow_pri"), ("t_sec_supply", "t_sec_return", "flow_sec"))


class SensorsSwapped(Parameters):
    """Raised when a return exceeds its supply by `over_k` while more than `least_flow_m3_h` flows."""

    on_delay_s: float = Field(default=1800.0, ge=0)
    off_delay_s: float = Field(default=300.0, ge=0)
    over_k: float = Field(default=0.5, ge=0)
    least_flow_m3_h: float = Field(default=1.0, ge=0)


def _over(window: Window) -> NDArray[np.float64]:
    return np.concatenate([window.value(back) - window.value(out) for out, back, _ in _PAIRS], axis=1)


def judge(window: Window, p: SensorsSwapped) -> Judgement:
    """Compare return and supply of both sides."""
    over = _over(window)
    flow = np.concatenate([window.value(flow) for _, _, flow in _PAIRS], axis=1)
    limit = np.where(window.raised, 0.0, p.over_k)
    return judged((over > limit) & (flow > p.least_flow_m3_h), over, flow)


def calm(_: NDArray[np.float64], __: SensorsSwapped) -> Bounds:
    """Return where it is clear beyond doubt."""
    found: dict[tuple[str, str | None], tuple[float, float]] = {}
    for out, back, flow in _PAIRS:
        found |= {(back, out): (-np.inf, 0.0), (flow, None): ANY}
    return found


def evidence(window: Window, p: SensorsSwapped) -> Mapping[str, NDArray[np.float64]]:
    """Show by how much the return is warmer."""
    over = _over(window)
    return {"over_k": over, "limit_k": np.full_like(over, 1) * p.over_k}


RULE = Rule(
    name="sensors_swapped",
    title=Title(zh="供回水传感器接反", en="Supply and return sensors swapped"),
    advice=Title(
        zh="可能原因：两支温度传感器接线或安装互换。后果：热量、温差与控制全错。处理：核对接线与标签，短时可在平"
        "台用测点别名更正，再现场改接。",
        en="Cause: two sensors wired or mounted in each other's place. Consequence: heat, temperature "
        "difference and control are all wrong. To do: check wiring and labels; `hearthline devices "
        "correct` puts the names right until the wires are.",
    ),
    priority=2,
    respond_s=24 * 3600,
    parameters=SensorsSwapped,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    calm=calm,
    needs=tuple(point for pair in _PAIRS for point in pair),
    elements=lambda _kind: tuple(back for _, back, _ in _PAIRS),
    subject="device",
)
