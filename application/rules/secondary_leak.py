"""secondary_leak: more water is fed into the secondary loop than it loses in ordinary life and by cooling.

A loop that cools contracts and draws water with no leak at all: V beta dT/dt, beta 4.6e-4 per K at 50 Cel; the
loop's volume is taken from its flow (`loop_h`: 1.2 l per m2 of floor against 2.8 kg/(h m2)). Water that raises the
pressure is not lost but stored, in a cushion that takes `cushion_per_mpa` of the loop per MPa: a loop that warms, or is
filled up after a stop, is no leak. Make-up pumps run on and off, so half an hour is averaged.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Trigger, Window, judged
from perception.point import Title

_EXPANSION_PER_K = 4.6e-4
_AVERAGED_MIN = 30
_LEAST_SAMPLES = 20
_FALL_MIN = 10


class SecondaryLeak(Parameters):
    """Raised when make-up less contraction exceeds `share_pct` of the secondary flow.

    Or when the return pressure falls by more than `fall_mpa` in ten minutes while make-up runs.
    """

    on_delay_s: float = Field(default=600.0, ge=0)
    off_delay_s: float = Field(default=1800.0, ge=0)
    share_pct: float = Field(default=0.3, gt=0)
    deadband_pct: float = Field(default=0.1, ge=0)
    fall_mpa: float = Field(default=0.02, gt=0)
    loop_h: float = Field(default=0.43, gt=0)
    cushion_per_mpa: float = Field(default=0.03, ge=0)
    least_dp_mpa: float = Field(default=0.03, ge=0)


def _lost_pct(window: Window, p: SecondaryLeak) -> NDArray[np.float64]:
    """float64[n, 1]: make-up less contraction and what is stored, in per cent of the secondary flow, over half an hour.

    NaN unless water moved all that time: a loop that stands still cools unevenly, its flow measures nothing, and what
    it lacks is fed when it starts again.
    """
    makeup, flow = _mean(window, "flow_makeup"), _mean(window, "flow_sec")
    fell = (_loop(window, 30) - _loop(window, 1)) / (29 / 60)
    rose = (window.past("p_sec_return", 1) - window.past("p_sec_return", 30)) / (29 / 60)
    taken = p.loop_h * flow * (_EXPANSION_PER_K * fell + p.cushion_per_mpa * rose)
    share: NDArray[np.float64] = np.where(
        _moving(window, p, _AVERAGED_MIN), (makeup - taken) / np.maximum(flow, 1.0) * 100, np.nan
    )
    return share


def _moving(window: Window, p: SecondaryLeak, minutes: int) -> NDArray[np.bool_]:
    """bool[n, 1]: the pumps kept a differential pressure now and for so many minutes."""
    least = np.fmin.reduce(window.trace("dp_sec", minutes), axis=1)[:, None]
    moving: NDArray[np.bool_] = np.fmin(least, window.value("dp_sec")) > p.least_dp_mpa
    return moving


def _mean(window: Window, point: str) -> NDArray[np.float64]:
    samples = window.trace(point, _AVERAGED_MIN)
    count = (~np.isnan(samples)).sum(axis=1)
    mean = np.nansum(samples, axis=1) / np.maximum(count, 1)
    return np.where(count >= _LEAST_SAMPLES, mean, np.nan)[:, None]


def _loop(window: Window, minutes: int) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = (window.past("t_sec_supply", minutes) + window.past("t_sec_return", minutes)) / 2
    return mean


def judge(window: Window, p: SecondaryLeak) -> Judgement:
    """Balance the water of the loop over half an hour, and look at the pressure of the last ten minutes."""
    lost = _lost_pct(window, p)
    fall = window.past("p_sec_return", _FALL_MIN) - window.value("p_sec_return")
    # pumps that start draw the return pressure down, and leak nothing
    falling = (fall > p.fall_mpa) & (window.value("flow_makeup") > 0) & _moving(window, p, _FALL_MIN)
    limit = np.where(window.raised, p.share_pct - p.deadband_pct, p.share_pct)
    return judged((lost > limit) | falling, np.where(falling, 0.0, lost))


def evidence(window: Window, p: SecondaryLeak) -> Mapping[str, NDArray[np.float64]]:
    """Show what is lost, the limit, the make-up flow and the pressure."""
    lost = _lost_pct(window, p)
    return {
        "lost_pct": lost,
        "limit_pct": np.full_like(lost, 1) * p.share_pct,
        "flow_makeup": _mean(window, "flow_makeup"),
        "p_sec_return": window.value("p_sec_return"),
    }


RULE = Rule(
    name="secondary_leak",
    title=Title(zh="二次网泄漏", en="Leak in the secondary network"),
    advice=Title(
        zh="可能原因：二次网管道、阀门或用户端漏水、放水。后果：压力下降，补水超标，高层不热，道路可能塌陷。处理"
        "：核对补水表，分支路关断查漏，先查近期施工与老旧管段；通知物业排查楼内。",
        en="Cause: a leak in pipes, valves or homes of the secondary network, or water that somebody draws. "
        "Consequence: pressure falls, make-up exceeds its limit, top floors go cold, streets may be "
        "undermined. To do: check the make-up meter, shut off line by line to find the leak, old pipes "
        "and recent works first; ask the property company to look inside the buildings.",
    ),
    priority=1,
    respond_s=1800,
    parameters=SecondaryLeak,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    needs=("flow_makeup", "flow_sec", "t_sec_supply", "t_sec_return", "p_sec_return", "dp_sec"),
    history=("flow_makeup", "flow_sec", "t_sec_supply", "t_sec_return", "p_sec_return", "dp_sec"),
    trigger=Trigger.MINUTE,
)
