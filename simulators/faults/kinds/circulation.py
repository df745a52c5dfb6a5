"""Circulation: pumps and strainers."""

from typing import Annotated

from pydantic import Field

from perception.point import Title
from simulators.faults.fault import Days, FaultKind, Parameters, Plant, Scaled, grown


class PumpTrip(Parameters):
    """`pump`: which circulation pump trips; `standby_fails`: whether no other takes over."""

    pump: Annotated[int, Field(ge=1, le=3)] = 1
    standby_fails: bool = True


def _pump_trip(p: PumpTrip, on: Plant) -> None:
    on.orders.pump_stopped[p.pump - 1, on.place] = 1.0
    if p.standby_fails:
        on.put("standby_fails", 1.0)


class PumpAir(Parameters):
    """`gas_share`: how much of the pumps' head the gas takes, and how wildly it swings."""

    gas_share: Annotated[float, Field(gt=0, le=1), Scaled(0.25, 0.9)]


def _pump_air(p: PumpAir, on: Plant) -> None:
    on.most("air", p.gas_share)


class Strainer(Parameters):
    """`resistance_factor`: how much harder the strainer is to pass when it has clogged; it clogs over days."""

    resistance_factor: Annotated[float, Field(ge=1, le=500), Scaled(5.0, 16.0)]
    grows_over_days: Days = 5.0


def _strainer_sec(p: Strainer, on: Plant) -> None:
    on.times("clog_sec", _clogged(p, on))


def _strainer_pri(p: Strainer, on: Plant) -> None:
    on.times("clog_pri", _clogged(p, on))


def _clogged(p: Strainer, on: Plant) -> float:
    return 1 + (p.resistance_factor - 1) * grown(on.age_s, p.grows_over_days * 86_400)


KINDS = (
    FaultKind(
        "pump_trip", Title(zh="循环泵故障", en="Circulation pump trips"),
        "A circulation pump stops; the standby pump takes over or fails too.",
        ("PUMP_FAIL",), PumpTrip, plant=_pump_trip, lasts_h=(1, 12),
    ),
    FaultKind(
        "pump_air", Title(zh="循环泵气蚀", en="Air or cavitation in the pump"),
        "Gas in the pumps: head and flow collapse and swing, and so does the current.",
        ("PUMP_CAV",), PumpAir, plant=_pump_air, lasts_h=(2, 48),
    ),
    FaultKind(
        "strainer_secondary", Title(zh="二次除污器堵塞", en="Secondary strainer clogs"),
        "Dirt gathers in the secondary strainer over days: its pressure drop grows, the flow falls.",
        ("STRAINER",), Strainer, plant=_strainer_sec, changes=True, lasts_h=(240, 720),
    ),
    FaultKind(
        "strainer_primary", Title(zh="一次除污器堵塞", en="Primary strainer clogs"),
        "Dirt gathers in the primary strainer over days: its pressure drop grows, the valve has to open further.",
        ("STRAINER",), Strainer, plant=_strainer_pri, changes=True, lasts_h=(240, 720),
    ),
)  # fmt: skip
