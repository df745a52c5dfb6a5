"""House: power, door, water on the floor, and the cold of the station's own room."""

from typing import Annotated

from pydantic import Field

from perception.point import Title
from simulators.faults.fate import SOUND_LINK, LinkFate
from simulators.faults.fault import FaultKind, Parameters, Plant, Scaled


class PowerCut(Parameters):
    """`battery_min`: how long controller and modem live on their battery (two hours at most); then they fall silent."""

    battery_min: Annotated[float, Field(ge=0, le=120), Scaled(110.0, 20.0)]


def _power_cut(p: PowerCut, on: Plant) -> None:
    del p
    on.put("power", 0.0)


def _battery(p: PowerCut, age_s: float, at: int) -> LinkFate:
    del at
    return LinkFate(silent=True) if age_s >= p.battery_min * 60 else SOUND_LINK


class Nothing(Parameters):
    """There is nothing to set."""


def _door_open(p: Nothing, on: Plant) -> None:
    del p
    on.put("door_open", 1.0)


def _flooded(p: Nothing, on: Plant) -> None:
    del p
    on.put("flooded", 1.0)


def _smoke(p: Nothing, on: Plant) -> None:
    del p
    on.put("smoke", 1.0)


def _cold_room(p: Nothing, on: Plant) -> None:
    del p
    on.put("room_heating", 0.0)
    on.put("door_open", 1.0)


KINDS = (
    FaultKind(
        "power_cut", Title(zh="停电", en="Power cut"),
        "The mains are gone: pumps stand still, the controller lives on its battery and then falls silent.",
        ("POWER_CUT", "COMM"), PowerCut, plant=_power_cut, link=_battery, lasts_h=(0.5, 8),
    ),
    FaultKind(
        "door_open", Title(zh="站房门开", en="Door stands open"),
        "The door of the station stands open.",
        ("DOOR",), Nothing, plant=_door_open, lasts_h=(0.5, 24),
    ),
    FaultKind(
        "flood", Title(zh="站房进水", en="Water on the floor"),
        "Water stands on the floor of the station.",
        ("FLOOD",), Nothing, plant=_flooded, lasts_h=(1, 24),
    ),
    FaultKind(
        "smoke", Title(zh="站房烟雾", en="Smoke in the station"),
        "The smoke detector of the station has tripped. No finding of the list is named after it.",
        (), Nothing, plant=_smoke, lasts_h=(0.2, 2),
    ),
    FaultKind(
        "cold_room", Title(zh="站房受冻", en="Station room freezes"),
        "The heating of the station's room has failed and its door stands open: instruments and pipes may freeze.",
        ("FROST", "DOOR"), Nothing, plant=_cold_room, lasts_h=(8, 96),
    ),
)  # fmt: skip
