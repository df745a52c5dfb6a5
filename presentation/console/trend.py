"""Trend: the chart of a station's page, as a Dash application that is mounted inside the page.

The page around it is plain HTML; this part lives in the browser because one zooms and reads off in it.
Every callback is async, and what blocks goes to a thread.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from dash import Dash, Input, Output, dcc, html

from application.read_models import DeviceRow, StationView, Trend
from perception.point import POINT_NAME
from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.console.groups import Topic, topic_named
from presentation.desk import Desk, now_us
from presentation.figures import Chart, table_rows, trend_figure
from presentation.texts import Language, Texts, as_language, texts_for
from presentation.units import unit_text

SPANS: Mapping[str, int] = {"1h": 1, "24h": 24, "48h": 48, "7d": 168}
"""What the range buttons offer: name → hours."""

DEFAULT_SPAN = "24h"
PIXELS = 900
REFRESH_MS = 60_000
GRAPH_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}
_TOPIC, _DEVICE = re.compile(POINT_NAME), re.compile(r"[a-z0-9-]{3,63}")
_PATH = re.compile(r"^/(?P<language>[a-z]{2})/stations/(?P<station>[a-z0-9-]{3,63})/?$")

Component = Any
"""A Dash component: the library ships no types."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the address of the page says."""

    language: Language
    station: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose to see. None: the station's own device, the first chart of its kind."""

    span: str = DEFAULT_SPAN
    topic: str | None = None
    device: str | None = None


def choice_of(search: str | None) -> Choice:
    """Return the choice that the query of an address states; what is not there or not known is the default."""
    said = parse_qs((search or "").removeprefix("?"))
    span = said.get("span", [DEFAULT_SPAN])[0]
    topic, device = (said.get(key, [None])[0] for key in ("topic", "device"))
    return Choice(
        span if span in SPANS else DEFAULT_SPAN,
        topic if topic is not None and _TOPIC.fullmatch(topic) else None,
        device if device is not None and _DEVICE.fullmatch(device) else None,
    )


def place_of(pathname: str | None) -> Place | None:
    """Return the language and station of a page's address, None for any other page."""
    found = _PATH.match(pathname or "")
    language = as_language(found["language"]) if found else None
    return Place(language, found["station"]) if found and language else None


def mount_trend(app: Dash, desk: Desk, kinds: Mapping[str, SensorKind]) -> None:
    """Give the application its layout and its callback. What is shown stands in the page's address."""
    app.layout = html.Div(
        [
            dcc.Location(id=ids.TREND, refresh=False),
            dcc.Interval(id=ids.TREND_TICK, interval=REFRESH_MS),
            html.Div(dcc.Graph(id=ids.TREND_GRAPH, responsive=True, config=GRAPH_CONFIG), className="trend-graph"),
            html.Details(id=ids.TREND_TABLE),
        ]
    )
    artist = _Artist(desk, kinds)

    async def draw(pathname: str | None, search: str | None, _tick: int | None) -> tuple[Component, Component]:
        place = place_of(pathname)
        return ({}, None) if place is None else await artist.draw(place, choice_of(search))

    app.callback(
        Output(ids.TREND_GRAPH, "figure"),
        Output(ids.TREND_TABLE, "children"),
        Input(ids.TREND, "pathname"),
        Input(ids.TREND, "search"),
        Input(ids.TREND_TICK, "n_intervals"),
    )(draw)


class _Artist:
    """Draws a station's trend from the views."""

    def __init__(self, desk: Desk, kinds: Mapping[str, SensorKind]) -> None:
        self._desk = desk
        self._kinds = kinds

    async def draw(self, place: Place, choice: Choice) -> tuple[Component, Component]:
        """Return the figure and its table."""
        t = texts_for(place.language)
        now = now_us()
        view = await self._desk.ask_shared(("station", place.station), lambda v: v.station(place.station, now))
        chosen = None if view is None else charted(view, self._kinds, choice)
        if view is None or chosen is None:
            return {}, t.say("This station has no device.")
        device, kind = chosen.name, self._kinds[chosen.kind]
        topic = topic_named(kind, choice.topic)
        names = [p for p in (*topic.points, *topic.below) if p in kind.bits]
        start = now - SPANS[choice.span] * 3_600_000_000
        trend = await self._desk.ask_shared(
            ("trend", device, choice.span, topic.name), lambda v: v.trend(device, names, start, now, PIXELS)
        )
        if trend is None:
            return {}, t.say("There is nothing to show.")
        chart = chart_of(topic, kind, t, (start // 1000, now // 1000), view.city.timezone)
        return trend_figure(trend, chart), chart_table(trend, names, kind, t, view.city.timezone)


def charted(view: StationView, kinds: Mapping[str, SensorKind], choice: Choice) -> DeviceRow | None:
    """Return the device whose trend is shown: the chosen one, the station's own, or any. None: there is none."""
    known = chartable(view, kinds)
    by_name = {d.name: d for d in known}
    return by_name.get(choice.device or "") or by_name.get(view.station.device or "") or next(iter(known), None)


def chartable(view: StationView, kinds: Mapping[str, SensorKind]) -> list[DeviceRow]:
    """Return the devices of a station of which there are trends, its own first."""
    known = [d for d in view.devices if d.kind in kinds and d.status == "active"]
    return sorted(known, key=lambda d: (d.name != view.station.device, d.name))


def chart_of(topic: Topic, kind: SensorKind, t: Texts, span: tuple[int, int], zone: str) -> Chart:
    """Return what the chart of a topic shows for a kind."""
    return Chart(
        above=[kind.point(name) for name in topic.points if name in kind.bits],
        below=[kind.point(name) for name in topic.below if name in kind.bits],
        titles={p.name: t.title(p.title) for p in kind.points},
        span=span,
        zone=zone,
        banded="t_sec_supply",
    )


def chart_table(trend: Trend, names: Sequence[str], kind: SensorKind, t: Texts, zone: str) -> Component:
    """Return the chart's numbers as a table, newest first."""
    points = [kind.point(name) for name in names if name in trend.series]
    heads = [html.Th(f"{t.title(p.title)} {unit_text(p.unit)}", scope="col") for p in points]
    rows = [
        html.Tr(
            [
                html.Th(t.moment(ts, zone, "MM-dd HH:mm"), scope="row"),
                *(html.Td(t.number(v, p.decimals)) for v, p in zip(values, points, strict=True)),
            ]
        )
        for ts, values in table_rows(trend, [p.name for p in points])
    ]
    head = html.Thead(html.Tr([html.Th(t.say("Time"), scope="col"), *heads]))
    table = html.Table([head, html.Tbody(rows)], className="plain numbers")
    place = html.Div(table, className="sideways", role="group", tabIndex="0", **{"aria-label": t.say("Trend")})
    return [html.Summary(t.say("The chart as a table")), place]
