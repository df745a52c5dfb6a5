"""sensors_swapped: a return is warmer than its supply while water flows: two sensors have changed places.

Real stations show it for 0.04 to 0.9 % of the time, in moments: half an hour of it is a fault. Water in standing pipes
proves nothing; where a station has no flow meter, the heat that it takes says that water flows.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_PAIRS = (("t_pri_supply", "t_pri_return", "flow_pri"), ("t_sec_supply", "t_sec_return", "flow_sec"))


class SensorsSwapped(Parameters):
    """Raised when a return exceeds its supply by `over_k` while more than `least_flow_m3_h` flows.

    Where the flow is not known, a heat power above `least_power_kw` stands for it.
    """

    on_delay_s: float = Field(default=1800.0, ge=0)
    off_delay_s: float = Field(default=300.0, ge=0)
    over_k: float = Field(default=0.5, ge=0)
    least_flow_m3_h: float = Field(default=1.0, ge=0)
    least_power_kw: float = Field(default=50.0, ge=0)


def _over(window: Window) -> NDArray[np.float64]:
    return np.concatenate([window.value(back) - window.value(out) for out, back, _ in _PAIRS], axis=1)


def _flows(window: Window, p: SensorsSwapped) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """bool[n, 2] twice: water flows on each side, and whether that is known."""
    flow = np.concatenate([_told(window, flow) for _, _, flow in _PAIRS], axis=1)
    power = np.broadcast_to(_told(window, "heat_power"), flow.shape)
    by_power = np.isnan(flow)
    flows = np.where(by_power, power > p.least_power_kw, flow > p.least_flow_m3_h)
    return flows, ~(by_power & np.isnan(power))


def _told(window: Window, point: str) -> NDArray[np.float64]:
    """float64[n, 1]: a point that not every kind has."""
    return window.value(point) if point in window.kind.bits else np.full((len(window.now), 1), np.nan)


def judge(window: Window, p: SensorsSwapped) -> Judgement:
    """Compare return and supply of both sides; where the return is not warmer, no flow need be known."""
    over = _over(window)
    flows, known = _flows(window, p)
    beyond = over > np.where(window.raised, 0.0, p.over_k)
    return judged(beyond & flows, over, np.where(beyond & ~known, np.nan, 0.0))


def calm(_: NDArray[np.float64], __: SensorsSwapped) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {(back, out): (-np.inf, 0.0) for out, back, _ in _PAIRS}


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
    needs=tuple(point for out, back, _ in _PAIRS for point in (out, back)),
    elements=lambda _kind: tuple(back for _, back, _ in _PAIRS),
    subject="device",
)
