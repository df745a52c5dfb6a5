"""Schematic: a substation as its operators think of it, heat source left, homes right, values at their places.

Lines are an SVG behind; values are HTML cards before it, so that they hatch, age and read like everywhere, and become
a list where the page is narrow. Grey is normal; only an alarm has a colour, with its shape and its number.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from application.read_models import AlarmRow, StationRow
from perception.point import Point
from perception.sensor_kind import SensorKind
from presentation.components.marker import priority_state, symbol
from presentation.components.value import live_value
from presentation.markup import Child, el
from presentation.texts import Texts
from presentation.units import unit_text

PUMPS: Final = (1, 2, 3)
CARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pri-supply": ("t_pri_supply", "p_pri_supply", "flow_pri"),
    "valve": ("valve_pri_position", "valve_pri_command"),
    "pri-return": ("t_pri_return", "p_pri_return", "dp_pri"),
    "exchanger": ("heat_power",),
    "outdoor": ("t_outdoor",),
    "sec-supply": ("t_sec_supply", "t_sec_supply_setpoint", "p_sec_supply", "flow_sec"),
    "sec-return": ("t_sec_return", "p_sec_return", "dp_sec"),
    "makeup": ("flow_makeup", "level_makeup_tank", "pump_makeup_1_run", "pump_makeup_2_run"),
}
"""Place on the schematic → the points shown there. The circulation pumps have a card of their own."""


def schematic(row: StationRow, kind: SensorKind, alarms: Sequence[AlarmRow], homes: Child, t: Texts) -> Markup:
    """Return the schematic of a station. `homes` is what stands in the building."""
    struck = alarmed_points(alarms, row.device, kind)
    cards = [_card(name, points, row, kind, struck, t) for name, points in CARDS.items()]
    building = el("div", homes, class_="card card-homes") if homes else None
    return el("div", _drawing(), *cards, _pumps(row, kind, struck, t), building, class_="schematic")


def alarmed_points(alarms: Sequence[AlarmRow], device: str | None, kind: SensorKind) -> dict[str, int]:
    """Return by point the priority of the worst standing alarm about it: its element, or the first of its evidence."""
    found: dict[str, int] = {}
    for alarm in alarms:
        if alarm.cleared_at is not None or alarm.device != device:
            continue
        names = [alarm.element.rpartition("/")[2], *alarm.evidence]
        point = next((name for name in names if name in kind.bits), None)
        if point is not None:
            found[point] = min(alarm.priority, found.get(point, alarm.priority))
    return found


def place_title(name: str, t: Texts) -> str:
    """Return what a place of the schematic is called."""
    return {
        "pri-supply": t.say("Primary supply"),
        "valve": t.say("Control valve"),
        "pri-return": t.say("Primary return"),
        "exchanger": t.say("Heat exchanger"),
        "outdoor": t.say("Outdoors"),
        "sec-supply": t.say("Secondary supply"),
        "sec-return": t.say("Secondary return"),
        "makeup": t.say("Make-up water"),
        "pumps": t.say("Circulation pumps"),
    }[name]


def short_title(point: str, t: Texts) -> str:
    """Return what a value is called where its place says the rest."""
    ends = {
        "_command": t.say("command"),
        "_position": t.say("position"),
        "_setpoint": t.say("setpoint"),
        "_tank": t.say("tank level"),
        "_1_run": t.say("pump {n}", n=1),
        "_2_run": t.say("pump {n}", n=2),
    }
    found = next((word for end, word in ends.items() if point.endswith(end)), None)
    begins = {
        "dp": t.say("difference"),
        "t": t.say("temperature"),
        "p": t.say("pressure"),
        "flow": t.say("flow"),
        "heat": t.say("power"),
    }
    return found or begins[point.partition("_")[0]]


def _card(
    name: str, points: Sequence[str], row: StationRow, kind: SensorKind, struck: Mapping[str, int], t: Texts
) -> Markup | None:
    lines = [_line(kind.point(p), short_title(p, t), row, struck, t) for p in points if p in kind.bits]
    return _framed(name, lines, any(p in row.values for p in points), t)


def _pumps(row: StationRow, kind: SensorKind, struck: Mapping[str, int], t: Texts) -> Markup | None:
    lines = []
    for k in PUMPS:
        runs, speed, fault = (f"pump_circ_{k}_{what}" for what in ("run", "freq", "fault"))
        if runs not in kind.bits:
            continue
        about = [struck[n] for n in (runs, speed, fault) if n in struck]
        worst = {runs: min(about)} if about else {}
        hertz = [" ", _value(kind.point(speed), row, t)] if speed in kind.bits else None
        lines.append(_line(kind.point(runs), t.say("pump {n}", n=k), row, worst, t, hertz))
    return _framed("pumps", lines, any(p.startswith("pump_circ_") for p in row.values), t)


def _framed(name: str, lines: Sequence[Markup], some: bool, t: Texts) -> Markup | None:  # noqa: FBT001 - a word of it
    if not lines:
        return None
    return el(
        "div",
        el("h3", place_title(name, t)),
        el("dl", list(lines)),
        class_=f"card card-{name}",
        hidden=None if some else True,
        data_group=True,
    )


def _line(point: Point, title: str, row: StationRow, struck: Mapping[str, int], t: Texts, more: Child = None) -> Markup:
    priority = struck.get(point.name)
    state = None if priority is None else priority_state(priority)
    return el(
        "div",
        el("dt", symbol(state, t) if state is not None else None, el("span", title, title=t.title(point.title))),
        el("dd", _value(point, row, t), more),
        class_="card-line" if state is None else f"card-line struck {state}",
        hidden=None if point.name in row.values else True,
        data_line=point.name,
        data_device=row.device_id,
    )


def _value(point: Point, row: StationRow, t: Texts) -> Markup:
    shown = live_value(point, row.values.get(point.name), row.device_id or 0, t, bad=point.name in row.bad)
    unit = unit_text(point.unit)
    return el("span", shown, el("span", f" {unit}", class_="unit") if unit else None, class_="whole")


def _drawing() -> Markup:
    """Return the lines: pipes, exchanger, valve, pumps, tank, building. It says nothing that the cards do not say."""
    return el(
        "svg",
        el("path", class_="pipe hot", d="M0,120 H440"),
        el("path", class_="pipe", d="M440,290 H0"),
        el("path", class_="pipe hot", d="M520,120 H860"),
        el("path", class_="pipe", d="M860,290 H520"),
        el("path", class_="pipe thin", d="M785,290 V345"),
        [_arrow(x, y, way) for x, y, way in ((70, 120, 1), (120, 290, -1), (640, 120, 1), (830, 290, -1))],
        el("rect", class_="plant", x=440, y=84, width=80, height=244, rx=4),
        el("path", class_="plates", d="M455,110 L505,150 L455,190 L505,230 L455,270 L505,306"),
        el("path", class_="plant", d="M225,104 L225,136 L275,104 L275,136 Z"),
        el("path", class_="plates", d="M250,120 V94 M238,94 H262"),
        [_pump(x, 290) for x in (590, 640)],
        el("rect", class_="plant", x=760, y=345, width=50, height=40, rx=3),
        el("path", class_="water", d="M763,362 q6,-5 12,0 t12,0 t12,0 t8,0 V382 H763 Z"),
        el("path", class_="plant", d="M860,308 V92 L925,58 L990,92 V308 Z"),
        class_="pipes",
        viewBox="0 0 1000 400",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def _arrow(x: int, y: int, way: int) -> Markup:
    return el("path", class_="way", d=f"M{x},{y - 7} L{x + 14 * way},{y} L{x},{y + 7} Z")


def _pump(x: int, y: int) -> Markup:
    impeller = el("path", class_="way", d=f"M{x + 7},{y - 11} L{x - 14},{y} L{x + 7},{y + 11} Z")
    return el("g", el("circle", class_="plant", cx=x, cy=y, r=17), impeller)
