"""sensor_sentinel: a temperature shows the number that an input module writes where it measures nothing.

-39.9 of an open circuit and 0.0 of a channel that was never read have been seen in real substations, 0.0 in pairs and
for weeks. Water in a heating loop is not at 0.0 Cel; where water is told to be, 0.0 outdoors is a code as well. What is
beyond the limits of its point is the business of `sensor_out_of_range`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_WATER = ("t_pri_supply", "t_pri_return", "t_sec_supply", "t_sec_return")
_POINTS = (*_WATER, "t_outdoor")
_RESOLUTION = 0.05


class SensorSentinel(Parameters):
    """Raised when water is told to be at 0.0 Cel, or the outdoor sensor shows `open_circuit_c`, for the on-delay."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=0.0, ge=0)
    open_circuit_c: float = Field(default=-39.9)


def _values(window: Window) -> NDArray[np.float64]:
    """float64[n, 5]."""
    return np.concatenate([window.value(point) for point in _POINTS], axis=1)


def judge(window: Window, p: SensorSentinel) -> Judgement:
    """Compare each temperature with the codes."""
    values = _values(window)
    zero = np.abs(values) < _RESOLUTION
    code = zero.copy()
    code[:, 4:] = (zero[:, 4:] & zero[:, :4].any(axis=1, keepdims=True)) | (
        np.abs(values[:, 4:] - p.open_circuit_c) < _RESOLUTION
    )
    return judged(code, values)


def calm(_: NDArray[np.float64], p: SensorSentinel) -> Bounds:
    """Return where it is clear beyond doubt."""
    found: dict[tuple[str, str | None], tuple[float, float]] = {
        (point, None): (_RESOLUTION, np.inf) for point in _WATER
    }
    return {**found, ("t_outdoor", None): (p.open_circuit_c + _RESOLUTION, np.inf)}


def evidence(window: Window, _: SensorSentinel) -> Mapping[str, NDArray[np.float64]]:
    """Show the number."""
    return {"value": _values(window)}


RULE = Rule(
    name="sensor_sentinel",
    title=Title(zh="传感器显示占位值", en="Sensor shows a code"),
    advice=Title(
        zh="可能原因：测温回路断线，采集通道未启用或未被读取。后果：该测点没有测量值，却看似有数。处理：检查接线与采集模"
        "块的通道配置，现场核对读数。",
        en="Cause: an open circuit, or a channel of the input module that is not configured or never read. "
        "Consequence: nothing is measured there, though there is a number. To do: check the wiring and the channels of "
        "the input module, compare with an instrument on site.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=SensorSentinel,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    needs=_POINTS,
    calm=calm,
    elements=lambda _kind: _POINTS,
    subject="device",
)
