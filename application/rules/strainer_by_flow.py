"""strainer_by_flow: a strainer is harder to pass than it was, before its pressure drop is high.

What it takes goes with the square of the flow, so their ratio is its own; a clean one keeps it.

Flow goes with the speed of the pumps (affinity laws), so their ratio says how hard the loop is to pass. What the pipes
and homes let through (flow over the root of their pressure drop) tells a strainer from throttled homes.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Verdict
from application.slow import physics
from application.slow.window import SlowWindow
from perception.point import Title
from perception.sensor_kind import SensorKind

_OVER_H = 6
_SIDES = ("pri", "sec")
_ELEMENTS = tuple(f"dp_strainer_{side}" for side in _SIDES)


class StrainerByFlow(Parameters):
    """Raised when a strainer takes `times` what it used to at equal flow, or pumps move `fall_pct` less at equal speed.

    `least_kpa`: so much it takes at least. `network_pct`: the network's conductance may have fallen by as much, else
    less flow at equal speed is not the strainer's.
    """

    on_delay_s: float = Field(default=6 * 3600.0, ge=0)
    off_delay_s: float = Field(default=6 * 3600.0, ge=0)
    times: float = Field(default=3.0, gt=1)
    deadband: float = Field(default=0.5, ge=0)
    least_kpa: float = Field(default=20.0, ge=0)
    fall_pct: float = Field(default=15.0, gt=0)
    deadband_pct: float = Field(default=3.0, ge=0)
    network_pct: float = Field(default=6.0, gt=0)


def _fall(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: how much less flows at equal speed than with as many pumps before, per cent."""
    running = physics.pumps_running(window, _OVER_H)
    taught = np.full(running.shape, np.nan)
    for k in physics.PUMPS:
        taught = np.where(running == k, window.learned(f"flow_per_hz_{k}_m3_h"), taught)
    fall: NDArray[np.float64] = (1 - window.middle(physics.flow_per_hz(window, _OVER_H) / taught, _OVER_H)) * 100
    return fall


def _network(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: how much less the network lets through than it used to, per cent."""
    now = window.middle(physics.conductance(window, _OVER_H), _OVER_H)
    less: NDArray[np.float64] = (1 - now / window.learned("conductance_m3_h")) * 100
    return less


def _times(window: SlowWindow, side: str) -> NDArray[np.float64]:
    """float64[n, 1]: what a strainer takes at equal flow over what it used to."""
    now = window.middle(physics.strainer(window, side, _OVER_H), _OVER_H)
    times: NDArray[np.float64] = now / window.learned(f"strainer_{side}_kpa_h2_m6")
    return times


def judge(window: SlowWindow, p: StrainerByFlow) -> Judgement:
    """Compare strainers at equal flow, and flow at equal pump speed, with what was learned, six hours at a time."""
    open_ = np.broadcast_to(window.raised, (len(window.now), len(_SIDES)))
    fall, network = _fall(window), _network(window)
    moved = (fall > p.fall_pct - np.where(open_[:, [1]], p.deadband_pct, 0.0)) & (network < p.network_pct)
    columns = []
    for place, side in enumerate(_SIDES):
        times, taken = _times(window, side), window.mean(f"dp_strainer_{side}", _OVER_H)
        limit = p.times - np.where(open_[:, [place]], p.deadband, 0.0)
        clogged = (times > limit) & (taken > p.least_kpa)
        raised = clogged | moved if side == "sec" else clogged
        clear = np.where(np.isnan(times), Verdict.CANNOT_TELL, Verdict.CLEAR)
        columns.append(np.where(raised, Verdict.RAISE, clear))
    return Judgement(np.concatenate(columns, axis=1).astype(np.int8))


def evidence(window: SlowWindow, p: StrainerByFlow) -> Mapping[str, NDArray[np.float64]]:
    """Show how many times as much each strainer takes, how much less flows at equal speed, and the limits."""
    fall = _fall(window)
    return {
        "times": np.concatenate([_times(window, side) for side in _SIDES], axis=1),
        "limit": np.full_like(fall, 1) * p.times,
        "fall_pct": fall,
        "network_pct": _network(window),
    }


def _elements(kind: SensorKind) -> tuple[str, ...]:
    del kind
    return _ELEMENTS


RULE = Rule(
    name="strainer_by_flow",
    title=Title(zh="除污器逐渐堵塞", en="Strainer clogs"),
    advice=Title(
        zh="可能原因：除污器或站内管路堵塞，水泵叶轮磨损，阀门未全开。后果：水泵耗电增加，流量不足，末端住户不热。处理：查"
        "除污器压差并安排清洗，核对站内阀门与水泵性能。",
        en="Cause: a strainer or a pipe within the station clogs, an impeller is worn, a valve is not fully open. "
        "Consequence: pumps draw more power, flow falls, the last homes go cold. To do: check the pressure drop of the "
        "strainer and clean it, then valves and pumps of the station.",
    ),
    priority=2,
    respond_s=24 * 3600,
    parameters=StrainerByFlow,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    tempo="slow",
    needs=("flow_sec", "flow_pri", *_ELEMENTS),
    history=("dp_sec", *physics.FREQUENCIES),
    elements=_elements,
    learned=(
        "strainer_pri_kpa_h2_m6",
        "strainer_sec_kpa_h2_m6",
        "flow_per_hz_1_m3_h",
        "flow_per_hz_2_m3_h",
        "flow_per_hz_3_m3_h",
        "conductance_m3_h",
    ),
)
