"""frost_risk: water or the station itself comes near freezing."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import ANY, Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class FrostRisk(Parameters):
    """Raised when the return is below `return_c` in frost and no water moves, or the station below `room_c`."""

    on_delay_s: float = Field(default=300.0, ge=0)
    off_delay_s: float = Field(default=300.0, ge=0)
    return_c: float = Field(default=15.0)
    outdoor_c: float = Field(default=0.0)
    least_dp_mpa: float = Field(default=0.02, ge=0)
    room_c: float = Field(default=5.0)
    deadband_k: float = Field(default=1.0, ge=0)


def judge(window: Window, p: FrostRisk) -> Judgement:
    """Look at the loop's return without circulation, and at the station's own room."""
    more = np.where(window.raised, p.deadband_k, 0.0)
    back, outdoor, dp = (window.value(n) for n in ("t_sec_return", "t_outdoor", "dp_sec"))
    still = (back < p.return_c + more) & (outdoor < p.outdoor_c) & (dp < p.least_dp_mpa)
    room = window.value("t_station_room")
    cold = room < p.room_c + more
    return judged(still | cold, np.where(still | cold, 0.0, back + outdoor + dp + room))


def calm(_: NDArray[np.float64], p: FrostRisk) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {
        ("t_station_room", None): (p.room_c + p.deadband_k, np.inf),
        ("dp_sec", None): (p.least_dp_mpa, np.inf),
        ("t_sec_return", None): ANY,
        ("t_outdoor", None): ANY,
    }


def evidence(window: Window, p: FrostRisk) -> Mapping[str, NDArray[np.float64]]:
    """Show the temperatures of return, station room and outdoor air."""
    del p
    return {name: window.value(name) for name in ("t_sec_return", "t_station_room", "t_outdoor", "dp_sec")}


RULE = Rule(
    name="frost_risk",
    title=Title(zh="冻害风险", en="Risk of frost"),
    advice=Title(
        zh="可能原因：循环停止、站房采暖失效、门窗未关。后果：管道、换热器和仪表冻裂。处理：立即恢复循环或站房采"
        "暖，关好门窗；无法恢复时放水并隔离。",
        en="Cause: no circulation, a failed heater of the station's room, or an open door. Consequence: "
        "pipes, exchanger and instruments freeze and burst. To do: restore circulation or the heater at "
        "once, shut doors and windows; if neither is possible, isolate and drain.",
    ),
    priority=1,
    respond_s=900,
    parameters=FrostRisk,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    heat_left=0.0,
    calm=calm,
    needs=("t_sec_return", "t_outdoor", "dp_sec", "t_station_room"),
)
