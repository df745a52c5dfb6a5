"""Strangers: kinds of device that the pretend world knows nothing of. They live by what their manifest says."""

import numpy as np
from numpy.typing import NDArray

from perception.point import Point
from perception.sensor_kind import SensorKind

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_DAY_S = 86_400.0
_PER_DAY = 24.0
"""What an unknown counter counts in a day."""


def idle_values(kind: SensorKind, places: Places, at: int) -> Floats:
    """Return plausible values [n, points]: a day's wave within each point's typical range, a phase per device."""
    phase: Floats = (places.astype(np.float64) * 0.618034) % 1.0
    return np.column_stack([_wave(point, phase, at / 1e6) for point in kind.points])


def _wave(point: Point, phase: Floats, at_s: float) -> Floats:
    if point.event:
        return np.zeros_like(phase)
    if point.counter:
        counted: Floats = point.low + (at_s / _DAY_S * _PER_DAY + phase) % (point.high - point.low)
        return counted
    low, high = point.typical or (point.low, point.high)
    swing = 0.5 + 0.3 * np.sin(2 * np.pi * (at_s / _DAY_S + phase))
    wave: Floats = low + (high - low) * swing
    return wave
