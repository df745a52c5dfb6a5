"""Station: everything about one heat-exchange station. Bars of what is now, the trend, alarms, homes, devices."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from application.read_models import CommunityCard, DeviceNow, DeviceRow, RoomCard, StationRow, StationView
from perception.point import Point
from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.components.alarms import alarm_list, journal_list
from presentation.components.bar import bar
from presentation.components.marker import hold_ms, state_of, state_text, symbol
from presentation.components.value import is_switch, live_age, live_difference, live_value
from presentation.console.groups import SETPOINTS, group_title, grouped, in_rank, topic_named, topic_title, topics_of
from presentation.console.shell import Frame, overview_path, page
from presentation.console.trend import Choice, chartable, charted
from presentation.markup import Child, el, fragment
from presentation.texts import ABSENT, Texts
from presentation.units import unit_text

_SIDES = ("secondary", "primary")


def station_page(view: StationView, frame: Frame, t: Texts, at: int, chart: Markup) -> str:
    """Return the page of a station at an instant (epoch milliseconds). `chart` is where the trend is mounted."""
    title = t.title(view.station.title)
    alarms = el("div", _alarms(view, frame, t, at), data_part="alarms")
    new = el("button", id="show-new", type="button", hidden=True)
    main = [
        _heading(view, t, at),
        el("div", _own_values(view, frame.kinds, t), class_="column values-column"),
        el(
            "div",
            _section(t.say("Trend"), "trend", chart, class_="trend-panel"),
            _section(t.say("Alarms"), "alarms", alarms, beside=new, class_="station-alarms"),
            _section(t.say("Alarm journal"), "journal", el("div", _journal(view, t), data_part="journal")),
            _section(t.say("Communities heated from here"), "communities", _communities(view.communities, t)),
            _section(t.say("Devices"), "devices", _devices(view.devices, frame.kinds, at, t)),
            class_="column",
        ),
        _other_values(view, frame.kinds, t, at),
    ]
    return page(frame, t, title, main, class_="station")


def _heading(view: StationView, t: Texts, at: int) -> Markup:
    row = view.station
    state = state_of(row, at)
    home = f"/{t.language}{overview_path(view.city.name)}"
    where = [view.city.title, row.district_title, view.source_title, view.branch_title]
    path = [el("a", t.title(where[0]), href=home), *(f" › {t.title(title)}" for title in where[1:])]
    age = live_age(row.ts, at, row.device_id, hold_ms(row.interval_s), t) if row.device_id is not None else ABSENT
    return el(
        "div",
        el("p", path, class_="path"),
        el("h1", symbol(state, t), t.title(row.title), el("small", state_text(state, t))),
        el("p", t.say("newest reading"), " ", age, class_="read-at"),
        class_="heading",
        data_part="heading",
    )


def _active(view: StationView, kinds: Mapping[str, SensorKind]) -> list[DeviceRow]:
    """Return the devices of the station that are in use, by name."""
    return sorted((d for d in view.devices if d.status == "active" and d.kind in kinds), key=lambda d: d.name)


def _own_values(view: StationView, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    """Return the values of the substation itself."""
    own = [d for d in _active(view, kinds) if d.name == view.station.device]
    return fragment([_station_values(device, view.station, kinds[device.kind], t) for device in own])


def _other_values(view: StationView, kinds: Mapping[str, SensorKind], t: Texts, at: int) -> Markup | None:
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
            _group(group_title(name, t), points, device, row.values, row.bad, t, is_open=name in {*_SIDES, "other"})
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


def _line(point: Point, device_id: int, values: Mapping[str, float], bad: Sequence[str], t: Texts) -> Markup:
    setpoint = SETPOINTS.get(point.name)
    value = values.get(point.name)
    shown = fragment(
        live_value(point, value, device_id, t, bad=point.name in bad),
        el("span", unit_text(point.unit), class_="unit"),
    )
    drawn = None
    if not point.counter and not is_switch(point):
        drawn = bar(point, value, device_id, values.get(setpoint) if setpoint else None, setpoint or "")
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


def _alarms(view: StationView, frame: Frame, t: Texts, at: int) -> Markup:
    points = {p.name: p for kind in frame.kinds.values() for p in kind.points}
    plants = {view.station.device}
    return alarm_list(view.alarms, at, view.city.timezone, t, points, of_city=False, plants=plants)


def _journal(view: StationView, t: Texts) -> Markup:
    return journal_list(view.journal, view.city.timezone, t, of_city=False, plants={view.station.device})


def _communities(rows: Sequence[CommunityCard], t: Texts) -> Markup:
    heads = [t.say("Community"), t.say("Buildings"), t.say("Homes"), t.say("Heated area")]
    body = [
        el(
            "tr",
            el("th", t.title(c.title), scope="row"),
            el("td", t.number(c.buildings), class_="number"),
            el("td", t.number(c.homes), class_="number"),
            el("td", t.number(c.heated_area_m2), " m²" if c.heated_area_m2 is not None else None, class_="number"),
        )
        for c in rows
    ]
    return _table(heads, body, numbers={1, 2, 3})


def _devices(rows: Sequence[DeviceRow], kinds: Mapping[str, SensorKind], at: int, t: Texts) -> Markup:
    heads = [t.say("Device"), t.say("Kind"), t.say("Status"), t.say("Interval"), t.say("Newest reading")]
    body = [
        el(
            "tr",
            el(
                "th",
                el("span", d.name, class_="whole"),
                el("small", " ", room_text(d.room, t)) if d.room else None,
                scope="row",
            ),
            el("td", t.title(kinds[d.kind].title) if d.kind in kinds else d.kind),
            el("td", status_text(d, t)),
            el("td", t.age(d.interval_s), class_="number"),
            el("td", live_age(d.last_ts, at, d.device_id, hold_ms(d.interval_s), t), class_="number"),
        )
        for d in rows
    ]
    return _table(heads, body, numbers={3, 4})


def room_text(room: RoomCard, t: Texts) -> str:
    """Return where a room lies. Nothing else is known of it."""
    positions = {"middle": t.say("middle of the building"), "end": t.say("end wall"), "top": t.say("under the roof")}
    words = [t.title(room.community_title), t.title(room.building_title)]
    if room.floor is not None:
        words.append(t.say("floor {floor}", floor=room.floor))
    return " · ".join([*words, positions.get(room.position, room.position)])


def status_text(device: DeviceRow, t: Texts) -> str:
    """Return a device's place in its life and whether it says that it is connected."""
    status = {"pending": t.say("pending"), "active": t.say("in service"), "retired": t.say("retired")}
    words = [status.get(device.status, device.status)]
    if device.online is not None:
        words.append(t.say("online") if device.online else t.say("offline"))
    if device.simulated:
        words.append(t.say("simulated"))
    return " · ".join(words)


