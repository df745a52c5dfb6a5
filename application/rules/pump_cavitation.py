"""pump_cavitation: the differential pressure swings as it does with air in a pump, and the current with it.

The spread of the last six minutes is compared with that of the fifty-four before them, in which the pump must have
run: one that was just started swings by itself.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Trigger, Window, judged
from perception.point import Title

_RECENT_MIN, _HOUR_MIN, _LEAST = 6, 60, 40
_TURNING_MPA = 0.02
"""A loop with less differential pressure stands still."""


class PumpCavitation(Parameters):
    """Raised when the pressure's variance is `ratio` times the usual one, and the current swings by `swing_pct`."""

    on_delay_s: float = Field(default=300.0, ge=0)
    off_delay_s: float = Field(default=1800.0, ge=0)
    ratio: float = Field(default=5.0, gt=1)
    least_spread_mpa: float = Field(default=0.004, gt=0)
    swing_pct: float = Field(default=3.0, gt=0)


def _spread(samples: NDArray[np.float64], least: int) -> NDArray[np.float64]:
    """float64[n, 1]: the standard deviation of samples; NaN where fewer than `least` came."""
    count = (~np.isnan(samples)).sum(axis=1, keepdims=True)
    mean = np.nansum(samples, axis=1, keepdims=True) / np.maximum(count, 1)
    spread = np.sqrt(np.nansum((samples - mean) ** 2, axis=1, keepdims=True) / np.maximum(count - 1, 1))
    return np.where(count >= least, spread, np.nan)


def _seen(window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the pressure's spread now and before, and the current's swing now in per cent; float64[n, 1] each."""
    dp, current = window.trace("dp_sec", _HOUR_MIN), window.trace("pump_circ_1_current", _RECENT_MIN)
    recent, before = dp[:, -_RECENT_MIN:], dp[:, :-_RECENT_MIN]
    before = np.where(np.fmin.reduce(before, axis=1)[:, None] > _TURNING_MPA, before, np.nan)
    level = np.nansum(current, axis=1, keepdims=True) / _RECENT_MIN
    swing = _spread(current, _RECENT_MIN - 1) / np.maximum(level, 0.5) * 100
    return _spread(recent, _RECENT_MIN - 1), _spread(before, _LEAST), swing


def judge(window: Window, p: PumpCavitation) -> Judgement:
    """Compare how the pressure swings with how it used to; the current must swing as well."""
    now, before, swing = _seen(window)
    usual = np.where(window.raised, p.least_spread_mpa / np.sqrt(p.ratio), before)
    wild = (now > np.sqrt(p.ratio) * usual) & (now > p.least_spread_mpa)
    return judged(wild & (swing > p.swing_pct), now, usual, swing)


def evidence(window: Window, p: PumpCavitation) -> Mapping[str, NDArray[np.float64]]:
    """Show the spread of the pressure now and before, and the swing of the current."""
    del p
    now, before, swing = _seen(window)
    return {"spread_mpa": now, "usual_mpa": before, "swing_pct": swing}


RULE = Rule(
    name="pump_cavitation",
    title=Title(zh="循环泵进气或汽蚀", en="Air or cavitation in the pump"),
    advice=Title(
        zh="可能原因：系统进气、回水压力过低、过滤器堵塞造成吸入不足。后果：流量不稳、噪声、叶轮损坏，部分住户不"
        "热。处理：检查回水压力与补水，排气，清洗过滤器。",
        en="Cause: air in the system, return pressure too low, or a clogged strainer before the pump. "
        "Consequence: unsteady flow, noise, a damaged impeller, some homes without heat. To do: check "
        "return pressure and make-up, vent the air, clean the strainer.",
    ),
    priority=2,
    respond_s=2 * 3600,
    parameters=PumpCavitation,
    judge=judge,
    evidence=evidence,
    family=Family.PUMP,
    heat_left=0.5,  # half of the flow, roughly
    needs=("dp_sec", "pump_circ_1_current"),
    history=("dp_sec", "pump_circ_1_current"),
    trigger=Trigger.MINUTE,
)
