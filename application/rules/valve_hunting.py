"""valve_hunting: the primary valve goes back and forth without rest.

Reversals of more than an amplitude are counted over the last hour, on a sample per minute.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Trigger, Window, judged
from perception.point import Title

_HOUR_MIN, _LEAST = 60, 50


class ValveHunting(Parameters):
    """Raised above `reversals` per hour of more than `amplitude_pct`; cleared below half of them."""

    on_delay_s: float = Field(default=1800.0, ge=0)
    off_delay_s: float = Field(default=3600.0, ge=0)
    reversals: float = Field(default=12.0, gt=0)
    amplitude_pct: float = Field(default=5.0, gt=0)


def _reversals(window: Window, p: ValveHunting, least: NDArray[np.float64] | float = 0.0) -> NDArray[np.float64]:
    """float64[n, 1]: turns of the position by more than the amplitude, in the last hour; NaN with too few samples.

    A valve that turns so often has to travel as many amplitudes; whose way is too short for `least` turns has 0.
    """
    samples = window.trace("valve_pri_position", _HOUR_MIN)
    amplitude = np.broadcast_to(np.asarray(p.amplitude_pct, dtype=np.float64), (len(samples), 1))[:, 0]
    turns = np.zeros(len(samples))
    way = np.nansum(np.abs(np.diff(_without_gaps(samples), axis=1)), axis=1)
    restless = way > amplitude * np.maximum(np.broadcast_to(least, (len(samples), 1))[:, 0], 1.0)
    if restless.any():
        turns[restless] = _turns(samples[restless], amplitude[restless])
    known = (~np.isnan(samples)).sum(axis=1) >= _LEAST
    return np.where(known, turns, np.nan)[:, None]


def _without_gaps(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, minutes]: samples with gaps filled by the one before, so that a way across a gap counts."""
    here = np.where(np.isnan(samples), 0, np.arange(samples.shape[1]))
    if not np.isnan(samples).any():
        return samples
    filled: NDArray[np.float64] = np.take_along_axis(samples, np.maximum.accumulate(here, axis=1), axis=1)
    return filled


def _turns(samples: NDArray[np.float64], amplitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n]: how often each row of samples turned round by more than its amplitude."""
    high, low = samples[:, 0].copy(), samples[:, 0].copy()
    rising, turns = np.zeros(len(samples)), np.zeros(len(samples))
    for now in samples.T:
        high, low = np.fmax(high, now), np.fmin(low, now)
        up, down = now - low > amplitude, high - now > amplitude
        turns += (up & (rising < 0)) | (down & (rising > 0))
        rising = np.where(up & (rising <= 0), 1.0, np.where(down & (rising >= 0), -1.0, rising))
        high = np.where((rising < 0) & ~np.isnan(now), np.fmin(high, now + amplitude), high)
        low = np.where((rising > 0) & ~np.isnan(now), np.fmax(low, now - amplitude), low)
    return turns


def judge(window: Window, p: ValveHunting) -> Judgement:
    """Count the reversals of the last hour."""
    limit = p.reversals * np.where(window.raised, 0.5, 1.0)
    turns = _reversals(window, p, limit)
    return judged(turns > limit, turns)


def evidence(window: Window, p: ValveHunting) -> Mapping[str, NDArray[np.float64]]:
    """Show the reversals of the last hour and their limit."""
    turns = _reversals(window, p)
    return {"reversals": turns, "limit": np.full_like(turns, 1) * p.reversals}


RULE = Rule(
    name="valve_hunting",
    title=Title(zh="一次调节阀振荡", en="Primary control valve hunting"),
    advice=Title(
        zh="可能原因：控制参数过激、阀门选型过大、压差波动。后果：供温波动，阀门和执行器磨损。处理：减小比例增益"
        "或延长积分时间，检查一次侧压差，核对阀门选型。",
        en="Cause: controller settings too sharp, a valve too large, or a differential pressure that "
        "swings. Consequence: supply temperature swings, valve and actuator wear out. To do: lower the "
        "gain or lengthen the integral time, check the primary differential pressure, review the valve's "
        "size.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=ValveHunting,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    heat_left=1.0,
    needs=("valve_pri_position",),
    history=("valve_pri_position",),
    trigger=Trigger.MINUTE,
)
