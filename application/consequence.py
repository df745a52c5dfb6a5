"""Consequence: what a fault means for homes: how many, and in how many hours their rooms reach 18 Cel. Pure.

Without heat, rooms fall towards the outdoor temperature To with the time constant tau of their station: after
tau ln((Ti - To) / (18 - To)) hours they are at 18 Cel. A fault that leaves a share of the heat lets them fall towards
To + share (Ti - To) alone. Tau is that of the first hours, in which the air follows its walls down; the walls
themselves are several times slower, so rooms that still are above 18 Cel after some hours stay so for longer: the
range says how long. It is learned from a station's own history, where it has rooms with sensors and a heat meter.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.rule import Family

COLD_C = 18.0
"""Bedrooms and living rooms are to be at least so warm, all day in the season (Heilongjiang)."""


class Span(NamedTuple):
    """A value and the range that it lies in: low <= value <= high."""

    low: float
    value: float
    high: float


DESIGN_ROOM = Span(18.0, 21.0, 24.0)
"""Where no sensor tells: the design range of heated rooms in the severe cold (GB 50736), and its middle."""
OWN_OUTDOOR_K, OTHER_OUTDOOR_K, ROOM_K = 2.0, 4.0, 0.5
"""How far the outdoor temperature of the next hours may be from the one measured at the station, or at neighbours;
and the median of rooms from the mean of homes."""

ENVELOPES = {
    "old": Span(16.0, 24.0, 130.0),
    "renovated": Span(18.0, 28.0, 155.0),
    "new": Span(22.0, 34.0, 190.0),
}
"""Tau in hours where nothing was learned. High: 0.6 MJ/(m2 K) over the heat loss of the class (58, 45 and 36 W/m2 at
-24.2 Cel); value: 0.28 of that for 0.38 MJ/(m2 K), the share that the air of two coupled capacities shows at first."""
ANY_ENVELOPE = Span(16.0, 28.0, 190.0)

_NONE, _ALL = Span(0.0, 0.0, 0.0), Span(1.0, 1.0, 1.0)
LEFT = {Family.POWER: _NONE, Family.PUMP: _NONE, Family.PRESSURE: _NONE}
"""Families whose faults mean an outage of heat: nothing circulates, or the station has to be shut to mend it."""
HARMLESS = frozenset({Family.SENSOR, Family.HOUSE, Family.OWN})
"""Families whose faults take no heat."""

_ROOM_C = 20.0
_LAG_H = 4
_LEAST_HOURS, _LEAST_R2 = 120, 0.3
_LEAST_H, _MOST_H = 5.0, 300.0
_HEAVY_J_M2K = 0.6e6
_BELOW = 0.7


def hours_until(tau: Span, indoor: Span, outdoor: Span, left: Span = _NONE, limit: float = COLD_C) -> Span:
    """Return in how many hours rooms reach `limit`: 0 where they have, infinite where they will not.

    `tau` in hours, temperatures in Cel, `left` the share of the heat that the fault leaves, 0..1. Low is the range's
    worst: small tau, cold rooms, cold outdoors, little heat left.
    """
    return Span(
        _hours(tau.low, indoor.low, outdoor.low, left.low, limit),
        _hours(tau.value, indoor.value, outdoor.value, left.value, limit),
        _hours(tau.high, indoor.high, outdoor.high, left.high, limit),
    )


def _hours(tau: float, indoor: float, outdoor: float, left: float, limit: float) -> float:
    if indoor <= limit:
        return 0.0
    towards = outdoor + left * (indoor - outdoor)
    if towards >= limit:
        return math.inf
    return tau * math.log((indoor - towards) / (limit - towards))


class Why(StrEnum):
    """What hours stand on, or why there are none."""

    OUTAGE = "outage"
    PARTIAL = "partial"
    STAYS_WARM = "stays_warm"
    NO_HEAT_LOST = "no_heat_lost"
    UNHEARD = "unheard"
    HEAT_LEFT_UNKNOWN = "heat_left_unknown"
    OUTDOOR_UNKNOWN = "outdoor_unknown"


class Outlook(NamedTuple):
    """What is foreseen: hours where there are some, and why."""

    hours: Span | None
    why: Why


def foreseen(family: Family, left: Span | None, tau: Span, indoor: Span, outdoor: Span | None) -> Outlook:
    """Return what a fault means for the homes of its station. `left` as `heat_left` returns it."""
    if family is Family.LINK:
        return Outlook(None, Why.UNHEARD)
    if left is None:
        return Outlook(None, Why.HEAT_LEFT_UNKNOWN)
    if left.low >= 1.0:
        return Outlook(None, Why.NO_HEAT_LOST)
    if outdoor is None:
        return Outlook(None, Why.OUTDOOR_UNKNOWN)
    hours = hours_until(tau, indoor, outdoor, left)
    if math.isinf(hours.value):
        return Outlook(None, Why.STAYS_WARM)
    return Outlook(hours, Why.OUTAGE if left.high <= 0.0 else Why.PARTIAL)


def heat_left(family: Family, told: float | None, evidence: Mapping[str, float | None]) -> Span | None:
    """Return the share of heat that a fault leaves: by its evidence, its rule, or its family; None: unknown.

    Emitters give what the supply is above the room: 20 Cel, near enough for a share.
    """
    supply, wanted = evidence.get("t_sec_supply"), evidence.get("t_sec_supply_setpoint")
    if told is not None:
        return Span(told, told, told)
    if supply is not None and wanted is not None and wanted > _ROOM_C:
        share = min(max((supply - _ROOM_C) / (wanted - _ROOM_C), 0.0), 1.0)
        return Span(share, share, share)
    return _ALL if family in HARMLESS else LEFT.get(family)


class Learned(NamedTuple):
    """A station's tau in hours, from so many hours of history."""

    tau: Span
    hours: int