def _table(heads: Sequence[str], body: Sequence[Markup], numbers: set[int]) -> Markup:
    cells = [el("th", h, scope="col", class_="number" if i in numbers else None) for i, h in enumerate(heads)]
    table = el("table", el("thead", el("tr", cells)), el("tbody", body), class_="plain")
    return el("div", table, class_="sideways", tabindex="0", role="group", aria_label=heads[0])


def _section(title: str, name: str, *children: Child, beside: Child = None, class_: str = "") -> Markup:
    return el(
        "section",
        el("div", el("h2", title, id=f"{name}-title"), beside, class_="panel-head"),
        *children,
        class_=f"panel {class_}".strip(),
        aria_labelledby=f"{name}-title",
    )


def chart_place(entry: Markup, choice: Choice, view: StationView, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    """Return the device, range and topic buttons and, under them, where the chart application is mounted.

    The buttons are links: a choice can be kept and sent on. live.js follows them without leaving the page, but
    for another device, whose charts are others.
    """
    device = charted(view, kinds, choice)
    spans = {"1h": t.say("1 h"), "24h": t.say("24 h"), "48h": t.say("48 h"), "7d": t.say("7 d")}
    about = f"&device={device.name}" if device is not None and device.name == choice.device else ""
    choices = el(
        "div",
        _device_choices(chartable(view, kinds), device, kinds, t),
        _choices(t.say("Range"), "span", spans, choice.span, about),
        None if device is None else _topic_choices(kinds[device.kind], choice, about, t),
        class_="choices",
    )
    return el("div", choices, entry, id=ids.TREND_PLACE)


def _device_choices(
    devices: Sequence[DeviceRow], chosen: DeviceRow | None, kinds: Mapping[str, SensorKind], t: Texts
) -> Markup | None:
    """Return a link per device; two of one kind are told apart by their names."""
    if len(devices) < 2:
        return None
    twice = [d.kind for d in devices]
    links = [
        el(
            "a",
            t.title(kinds[d.kind].title),
            f" {d.name}" if twice.count(d.kind) > 1 else None,
            href=f"?device={d.name}#trend-title",
            aria_current="true" if d is chosen else None,
        )
        for d in devices
    ]
    return el("nav", links, aria_label=t.say("Device"), class_="choice")


def _topic_choices(kind: SensorKind, choice: Choice, about: str, t: Texts) -> Markup:
    topics = {topic.name: topic_title(topic, kind, t) for topic in topics_of(kind)}
    return _choices(t.say("Quantity"), "topic", topics, topic_named(kind, choice.topic).name, about)


def _choices(title: str, key: str, options: Mapping[str, str], chosen: str, about: str) -> Markup:
    links = [
        el("a", label, href=f"?{key}={name}{about}", data_choice=key, aria_current="true" if name == chosen else None)
        for name, label in options.items()
    ]
    return el("nav", links, aria_label=title, class_="choice")
