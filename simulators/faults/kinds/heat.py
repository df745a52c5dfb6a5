"""Heat: exchanger, valve, control, the homes, and the plant that sends the water."""

from typing import Annotated

from pydantic import Field

from perception.point import Title
from simulators.faults.fault import Days, FaultKind, Hours, Parameters, Plant, Scaled, grown


class Fouling(Parameters):
    """`added_resistance`: as a share of the clean exchanger's own; it grows over days."""

    added_resistance: Annotated[float, Field(gt=0, le=20), Scaled(0.35, 1.5)]
    grows_over_days: Days = 21.0


class BlockedPlates(Parameters):
    """`added_resistance`: as a share of the clean exchanger's own, all at once."""

    added_resistance: Annotated[float, Field(gt=0, le=50), Scaled(3.0, 8.0)]


def _fouling(p: Fouling, on: Plant) -> None:
    on.add("fouling", p.added_resistance * grown(on.age_s, p.grows_over_days * 86_400))


def _blocked_plates(p: BlockedPlates, on: Plant) -> None:
    on.add("fouling", p.added_resistance)


class ValveStuck(Parameters):
    """`opening_percent`: where the primary valve stays."""

    opening_percent: Annotated[float, Field(ge=0, le=100), Scaled(40.0, 5.0)]


def _valve_stuck(p: ValveStuck, on: Plant) -> None:
    on.put("valve_stuck", p.opening_percent / 100)


class ValveHunting(Parameters):
    """`gain_factor`: how much too strongly the controller reacts."""

    gain_factor: Annotated[float, Field(ge=1, le=100), Scaled(12.0, 40.0)]


def _valve_hunting(p: ValveHunting, on: Plant) -> None:
    on.times("valve_gain", p.gain_factor)


class WrongCurve(Parameters):
    """`shift_k`: on the heating curve; negative is too cold."""

    shift_k: Annotated[float, Field(ge=-30, le=30), Scaled(-5.0, -12.0)]


def _wrong_curve(p: WrongCurve, on: Plant) -> None:
    on.add("curve_shift", p.shift_k)


class ThrottledHomes(Parameters):
    """`homes_share`: the share of the homes that get too little water."""

    homes_share: Annotated[float, Field(gt=0, le=1), Scaled(0.15, 0.7)]


def _throttled_homes(p: ThrottledHomes, on: Plant) -> None:
    on.most("starved", p.homes_share)


class OpenWindows(Parameters):
    """`loss_factor`: on the heat that the air of the buildings loses."""

    loss_factor: Annotated[float, Field(ge=1, le=10), Scaled(1.6, 3.5)]


def _open_windows(p: OpenWindows, on: Plant) -> None:
    on.times("draught", p.loss_factor)


class SourceCold(Parameters):
    """`drop_k`: how much colder the plant sends the water, reached over `falls_over_h`."""

    drop_k: Annotated[float, Field(gt=0, le=100), Scaled(15.0, 50.0)]
    falls_over_h: Hours = 1.5


def _source_cold(p: SourceCold, on: Plant) -> None:
    on.add("source_offset", -p.drop_k * grown(on.age_s, p.falls_over_h * 3600))


KINDS = (
    FaultKind(
        "fouling", Title(zh="换热器结垢", en="Exchanger fouls"),
        "Scale grows on the plates over weeks: the valve opens further, the primary return warms.",
        ("HX_FOUL", "HIGH_RETURN"), Fouling, plant=_fouling, changes=True, lasts_h=(500, 1500),
    ),
    FaultKind(
        "blocked_plates", Title(zh="换热器堵塞", en="Exchanger plates blocked"),
        "Part of the plates is blocked: primary water returns hot, with little of its heat given.",
        ("HX_FOUL", "LOW_DT", "HIGH_RETURN"), BlockedPlates, plant=_blocked_plates, lasts_h=(72, 500),
    ),
    FaultKind(
        "valve_stuck", Title(zh="一次调节阀卡涩", en="Primary valve stuck"),
        "The primary valve stays where it is, whatever it is told.",
        ("VALVE_STUCK", "CTRL_ERR"), ValveStuck, plant=_valve_stuck, lasts_h=(4, 96),
    ),
    FaultKind(
        "valve_hunting", Title(zh="一次调节阀振荡", en="Primary valve hunts"),
        "The controller's gain is far too high: the valve opens and closes without end.",
        ("VALVE_HUNT",), ValveHunting, plant=_valve_hunting, lasts_h=(24, 240),
    ),
    FaultKind(
        "wrong_curve", Title(zh="供热曲线设置错误", en="Wrong heating curve"),
        "The heating curve is shifted: control is steady, at the wrong temperature.",
        ("CURVE", "COLD"), WrongCurve, plant=_wrong_curve, lasts_h=(72, 720),
    ),
    FaultKind(
        "throttled_homes", Title(zh="水力失调", en="Homes get too little water"),
        "Part of the homes is throttled, by dirt or by badly set valves: they go cold while the station looks well.",
        ("COLD",), ThrottledHomes, plant=_throttled_homes, lasts_h=(48, 480),
    ),
    FaultKind(
        "open_windows", Title(zh="住户大量开窗", en="Windows stand open"),
        "The buildings lose far more air than they should: rooms cool and take more heat.",
        ("COLD",), OpenWindows, plant=_open_windows, lasts_h=(12, 120),
    ),
    FaultKind(
        "source_cold", Title(zh="热源停炉降温", en="Plant trips, water cools"),
        "A boiler of the plant trips: the water that reaches its stations cools, the far ones last.",
        ("CTRL_ERR", "COLD"), SourceCold, plant=_source_cold, area="source", changes=True, lasts_h=(4, 36),
    ),
)  # fmt: skip
