"""Facts: what a day says of a substation, one number each."""

from functools import partial

import numpy as np

from application.rule import Family
from application.slow import physics
from application.slow.diary import Fact
from application.slow.window import Floats, SlowWindow

DAY_H = 24
_NIGHT, _EVENING = (0.0, 5.0), (18.0, 22.0)
"""Local hours: homes sleep; hot water is drawn from radiators."""
_WRONG_METERS = frozenset({Family.SENSOR, Family.POWER})
_WRONG_WATER = _WRONG_METERS | {Family.PRESSURE}
_WRONG_HEAT = _WRONG_METERS | {Family.HEAT, Family.PUMP}
_WRONG_PUMPS = _WRONG_WATER | {Family.PUMP}


def _ua(window: SlowWindow) -> Floats:
    """Of the hours in which both sides tell of the same heat."""
    agree = np.abs(physics.agreement(window, DAY_H) - 1) < 0.15
    return window.middle(np.where(agree, physics.ua_factor(window, DAY_H), np.nan), DAY_H, 0.25)


def _per_hz(window: SlowWindow, pumps: int) -> Floats:
    constant = physics.flow_per_hz(window, DAY_H)
    return window.middle(np.where(physics.pumps_running(window, DAY_H) == pumps, constant, np.nan), DAY_H, 0.25)


def _strainer(window: SlowWindow, side: str) -> Floats:
    return window.middle(physics.strainer(window, side, DAY_H), DAY_H)


def _conductance(window: SlowWindow) -> Floats:
    return window.middle(physics.conductance(window, DAY_H), DAY_H)


def _agreement(window: SlowWindow) -> Floats:
    return window.middle(physics.agreement(window, DAY_H), DAY_H)


def _makeup(window: SlowWindow, hours: tuple[float, float], *, inside: bool = True) -> Floats:
    """Mean make-up within some local hours, or outside them: a mean, because make-up pumps run on and off."""
    hour, flow = window.local_hour(DAY_H), window.trace("flow_makeup", DAY_H)
    within = (hour >= hours[0]) & (hour < hours[1])
    chosen = (within if inside else ~within) & ~np.isnan(flow)
    count = chosen.sum(axis=1, keepdims=True)
    asked = (hours[1] - hours[0] if inside else DAY_H - (hours[1] - hours[0])) * 6
    total = np.where(chosen, flow, 0.0).sum(axis=1, keepdims=True)
    return np.where(count >= 0.6 * asked * window.expected, total / np.maximum(count, 1), np.nan)


def _mean(window: SlowWindow, point: str) -> Floats:
    return window.mean(point, DAY_H)


FACTS: tuple[Fact, ...] = (
    Fact("ua_factor", (*physics.PRIMARY, *physics.SECONDARY), _ua, _WRONG_HEAT),
    *(
        Fact(f"flow_per_hz_{k}", ("flow_sec", *physics.FREQUENCIES), partial(_per_hz, pumps=k), _WRONG_PUMPS)
        for k in physics.PUMPS
    ),
    *(
        Fact(f"strainer_{side}", (f"dp_strainer_{side}", f"flow_{side}"), partial(_strainer, side=side), _WRONG_PUMPS)
        for side in ("pri", "sec")
    ),
    Fact("conductance", ("flow_sec", "dp_sec"), _conductance, _WRONG_PUMPS | _WRONG_HEAT),
    Fact("agreement", (*physics.PRIMARY, *physics.SECONDARY), _agreement, _WRONG_METERS),
    Fact("makeup_night", ("flow_makeup",), partial(_makeup, hours=_NIGHT), _WRONG_WATER),
    Fact("makeup_evening", ("flow_makeup",), partial(_makeup, hours=_EVENING)),
    Fact("makeup_rest", ("flow_makeup",), partial(_makeup, hours=_EVENING, inside=False)),
    Fact("heat_power", ("heat_power", "t_outdoor"), partial(_mean, point="heat_power"), _WRONG_HEAT),
    Fact("t_outdoor", ("t_outdoor",), partial(_mean, point="t_outdoor"), _WRONG_METERS),
    Fact("flow_sec", ("flow_sec",), partial(_mean, point="flow_sec"), _WRONG_METERS),
    Fact(
        "delta_t_pri",
        ("t_pri_supply", "t_pri_return"),
        lambda window: _mean(window, "t_pri_supply") - _mean(window, "t_pri_return"),
        _WRONG_HEAT,
    ),
    Fact(
        "t_sec_supply_setpoint",
        ("t_sec_supply_setpoint", "t_outdoor"),
        partial(_mean, point="t_sec_supply_setpoint"),
        _WRONG_HEAT,
    ),
)
"""Whatever a kind has the points of."""
