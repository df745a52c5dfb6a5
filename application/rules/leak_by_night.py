"""leak_by_night: three times the make-up of an ordinary night, for hours: a leak too small for the fast rule.

Make-up pumps run on and off, so hours are averaged. The evening is left out: what is drawn then goes to homes (see
water_theft). What a cooling loop draws is taken off: V beta dT/dt, as in secondary_leak.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, judged
from application.slow.window import SlowWindow
from perception.point import Title

_OVER_H = 8
_LEAST = 18
"""Buckets that are not of the evening: three hours."""
_EVENING = (17.5, 22.5)
_EDGE = 3
_EXPANSION_PER_K = 4.6e-4


class LeakByNight(Parameters):
    """Raised when make-up less contraction is `times` the learned night's, and `least_pct` of the flow above it.

    `loop_h`: the loop's volume in hours of its flow.
    """

    on_delay_s: float = Field(default=3600.0, ge=0)
    off_delay_s: float = Field(default=6 * 3600.0, ge=0)
    times: float = Field(default=3.0, gt=1)
    deadband: float = Field(default=0.5, ge=0)
    least_pct: float = Field(default=0.1, gt=0)
    loop_h: float = Field(default=0.43, gt=0)


def _lost(window: SlowWindow, p: LeakByNight) -> NDArray[np.float64]:
    """float64[n, 1]: make-up less contraction over the last hours but the evening, m3/h."""
    hour, makeup = window.local_hour(_OVER_H), window.trace("flow_makeup", _OVER_H)
    known = ~np.isnan(makeup) & ((hour < _EVENING[0]) | (hour >= _EVENING[1]))
    count = known.sum(axis=1, keepdims=True)
    mean = np.where(known, makeup, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    loop = (window.trace("t_sec_supply", _OVER_H) + window.trace("t_sec_return", _OVER_H)) / 2
    fell = (_middle(loop[:, :_EDGE]) - _middle(loop[:, -_EDGE:])) / (_OVER_H - _EDGE / 6)
    contraction = p.loop_h * window.mean("flow_sec", _OVER_H) * _EXPANSION_PER_K * np.maximum(fell, 0.0)
    return np.where(count >= _LEAST * window.expected, mean - contraction, np.nan)


def _middle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = np.sort(values, axis=1)[:, [_EDGE // 2]]
    return middle


def judge(window: SlowWindow, p: LeakByNight) -> Judgement:
    """Compare what the loop lost over the last hours with an ordinary night."""
    lost, usual = _lost(window, p), window.learned("makeup_night_m3_h")
    limit = (p.times - np.where(window.raised, p.deadband, 0.0)) * usual
    above = lost - usual > p.least_pct / 100 * window.mean("flow_sec", _OVER_H)
    return judged((lost > limit) & above, lost, usual)


def evidence(window: SlowWindow, p: LeakByNight) -> Mapping[str, NDArray[np.float64]]:
    """Show what was lost and the ordinary night's."""
    usual = window.learned("makeup_night_m3_h")
    return {"drawn_m3_h": _lost(window, p), "night_m3_h": usual, "limit_m3_h": usual * p.times}


RULE = Rule(
    name="leak_by_night",
    title=Title(zh="补水量异常（小泄漏）", en="Make-up far above an ordinary night"),
    advice=Title(
        zh="可能原因：二次网小泄漏、排气阀或安全阀漏水、用户放水。后果：失水失热，泄漏会扩大，水处理成本增加。处理：核对补水"
        "表与夜间补水，听漏或分支关断查找，检查排气阀与安全阀。",
        en="Cause: a small leak of the secondary loop, a vent or relief valve that drips, or drawn water. "
        "Consequence: lost water and heat, and leaks grow. To do: compare the make-up meter with nights before, listen "
        "for the leak or shut off line by line, check vents and relief valve.",
    ),
    priority=2,
    respond_s=8 * 3600,
    parameters=LeakByNight,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    follows=frozenset({"secondary_leak"}),
    tempo="slow",
    needs=("flow_makeup", "flow_sec", "t_sec_supply", "t_sec_return"),
    learned=("makeup_night_m3_h",),
)
