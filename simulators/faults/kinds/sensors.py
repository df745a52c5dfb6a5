"""Sensors: meters that show what is not so. The plant does not know, except where its controller reads them.

A controller believes what its sensors say: when the outdoor sensor shows too much, homes get too little heat; when the
secondary supply shows too much, it is held at the setpoint on the display, and too low in the pipe.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from perception.point import Title
from simulators.faults.fault import Days, FaultKind, Parameters, Plant, Scaled, Shown, grown
from simulators.heat.curve import DESIGN_OUTDOOR_C, ROOM_C

PointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_OUTDOOR, _SUPPLY, _SETPOINT = "t_outdoor", "t_sec_supply", "t_sec_supply_setpoint"
_OUTDOOR_SPAN_K, _SUPPLY_SPAN_K = 50.0, 35.0
"""Widths of the usual ranges of these points, as the kind of device states them."""
_SLOWED = 0.8
"""What a controller's filter of three hours leaves of a bump that lasts half a day."""


def bent(p: Any) -> tuple[str, ...]:
    """Return the one point that these parameters name."""
    return (str(p.point),)


class Offset(Parameters):
    """A point shows more than it should: by `offset` in its own unit or, without one, `span_share` of its usual span.

    It gets there over days; `span_share` below zero: it shows less.
    """

    point: PointName = _OUTDOOR
    span_share: Annotated[float, Field(ge=-2, le=2), Scaled(0.14, 0.45)]
    offset: float | None = None
    grows_over_days: Days = 7.0


class Step(Offset):
    """As a drift, all at once."""

    grows_over_days: Days = 0.0


def _offset_shown(p: Offset, shown: Shown) -> None:
    k = shown.bits[p.point]
    full = p.span_share * shown.span[k] if p.offset is None else p.offset
    over = p.grows_over_days * 86_400
    more = full * (np.clip(shown.age_s / over, 0, 1) if over > 0 else 1.0)
    shown.values[:, k] += more
    if p.point == _SUPPLY and _SETPOINT in shown.bits:
        # the water is steered lower by just as much, with the setpoint, which itself has not changed
        setpoint = shown.values[:, shown.bits[_SETPOINT]]
        shown.values[:, shown.bits[_SETPOINT]] = np.round((setpoint + more) * 2) / 2


def _offset_followed(p: Offset, on: Plant) -> None:
    growth = grown(on.age_s, p.grows_over_days * 86_400)
    if p.point == _OUTDOOR:
        _follow(on, growth * (p.span_share * _OUTDOOR_SPAN_K if p.offset is None else p.offset))
    elif p.point == _SUPPLY:
        on.add("curve_shift", -growth * (p.span_share * _SUPPLY_SPAN_K if p.offset is None else p.offset))


def _follow(on: Plant, warmer: float) -> None:
    """Let the heating curve fall for an outdoor sensor that shows so many kelvin too much."""
    on.add("curve_shift", -warmer * (on.fact("supply") - ROOM_C) / (ROOM_C - DESIGN_OUTDOOR_C))


class Sun(Parameters):
    """`excess_k`: what the outdoor sensor shows too much at 500 W/m2."""

    excess_k: Annotated[float, Field(gt=0, le=60), Scaled(10.0, 30.0)]


def _outdoor(p: Sun) -> tuple[str, ...]:
    del p
    return (_OUTDOOR,)


def _sun_shown(p: Sun, shown: Shown) -> None:
    shown.values[:, shown.bits[_OUTDOOR]] += p.excess_k * shown.sun() / 500


def _sun_followed(p: Sun, on: Plant) -> None:
    _follow(on, _SLOWED * p.excess_k * on.sun / 500)


class Frozen(Parameters):
    """`point` keeps showing what it showed when it froze."""

    point: PointName = "t_sec_supply"


def _frozen(p: Frozen, shown: Shown) -> None:
    k = shown.bits[p.point]
    shown.values[:, k] = shown.held[k]


class Pair(Parameters):
    """Supply and return of one `side`, primary or secondary."""

    side: Literal["primary", "secondary"] = "secondary"


_PAIRS = {
    "primary": ("t_pri_supply", "t_pri_return"),
    "secondary": ("t_sec_supply", "t_sec_return"),
}


def _pair(p: Pair) -> tuple[str, ...]:
    return _PAIRS[p.side]


def _pair_at_zero(p: Pair, shown: Shown) -> None:
    for name in _PAIRS[p.side]:
        shown.values[:, shown.bits[name]] = 0.0


