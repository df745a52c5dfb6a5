"""Cadence: the last hour of a point on devices that report by the second or by the hour, for rules of tempo fast."""

import numpy as np
from numpy.typing import NDArray

from application.rule import Window

HOUR_MIN = 60
_SPARSE_S = 300.0
"""Devices that report more rarely have few samples in an hour: what they say now is one of them."""


def expected(window: Window) -> NDArray[np.float64]:
    """Return float64[n, 1]: in how many minutes of an hour each device has a sample by its interval, 1 at least."""
    minutes = np.maximum(window.interval_s / 60, 1.0)
    found: NDArray[np.float64] = np.maximum(np.floor(HOUR_MIN / minutes), 1.0)[:, None]
    return found


def last_hour(window: Window, point: str) -> NDArray[np.float64]:
    """Return float64[n, 61]: a sample per completed minute, oldest first, and last what a sparse device says now.

    NaN where nothing came; the last column is NaN for devices that report every five minutes or oftener.
    """
    now = np.where(window.interval_s[:, None] > _SPARSE_S, window.value(point), np.nan)
    return np.concatenate([window.trace(point, HOUR_MIN), now], axis=1)
