"""Drawing: what a chart shows for a choice: its curves and what stands around them, asked of the views.

Nothing here knows of the browser; presentation.console.trend draws it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from application.limits import Limit
from application.read_models import DeviceRow, StationView, Trend
from application.station_file import Mark
from perception.point import Point
from perception.sensor_kind import SensorKind
from presentation.console.groups import SETPOINTS, topic_named
from presentation.console.trend_choice import EXPECTED, LAST_WEEK, WEEK_MS, Choice, is_zoomed, span_of
from presentation.desk import Desk, now_us
from presentation.figures import Curve, looks
from presentation.scene import Corridor, Lane, Level, Scene
from presentation.station_tools import doubt_text, limit_text
from presentation.texts import Texts
from presentation.theme import OCCURRED, OTHERS, PRIORITIES, Line
from presentation.units import unit_text

BANDED = "t_sec_supply"
EXPECTED_OF: Mapping[str, str] = {"heat_power": "heat_power_expected", "flow_sec": "flow_by_pump"}
"""Point of a substation → what is expected of it, a point of the kind that is derived from it."""
DERIVED = "heat_substation_derived"
_UPPER, _LOWER = 2.2, 1.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart: curves, surroundings, the (device, point) that it shows, and words on what is missing."""

    curves: Sequence[Curve]
    scene: Scene
    series: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose trends are asked for, over which span in epoch milliseconds, and how wide the chart is."""

    desk: Desk
    span: tuple[int, int]
    pixels: int
    stands: bool

    async def trend(self, device: str, points: Sequence[str], earlier_ms: int = 0) -> Trend | None:
        """Return points of a device over the span, or over an earlier one as long."""
        if not points:
            return None
        start, stop = ((ms - earlier_ms) * 1000 for ms in self.span)
        when = (start, stop) if self.stands else stop - start
        key = ("trend", device, tuple(points), when, earlier_ms, self.pixels)
        return await self.desk.ask_shared(key, lambda v: v.trend(device, points, start, stop, self.pixels))


def charted(view: StationView, kinds: Mapping[str, SensorKind], choice: Choice) -> DeviceRow | None:
    """Return the device whose trend is shown: the chosen one, the station's own, or any. None: there is none."""
    known = chartable(view, kinds)
    by_name = {d.name: d for d in known}
    return by_name.get(choice.device or "") or by_name.get(view.station.device or "") or next(iter(known), None)


def chartable(view: StationView, kinds: Mapping[str, SensorKind]) -> list[DeviceRow]:
    """Return the devices of a station of which there are trends, its own first."""
    known = [d for d in view.devices if d.kind in kinds and d.status == "active"]
    return sorted(known, key=lambda d: (d.name != view.station.device, d.name))


def panels_of(kind: SensorKind, choice: Choice) -> list[list[Point]]:
    """Return the points of a chart, panel by panel: one for each unit of chosen points, or as their topic says."""
    chosen = [kind.point(name) for name in choice.points if name in kind.bits]
    if chosen:
        return by_unit(chosen)
    topic = topic_named(kind, choice.topic)
    panels = ([kind.point(n) for n in names if n in kind.bits] for names in (topic.points, topic.below))
    return [points for points in panels if points]


def by_unit(points: Sequence[Point]) -> list[list[Point]]:
    """Return points that share a unit together, in the order in which they come."""
    units: dict[str, list[Point]] = {}
    for point in points:
        units.setdefault(point.unit, []).append(point)
    return list(units.values())


