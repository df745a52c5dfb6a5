"""Instruments: how a meter shows an exact value: its own offset, its noise, its resolution, its limits."""

from math import isfinite, isnan

import numpy as np
from numpy.typing import NDArray

from perception.point import Point
from perception.sensor_kind import SensorKind

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_NOISE = 0.45
"""Of a point's sigma that changes from reading to reading; meters average over some seconds."""
_OFFSET = 0.5
"""Of a point's sigma that belongs to the meter and stays."""


class Instruments:
    """All meters of one kind of device, for so many places; the same for the same seed."""

    def __init__(self, kind: SensorKind, seed: int, devices: int) -> None:
        self.kind = kind
        self._seed = seed
        self._decimals = np.array([_decimals(p) for p in kind.points])
        noisy = np.array([0.0 if p.event or p.counter else p.noise for p in kind.points])
        relative = np.array([p.noise_relative for p in kind.points])
        self._whole = [(p.name, i) for i, p in enumerate(kind.points) if p.decimals == 0]
        self._relative = np.where(relative, noisy, 0.0)
        self._absolute = np.where(relative, 0.0, noisy)
        self._low = np.array([p.low for p in kind.points])
        self._high = np.array([p.high for p in kind.points])
        dice = np.random.default_rng((seed, 43)).standard_normal((devices, len(kind.points)))
        self._offsets: Floats = np.clip(dice, -2, 2) * _OFFSET

    def show(self, exact: Floats, places: Places, at: int) -> Floats:
        """Return exact values [n, points] as the devices at these places show them at `at` (microseconds).

        A transmitter shows no more than its range, whatever the plant does. What stands still, shows nothing but
        zero.
        """
        jitter = np.random.default_rng((self._seed, 41, at // 1000)).standard_normal(exact.shape) * _NOISE
        jitter += self._offsets[places]
        shown = exact * (1 + self._relative * jitter) + self._absolute * jitter
        bounded = np.clip(shown, self._low, self._high)
        return _rounded(np.where(exact == 0, 0.0, bounded), self._decimals)

    def rounded(self, values: Floats) -> Floats:
        """Return values [..., points] in the resolution of their meters."""
        return _rounded(values, self._decimals)

    def tell(self, rows: Floats) -> list[dict[str, object]]:
        """Return rows [n, points] by point name: nothing for NaN, whole numbers where a point has no decimals."""
        return [self._told(row) for row in rows.tolist()]

    def _told(self, row: list[float]) -> dict[str, object]:
        values: dict[str, object] = dict(zip(self.kind.names, row, strict=True))
        for name, place in self._whole:
            values[name] = int(row[place]) if isfinite(row[place]) else row[place]
        if isnan(sum(row)):
            return {name: v for name, v in values.items() if v == v}  # noqa: PLR0124 - only NaN differs from itself
        return values


def _decimals(point: Point) -> int:
    """Return the digits that a meter shows: two more for a counter, so that it moves within minutes."""
    return point.decimals + (2 if point.counter else 0)


def _rounded(values: Floats, decimals: NDArray[np.int64]) -> Floats:
    scale = 10.0**decimals
    return np.round(values * scale) / scale