def time_constant(
    room: NDArray[np.float64], heat_w: NDArray[np.float64], outdoor: NDArray[np.float64], area_m2: float | None = None
) -> Learned | None:
    """Learn tau from hourly means float64[n] of rooms (Cel), heat (W) and outdoor temperature; NaN: unknown.

    Heat over the mean loss per kelvin (UA), less the present difference to outdoors, is by how many kelvin rooms are
    heated too much or too little. Over four hours they change by a tau-th of its sum: one slope, by least squares.
    Setbacks at night and the controls' own wandering are what it learns from. None: under five days of history, or
    the slope explains less than 0.3 of the changes. High is the whole building's: 0.6 MJ/(m2 K) of `area_m2` over UA.
    """
    loss = room - outdoor
    known = np.isfinite(loss + heat_w)
    if known.sum() < _LEAST_HOURS or not loss[known].mean() > 1.0 or not heat_w[known].mean() > 0:
        return None
    per_kelvin = float(heat_w[known].mean() / loss[known].mean())
    surplus = np.where(known, heat_w / per_kelvin - loss, np.nan)
    means = (surplus[1:] + surplus[:-1]) / 2
    gathered = np.lib.stride_tricks.sliding_window_view(means, _LAG_H).sum(axis=1)
    change = room[_LAG_H:] - room[:-_LAG_H]
    both = np.isfinite(gathered) & np.isfinite(change)
    if both.sum() < _LEAST_HOURS:
        return None
    x, y = gathered[both] - gathered[both].mean(), change[both] - change[both].mean()
    slope, fits = _slope(x, y)
    if fits < _LEAST_R2 or slope <= 0 or not _LEAST_H <= 1 / slope <= _MOST_H:
        return None
    tau = 1 / slope
    whole = ANY_ENVELOPE.high if not area_m2 else _HEAVY_J_M2K * area_m2 / per_kelvin / 3600
    return Learned(Span(_BELOW * tau, tau, max(whole, tau)), int(both.sum()))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope of y over x, both without their means, and how much of y it explains, 0..1."""
    xx, xy, yy = float(x @ x), float(x @ y), float(y @ y)
    return (xy / xx, xy * xy / (xx * yy)) if xx > 0 and yy > 0 else (0.0, 0.0)


def default_tau(envelopes: Sequence[str | None]) -> Span:
    """Return tau of buildings of these classes where nothing was learned: the mean of what is known of them."""
    known = [ENVELOPES[e] for e in envelopes if e in ENVELOPES]
    if not known:
        return ANY_ENVELOPE
    value = sum(s.value for s in known) / len(known)
    return Span(min(s.low for s in known), value, max(s.high for s in known))