async def station_drawing(
    desk: Desk, kinds: Mapping[str, SensorKind], station: str, choice: Choice, pixels: int, t: Texts
) -> Drawing | str:
    """Return the chart of a station; a text when there is none."""
    now = now_us()
    view = await desk.ask_shared(("station", station), lambda v: v.station(station, now))
    chosen = None if view is None else charted(view, kinds, choice)
    if view is None or chosen is None:
        return t.say("This station has no device.")
    kind, zone = kinds[chosen.kind], view.city.timezone
    asked = Asked(desk, span_of(choice, now // 1000, zone), pixels, is_zoomed(choice))
    panels = panels_of(kind, choice)
    names = [p.name for points in panels for p in points]
    start, stop = (ms * 1000 for ms in asked.span)
    trend, marks, file, (others, notes) = await asyncio.gather(
        asked.trend(chosen.name, names),
        desk.ask(lambda v: v.marks(chosen.name, start, stop)),
        desk.ask_shared(("station file", station), lambda v: v.station_file(station, "", now)),
        _compared(asked, view, kinds, chosen, panels, choice, t),
    )
    if trend is None:
        return t.say("There is nothing to show.")
    own = chosen.name == view.station.device
    limits = file.limits if file is not None and own else {}
    scene = Scene(
        panels=[unit_text(points[0].unit) for points in panels],
        shares=[_UPPER if place == 0 else _LOWER for place in range(len(panels))],
        span=asked.span,
        zone=zone,
        levels=[level for place, points in enumerate(panels) for level in _levels(points, limits, place, t)],
        corridors=_corridors(panels, limits, trend),
        lanes=lanes_of(marks or (), kind, asked.span, t),
    )
    curves = [*curves_of(trend, panels, t), *others]
    return Drawing(curves, scene, [(chosen.name, name) for name in names], notes)


def curves_of(trend: Trend, panels: Sequence[Sequence[Point]], t: Texts) -> list[Curve]:
    """Return the curves of a device's own points."""
    look = looks([p for points in panels for p in points])
    return [
        Curve(t.title(p.title), p, trend, look[p.name], place, banded=p.name == BANDED)
        for place, points in enumerate(panels)
        for p in points
    ]


async def _compared(
    asked: Asked, view: StationView, kinds: Mapping[str, SensorKind], device: DeviceRow,
    panels: Sequence[Sequence[Point]], choice: Choice, t: Texts,
) -> tuple[list[Curve], list[str]]:  # fmt: skip
    """Return the curves beside which somebody wants to see the others, and what could not be found of them."""
    kind = kinds[device.kind]
    names = [p.name for points in panels for p in points]
    if choice.compare == LAST_WEEK:
        trend = await asked.trend(device.name, names, WEEK_MS)
        if trend is None or not trend.ts:
            return [], [t.say("No values a week earlier.")]
        return _beside(trend, panels, t.say("a week earlier"), t, later_ms=WEEK_MS), []
    if choice.compare == EXPECTED:
        return await _expected(asked, view, kinds, panels, t)
    if choice.compare is None or kind.name != "heat_substation":
        return [], []
    name = choice.compare.partition(":")[2]
    other = await asked.desk.ask_shared(("station", name), lambda v: v.station(name, now_us()))
    if other is None or other.station.device is None:
        return [], [t.say("There is no station {name} with a device.", name=name)]
    trend = await asked.trend(other.station.device, names)
    return (_beside(trend, panels, t.title(other.station.title), t) if trend else []), []


async def _expected(
    asked: Asked, view: StationView, kinds: Mapping[str, SensorKind], panels: Sequence[Sequence[Point]], t: Texts
) -> tuple[list[Curve], list[str]]:
    """Return what the learned energy signature, and the learned pumps, let expect."""
    source = next((d for d in view.devices if d.kind == DERIVED and d.kind in kinds), None)
    wanted = {EXPECTED_OF[p.name]: place for place, points in enumerate(panels) for p in points
              if p.name in EXPECTED_OF}  # fmt: skip
    trend = await asked.trend(source.name, list(wanted)) if source is not None else None
    if not wanted:
        return [], [t.say("Nothing is expected of these points: choose flow and heat.")]
    curves = [] if trend is None or source is None else [
        Curve(t.title(kinds[source.kind].point(name).title), kinds[source.kind].point(name), trend,
              replace(OTHERS[1], dash="dash"), place)
        for name, place in wanted.items()
    ]  # fmt: skip
    known = [c for c in curves if any(v is not None for v in c.trend.series[c.point.name]["mean"])]
    return known, [] if known else [t.say("What to expect has not been learned yet.")]


def _beside(trend: Trend, panels: Sequence[Sequence[Point]], title: str, t: Texts, later_ms: int = 0) -> list[Curve]:
    look = looks([p for points in panels for p in points])
    return [
        Curve(f"{t.title(p.title)}, {title}", p, trend, _faint(look[p.name]), place, later_ms=later_ms)
        for place, points in enumerate(panels)
        for p in points
        if p.name not in SETPOINTS.values() and p.name in trend.series
    ]


def _faint(line: Line) -> Line:
    return replace(line, width=1.1, dash="dot" if line.dash == "solid" else "longdash")


def _levels(points: Sequence[Point], limits: Mapping[str, Limit], panel: int, t: Texts) -> list[Level]:
    told = []
    for point in points:
        limit = limits.get(point.name, Limit())
        each = (Limit(low=limit.low), Limit(high=limit.high))
        for value, one in zip((limit.low, limit.high), each, strict=True):
            if value is not None:
                told.append(Level(panel, value, f"{t.title(point.title)}: {limit_text(one, point, t)}"))
    return told


def _corridors(panels: Sequence[Sequence[Point]], limits: Mapping[str, Limit], trend: Trend) -> list[Corridor]:
    return [
        Corridor(place, trend, SETPOINTS[point.name], around)
        for place, points in enumerate(panels)
        for point in points
        if point.name in SETPOINTS and (around := limits.get(point.name, Limit()).around) is not None
    ]


def lanes_of(marks: Sequence[Mark], kind: SensorKind, span: tuple[int, int], t: Texts) -> list[Lane]:
    """Return what happened, a lane for each sort of it; lanes without anything are left out."""
    lanes = (("alarm", t.say("Alarms")), ("command", t.say("Commands")), ("quality", t.say("Doubted")))
    found = (
        Lane(title, [_mark(m, kind, span, t) for m in marks if m.what == what], shaded=what == "alarm")
        for what, title in lanes
    )
    return [lane for lane in found if lane.marks]


def _mark(mark: Mark, kind: SensorKind, span: tuple[int, int], t: Texts) -> tuple[int, int, str, str]:
    stop = span[1] if mark.to_at is None else mark.to_at
    about = t.title(kind.point(mark.point).title) if mark.point in kind.bits else ""
    if mark.what == "alarm" and mark.title is not None:
        priority = mark.priority or len(PRIORITIES)
        words = f"{t.say('Priority {p}', p=priority)} · {t.title(mark.title)}"
        return mark.from_at, stop, f"{words} · {about}" if about else words, PRIORITIES[min(priority, 3) - 1]
    words = mark.words if mark.what == "command" else doubt_text(mark.words, t)
    return mark.from_at, stop, f"{about} · {words}" if about else words, OCCURRED


async def explore_drawing(
    desk: Desk, kinds: Mapping[str, SensorKind], choice: Choice, pixels: int, t: Texts
) -> Drawing | str:
    """Return the chart of any series, a panel for each unit; a text when none was chosen."""
    devices = tuple(dict.fromkeys(device for device, _ in choice.series))
    if not devices:
        return t.say("Choose a device and a point.")
    places = await desk.ask_shared(("series places", devices), lambda v: v.series_places(devices))
    kind_of = {d: kinds[place.kind] for d, place in places.items() if place.kind in kinds}
    known = [(d, p) for d, p in choice.series if d in kind_of and p in kind_of[d].bits]
    notes = [t.say("There is no {what}.", what=f"{d}:{p}") for d, p in choice.series if (d, p) not in known]
    if not known:
        return " ".join(notes)
    zone = next(iter(places.values())).timezone
    asked = Asked(desk, span_of(choice, now_us() // 1000, zone), pixels, is_zoomed(choice))
    shifts = (0, WEEK_MS) if choice.compare == LAST_WEEK else (0,)
    of_device = {d: [p for x, p in known if x == d] for d, _ in known}
    wanted = [(d, shift) for shift in shifts for d in of_device]
    found = await asyncio.gather(*(asked.trend(d, of_device[d], shift) for d, shift in wanted))
    trends = dict(zip(wanted, found, strict=True))
    points = [kind_of[d].point(p) for d, p in known]
    units = list(dict.fromkeys(p.unit for p in points))
    curves = [
        Curve(_named(d, p, t, shift), p, trend, _look(place, shift), units.index(p.unit),
              later_ms=shift)
        for shift in shifts
        for place, ((d, _), p) in enumerate(zip(known, points, strict=True))
        if (trend := trends[d, shift]) is not None
    ]  # fmt: skip
    return Drawing(curves, Scene([unit_text(u) for u in units], asked.span, zone), known, notes)


def _named(device: str, point: Point, t: Texts, shift: int) -> str:
    words = f"{device} · {t.title(point.title)}"
    return f"{words}, {t.say('a week earlier')}" if shift else words


def _look(place: int, shift: int) -> Line:
    line = OTHERS[place % len(OTHERS)]
    return _faint(line) if shift else line
