"""Scene: what stands around the curves of a chart: panels, the time axis, limits, and lanes of what happened. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from application.read_models import Trend
from presentation.theme import FONT, GRID, INK, LEVEL, SHADE

Figure = dict[str, object]

_DAYS_FROM_MS = 4 * 86_400_000
_MONTHS_FROM_MS = 90 * 86_400_000
"""From these spans on the axis names days, and months. Numbers alone: they read the same in both languages."""
_BETWEEN = 0.05
_LANE = 0.055


@dataclass(frozen=True, slots=True)
class Level:
    """A number with a meaning: from there on the rules call a value wrong."""

    panel: int
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Corridor:
    """What may be off the setpoint: to both sides of a point, in its unit."""

    panel: int
    trend: Trend
    point: str
    around: float


@dataclass(frozen=True, slots=True)
class Lane:
    """A row under the chart: its title, and (from, to, words, colour) of what happened; `shaded`: up to the top."""

    title: str
    marks: Sequence[tuple[int, int, str, str]]
    shaded: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands around the curves: titles and shares of the panels, the span in epoch milliseconds, the zone."""

    panels: Sequence[str]
    span: tuple[int, int]
    zone: str
    shares: Sequence[float] = ()
    levels: Sequence[Level] = ()
    corridors: Sequence[Corridor] = ()
    lanes: Sequence[Lane] = field(default=())


def layout_of(names: Sequence[str], scene: Scene, axes: Mapping[int, str], lanes_axis: str) -> Figure:
    """Return the layout of a chart; `axes` by panel, from the top down, of those that have a line."""
    floor = len(scene.lanes) * _LANE + (_BETWEEN if scene.lanes else 0.0)
    domains = _domains([scene.shares[p] if scene.shares else 1.0 for p in axes], floor)
    bottom = lanes_axis if scene.lanes else list(axes.values())[-1] if axes else "y"
    length = scene.span[1] - scene.span[0]
    layout: Figure = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 64, "r": 16, "t": 8, "b": 36},
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
            "range": [local_time(ms, scene.zone) for ms in scene.span],
            "gridcolor": GRID,
            "linecolor": GRID,
            "anchor": bottom,
            "zeroline": False,
            "hoverformat": "%Y-%m-%d %H:%M" if length > _DAYS_FROM_MS else "%m-%d %H:%M:%S",
            "tickformat": _ticks(length),
        },
        "shapes": [*_levels(scene, axes), *_shades(scene)],
        "annotations": _level_texts(scene, axes),
        "uirevision": f"{scene.span if length else 0}-{','.join(names)}",
    }
    for (panel, axis), domain in zip(axes.items(), domains, strict=True):
        layout[axis.replace("y", "yaxis")] = _axis(scene.panels[panel], domain)
    if scene.lanes:
        layout[lanes_axis.replace("y", "yaxis")] = _lanes_axis(scene.lanes)
    return layout


def _ticks(length_ms: int) -> str:
    if length_ms >= _MONTHS_FROM_MS:
        return "%Y-%m"
    return "%H:%M\n%m-%d" if length_ms < _DAYS_FROM_MS else "%m-%d"


def _domains(shares: Sequence[float], floor: float) -> list[list[float]]:
    """Return [bottom, top] of each panel, from the top down; `floor` is what the lanes need."""
    room = 1.0 - floor - _BETWEEN * (len(shares) - 1)
    domains, top = [], 1.0
    for share in shares:
        bottom = top - room * share / sum(shares)
        domains.append([round(max(bottom, 0.0), 4), round(top, 4)])
        top = bottom - _BETWEEN
    return domains


def _axis(title: str, domain: list[float]) -> Figure:
    return {
        "title": {"text": title, "standoff": 6},
        "domain": domain,
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "nticks": 6 if domain[1] - domain[0] > 0.5 else 4,
    }


def _lanes_axis(lanes: Sequence[Lane]) -> Figure:
    return {
        "domain": [0.0, round(len(lanes) * _LANE, 4)],
        "range": [len(lanes) - 0.4, -0.6],
        "tickvals": list(range(len(lanes))),
        "ticktext": [plain(lane.title) for lane in lanes],
        "tickfont": {"size": 11},
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _levels(scene: Scene, axes: Mapping[int, str]) -> list[Figure]:
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": axes[level.panel],
            "y0": level.value,
            "y1": level.value,
            "line": {"color": LEVEL, "width": 1.2, "dash": "dash"},
        }
        for level in scene.levels
        if level.panel in axes
    ]


def _level_texts(scene: Scene, axes: Mapping[int, str]) -> list[Figure]:
    return [
        {
            "xref": "paper",
            "x": 1,
            "xanchor": "right",
            "yref": axes[level.panel],
            "y": level.value,
            "yanchor": "bottom",
            "text": plain(level.text),
            "showarrow": False,
            "font": {"size": 11},
        }
        for level in scene.levels
        if level.panel in axes
    ]


def _shades(scene: Scene) -> list[Figure]:
    return [
        {
            "type": "rect",
            "x0": local_time(max(start, scene.span[0]), scene.zone),
            "x1": local_time(min(stop, scene.span[1]), scene.zone),
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
            "fillcolor": SHADE,
            "layer": "below",
        }
        for lane in scene.lanes
        if lane.shaded
        for start, stop, _, _ in lane.marks
    ]


def local_time(ms: int, zone: str) -> str:
    """Return the wall-clock time in the zone, as Plotly reads it."""
    return datetime.fromtimestamp(ms / 1000, _zone(zone)).isoformat(timespec="seconds")[:19]


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def axis_name(place: int) -> str:
    """Return how Plotly calls the vertical axis of a place, counted from the top."""
    return f"y{place + 1}" if place else "y"


def plain(text: str) -> str:
    """Return a title without the characters that Plotly would read as markup."""
    return text.replace("<", "‹").replace(">", "›").replace("%{", "% {")