def _pair_swapped(p: Pair, shown: Shown) -> None:
    one, other = (shown.bits[name] for name in _PAIRS[p.side])
    shown.values[:, [one, other]] = shown.values[:, [other, one]]


class Spikes(Parameters):
    """Single readings jump up: each with the chance `share`, by `factor` times the point's usual span."""

    point: PointName = "flow_sec"
    share: Annotated[float, Field(gt=0, le=0.5), Scaled(0.005, 0.03)]
    factor: Annotated[float, Field(gt=0, le=10_000)] = 1.0


def _spikes(p: Spikes, shown: Shown) -> None:
    k = shown.bits[p.point]
    shown.values[:, k] += np.where(shown.dice(1) < p.share, p.factor * shown.span[k], 0.0)


class Scale(Parameters):
    """`factor`: on what the point shows; 1000 is W for kW, 3.6 GJ/h for MW."""

    point: PointName = "heat_power"
    factor: Annotated[float, Field(gt=0, le=1e6), Scaled(1.2, 2.5)]


def _scale(p: Scale, shown: Shown) -> None:
    shown.values[:, shown.bits[p.point]] *= p.factor


class Fixed(Parameters):
    """`value`: what the point shows, and nothing else; -39.9 is an open circuit."""

    point: PointName = "t_sec_return"
    value: float = -39.9


def _fixed(p: Fixed, shown: Shown) -> None:
    shown.values[:, shown.bits[p.point]] = p.value


KINDS = (
    FaultKind(
        "sensor_drift", Title(zh="传感器漂移", en="Sensor drifts"),
        "A sensor shows more and more, over days. The controller follows its outdoor sensor.",
        ("S_DRIFT",), Offset, plant=_offset_followed, meters=_offset_shown, bends=bent, changes=True,
        lasts_h=(240, 1000),
    ),
    FaultKind(
        "sensor_offset", Title(zh="传感器偏差", en="Sensor is off"),
        "A sensor shows too much, from one moment to the next. The controller follows its outdoor sensor.",
        ("S_DRIFT",), Step, plant=_offset_followed, meters=_offset_shown, bends=bent, changes=True,
        lasts_h=(48, 500),
    ),
    FaultKind(
        "outdoor_sun", Title(zh="室外传感器日晒", en="Outdoor sensor in the sun"),
        "The sun shines on the outdoor sensor: by day it shows far too much, and homes get less heat.",
        ("S_DRIFT", "CURVE"), Sun, plant=_sun_followed, meters=_sun_shown, bends=_outdoor, changes=True,
        lasts_h=(240, 1500),
    ),
    FaultKind(
        "sensor_frozen", Title(zh="传感器冻结", en="Sensor stands still"),
        "A sensor keeps showing its last value.",
        ("S_STUCK",), Frozen, meters=_frozen, bends=bent, lasts_h=(6, 240),
    ),
    FaultKind(
        "pair_at_zero", Title(zh="一对温度恒为零", en="Pair of temperatures at zero"),
        "Supply and return show 0.0 while the other side moves.",
        ("S_RANGE", "S_STUCK"), Pair, meters=_pair_at_zero, bends=_pair, lasts_h=(24, 500),
    ),
    FaultKind(
        "sensor_spikes", Title(zh="传感器尖峰", en="Sensor spikes"),
        "Single readings of a sensor jump far away and back.",
        ("S_SPIKE",), Spikes, meters=_spikes, bends=bent, lasts_h=(12, 240),
    ),
    FaultKind(
        "sensors_swapped", Title(zh="供回水传感器接反", en="Supply and return swapped"),
        "Supply and return are wired the wrong way round.",
        ("S_SWAP",), Pair, meters=_pair_swapped, bends=_pair, lasts_h=(24, 500),
    ),
    FaultKind(
        "wrong_scale", Title(zh="量程或单位错误", en="Wrong scale"),
        "A meter is set to another scale or unit.",
        ("BALANCE",), Scale, meters=_scale, bends=bent, lasts_h=(24, 500),
    ),
    FaultKind(
        "sensor_fixed", Title(zh="传感器断线", en="Sensor open or shorted"),
        "A sensor shows one impossible value, as an open circuit does.",
        ("S_RANGE",), Fixed, meters=_fixed, bends=bent, lasts_h=(4, 240),
    ),
)  # fmt: skip
