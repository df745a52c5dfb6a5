"""Charts: a week of one station, and what two stations have in common. Pure: tracks in, SVG out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from perception.point import Title
from simulators.likeness.behaviour import change_per_hour, control_error, quantiles
from simulators.likeness.energy import daily_shape, mean_power, signature
from simulators.likeness.running import running, settled
from simulators.likeness.track import (
    DAY_US,
    OUTDOOR,
    POWER,
    PRI_RETURN,
    PRI_SUPPLY,
    SEC_RETURN,
    SEC_SUPPLY,
    SETPOINT,
    Floats,
    Track,
    local_us,
)
from simulators.look.svg import Frame, columns, dots, line, picture, rows, rule, span, steps, ticks, words

WIDTH, LEFT, RIGHT = 520.0, 46.0, 10.0
SMALL = 340.0
_HEAD, _FOOT = 24.0, 26.0
_LOG_LOW, _LOG_HIGH = -1.0, 2.0
"""Histograms reach from a tenth of a per cent to all."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One row of the week: its title, unit, height and the points drawn in it, each with its style."""

    title: Title
    unit: str
    height: float
    points: Mapping[str, str]
    least: float


_NAMES = 96.0
_LEVELS = MappingProxyType(
    {
        OUTDOOR: Title(zh="室外", en="outdoor"),
        PRI_SUPPLY: Title(zh="一次供水", en="primary supply"),
        PRI_RETURN: Title(zh="一次回水", en="primary return"),
        SEC_SUPPLY: Title(zh="二次供水", en="sec. supply"),
        SEC_RETURN: Title(zh="二次回水", en="sec. return"),
        SETPOINT: Title(zh="设定", en="setpoint"),
    }
)
PANELS = (
    Panel(Title(zh="室外温度", en="Outdoor"), "°C", 84, {OUTDOOR: "outdoor"}, 6),
    Panel(
        Title(zh="一次供水、回水", en="Primary supply and return"),
        "°C", 120, {PRI_SUPPLY: "supply", PRI_RETURN: "return"}, 20,
    ),
    Panel(
        Title(zh="二次供水、回水与设定", en="Secondary supply, return, setpoint"),
        "°C", 120, {SETPOINT: "setpoint", SEC_SUPPLY: "supply", SEC_RETURN: "return"}, 15,
    ),
    Panel(Title(zh="热功率", en="Heat power"), "kW", 100, {POWER: "power"}, 20),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """The same of a real and of a simulated station, both on one grid."""

    real: Track
    simulated: Track

    @property
    def both(self) -> tuple[tuple[str, Track], ...]:
        """Each with the style that it is drawn in."""
        return (("real", self.real), ("simulated", self.simulated))


def week(panel: Panel, track: Track, others: Sequence[Track], begin: int, days: int) -> str:
    """Return one panel of a track from `begin` (local clock time, microseconds); y fits `others` as well."""
    low, high = span((t.of(p) for t in others for p in panel.points), panel.least)
    if panel.unit == "kW":
        low = 0.0
    frame = Frame(LEFT, _HEAD, WIDTH - LEFT - RIGHT, panel.height, 0, days, low, high)
    x = (local_us(track) - begin) / DAY_US
    dates = [np.datetime64(begin + k * DAY_US, "us").astype("datetime64[D]").item() for k in range(days)]
    noons = [frame.left + (k + 0.5) / days * frame.width for k in range(days)]
    midnights = [frame.left + k / days * frame.width for k in range(1, days)]
    parts = [
        words(0, 14, panel.title, "name"),
        words(WIDTH - RIGHT, 14, panel.unit, "tick", "end"),
        rows(frame, ticks(low, high, 4)),
        *(rule(m, frame.top, m, frame.bottom) for m in midnights),
        *(line(frame, x, track.of(p), style) for p, style in panel.points.items()),
        rule(frame.left, frame.bottom, frame.right, frame.bottom, "axis"),
        *(
            words(n, frame.bottom + 16, f"{d.month}-{d.day}", "tick", "middle")
            for n, d in zip(noons, dates, strict=True)
        ),
        f'<line class="cursor" y1="{frame.top:.1f}" y2="{frame.bottom:.1f}"/>',
    ]
    place = f'data-left="{frame.left:g}" data-width="{frame.width:g}" class="week-panel"'
    return picture(WIDTH, panel.height + _HEAD + _FOOT, panel.title, parts, place)


def shape(pair: Pair, point: str, title: Title) -> str:
    """Return the mean course of a day around the day's mean; power in % of its own mean."""
    days = {style: _shape_shown(track, point) for style, track in pair.both}
    low, high = span(days.values(), 2.0)
    frame = Frame(LEFT, _HEAD, SMALL - LEFT - RIGHT, 150, 0, 24, low, high)
    hours = np.arange(0.5, 24.0, 1.0, dtype=np.float64)
    parts = [
        words(0, 14, title, "name"),
        words(SMALL - RIGHT, 14, "%" if point == POWER else "K", "tick", "end"),
        rows(frame, ticks(low, high, 4)),
        columns(frame, [0, 6, 12, 18, 24]),
        *(line(frame, hours, day, style) for style, day in days.items()),
    ]
    return picture(SMALL, 150 + _HEAD + _FOOT, title, parts)


def _shape_shown(track: Track, point: str) -> Floats:
    day = daily_shape(track, point)
    return 100 * day / mean_power(track) if point == POWER else day


def changes(pair: Pair, point: str, title: Title) -> str:
    """Return how often a point changes by how much within an hour, while settled: signed, on a logarithmic scale."""
    found = {style: _signed_changes(track, point) for style, track in pair.both}
    return _histogram(found, title, "K/h", least=2.0)


def _signed_changes(track: Track, point: str) -> Floats:
    return change_per_hour(track, point, settled(track), signed=True)


def control(pair: Pair, title: Title) -> str:
    """Return how far secondary supply strays from its setpoint, while settled."""
    return _histogram({style: control_error(t, settled(t)) for style, t in pair.both}, title, "K", least=1.5)


def _histogram(found: Mapping[str, Floats], title: Title, unit: str, least: float) -> str:
    sizes = [float(np.percentile(np.abs(v), 99.5)) for v in found.values() if len(v)]
    most = max([least, *sizes])
    bins = 41
    edges = np.linspace(-most, most, bins + 1)
    frame = Frame(LEFT, _HEAD, SMALL - LEFT - RIGHT, 150, -most, most, _LOG_LOW, _LOG_HIGH)
    parts = [words(0, 14, title, "name"), words(SMALL - RIGHT, 14, unit, "tick", "end")]
    parts.append(rows(frame, [-1, 0, 1, 2], ["0.1%", "1%", "10%", "100%"]))
    parts.append(columns(frame, ticks(-most, most, 5)))
    for style, values in found.items():
        if len(values):
            count, _ = np.histogram(np.clip(values, -most, most), edges)
            share = np.log10(np.maximum(100 * count / len(values), 10 ** (_LOG_LOW - 1)))
            parts.append(steps(frame, edges, share, style))
    return picture(SMALL, 150 + _HEAD + _FOOT, title, parts)


def energy_signature(pair: Pair, title: Title) -> str:
    """Return daily mean power over outdoor, each in % of its own line at 0 °C, with the fitted lines."""
    lines = {style: signature(track) for style, track in pair.both}
    shown = {}
    for style, fit in lines.items():
        at_zero = fit.slope * fit.balance
        scale = at_zero if np.isfinite(at_zero) and at_zero > 0 else float(np.mean(fit.power)) if len(fit.power) else 1
        shown[style] = (fit.outdoor, 100 * fit.power / scale)
    x_low, x_high = span((x for x, _ in shown.values()), 5.0)
    _, y_high = span((y for _, y in shown.values()), 20.0)
    frame = Frame(LEFT, _HEAD, SMALL - LEFT - RIGHT, 190, x_low, x_high, 0, y_high)
    parts = [
        words(0, 14, title, "name"),
        words(SMALL - RIGHT, 14, "% / °C", "tick", "end"),
        rows(frame, ticks(0, y_high, 5)),
        columns(frame, ticks(x_low, x_high, 5)),
        *(dots(frame, x, y, style) for style, (x, y) in shown.items()),
    ]
    ends = np.array([x_low, x_high])
    for style, fit in lines.items():
        if np.isfinite(fit.slope) and fit.slope > 0:
            parts.append(line(frame, ends, np.clip(100 * (1 - ends / fit.balance), 0, y_high), style))
    return picture(SMALL, 190 + _HEAD + _FOOT, title, parts)


def levels(pair: Pair, title: Title) -> str:
    """Return from where to where each temperature reaches while the station runs, and its median."""
    found = [(p, style, quantiles(t.of(p)[running(t)], (5, 50, 95))) for p in _LEVELS for style, t in pair.both]
    low, high = span((q for _, _, q in found), 10.0)
    frame = Frame(_NAMES, _HEAD, SMALL - _NAMES - RIGHT, 190, low, high, 0, 3 * len(_LEVELS))
    parts = [
        words(0, 14, title, "name"),
        words(SMALL - RIGHT, 14, "°C", "tick", "end"),
        columns(frame, ticks(low, high, 5)),
    ]
    for k, (point, style, q) in enumerate(found):
        y = float(frame.y(np.array([3 * len(_LEVELS) - 1.1 - 3 * (k // 2) - 0.8 * (k % 2)]))[0])
        if style == "real":
            parts.append(words(0, y + 9, _LEVELS[point], "tick"))
        if np.isfinite(q).all():
            a, b, c = frame.x(q).tolist()
            parts.append(rule(a, y, c, y, f"reach {style}"))
            parts.append(f'<circle class="middle {style}" cx="{b:.1f}" cy="{y:.1f}" r="4"/>')
    return picture(SMALL, 190 + _HEAD + _FOOT, title, parts)
