"""Running: the hours in which a station heats, and those in which it has settled after a start."""

import numpy as np
from numpy.typing import NDArray

from simulators.likeness.track import POWER, SEC_RETURN, SEC_SUPPLY, Flags, Track

_SHARE = 0.10
"""Of the 95th percentile of power: a station that gives less is off, or keeps itself from freezing."""
_SPREAD_K = 2.0
"""Between secondary supply and return: less is off, where there is no power."""
SETTLED_S = 3 * 3600.0
"""After so long the morning's start is over: the surge of a cold loop and of cold rooms, as seen in Niš."""
STOPPING_S = 3600.0
"""So long before it is seen off a station may already be on its way."""


def running(track: Track) -> Flags:
    """Return where the station heats; False where that is not known."""
    power = track.of(POWER)
    positive = power[power > 0]
    spread = track.of(SEC_SUPPLY) - track.of(SEC_RETURN)
    heats: Flags = power > _SHARE * np.percentile(positive, 95) if len(positive) else spread > _SPREAD_K
    return heats


def known(track: Track) -> Flags:
    """Return where it is known whether the station heats."""
    if track.has(POWER):
        return np.isfinite(track.of(POWER))
    return np.isfinite(track.of(SEC_SUPPLY)) & np.isfinite(track.of(SEC_RETURN))


def settled(track: Track) -> Flags:
    """Return where a gridded station heats and was not seen off in the three hours before or the hour after.

    Hours of which too little is known (fewer than two readings, or the very beginning) are not settled. This is
    what leaves out the night switch-off of the stations of Niš and their morning starts.
    """
    heats, seen = running(track), known(track)
    window, ahead = (max(round(s / (track.step_s or s)), 1) for s in (SETTLED_S, STOPPING_S))
    off = _in_window(seen & ~heats, window) + _in_window((seen & ~heats)[::-1], ahead)[::-1]
    there = _in_window(seen, window)
    is_late_enough = np.arange(len(track)) >= window
    found: Flags = heats & (off == 0) & (there >= 2) & is_late_enough
    return found


def _in_window(flags: Flags, window: int) -> NDArray[np.int64]:
    """Return how many of the last `window` places before each, and itself, are set."""
    total = np.concatenate([[0], np.cumsum(flags)])
    ends = np.arange(1, len(flags) + 1)
    counted: NDArray[np.int64] = total[ends] - total[np.maximum(ends - window - 1, 0)]
    return counted
