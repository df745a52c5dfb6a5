"""Dirt: what a real series holds that no water or weather did. One stated rule per kind of it; nothing else is cut."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from simulators.likeness.track import (
    FLOW,
    OUTDOOR,
    POWER,
    PRI_RETURN,
    PRI_SUPPLY,
    SEC_RETURN,
    SEC_SUPPLY,
    SETPOINT,
    WATER,
    Flags,
    Floats,
    Track,
)

RANGE = MappingProxyType(
    {
        OUTDOOR: (-39.0, 45.0),
        PRI_SUPPLY: (0.0, 150.0),
        PRI_RETURN: (0.0, 110.0),
        SEC_SUPPLY: (0.0, 95.0),
        SEC_RETURN: (0.0, 80.0),
        SETPOINT: (20.0, 85.0),
        POWER: (0.0, 20_000.0),
        FLOW: (0.0, 500.0),
    }
)
"""Physical limits, as of the kind `heat_substation`; -39.9 Cel is the code of an open circuit."""
_PAIRS = ((PRI_SUPPLY, PRI_RETURN), (SEC_SUPPLY, SEC_RETURN))
_OUTLIER = 3.0
"""Times the 99th percentile: more is no power of this station."""
_JUMP_K = 8.0
_JUMP_PLACES = 2
_FROZEN_US = 12 * 3_600_000_000


def cleaned(track: Track) -> tuple[Track, Mapping[str, int]]:
    """Return the track without dirt, and how many values each rule took, in this order.

    out_of_range: beyond the physical limits. dead_pair: supply and return exactly zero,
    and outdoor that is zero with them. outlier: power or flow
    above three times its own 99th percentile. jump: outdoor more than 8 K off the median of itself and its two
    neighbours on either side. frozen: a temperature that shows the same figure for twelve hours or more.
    """
    rules: dict[str, Callable[[Track, str], Flags]] = {
        "out_of_range": _out_of_range,
        "dead_pair": _dead_pair,
        "outlier": _outlier,
        "jump": _jump,
        "frozen": _frozen,
    }
    taken = dict.fromkeys(rules, 0)
    for rule, judge in rules.items():
        bad = {name: judge(track, name) & np.isfinite(track.of(name)) for name in track.values}
        taken[rule] = int(sum(flags.sum() for flags in bad.values()))
        track = track.with_values({name: np.where(flags, np.nan, track.of(name)) for name, flags in bad.items()})
    return track, taken


def _nothing(track: Track) -> Flags:
    return np.zeros(len(track), dtype=np.bool_)


def _out_of_range(track: Track, name: str) -> Flags:
    low, high = RANGE.get(name, (-np.inf, np.inf))
    column = track.of(name)
    return (column < low) | (column > high)


def _dead_pair(track: Track, name: str) -> Flags:
    dead = {pair: (track.of(pair[0]) == 0.0) & (track.of(pair[1]) == 0.0) for pair in _PAIRS}
    if name == OUTDOOR:
        found: Flags = (track.of(OUTDOOR) == 0.0) & np.logical_or(*dead.values())
        return found
    return next((flags for pair, flags in dead.items() if name in pair), _nothing(track))


def _outlier(track: Track, name: str) -> Flags:
    column = track.of(name)
    positive = column[column > 0]
    if name not in {POWER, FLOW} or not len(positive):
        return _nothing(track)
    found: Flags = column > _OUTLIER * np.percentile(positive, 99)
    return found


def _jump(track: Track, name: str) -> Flags:
    column = track.of(name)
    if name != OUTDOOR or len(column) <= 2 * _JUMP_PLACES:
        return _nothing(track)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(column, _JUMP_PLACES, mode="edge"), 2 * _JUMP_PLACES + 1)
    found: Flags = np.abs(column - _row_medians(around)) > _JUMP_K
    return found


def _row_medians(rows: Floats) -> Floats:
    """Return the median of each row; NaN where a row has any."""
    middle: Floats = np.median(rows, axis=1)
    return middle


def _frozen(track: Track, name: str) -> Flags:
    column = track.of(name)
    if name not in {OUTDOOR, *WATER} or len(column) < 2:
        return _nothing(track)
    begins = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    ends = np.r_[begins[1:], len(column)] - 1
    is_long = track.at[ends] - track.at[begins] >= _FROZEN_US
    return np.repeat(is_long, ends - begins + 1)
