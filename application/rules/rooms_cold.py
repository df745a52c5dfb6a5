"""rooms_cold: sampled rooms of a station are colder than what citizens are owed: 18 Cel all day in season.

Bedrooms and living rooms have at least 18 Cel (Heilongjiang); below 16 the refund is half of the fee. All room sensors
of a station are looked at together. A single cold room of a few can be an open window: two at least count, or all.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, judged
from application.slow.window import SlowWindow
from perception.point import Title

_OVER_H = 2


class RoomsCold(Parameters):
    """Raised when more than `share` of a station's rooms are below `limit_c`, or any below `floor_c`, for two hours.

    `least_rooms`: so many rooms at least, or all that there are; means of two hours. `sure_k`: what a room sensor and
    its place may be wrong by; the duty of 18 Cel itself is counted elsewhere. It clears after a day without cold.
    """

    on_delay_s: float = Field(default=2 * 3600.0, ge=0)
    off_delay_s: float = Field(default=24 * 3600.0, ge=0)
    limit_c: float = Field(default=18.0)
    floor_c: float = Field(default=16.0)
    share: float = Field(default=0.1, ge=0, lt=1)
    sure_k: float = Field(default=1.0, ge=0)
    least_rooms: float = Field(default=2.0, ge=1)
    deadband_k: float = Field(default=0.3, ge=0)


def _cold(window: SlowWindow, limit: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """float64[n, 1] twice: how many rooms of the station are below a limit, and of how many."""
    room = window.mean("t_indoor", _OVER_H)
    return window.shares(room < limit, ~np.isnan(room))


def judge(window: SlowWindow, p: RoomsCold) -> Judgement:
    """Count the cold rooms of each station over two hours."""
    above = np.where(window.raised, p.deadband_k, 0.0)
    cold, rooms = _cold(window, p.limit_c - p.sure_k + above)
    icy, _ = _cold(window, p.floor_c - p.sure_k + above)
    many = (cold > p.share * rooms) & (cold >= np.minimum(p.least_rooms, rooms))
    return judged(many | (icy > 0), np.where(rooms > 0, rooms, np.nan))


def evidence(window: SlowWindow, p: RoomsCold) -> Mapping[str, NDArray[np.float64]]:
    """Show how many rooms are cold, of how many, and the limit."""
    cold, rooms = _cold(window, np.full((len(window.now), 1), 1.0) * p.limit_c - p.sure_k)
    return {"cold_rooms": cold, "rooms": rooms, "limit_c": np.full_like(cold, 1) * (p.limit_c - p.sure_k)}


RULE = Rule(
    name="rooms_cold",
    title=Title(zh="室温不达标", en="Rooms too cold"),
    advice=Title(
        zh="可能原因：供热不足、楼内水力失调、用户阀门堵塞或关闭、大量开窗。后果：住户受冻投诉，按标准退费。处理：核对站点"
        "供水温度与流量，查楼栋平衡阀与入户滤网，入户测温并答复住户。",
        en="Cause: too little heat from the station, badly balanced pipes, blocked valves, or open windows. "
        "Consequence: cold citizens, complaints, and refunds by the standard. To do: check supply temperature and flow "
        "of the station, balancing valves and filters of the buildings, then measure in the homes and answer them.",
    ),
    priority=1,
    respond_s=4 * 3600,
    parameters=RoomsCold,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    follows=frozenset(
        {"wrong_curve", "sensor_drift", "network_throttled", "exchanger_fouled", "supply_off_setpoint", "valve_stuck"}
    ),
    tempo="slow",
    whole=True,
    kinds=frozenset({"room_climate"}),
    needs=("t_indoor",),
)
