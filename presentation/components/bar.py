"""Bar: an analog bar. A pointer on a scale with the typical band, the physical limits and the setpoint.

Positions are percentages of the width, so that a bar fits any column and stays sharp.
"""

from dataclasses import dataclass

from markupsafe import Markup

from application.limits import Limit
from perception.point import Point
from presentation.markup import el

_ZOOM = 0.35
"""A typical band that fills less of the physical range than this is zoomed in on."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The part of a point's range that its bar shows, in the point's unit."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return the place of a value in percent, held at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


def scale_of(point: Point) -> Scale:
    """Return the physical range, or typical running with half its width on both sides where that is small in it."""
    if point.typical is None or point.typical[0] == point.typical[1]:
        return Scale(point.low, point.high)
    low, high = point.typical
    width = high - low
    if width >= _ZOOM * (point.high - point.low):
        return Scale(point.low, point.high)
    return Scale(max(point.low, low - width / 2), min(point.high, high + width / 2))


def bar(
    point: Point, value: float | None, device_id: int, setpoint: float | None = None, ref: str = "",
    limit: Limit | None = None,
) -> Markup:  # fmt: skip
    """Return the bar of a point. `ref` is the name of the point that is its setpoint, if it has one."""
    scale = scale_of(point)
    around = None if limit is None or limit.around is None else _corridor(limit.around, scale)
    return el(
        "svg",
        el("rect", class_="track", x=0, y=9, width="100%", height=8),
        _typical(point, scale),
        [] if limit is None else _beyond(limit, scale),
        _limits(point, scale),
        _pointer("setpoint", "M0,21 L4,26 H-4 Z M0,7 V19", scale, setpoint, device_id, ref, behind=around)
        if ref
        else None,
        _pointer("pointer", "M0,12 L5.5,2 H-5.5 Z M0,8 V19", scale, value, device_id, point.name),
        class_="bar",
        height=28,
        width="100%",
        aria_hidden="true",
    )


def deviation_bar(value: float | None, device_id: int, minus: tuple[str, str], reach: float = 6.0) -> Markup:
    """Return a small bar about zero that shows the difference of two points, up to `reach` both ways."""
    scale = Scale(-reach, reach)
    return el(
        "svg",
        el("rect", class_="track", x=0, y=5, width="100%", height=6),
        el("rect", class_="typical", x=f"{scale.at(-3)}%", y=5, width=f"{scale.at(3) - scale.at(-3)}%", height=6),
        el("line", class_="zero", x1="50%", x2="50%", y1=2, y2=14),
        _pointer("pointer", "M0,3 V13", scale, value, device_id, minus=",".join(minus)),
        class_="bar deviation",
        height=16,
        width="100%",
        aria_hidden="true",
    )


def _typical(point: Point, scale: Scale) -> Markup | None:
    if point.typical is None:
        return None
    low, high = (scale.at(v) for v in point.typical)
    return el("rect", class_="typical", x=f"{low}%", y=9, width=f"{round(high - low, 2)}%", height=8)


def _limits(point: Point, scale: Scale) -> list[Markup]:
    """Return a mark where an end of the bar is a physical limit and not only the end of what is shown."""
    ends = (("0", point.low == scale.low), ("100%", point.high == scale.high))
    return [el("line", class_="limit", x1=x, x2=x, y1=6, y2=20) for x, is_limit in ends if is_limit]


def _beyond(limit: Limit, scale: Scale) -> list[Markup]:
    """Return the bands in which the rules raise alarms, as far as they are on the scale."""
    low, high = (None if v is None else scale.at(v) for v in (limit.low, limit.high))
    ends = ((0.0, low) if low is not None else None, (high, 100.0) if high is not None else None)
    return [
        el("rect", class_="beyond", x=f"{end[0]}%", y=9, width=f"{round(end[1] - end[0], 2)}%", height=8)
        for end in ends
        if end is not None and end[1] > end[0]
    ]


def _corridor(around: float, scale: Scale) -> Markup:
    """Return the band about a setpoint within which no alarm is raised; it moves along with it."""
    half = round(100 * around / (scale.high - scale.low), 2)
    return el("rect", class_="corridor", x=f"-{half}%", y=9, width=f"{2 * half}%", height=8)


def _pointer(
    class_: str,
    path: str,
    scale: Scale,
    value: float | None,
    device_id: int,
    point: str | None = None,
    minus: str | None = None,
    behind: Markup | None = None,
) -> Markup:
    return el(
        "svg",
        behind,
        el("path", d=path),
        class_=class_,
        x="0" if value is None else f"{scale.at(value)}%",
        visibility="hidden" if value is None else None,
        overflow="visible",
        data_device=device_id,
        data_pointer=point,
        data_minus=minus,
        data_low=scale.low,
        data_high=scale.high,
    )
