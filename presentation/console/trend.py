"""Trend: the chart of a station's page, as a Dash application that is mounted inside the page.

The page around it is plain HTML; this part lives in the browser because one zooms and reads off in it.
Every callback is async, and what blocks goes to a thread.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from application.read_models import StationView, Trend
from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.console.groups import TOPICS, Topic, topic_named, topic_title
from presentation.desk import Desk, now_us
from presentation.figures import Chart, table_rows, trend_figure
from presentation.texts import Language, Texts, as_language, texts_for
from presentation.units import unit_text

SPANS: Mapping[str, int] = {"1h": 1, "24h": 24, "48h": 48, "7d": 168}
"""Range buttons: name → hours."""

DEFAULT_SPAN = "24h"
PIXELS = 900
REFRESH_MS = 60_000
_PATH = re.compile(r"^/(?P<language>[a-z]{2})/stations/(?P<station>[a-z0-9-]{3,63})/?$")

Component = Any
"""A Dash component: the library ships no types."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the address of the page says."""

    language: Language
    station: str


def place_of(pathname: str | None) -> Place | None:
    """Return the language and station of a page's address, None for any other page."""
    found = _PATH.match(pathname or "")
    language = as_language(found["language"]) if found else None
    return Place(language, found["station"]) if found and language else None


def mount_trend(app: Dash, desk: Desk, kinds: Mapping[str, SensorKind]) -> None:
    """Give the application its layout and its callbacks."""
    app.layout = html.Div(
        [
            dcc.Location(id=ids.TREND, refresh=False),
            dcc.Interval(id=ids.TREND_TICK, interval=REFRESH_MS),
            html.Div(id=ids.TREND_BODY),
        ]
    )
    artist = _Artist(desk, kinds)

    async def body(pathname: str | None) -> Component:
        place = place_of(pathname)
        return chart_body(texts_for(place.language)) if place else None

    async def draw(span: str, topic: str, _tick: int | None, pathname: str | None) -> tuple[Component, Component]:
        place = place_of(pathname)
        return ({}, None) if place is None else await artist.draw(place, span, topic_named(topic))

    app.callback(Output(ids.TREND_BODY, "children"), Input(ids.TREND, "pathname"))(body)
    app.callback(
        Output(ids.TREND_GRAPH, "figure"),
        Output(ids.TREND_TABLE, "children"),
        Input(ids.TREND_SPAN, "value"),
        Input(ids.TREND_TOPIC, "value"),
        Input(ids.TREND_TICK, "n_intervals"),
        State(ids.TREND, "pathname"),
    )(draw)


class _Artist:
    """Draws a station's trend from the views."""

    def __init__(self, desk: Desk, kinds: Mapping[str, SensorKind]) -> None:
        self._desk = desk
        self._kinds = kinds

    async def draw(self, place: Place, span: str, topic: Topic) -> tuple[Component, Component]:
        """Return the figure and its table."""
        t = texts_for(place.language)
        now = now_us()
        view = await self._desk.ask_shared(("station", place.station), lambda v: v.station(place.station, now))
        kind = self._kind_of(view)
        if view is None or kind is None or view.station.device is None:
            return {}, t.say("This station has no device.")
        device, names = view.station.device, [p for p in (*topic.points, *topic.below) if p in kind.bits]
        start = now - SPANS.get(span, SPANS[DEFAULT_SPAN]) * 3_600_000_000
        trend = await self._desk.ask_shared(
            ("trend", device, span, topic.name), lambda v: v.trend(device, names, start, now, PIXELS)
        )
        if trend is None:
            return {}, t.say("There is nothing to show.")
        chart = chart_of(topic, kind, t, (start // 1000, now // 1000), view.city.timezone)
        return trend_figure(trend, chart), chart_table(trend, names, kind, t, view.city.timezone)

    def _kind_of(self, view: StationView | None) -> SensorKind | None:
        devices = [] if view is None else [d for d in view.devices if d.name == view.station.device]
        return self._kinds.get(devices[0].kind) if devices else None


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


def chart_body(t: Texts) -> Component:
    """Return the controls, the chart and the place of its table."""
    spans = {"1h": t.say("1 h"), "24h": t.say("24 h"), "48h": t.say("48 h"), "7d": t.say("7 d")}
    topics = {topic.name: topic_title(topic.name, t) for topic in TOPICS}
    return html.Div(
        [
            html.Div(
                [
                    _choice(ids.TREND_SPAN, t.say("Range"), spans, DEFAULT_SPAN),
                    _choice(ids.TREND_TOPIC, t.say("What"), topics, TOPICS[0].name),
                ],
                className="choices",
            ),
            dcc.Graph(id=ids.TREND_GRAPH, className="trend-graph", responsive=True, config=_graph_config(t)),
            html.Details([html.Summary(t.say("The chart as a table")), html.Div(id=ids.TREND_TABLE)]),
        ]
    )


def _choice(id_: str, title: str, options: Mapping[str, str], chosen: str) -> Component:
    radio = dcc.RadioItems(
        id=id_,
        options=[{"value": value, "label": label} for value, label in options.items()],
        value=chosen,
        inline=True,
    )
    return html.Fieldset([html.Legend(title, className="unseen"), radio], className="choice")


def _graph_config(t: Texts) -> dict[str, object]:
    return {
        "displaylogo": False,
        "displayModeBar": False,
        "scrollZoom": False,
        "doubleClick": "reset",
        "locale": t.language,
    }


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
    return html.Div(table, className="sideways", role="region", tabIndex="0", **{"aria-label": t.say("Trend")})
