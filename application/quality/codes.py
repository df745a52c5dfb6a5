"""Codes: numbers that an input module writes where it measures nothing.

-39.9 is an open circuit, 0.0 a channel that was never read: both have been seen in real substations, 0.0 in pairs
for weeks. Water in a heating loop is not at 0.0 Cel, and where water of a device is, its outdoor 0.0 is a code too.
"""

import numpy as np

from application.quality.bins import Bins, Flags
from application.quality.numbers import Numbers
from application.quality.stillness import OUTDOOR, PARTNER

_RESOLUTION = 0.05


def codes(bins: Bins, numbers: Numbers) -> dict[str, Flags]:
    """Return bool[m] by point: among its values was a code."""
    zero = {p: np.abs(bins.column(bins.low, p)) < _RESOLUTION for p in PARTNER if p in bins.points}
    found: dict[str, Flags] = dict(zero)
    if OUTDOOR in bins.points:
        low, high = bins.column(bins.low, OUTDOOR), bins.column(bins.high, OUTDOOR)
        code = np.abs(low - numbers.open_circuit_c) < _RESOLUTION
        nothing = (low <= _RESOLUTION) & (high >= -_RESOLUTION) & ((low == 0) | (high == 0))
        found[OUTDOOR] = code | (nothing & np.logical_or.reduce([*zero.values(), np.zeros(len(bins.ts), np.bool_)]))
    return found
