"""Hold: for how long a value speaks for its point."""

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE, SECOND
from perception.sensor_kind import SensorKind

INTERVALS_HELD = 3
EVENT_HOLD = 45 * MINUTE
"""Event points are sent again every 15 minutes."""


def hold_us(kind: SensorKind, interval_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64[n, points]: the hold of each point on devices of these intervals (float64[n]), microseconds.

    Three times the larger of the device's and the point's interval; event points hold 45 minutes at least.
    """
    own = np.array([p.interval_s or 0.0 for p in kind.points])
    least = np.array([EVENT_HOLD if p.event else 0 for p in kind.points], np.int64)
    held = INTERVALS_HELD * SECOND * np.maximum(interval_s[:, None], own[None, :])
    holds: NDArray[np.int64] = np.maximum(held.astype(np.int64), least[None, :])
    return holds
