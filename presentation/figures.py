"""Figures: series to charts. Pure: read models in, Plotly figures as plain data out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from application.read_models import Trend
from perception.point import Point
from presentation.theme import BAND, FONT, GRID, INK, LINES, OTHERS, Line
from presentation.units import unit_text

Figure = dict[str, object]

_TABLE_ROWS = 24
_DAYS_FROM_MS = 4 * 86_400_000
"""From this span on the axis names days and no hours. Numbers alone: they read the same in both languages."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a trend chart shows: its points by axis, their titles, and the span in epoch milliseconds.

    `titles` by point name, in the reader's language. `banded` is the point whose low..high is shaded.
    """

    above: Sequence[Point]
    below: Sequence[Point]
    titles: Mapping[str, str]
    span: tuple[int, int]
    zone: str
    banded: str | None = None


def trend_figure(trend: Trend, chart: Chart) -> Figure:
    """Return the chart of a trend: gaps stay gaps, times are those of the city."""
    times = [local_time(ms, chart.zone) for ms in trend.ts]
    above = [p for p in chart.above if _has_values(trend, p.name)]
    below = [p for p in chart.below if _has_values(trend, p.name)]
    looks = _looks([*chart.above, *chart.below])
    data: list[Figure] = []
    for axis, points in (("y", above), ("y2", below)):
        for point in points:
            if point.name == chart.banded and trend.width != "raw":
                data.extend(_band(trend, point, times, axis))
            data.append(_line(trend, point, times, axis, chart.titles, looks[point.name]))
    return {"data": data, "layout": _layout(chart, above, below)}


def local_time(ms: int, zone: str) -> str:
    """Return the wall-clock time in the zone, as Plotly reads it."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


def table_rows(trend: Trend, points: Sequence[str], most: int = _TABLE_ROWS) -> list[tuple[int, list[float | None]]]:
    """Return at most about `most` instants of the chart as (time, value by point), newest first."""
    step = max(1, -(-len(trend.ts) // most))
    places = range(len(trend.ts) - 1, -1, -step)
    return [(trend.ts[i], [trend.series[p]["mean"][i] if p in trend.series else None for p in points]) for i in places]


def _has_values(trend: Trend, point: str) -> bool:
    return point in trend.series and any(v is not None for v in trend.series[point]["mean"])


def _looks(points: Sequence[Point]) -> Mapping[str, Line]:
    """Return how each line looks: as it always does, or the next of those for points without a look of their own."""
    strange = [p for p in points if p.name not in LINES]
    given = {p.name: OTHERS[i % len(OTHERS)] for i, p in enumerate(strange)}
    steps = {p.name: replace(given[p.name], steps=True) for p in strange if p.event}
    return {**LINES, **given, **steps}


def _line(trend: Trend, point: Point, times: list[str], axis: str, titles: Mapping[str, str], line: Line) -> Figure:
    unit = unit_text(point.unit)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": titles[point.name],
        "x": times,
        "y": trend.series[point.name]["mean"],
        "yaxis": axis,
        "connectgaps": False,
        "line": {
            "color": line.colour,
            "width": line.width,
            "dash": line.dash,
            "shape": "hv" if line.steps else "linear",
        },
        "hovertemplate": f"%{{y:.{point.decimals}f}} {unit}<extra>{_plain(titles[point.name])}</extra>",
    }


def _band(trend: Trend, point: Point, times: list[str], axis: str) -> list[Figure]:
    edge: Figure = {
        "type": "scatter",
        "mode": "lines",
        "x": times,
        "yaxis": axis,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    series = trend.series[point.name]
    return [{**edge, "y": series["low"]}, {**edge, "y": series["high"], "fill": "tonexty", "fillcolor": BAND}]


def _layout(chart: Chart, above: Sequence[Point], below: Sequence[Point]) -> Figure:
    split = 0.3 if above and below else 0.0
    layout: Figure = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 16, "t": 8, "b": 36},
        "hovermode": "x unified",
        "dragmode": "zoom",
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
            "font": {"size": 12},
        },
        "xaxis": {
            "type": "date",
            "range": [local_time(ms, chart.zone) for ms in chart.span],
            "gridcolor": GRID,
            "linecolor": GRID,
            "anchor": "y2" if below else "y",
            "zeroline": False,
            "hoverformat": "%m-%d %H:%M",
            "tickformat": "%H:%M\n%m-%d" if chart.span[1] - chart.span[0] < _DAYS_FROM_MS else "%m-%d",
        },
        "uirevision": f"{chart.span[1] - chart.span[0]}-{','.join(p.name for p in chart.above)}",
    }
    if above:
        layout["yaxis"] = _axis(above, [split + 0.06 if split else 0.0, 1.0])
    if below:
        layout["yaxis2"] = _axis(below, [0.0, split or 1.0])
    return layout


def _axis(points: Sequence[Point], domain: list[float]) -> Figure:
    return {
        "title": {"text": unit_text(points[0].unit), "standoff": 6},
        "domain": domain,
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "nticks": 6 if domain[1] - domain[0] > 0.5 else 4,
    }


def _plain(text: str) -> str:
    """Return a title without the characters that Plotly would read as markup."""
    return text.replace("<", "‹").replace(">", "›").replace("%{", "% {")
