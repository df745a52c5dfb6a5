"""Figures: series to charts. Pure: read models in, Plotly figures as plain data out.

A chart is a stack of panels, one for each unit, over one time axis; under them lie lanes of what happened.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from application.read_models import Trend
from perception.point import Point
from presentation.scene import Corridor, Figure, Lane, Scene, axis_name, layout_of, local_time, plain
from presentation.theme import BAND, CORRIDOR, LINES, OTHERS, Line
from presentation.units import unit_text

_TABLE_ROWS = 24


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart: a point of a trend, in which panel, how it looks, and how much later it is drawn.

    `banded`: the range between low and high is shaded where rollups were read.
    """

    name: str
    point: Point
    trend: Trend
    line: Line
    panel: int = 0
    banded: bool = False
    later_ms: int = 0


def figure(curves: Sequence[Curve], scene: Scene) -> Figure:
    """Return the chart: gaps stay gaps, times are those of the city. Panels without a line are left out."""
    drawn = [c for c in curves if _has_values(c.trend, c.point.name)]
    used = sorted({c.panel for c in drawn})
    axes = {panel: axis_name(place) for place, panel in enumerate(used)}
    clocks = _Clocks(scene.zone)
    data: list[Figure] = []
    for corridor in scene.corridors:
        if corridor.panel in axes and _has_values(corridor.trend, corridor.point):
            data.extend(_corridor(corridor, axes[corridor.panel], clocks))
    for curve in drawn:
        if curve.banded and curve.trend.width != "raw":
            data.extend(_band(curve, axes[curve.panel], clocks))
        data.append(_line(curve, axes[curve.panel], clocks))
    lanes_axis = axis_name(len(used))
    for row, lane in enumerate(scene.lanes):
        data.extend(_marks(lane, row, lanes_axis, scene, clocks))
    return {"data": data, "layout": layout_of([c.name for c in drawn], scene, axes, lanes_axis)}


def looks(points: Sequence[Point]) -> Mapping[str, Line]:
    """Return how each line looks: as it always does, or the next of those for points without a look of their own."""
    strange = [p for p in points if p.name not in LINES]
    given = {p.name: OTHERS[i % len(OTHERS)] for i, p in enumerate(strange)}
    steps = {p.name: replace(given[p.name], steps=True) for p in strange if p.event}
    return {**LINES, **given, **steps}


def table_rows(curves: Sequence[Curve], most: int = _TABLE_ROWS) -> list[tuple[int, list[float | None]]]:
    """Return at most about `most` instants of a chart as (time, value by curve), newest first.

    The instants are those of the first curve; of each other it is what it last said by then.
    """
    if not curves:
        return []
    instants = [ms + curves[0].later_ms for ms in curves[0].trend.ts]
    step = max(1, -(-len(instants) // most))
    return [(ms, [_said(curve, ms) for curve in curves]) for ms in instants[::-1][::step]]


def _said(curve: Curve, ms: int) -> float | None:
    place = bisect_right(curve.trend.ts, ms - curve.later_ms) - 1
    series = curve.trend.series.get(curve.point.name)
    return None if series is None or place < 0 else series["mean"][place]


class _Clocks:
    """Times of trends by the clock of the city, each trend's made once."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._made: dict[tuple[int, int], list[str]] = {}

    def of(self, trend: Trend, later_ms: int = 0) -> list[str]:
        key = id(trend), later_ms
        if key not in self._made:
            self._made[key] = [local_time(ms + later_ms, self.zone) for ms in trend.ts]
        return self._made[key]


def _has_values(trend: Trend, point: str) -> bool:
    return point in trend.series and any(v is not None for v in trend.series[point]["mean"])


def _line(curve: Curve, axis: str, clocks: _Clocks) -> Figure:
    point, line = curve.point, curve.line
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(curve.name),
        "x": clocks.of(curve.trend, curve.later_ms),
        "y": curve.trend.series[point.name]["mean"],
        "yaxis": axis,
        "connectgaps": False,
        "line": {
            "color": line.colour,
            "width": line.width,
            "dash": line.dash,
            "shape": "hv" if line.steps else "linear",
        },
        "hovertemplate": f"%{{y:.{point.decimals}f}} {unit_text(point.unit)}<extra>{plain(curve.name)}</extra>",
    }


def _edge(x: Sequence[str], axis: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "yaxis": axis,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _band(curve: Curve, axis: str, clocks: _Clocks) -> list[Figure]:
    edge = _edge(clocks.of(curve.trend, curve.later_ms), axis)
    series = curve.trend.series[curve.point.name]
    return [{**edge, "y": series["low"]}, {**edge, "y": series["high"], "fill": "tonexty", "fillcolor": BAND}]


def _corridor(corridor: Corridor, axis: str, clocks: _Clocks) -> list[Figure]:
    edge = _edge(clocks.of(corridor.trend), axis)
    edge["line"] = {"width": 0, "shape": "hv"}
    middle = corridor.trend.series[corridor.point]["mean"]
    low, high = ([None if v is None else v + d for v in middle] for d in (-corridor.around, corridor.around))
    return [{**edge, "y": low}, {**edge, "y": high, "fill": "tonexty", "fillcolor": CORRIDOR}]


def _marks(lane: Lane, row: int, axis: str, scene: Scene, clocks: _Clocks) -> list[Figure]:
    """Return what happened as bars of one lane; what took no time is a dot."""
    told: list[Figure] = []
    for start, stop, words, colour in lane.marks:
        ends = [max(start, scene.span[0]), min(max(stop, start), scene.span[1])]
        middle = sum(ends) // 2
        x = [local_time(ms, clocks.zone) for ms in (ends[0], middle, ends[1])]
        told.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": x,
                "y": [row] * 3,
                "yaxis": axis,
                "line": {"color": colour, "width": 8},
                "marker": {"color": colour, "size": 8, "symbol": "square"},
                "showlegend": False,
                "hovertemplate": f"{plain(words)}<extra></extra>",
            }
        )
    return told
