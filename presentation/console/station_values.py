"""Station values: every value of a station with its bar, group by group, and those of its other devices."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from application.limits import Limit
from application.read_models import DeviceNow, DeviceRow, StationRow, StationView
from perception.point import Point
from perception.sensor_kind import SensorKind
from presentation.components.bar import bar
from presentation.components.marker import hold_ms
from presentation.components.value import is_switch, live_age, live_difference, live_value
from presentation.console.groups import SETPOINTS, group_title, grouped, in_rank
from presentation.console.station_tabs import room_text
from presentation.markup import Child, el, fragment
from presentation.texts import Texts
from presentation.units import unit_text

INDICATORS = (
    "t_sec_supply", "t_sec_return", "t_pri_supply", "t_pri_return", "p_sec_supply", "p_sec_return", "flow_sec",
    "flow_pri", "valve_pri_position", "heat_power", "flow_makeup", "dp_strainer_sec", "t_outdoor",
)  # fmt: skip
"""Points whose pointers stand beside the schematic."""


def indicators(view: StationView, limits: Mapping[str, Limit], kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    """Return the bars of the key points of the substation, with normal and alarm bands and setpoints."""
    own = own_device(view, kinds)
    if own is None:
        return el("p", t.say("This station has no device."), class_="calm")
    kind, row = kinds[own.kind], view.station
    names = [name for name in INDICATORS if name in kind.bits] or list(kind.key_points)
    lines = [_line(kind.point(n), own.device_id, row.values, row.bad, t, limits.get(n)) for n in names]
    return el("dl", lines, class_="lines", data_group=True)


def own_device(view: StationView, kinds: Mapping[str, SensorKind]) -> DeviceRow | None:
    """Return the device that stands for the station."""
    return next((d for d in _active(view, kinds) if d.name == view.station.device), None)


def own_values(view: StationView, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    """Return all values of the substation itself."""
    own = [d for d in _active(view, kinds) if d.name == view.station.device]
    return fragment([_station_values(device, view.station, kinds[device.kind], t) for device in own])


def _active(view: StationView, kinds: Mapping[str, SensorKind]) -> list[DeviceRow]:
    """Return the devices of the station that are in use, by name."""
    return sorted((d for d in view.devices if d.status == "active" and d.kind in kinds), key=lambda d: d.name)


def other_values(view: StationView, kinds: Mapping[str, SensorKind], t: Texts, at: int) -> Markup | None:
    """Return the values of every other device, side by side under the rest of the page; sampled rooms last."""
    others = [d for d in _active(view, kinds) if d.name != view.station.device]
    rooms = [d for d in others if d.room is not None]
    if not others:
        return None

    def values(devices: Sequence[DeviceRow]) -> Markup:
        found = [_device_values(d, view.newest.get(d.name), kinds[d.kind], t, at) for d in devices]
        return el("div", found, class_="others-grid")

    return el(
        "div",
        values([d for d in others if d.room is None]),
        el("h2", t.say("Sampled rooms"), class_="device-head") if rooms else None,
        values(rooms) if rooms else None,
        class_="others",
    )


def _station_values(device: DeviceRow, row: StationRow, kind: SensorKind, t: Texts) -> Markup:
    """Return the values of the substation, side by side of its plant."""
    return fragment(
        [
            _group(group_title(name, t), points, device, row.values, row.bad, t, is_open=name == "other")
            for name, points in grouped(kind)
        ]
    )


def _device_values(device: DeviceRow, now: DeviceNow | None, kind: SensorKind, t: Texts, at: int) -> Markup:
    """Return the values of a device of any kind under its title, or where its room lies; key points first."""
    age = live_age(device.last_ts, at, device.device_id, hold_ms(device.interval_s), t)
    trend = el("a", t.say("Trend"), href=f"?device={device.name}#trend-title")
    head = el("p", device.name, " · ", age, " · ", trend, class_="device-head")
    values, bad = ({}, ()) if now is None else (now.values, now.bad)
    title = t.title(kind.title) if device.room is None else room_text(device.room, t)
    return _group(title, in_rank(kind), device, values, bad, t, head=head, waits=False)


def _group(
    title: str,
    points: Sequence[Point],
    device: DeviceRow,
    values: Mapping[str, float],
    bad: Sequence[str],
    t: Texts,
    *,
    head: Child = None,
    is_open: bool = True,
    waits: bool = True,
) -> Markup:
    """Return a group of points. Points that the device has never sent wait, hidden, for their first value.

    `waits`: so does the whole group.
    """
    lines = [_line(p, device.device_id, values, bad, t) for p in points]
    some = any(p.name in values for p in points)
    return el(
        "details",
        el("summary", el("h2", title)),
        head,
        el("dl", lines, class_="lines"),
        class_="panel group",
        open=is_open or None,
        hidden=None if some or not waits else True,
        data_group=True,
    )


def _line(
    point: Point, device_id: int, values: Mapping[str, float], bad: Sequence[str], t: Texts, limit: Limit | None = None
) -> Markup:
    setpoint = SETPOINTS.get(point.name)
    value = values.get(point.name)
    shown = fragment(
        live_value(point, value, device_id, t, bad=point.name in bad),
        el("span", unit_text(point.unit), class_="unit"),
    )
    drawn = None
    if not point.counter and not is_switch(point):
        drawn = bar(point, value, device_id, values.get(setpoint) if setpoint else None, setpoint or "", limit)
    beside = _beside_setpoint(point, setpoint, device_id, values, t) if point.unit == "Cel" else None
    return el(
        "div",
        el("dt", t.title(point.title)),
        el("dd", drawn, class_="line-bar") if drawn is not None else None,
        el("dd", shown, beside, class_="line-value"),
        class_="line",
        hidden=True if value is None else None,
        data_line=point.name,
        data_device=device_id,
    )


def _beside_setpoint(
    point: Point, setpoint: str | None, device_id: int, values: Mapping[str, float], t: Texts
) -> Markup | None:
    if setpoint is None or setpoint not in values:
        return None
    off = live_difference(values, (point.name, setpoint), device_id, t, point.decimals)
    return el("span", t.say("off setpoint"), " ", off, " K", class_="note")
