"""Groups: how the points of a station are put together on its page, and which of them belong on one chart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from perception.point import Point
from perception.sensor_kind import SensorKind
from presentation.texts import Texts

SETPOINTS: Final[Mapping[str, str]] = MappingProxyType(
    {"t_sec_supply": "t_sec_supply_setpoint", "valve_pri_position": "valve_pri_command"}
)
"""Point → the point that is its setpoint: drawn on the same bar."""

_PREFIXES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("secondary", ("t_sec_", "p_sec_", "dp_sec", "dp_strainer_sec", "flow_sec")),
    ("primary", ("t_outdoor", "t_pri_", "p_pri_", "dp_pri", "dp_strainer_pri", "flow_pri", "valve_pri_", "heat_power")),
    ("circulation", ("pump_circ_",)),
    ("makeup", ("pump_makeup_", "flow_makeup", "level_makeup", "valve_relief")),
    ("hot_water", ("t_dhw_", "flow_dhw")),
    ("room", ("t_station_room", "elec_power", "voltage_", "ups_", "door_", "flood_", "smoke_", "comm_")),
    ("totals", ("heat_energy_total", "volume_", "elec_energy_total")),
)
_OTHER: Final = "other"
_LAST: Final = 60
_NAMED: Final = 2
"""Points that a chart of many is named after."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Points that belong on one chart; those in `below` get a small chart of their own under it."""

    name: str
    points: tuple[str, ...]
    below: tuple[str, ...] = ()


TOPICS: Final[tuple[Topic, ...]] = (
    Topic(
        "temperatures",
        ("t_pri_supply", "t_sec_supply", "t_sec_supply_setpoint", "t_sec_return"),
        below=("t_outdoor",),
    ),
    Topic("pressures", ("p_pri_supply", "p_pri_return", "p_sec_supply", "p_sec_return"), below=("dp_sec",)),
    Topic("flow_heat", ("flow_pri", "flow_sec"), below=("heat_power",)),
    Topic("makeup", ("flow_makeup",), below=("level_makeup_tank",)),
)


def topics_of(kind: SensorKind) -> tuple[Topic, ...]:
    """Return the charts of a kind: those of a substation, or one for each unit, named like its first point."""
    if "t_sec_supply" in kind.bits:
        return TOPICS
    units: dict[str, list[str]] = {}
    for point in in_rank(kind):
        units.setdefault(point.unit, []).append(point.name)
    return tuple(Topic(names[0], tuple(names)) for names in units.values())


def topic_named(kind: SensorKind, name: str | None) -> Topic:
    """Return the chart of this name, or the first of the kind."""
    topics = topics_of(kind)
    return next((topic for topic in topics if topic.name == name), topics[0])


def in_rank(kind: SensorKind) -> list[Point]:
    """Return all points of a kind, its key points first."""
    return sorted(kind.points, key=lambda p: kind.key_points.index(p.name) if p.name in kind.key_points else _LAST)


def grouped(kind: SensorKind) -> Iterator[tuple[str, list[Point]]]:
    """Yield (group, points) in the order of the page. Setpoints have no line of their own."""
    groups: dict[str, list[Point]] = {name: [] for name in (*dict(_PREFIXES), _OTHER)}
    for point in kind.points:
        if point.name not in SETPOINTS.values():
            groups[_group_of(point.name)].append(point)
    for name, points in groups.items():
        if points:
            yield name, sorted(points, key=lambda p: _place(name, p.name))


def _group_of(point: str) -> str:
    return next((name for name, prefixes in _PREFIXES if point.startswith(prefixes)), _OTHER)


def _place(group: str, point: str) -> int:
    prefixes = dict(_PREFIXES).get(group, ())
    return next((i for i, prefix in enumerate(prefixes) if point.startswith(prefix)), len(prefixes))


def group_title(name: str, t: Texts) -> str:
    """Return the heading of a group."""
    return {
        "secondary": t.say("Secondary side"),
        "primary": t.say("Primary side"),
        "circulation": t.say("Circulation pumps"),
        "makeup": t.say("Make-up water"),
        "hot_water": t.say("Domestic hot water"),
        "room": t.say("Room and electricity"),
        "totals": t.say("Totals"),
    }.get(name) or t.say("Other values")


def topic_title(topic: Topic, kind: SensorKind, t: Texts) -> str:
    """Return the name of a chart: its own, or those of its first points."""
    known = {
        "temperatures": t.say("Temperatures"),
        "pressures": t.say("Pressures"),
        "flow_heat": t.say("Flow and heat"),
        "makeup": t.say("Make-up water"),
    }.get(topic.name)
    if known is not None and topic in TOPICS:
        return known
    names = [t.title(kind.point(p).title) for p in topic.points[:_NAMED]]
    return " · ".join(names) + (" …" if len(topic.points) > _NAMED else "")
