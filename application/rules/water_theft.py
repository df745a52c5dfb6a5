"""water_theft: make-up peaks in the evening, day after day: hot water is drawn from the radiators.

A leak loses water at all hours; what citizens draw is missed from 18 to 22 h by local time.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, judged
from application.slow.window import SlowWindow
from perception.point import Title

_WEEK = 7


class WaterTheft(Parameters):
    """Raised when make-up from 18 to 22 h is `ratio` times that of the other hours on `least_days` days of a week.

    The week's evenings together exceed the other hours by `least_pct` of the secondary flow, too.
    """

    on_delay_s: float = Field(default=3600.0, ge=0)
    off_delay_s: float = Field(default=24 * 3600.0, ge=0)
    ratio: float = Field(default=1.6, gt=1)
    deadband: float = Field(default=0.2, ge=0)
    least_days: float = Field(default=4.0, ge=1, le=7)
    least_pct: float = Field(default=0.05, gt=0)


def _week(window: SlowWindow) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Evening and other make-up by day, m3/h float64[n, 7], and the secondary flow, float64[n, 1]."""
    evening, rest = window.days("makeup_evening", _WEEK), window.days("makeup_rest", _WEEK)
    known = ~np.isnan(evening + rest)
    return np.where(known, evening, np.nan), np.where(known, rest, np.nan), window.mean("flow_sec", 24)


def _mean(days: NDArray[np.float64]) -> NDArray[np.float64]:
    told = ~np.isnan(days)
    mean: NDArray[np.float64] = np.where(told, days, 0.0).sum(axis=1, keepdims=True) / np.maximum(
        told.sum(axis=1, keepdims=True), 1
    )
    return mean


def judge(window: SlowWindow, p: WaterTheft) -> Judgement:
    """Compare the evenings of a week with its other hours."""
    evening, rest, flow = _week(window)
    ratio = p.ratio - np.where(window.raised, p.deadband, 0.0)
    days = (~np.isnan(rest)).sum(axis=1, keepdims=True)
    peaks = (evening > ratio * rest).sum(axis=1, keepdims=True)
    more = _mean(evening) - _mean(rest)
    drawn = (peaks >= p.least_days) & (more > p.least_pct / 100 * flow) & (_mean(evening) > ratio * _mean(rest))
    return judged(drawn, np.where(days >= p.least_days, flow, np.nan))


def evidence(window: SlowWindow, p: WaterTheft) -> Mapping[str, NDArray[np.float64]]:
    """Show make-up in the evenings and else."""
    evening, rest, _ = _week(window)
    shown = _mean(evening)
    return {"evening_m3_h": shown, "rest_m3_h": _mean(rest), "limit": np.full_like(shown, 1) * p.ratio}


RULE = Rule(
    name="water_theft",
    title=Title(zh="用户放水偷热水", en="Water drawn from the radiators"),
    advice=Title(
        zh="可能原因：住户从散热器放热水使用，或夜间固定时段有人取水。后果：补水与水处理成本增加，失水带走热量，管网腐蚀。"
        "处理：加臭味剂或染色剂试验，按楼栋排查，张贴告知并依规处理。",
        en="Cause: somebody draws hot water from the radiators, evening after evening. "
        "Consequence: more water to treat, lost heat, and corrosion by fresh water. "
        "To do: mark the water with dye or scent, look building by building, "
        "inform the homes, and act by the rules of supply.",
    ),
    priority=3,
    respond_s=7 * 24 * 3600,
    parameters=WaterTheft,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    tempo="slow",
    needs=("flow_makeup", "flow_sec"),
)
