"""strainer_clogged: a strainer takes so much pressure that flow suffers.

Clean strainers take 5 to 30 kPa at design flow.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title

_POINTS = ("dp_strainer_pri", "dp_strainer_sec")


class StrainerClogged(Parameters):
    """Raised above `limit_kpa`; cleared `deadband_kpa` below."""

    on_delay_s: float = Field(default=6 * 3600.0, ge=0)
    off_delay_s: float = Field(default=600.0, ge=0)
    limit_kpa: float = Field(default=50.0, gt=0)
    deadband_kpa: float = Field(default=5.0, ge=0)


def _drops(window: Window) -> NDArray[np.float64]:
    return np.concatenate([window.value(point) for point in _POINTS], axis=1)


def judge(window: Window, p: StrainerClogged) -> Judgement:
    """Compare the pressure drop of each strainer with its limit."""
    drop = _drops(window)
    return judged(drop > p.limit_kpa - np.where(window.raised, p.deadband_kpa, 0.0), drop)


def calm(_: NDArray[np.float64], p: StrainerClogged) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {(point, None): (-np.inf, p.limit_kpa - p.deadband_kpa) for point in _POINTS}


def evidence(window: Window, p: StrainerClogged) -> Mapping[str, NDArray[np.float64]]:
    """Show the pressure drop and its limit."""
    drop = _drops(window)
    return {"value": drop, "limit_kpa": np.full_like(drop, 1) * p.limit_kpa}


RULE = Rule(
    name="strainer_clogged",
    title=Title(zh="除污器堵塞", en="Strainer clogged"),
    advice=Title(
        zh="可能原因：管网杂质、检修后未冲洗。后果：流量下降，末端住户不热，水泵耗电增加。处理：安排停泵清洗除污"
        "器；频繁堵塞时查水质与上游施工。",
        en="Cause: dirt from the network, or pipes not flushed after works. Consequence: flow falls, the "
        "last homes of the line go cold, pumps draw more power. To do: plan a stop and clean the "
        "strainer; if it comes again soon, look at the water and at works upstream.",
    ),
    priority=2,
    respond_s=24 * 3600,
    parameters=StrainerClogged,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    heat_left=0.7,  # it narrows, it does not close
    calm=calm,
    needs=_POINTS,
    elements=lambda _kind: _POINTS,
)
