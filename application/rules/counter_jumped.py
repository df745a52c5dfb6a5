"""counter_jumped: a meter that only counts up went down, or up by more than can have flowed.

Meters that could not be read show 0 and come back: in real stations, for an hour or for weeks. Going is a jump, coming
back from 0 is none.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_POINTS = ("heat_energy_total", "volume_pri_total", "volume_makeup_total", "elec_energy_total")
_BACK_MIN = 20


class CounterJumped(Parameters):
    """Raised when a meter fell by more than `fall`, or rose within 20 minutes by `ratio` times the most of an hour."""

    on_delay_s: float = Field(default=0.0, ge=0)
    off_delay_s: float = Field(default=0.0, ge=0)
    fall: float = Field(default=0.5, ge=0)
    ratio: float = Field(default=1.5, ge=1)


def _steps(window: Window) -> NDArray[np.float64]:
    """float64[n, 4]: by how much each meter rose since 20 minutes ago."""
    return np.concatenate([window.value(point) - window.past(point, _BACK_MIN) for point in _POINTS], axis=1)


def _most(window: Window) -> NDArray[np.float64]:
    return np.array([[window.kind.point(point).most_per_hour or np.inf for point in _POINTS]])


def judge(window: Window, p: CounterJumped) -> Judgement:
    """Compare each meter with what it showed 20 minutes ago."""
    step = _steps(window)
    from_nought = np.concatenate([window.past(point, _BACK_MIN) for point in _POINTS], axis=1) == 0
    return judged((step < -p.fall) | ((step > p.ratio * _most(window)) & ~from_nought), step)


def evidence(window: Window, p: CounterJumped) -> Mapping[str, NDArray[np.float64]]:
    """Show the meter, its step and the most that can have flowed."""
    value = np.concatenate([window.value(point) for point in _POINTS], axis=1)
    return {"value": value, "step": _steps(window), "limit": np.full_like(value, 1) * p.ratio * _most(window)}


RULE = Rule(
    name="counter_jumped",
    title=Title(zh="累计表跳变", en="Meter jumped"),
    advice=Title(
        zh="可能原因：表计更换、清零、溢出或通信误码。后果：用量统计需要分段。处理：确认是否换表并登记；否则检查"
        "表计与通信。平台已按分段计算用量，不会出现负值。",
        en="Cause: a meter that was exchanged, reset or rolled over, or a garbled message. Consequence: "
        "consumption has to be counted in parts, which the platform does; it is never negative. To do: "
        "note an exchanged meter; otherwise check the meter and its line.",
    ),
    priority=3,
    respond_s=3 * 24 * 3600,
    parameters=CounterJumped,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    needs=_POINTS,
    history=_POINTS,
    elements=lambda _kind: _POINTS,
    subject="device",
)
