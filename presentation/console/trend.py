"""Trend: the chart of a page, as a Dash application that is mounted inside the page.

The page around it is plain HTML; this part lives in the browser because one zooms and reads off in it. What is shown
stands in the page's address, so that a zoom asks anew, for as fine a series as the span allows.
Every callback is async, and what blocks goes to a thread.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.console.drawing import Drawing, explore_drawing, station_drawing
from presentation.console.trend_choice import choice_of, is_zoomed, place_of
from presentation.desk import Desk
from presentation.figures import figure, table_rows
from presentation.station_tools import csv_address, width_text
from presentation.texts import Texts, texts_for
from presentation.units import unit_text

PIXELS = 900
REFRESH_MS = 60_000
_NARROWEST, _WIDEST = 200, 4000
GRAPH_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}

Component = Any
"""A Dash component: the library ships no types."""


def mount_trend(app: Dash, desk: Desk, kinds: Mapping[str, SensorKind]) -> None:
    """Give the application its layout and its callback. What is shown stands in the page's address."""
    app.layout = html.Div(
        [
            dcc.Location(id=ids.TREND, refresh=False),
            dcc.Interval(id=ids.TREND_TICK, interval=REFRESH_MS),
            dcc.Store(id=ids.TREND_WIDTH),
            html.Div(dcc.Graph(id=ids.TREND_GRAPH, responsive=True, config=GRAPH_CONFIG), className="trend-graph"),
            html.Div(id=ids.TREND_TOOLS, className="trend-tools"),
            html.Details(id=ids.TREND_TABLE),
        ]
    )

    async def draw(
        pathname: str | None, search: str | None, _tick: int | None, width: float | None
    ) -> tuple[Component, Component, Component]:
        place, choice = place_of(pathname), choice_of(search)
        if place is None:
            return {}, None, None
        pixels = int(min(_WIDEST, max(_NARROWEST, width or PIXELS)))
        t = texts_for(place.language)
        if place.station:
            found = await station_drawing(desk, kinds, place.station, choice, pixels, t)
        else:
            found = await explore_drawing(desk, kinds, choice, pixels, t)
        if isinstance(found, str):
            return {}, found, None
        tools = trend_tools(found, pixels, is_zoomed(choice), t)
        return figure(found.curves, found.scene), tools, chart_table(found, t)

    app.callback(
        Output(ids.TREND_GRAPH, "figure"),
        Output(ids.TREND_TOOLS, "children"),
        Output(ids.TREND_TABLE, "children"),
        Input(ids.TREND, "pathname"),
        Input(ids.TREND, "search"),
        Input(ids.TREND_TICK, "n_intervals"),
        State(ids.TREND_WIDTH, "data"),
    )(draw)


def trend_tools(drawing: Drawing, pixels: int, zoomed: bool, t: Texts) -> list[Component]:  # noqa: FBT001 - a word of it
    """Return what stands under a chart: what a point of it is, what is missing, and what to take along."""
    start, stop = (t.moment(ms, drawing.scene.zone, "yyyy-MM-dd HH:mm") for ms in drawing.scene.span)
    words = [f"{start} – {stop}", *dict.fromkeys(width_text(c.trend.width, t) for c in drawing.curves), *drawing.notes]
    if not drawing.curves:
        words.append(t.say("No values in this time."))
    parts: list[Component] = [html.Span(" · ".join(words), className="trend-words")]
    if zoomed:
        parts.append(html.Button(t.say("Whole span"), className="whole-span", **{"data-move": "whole"}))
    if drawing.series:
        address = csv_address(drawing.series, drawing.scene.span, pixels)
        parts.append(html.A("CSV", href=address, download="hearthline.csv", className="take"))
        parts.append(html.Button("PNG", className="take", **{"data-picture": "trend"}))
    return parts


def chart_table(drawing: Drawing, t: Texts) -> Sequence[Component]:
    """Return the chart as tables behind a summary: the values, newest first, and what happened."""
    zone = drawing.scene.zone
    heads = [html.Th(f"{c.name} {unit_text(c.point.unit)}", scope="col") for c in drawing.curves]
    rows = [
        html.Tr(
            [
                html.Th(t.moment(ts, zone, "yyyy-MM-dd HH:mm"), scope="row"),
                *(html.Td(t.number(v, c.point.decimals)) for v, c in zip(values, drawing.curves, strict=True)),
            ]
        )
        for ts, values in table_rows(drawing.curves)
    ]
    head = html.Thead(html.Tr([html.Th(t.say("Time"), scope="col"), *heads]))
    table = html.Table([head, html.Tbody(rows)], className="plain numbers")
    place = html.Div(table, className="sideways", role="group", tabIndex="0", **{"aria-label": t.say("Trend")})
    return [html.Summary(t.say("The chart as a table")), place, *_happened(drawing, t)]


def _happened(drawing: Drawing, t: Texts) -> list[Component]:
    zone = drawing.scene.zone
    told = sorted(((m, lane.title) for lane in drawing.scene.lanes for m in lane.marks), reverse=True)
    if not told:
        return []
    rows = [
        html.Tr([html.Th(t.moment(mark[0], zone, "yyyy-MM-dd HH:mm"), scope="row"), html.Td(title), html.Td(mark[2])])
        for mark, title in told
    ]
    heads = [html.Th(x, scope="col") for x in (t.say("Time"), t.say("Kind"), t.say("Event"))]
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="plain")
    return [html.Div(table, className="sideways", role="group", tabIndex="0", **{"aria-label": t.say("Event")})]
