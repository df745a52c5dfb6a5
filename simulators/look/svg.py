"""SVG: axes, lines and bars as text. Pure; colours come from the page's style sheet by class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from perception.point import Title

Floats = NDArray[np.float64]

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_GAP = 1.6
"""A line breaks where two instants are so many usual steps apart."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of pixels and the span of values that lies on it; y grows upwards."""

    left: float
    top: float
    width: float
    height: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: Floats) -> Floats:
        """Return pixels from the left."""
        place: Floats = self.left + (value - self.x_low) / (self.x_high - self.x_low) * self.width
        return place

    def y(self, value: Floats) -> Floats:
        """Return pixels from the top."""
        place: Floats = self.top + self.height - (value - self.y_low) / (self.y_high - self.y_low) * self.height
        return place

    @property
    def bottom(self) -> float:
        """Pixels from the top to the lower edge."""
        return self.top + self.height

    @property
    def right(self) -> float:
        """Pixels from the left to the right edge."""
        return self.left + self.width


def span(columns: Iterable[Floats], least: float, around: float = 0.06) -> tuple[float, float]:
    """Return low and high of what is there, with some air, at least so much apart; (0, least) for nothing."""
    there = [c[np.isfinite(c)] for c in columns]
    values = np.concatenate(there) if there else np.empty(0)
    if not len(values):
        return 0.0, least
    low, high = float(values.min()), float(values.max())
    middle, half = (low + high) / 2, max(high - low, least) / 2
    return middle - half * (1 + 2 * around), middle + half * (1 + 2 * around)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values inside low..high, about so many."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(n * power for n in _NICE if n * power >= raw * 0.999)
    first = np.ceil(low / step - 1e-9)
    last = np.floor(high / step + 1e-9)
    return [float(k * step) + 0.0 for k in range(int(first), int(last) + 1)]


def number(value: float) -> str:
    """Return a short number; a true minus sign; a dash for what cannot be told."""
    if not np.isfinite(value):
        return "–"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return ("0" if text in {"-0", ""} else text).replace("-", "−")


def line(frame: Frame, x: Floats, y: Floats, style: str) -> str:
    """Return a line through the values that are there; it breaks at what is missing and at long pauses."""
    there = np.isfinite(x) & np.isfinite(y)
    x, y = x[there], y[there]
    if len(x) < 2:
        return ""
    pause = np.diff(x)
    begins = np.r_[True, pause > _GAP * np.median(pause)].tolist()
    places = zip(begins, frame.x(x).tolist(), frame.y(y).tolist(), strict=True)
    path = "".join(f"{'M' if new else 'L'}{px:.1f} {py:.1f}" for new, px, py in places)
    return f'<path class="line {style}" d="{path}"/>'


def steps(frame: Frame, edges: Floats, heights: Floats, style: str) -> str:
    """Return a histogram's outline, filled down to the lower edge of the frame."""
    top = np.clip(heights, frame.y_low, frame.y_high)
    x, y = frame.x(edges).tolist(), frame.y(top).tolist()
    walk = "".join(f"L{a:.1f} {h:.1f}L{b:.1f} {h:.1f}" for a, b, h in zip(x[:-1], x[1:], y, strict=True))
    return f'<path class="area {style}" d="M{x[0]:.1f} {frame.bottom:.1f}{walk}L{x[-1]:.1f} {frame.bottom:.1f}Z"/>'


def dots(frame: Frame, x: Floats, y: Floats, style: str) -> str:
    """Return a dot per pair that is there and on the frame."""
    on = (x >= frame.x_low) & (x <= frame.x_high) & (y >= frame.y_low) & (y <= frame.y_high)
    places = zip(frame.x(x[on]).tolist(), frame.y(y[on]).tolist(), strict=True)
    return "".join(f'<circle class="dot {style}" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in places)


def words(x: float, y: float, text: str | Title, style: str = "", anchor: str = "start") -> str:
    """Return text at a place; a title appears in the reader's language."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    if isinstance(text, str):
        return f'<text class="{style}" {place}>{escape(text)}</text>'
    return (
        f'<text class="{style} zh" lang="zh" {place}>{escape(text.zh)}</text>'
        f'<text class="{style} en" lang="en" {place}>{escape(text.en)}</text>'
    )


def rule(x1: float, y1: float, x2: float, y2: float, style: str = "grid") -> str:
    """Return a straight line."""
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rows(frame: Frame, at: Sequence[float], labels: Sequence[str] | None = None) -> str:
    """Return horizontal grid lines with their values on the left."""
    told = labels or [number(v) for v in at]
    heights = frame.y(np.array(at, dtype=np.float64)).tolist()
    lines = (rule(frame.left, y, frame.right, y) for y in heights)
    texts = (words(frame.left - 6, y + 4, t, "tick", "end") for y, t in zip(heights, told, strict=True))
    return "".join((*lines, *texts))


def columns(frame: Frame, at: Sequence[float], labels: Sequence[str] | None = None) -> str:
    """Return small marks below the frame with their values."""
    told = labels or [number(v) for v in at]
    places = frame.x(np.array(at, dtype=np.float64)).tolist()
    lines = (rule(x, frame.bottom, x, frame.bottom + 4, "axis") for x in places)
    texts = (words(x, frame.bottom + 18, t, "tick", "middle") for x, t in zip(places, told, strict=True))
    return "".join((rule(frame.left, frame.bottom, frame.right, frame.bottom, "axis"), *lines, *texts))


def picture(width: float, height: float, title: Title, parts: Iterable[str], attributes: str = "") -> str:
    """Return the whole picture, named for those who cannot see it."""
    name = escape(f"{title.en} / {title.zh}", quote=True)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}" {attributes}>{"".join(parts)}</svg>'
