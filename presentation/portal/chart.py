"""Chart: the last day's temperature as inline SVG. Pure. Texts keep their size at any width of the page.

The drawing area is as wide as the page lets it be: across it, places are shares of the width (percent), down it
they are pixels. The lines lie in an inner drawing that stretches with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import ceil, floor
from zoneinfo import ZoneInfo

from markupsafe import Markup

from application.public import STEP_MS, History
from presentation.markup import el
from presentation.texts import Texts

HEIGHT = 232
"""Height of the plot in pixels; the hours stand below it."""
TOP = 10
BELOW = 34
LEAST_SPAN_K = 8.0
"""Smaller spans are not blown up: noise of 0.1 K shall look like noise."""
TICK_HOURS = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale of temperatures: `ticks` are labelled, low and high are its ends."""

    low: float
    high: float
    ticks: Sequence[float]

    def y(self, value: float) -> float:
        """Return the pixel row of a value."""
        return round(TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP), 1)


def scale_for(values: Sequence[float | None]) -> Scale | None:
    """Return a scale with round ticks for these values, or None when there are none."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    middle, span = (min(known) + max(known)) / 2, max(max(known) - min(known), LEAST_SPAN_K)
    step = next((s for s in (2, 5, 10, 20) if span / s <= 4), 50)
    low, high = floor((middle - span / 2) / step) * step, ceil((middle + span / 2) / step) * step
    return Scale(low, high, [float(v) for v in range(low, high + 1, step)])


def patience(interval_s: float | None) -> int:
    """Return how many steps may stay empty between two readings of a device that reads more slowly than a step."""
    return 0 if interval_s is None else max(0, ceil(interval_s * 1000 / STEP_MS) - 1)


def runs(values: Sequence[float | None], patient: int = 0) -> Iterator[list[tuple[int, float]]]:
    """Yield the stretches without a gap, as (index, value). Up to `patient` empty steps are no gap."""
    run: list[tuple[int, float]] = []
    for i, value in enumerate(values):
        if value is None:
            continue
        if run and i - run[-1][0] > patient + 1:
            yield run
            run = []
        run.append((i, value))
    if run:
        yield run


def gaps(values: Sequence[float | None], patient: int = 0) -> list[tuple[int, int]]:
    """Return the gaps as (first index, length). The last step has only begun, so that it is no gap yet."""
    found = []
    for missing, pairs in groupby(enumerate(values[:-1]), key=lambda pair: pair[1] is None):
        indices = [i for i, _ in pairs]
        if missing and len(indices) > patient:
            found.append((indices[0], len(indices)))
    return found


def line(values: Sequence[float | None], scale: Scale, patient: int = 0) -> str:
    """Return the path of a line that breaks at gaps; a single value becomes a dash as long as its step."""
    return "".join(_stroke(run, scale) for run in runs(values, patient))


def steps(values: Sequence[float | None], scale: Scale, patient: int = 0) -> str:
    """Return the path of a line that changes in steps: what was set stays until it is set anew."""
    return "".join(
        f"M{run[0][0]} {scale.y(run[0][1])}" + "".join(f"V{scale.y(v)}H{i + 1}" for i, v in run)
        for run in runs(values, patient)
    )


def _stroke(run: Sequence[tuple[int, float]], scale: Scale) -> str:
    if len(run) == 1:
        return f"M{run[0][0]} {scale.y(run[0][1])}h1"
    return "M" + "L".join(f"{i + 0.5} {scale.y(v)}" for i, v in run)


def hour_ticks(at: Sequence[int], zone: str) -> list[tuple[float, str]]:
    """Return (share of the width, "18:00") for every sixth hour of the city's clock."""
    place, quarter = ZoneInfo(zone), 900_000
    first, last = at[0], at[-1] + STEP_MS
    moments = (
        (ms, datetime.fromtimestamp(ms / 1000, UTC).astimezone(place))
        for ms in range(-(-first // quarter) * quarter, last, quarter)
    )
    return [
        ((ms - first) / (last - first), f"{local:%H:%M}")
        for ms, local in moments
        if local.minute == 0 and local.hour % TICK_HOURS == 0
    ]


def day_ticks(at: Sequence[int], zone: str, t: Texts) -> list[tuple[float, str]]:
    """Return (share of the width, "25 Nov") for the noon of every day of the city's clock: the middle of its column."""
    place, step = ZoneInfo(zone), at[1] - at[0]
    first, last = at[0], at[-1] + step
    noons = (ms for ms in at if datetime.fromtimestamp(ms / 1000, UTC).astimezone(place).hour == 12)
    return [((ms - first) / (last - first), t.moment(ms, zone, t.say("d/M"))) for ms in noons]


def trend(
    history: History,
    zone: str,
    t: Texts,
    summary: str,
    patient: int = 0,
    *,
    ticks: Sequence[tuple[float, str]] | None = None,
    name: str = "trend",
) -> Markup | None:
    """Return the chart of a history, or None when there is nothing to draw. `summary` says it in words.

    `ticks` are (share of the width, label), every sixth hour unless told; `name` is its own on a page.
    """
    scale = scale_for([*history.supply, *history.target])
    if scale is None or all(v is None for v in history.supply):
        return None
    return el(
        "svg",
        el("title", summary, id=f"{name}-title"),
        [_gap(first, length, len(history.at)) for first, length in gaps(history.supply, patient)],
        [_level(value, scale, t) for value in scale.ticks],
        [_hour(share, label) for share, label in (hour_ticks(history.at, zone) if ticks is None else ticks)],
        _lines(history, scale, patient),
        _newest(history, scale),
        class_="trend",
        role="img",
        aria_labelledby=f"{name}-title",
        width="100%",
        height=HEIGHT + BELOW,
    )


def _lines(history: History, scale: Scale, patient: int) -> Markup:
    return el(
        "svg",
        el("path", d=steps(history.target, scale, patient), class_="line target"),
        el("path", d=line(history.supply, scale, patient), class_="line supply"),
        width="100%",
        height=HEIGHT,
        viewBox=f"0 0 {len(history.at)} {HEIGHT}",
        preserveAspectRatio="none",
    )


def _newest(history: History, scale: Scale) -> Markup | None:
    found = next(((i, v) for i, v in reversed(list(enumerate(history.supply))) if v is not None), None)
    if found is None:
        return None
    return el("circle", cx=_percent((found[0] + 0.5) / len(history.at)), cy=scale.y(found[1]), r=5, class_="newest")


def _gap(first: int, length: int, of: int) -> Markup:
    return el("rect", x=_percent(first / of), y=TOP, width=_percent(length / of), height=HEIGHT - TOP, class_="gap")


def _level(value: float, scale: Scale, t: Texts) -> Markup:
    y = scale.y(value)
    rule = el("line", x1="0", x2="100%", y1=y, y2=y, class_="level")
    return rule + el("text", t.number(value), x=-8, y=y + 5, class_="tick-y")


def _hour(share: float, label: str) -> Markup:
    x = _percent(share)
    rule = el("line", x1=x, x2=x, y1=HEIGHT, y2=HEIGHT + 6, class_="level")
    side = " first" if share < 0.06 else " last" if share > 0.94 else ""
    return rule + el("text", label, x=x, y=HEIGHT + 25, class_=f"tick-x{side}")


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"
