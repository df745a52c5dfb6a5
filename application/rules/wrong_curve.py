"""wrong_curve: the setpoint is not what it used to be in such weather, or homes are steadily too warm or cold.

The curve is learned from the station's own days (setpoint over outdoor temperature); operators of real stations shift
it by kelvins. Means of a whole day, because many stations lower the setpoint at night.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Verdict
from application.slow.window import SlowWindow
from perception.point import Title

_DAY_H = 24


class WrongCurve(Parameters):
    """Raised when the day's setpoint is `limit_k` off the learned curve, or the rooms' median outside its band.

    The rooms count only where control is stable (supply within `steady_k` of its setpoint), and rooms that are too cold
    only as long as no curve is known: later, cold homes under the usual setpoint have another cause. No word on a day
    `beyond_k` colder or warmer than those of the curve, or with an outdoor sensor `odd_k` off its neighbours.
    """

    on_delay_s: float = Field(default=6 * 3600.0, ge=0)
    off_delay_s: float = Field(default=24 * 3600.0, ge=0)
    limit_k: float = Field(default=3.0, gt=0)
    deadband_k: float = Field(default=1.0, ge=0)
    room_low_c: float = Field(default=18.0)
    room_high_c: float = Field(default=26.0)
    deadband_room_k: float = Field(default=0.5, ge=0)
    steady_k: float = Field(default=2.0, gt=0)
    beyond_k: float = Field(default=3.0, ge=0)
    odd_k: float = Field(default=2.5, gt=0)


def _off(window: SlowWindow, p: WrongCurve) -> NDArray[np.float64]:
    """float64[n, 1]: setpoint less what the curve says, K; NaN where no curve is learned for such a day."""
    outdoor = window.mean("t_outdoor", _DAY_H)
    odd = np.abs(outdoor - window.neighbours(outdoor)) > p.odd_k  # false where there are no neighbours
    known = outdoor > window.learned("curve_coldest_c") - p.beyond_k
    known &= outdoor < window.learned("curve_warmest_c") + p.beyond_k
    curve = window.learned("curve_at_zero_c") + window.learned("curve_k_per_k") * outdoor
    return np.where(known & ~odd, window.mean("t_sec_supply_setpoint", _DAY_H) - curve, np.nan)


def _rooms(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: median of the station's sampled rooms over a day; NaN: it has none."""
    return window.at_station("room_climate", "t_indoor", _DAY_H)


def judge(window: SlowWindow, p: WrongCurve) -> Judgement:
    """Compare setpoint and curve, and look whether steady control keeps the rooms in their band."""
    off, rooms = _off(window, p), _rooms(window)
    error = window.mean("t_sec_supply", _DAY_H) - window.mean("t_sec_supply_setpoint", _DAY_H)
    inside = np.where(window.raised, p.deadband_room_k, 0.0)
    unlearned = np.isnan(window.learned("curve_at_zero_c"))
    outside = (unlearned & (rooms < p.room_low_c + inside)) | (rooms > p.room_high_c - inside)
    shifted = np.abs(off) > p.limit_k - np.where(window.raised, p.deadband_k, 0.0)
    wrong = shifted | (outside & (np.abs(error) < p.steady_k))
    clear = np.where(np.isnan(off), Verdict.CANNOT_TELL, Verdict.CLEAR)
    return Judgement(np.where(wrong, Verdict.RAISE, clear).astype(np.int8))


def evidence(window: SlowWindow, p: WrongCurve) -> Mapping[str, NDArray[np.float64]]:
    """Show how far the setpoint is off, its limit, and the rooms."""
    off = _off(window, p)
    return {
        "off_k": off,
        "limit_k": np.full_like(off, 1) * p.limit_k,
        "t_sec_supply_setpoint": window.mean("t_sec_supply_setpoint", _DAY_H),
        "room_c": _rooms(window),
    }


RULE = Rule(
    name="wrong_curve",
    title=Title(zh="供热曲线不当", en="Wrong heating curve"),
    advice=Title(
        zh="可能原因：供热曲线或设定值被误改，室外温度传感器偏差，参数未随建筑改造调整。后果：住户过冷投诉或过热浪费。"
        "处理：核对控制器参数与修改记录，与同类站及室温比较后恢复曲线。",
        en="Cause: somebody changed curve or setpoint, the outdoor sensor is wrong, or the curve never fitted the "
        "buildings. Consequence: cold homes and complaints, or wasted heat. To do: compare the controller's parameters "
        "with the record of changes, with stations of the same sort and with the rooms, and put the curve back.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=WrongCurve,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    tempo="slow",
    needs=("t_sec_supply_setpoint", "t_sec_supply", "t_outdoor"),
    learned=("curve_at_zero_c", "curve_k_per_k", "curve_coldest_c", "curve_warmest_c"),
)
