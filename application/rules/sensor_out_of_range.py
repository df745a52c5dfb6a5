"""sensor_out_of_range: a point says what its quantity cannot be, so its sensor or its wiring is at fault.

The quality bit was set at receipt against the point's physical limits; -39.9 of an open circuit is
the classic.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Verdict, Window
from perception.point import Title


class SensorOutOfRange(Parameters):
    """Raised when each value of a point was beyond its limits for the on-delay."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)


def judge(window: Window, _: SensorOutOfRange) -> Judgement:
    """Look at the quality bit of each point; cannot tell of points that have not spoken within their hold."""
    verdict = np.where(window.present, Verdict.CLEAR, Verdict.CANNOT_TELL)
    return Judgement(np.where(window.bad, Verdict.RAISE, verdict).astype(np.int8))


def evidence(window: Window, _: SensorOutOfRange) -> Mapping[str, NDArray[np.float64]]:
    """Show the value and the limits of its point."""
    low = np.array([[p.low for p in window.kind.points]])
    high = np.array([[p.high for p in window.kind.points]])
    shape = window.newest.shape
    return {"value": window.newest, "low": np.broadcast_to(low, shape), "high": np.broadcast_to(high, shape)}


RULE = Rule(
    name="sensor_out_of_range",
    title=Title(zh="传感器超出量程", en="Sensor out of range"),
    advice=Title(
        zh="可能原因：传感器断线或短路、接线松动、变送器损坏、单位或量程配置错误。后果：该测点不可信，相关判断停止。"
        "处理：核对现场仪表读数与接线；确认单位换算；必要时更换传感器。",
        en="Cause: an open or shorted sensor, loose wiring, a broken transmitter, or a wrong unit or scale. "
        "Consequence: the point cannot be trusted and what depends on it is not judged. To do: compare with the "
        "instrument on site, check wiring and unit, replace the sensor if need be.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=SensorOutOfRange,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    elements=lambda kind: kind.names,
    subject="device",
    only_bad=True,
)
