"""Columns: how many alarms came when, as stacked columns, and a bullet bar for a figure beside its target and limit.

Inline SVG that takes its colours from the style sheet, so that it follows the theme. Each has its numbers as text too.
"""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from application.alarm_numbers import Bucket
from presentation.markup import el
from presentation.texts import Texts

_HEIGHT, _LEFT, _BOTTOM, _TOP = 190, 34, 22, 8
_WIDTH = 860
_GAP = 0.18
_MOST_LABELS = 12


def columns(
    buckets: Sequence[Bucket], label: Callable[[int], str], t: Texts, *, title: str, marks: Sequence[float] = ()
) -> Markup:
    """Return the chart. `label` names a bucket by its beginning (epoch ms); `marks` are levels drawn across."""
    top = _round_up(max([*(b.total for b in buckets), *marks, 4]))
    wide = (_WIDTH - _LEFT) / max(1, len(buckets))

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / top, 1)

    grid = [
        el("g", el("line", x1=_LEFT, x2=_WIDTH, y1=y(v), y2=y(v), class_="grid"),
           el("text", t.number(v), x=_LEFT - 6, y=y(v) + 4, text_anchor="end"))
        for v in (0, top / 2, top)
    ]  # fmt: skip
    lines = [el("line", x1=_LEFT, x2=_WIDTH, y1=y(v), y2=y(v), class_="mark-line") for v in marks]
    return el(
        "svg",
        el("title", title),
        grid,
        [_column(b, _LEFT + i * wide, wide, y) for i, b in enumerate(buckets)],
        lines,
        _labels(buckets, wide, label),
        class_="columns",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
    )


def _column(bucket: Bucket, x: float, wide: float, y: Callable[[float], float]) -> Markup | None:
    """Return one column, the most urgent at its foot."""
    if not bucket.total:
        return None
    parts: list[Markup] = []
    below = 0
    for priority in (1, 2, 3):
        n = bucket.raised.get(priority, 0)
        if n:
            parts.append(
                el("rect", x=round(x + wide * _GAP / 2, 1), y=y(below + n), width=max(1, round(wide * (1 - _GAP), 1)),
                   height=round(y(below) - y(below + n), 1), class_=f"p{priority}")
            )  # fmt: skip
        below += n
    return el("g", parts)


def _labels(buckets: Sequence[Bucket], wide: float, label: Callable[[int], str]) -> list[Markup]:
    step = max(1, -(-len(buckets) // _MOST_LABELS))
    return [
        el(
            "text",
            label(b.since),
            x=min(_WIDTH - 18, round(_LEFT + (i + 0.5) * wide, 1)),
            y=_HEIGHT - 5,
            text_anchor="middle",
        )
        for i, b in enumerate(buckets)
        if i % step == 0
    ]


def _round_up(value: float) -> int:
    """Return the next of 4, 10, 20, 40, 100, ...: ends of an axis that halve evenly."""
    scale = 1
    while True:
        for step in (4, 10, 20):
            if value <= step * scale:
                return step * scale
        scale *= 10


def bullet(value: float | None, target: float | None, limit: float | None, reach: float, *, over: bool) -> Markup:
    """Return a bar of a figure on 0..reach with a mark for its target and one for its limit; `over`: not met."""

    def at(x: float) -> str:
        return f"{round(100 * min(1.0, max(0.0, x / reach)), 1)}%"

    return el(
        "svg",
        el("rect", x=0, y=5, width="100%", height=8, class_="track"),
        None
        if value is None
        else el("rect", x=0, y=5, width=at(value), height=8, class_="amount over" if over else "amount"),
        None if target is None else el("line", x1=at(target), x2=at(target), y1=1, y2=17, class_="target"),
        None
        if limit is None or limit == target
        else el("line", x1=at(limit), x2=at(limit), y1=3, y2=15, class_="bound"),
        class_="bullet",
        width="100%",
        height=18,
        aria_hidden="true",
    )
