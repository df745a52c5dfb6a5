"""Behaviour: levels, rates of change, control error, memory and noise of a gridded station."""

from collections.abc import Iterator

import numpy as np

from simulators.likeness.running import running, settled
from simulators.likeness.track import HOUR_US, OUTDOOR, POWER, SEC_SUPPLY, SETPOINT, WATER, Flags, Floats, Track

LEVELS = (OUTDOOR, *WATER, SETPOINT, POWER)
MOVING = (OUTDOOR, *WATER)
LEVEL_QUANTILES = (1, 5, 25, 50, 75, 95, 99)
CHANGE_QUANTILES = (50, 99, 99.9)
ERROR_QUANTILES = (50, 90, 99)
_LAGS_H = (1, 24)
_LEAST = 20
"""Fewer values than these say nothing of a distribution."""
_TRIMMED = 95
_GAP = 1.9
_MONTH_US = 30 * 24 * HOUR_US


def quantiles(values: Floats, levels: tuple[float, ...]) -> Floats:
    """Return percentiles of what is there; NaN when there is too little."""
    there = values[np.isfinite(values)]
    found: Floats = np.percentile(there, levels) if len(there) >= _LEAST else np.full(len(levels), np.nan)
    return found


def change_per_hour(track: Track, point: str, wanted: Flags, *, signed: bool = False) -> Floats:
    """Return |value one hour later - value|, or the signed change, wherever both ends are wanted and there."""
    lag = _places(track, 1)
    change = _ends(track.of(point)[lag:] - track.of(point)[:-lag], wanted, lag)
    return change if signed else np.abs(change)


def control_error(track: Track, wanted: Flags) -> Floats:
    """Return secondary supply minus its setpoint in K, where it is wanted and there."""
    error = (track.of(SEC_SUPPLY) - track.of(SETPOINT))[wanted]
    return error[np.isfinite(error)]


def behaviour(track: Track) -> Iterator[tuple[str, float]]:
    """Yield (figure, value) of a gridded track. Levels: while running; the rest: while settled, or as named."""
    heats, calm = running(track), settled(track)
    for point in LEVELS:
        yield from _named(f"level.{point}.p", LEVEL_QUANTILES, quantiles(track.of(point)[heats], LEVEL_QUANTILES))
    for point in MOVING:
        for rule, wanted in (("change", calm), ("change_running", heats)):
            moved = change_per_hour(track, point, wanted)
            yield from _named(f"{rule}.{point}.p", CHANGE_QUANTILES, quantiles(moved, CHANGE_QUANTILES))
    for rule, wanted in (("control_error", calm), ("control_error_running", heats)):
        strayed = np.abs(control_error(track, wanted))
        yield from _named(f"{rule}.p", ERROR_QUANTILES, quantiles(strayed, ERROR_QUANTILES))
    for point in (*MOVING, POWER):
        yield from ((f"memory.{point}.{lag}h", memory(track, point, lag, calm)) for lag in _LAGS_H)
        yield f"noise.{point}", noise(track, point, calm)


def memory(track: Track, point: str, lag_h: float, wanted: Flags) -> float:
    """Return the autocorrelation of a point at a lag in hours, over the pairs whose ends are both wanted."""
    lag, values = _places(track, lag_h), track.of(point)
    if lag >= len(track):
        return float("nan")
    both = wanted[lag:] & wanted[:-lag] & np.isfinite(values[lag:]) & np.isfinite(values[:-lag])
    now, later = values[:-lag][both], values[lag:][both]
    if len(now) < _LEAST or min(now.std(), later.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(now, later)[0, 1])


def noise(track: Track, point: str, wanted: Flags) -> float:
    """Return one sigma of what changes from instant to instant and not with its neighbours.

    From the second difference, whose sigma is sqrt(6) times that of white noise; a straight line gives none. The
    largest twentieth (valve moves, changes of setpoint) is left out. It grows with the step: compare equal steps.
    """
    values = np.where(wanted, track.of(point), np.nan)
    bend = np.abs(values[2:] - 2 * values[1:-1] + values[:-2])
    bend = bend[np.isfinite(bend)]
    if len(bend) < _LEAST:
        return float("nan")
    kept = bend[bend <= np.percentile(bend, _TRIMMED)]
    return float(kept.mean() * np.sqrt(np.pi / 2) / np.sqrt(6))


def gaps(track: Track) -> float:
    """Return the share of the span (raw instants) in pauses of at least two usual intervals, month by month."""
    if len(track) < 3 or track.at[-1] == track.at[0]:
        return float("nan")
    pause, month = np.diff(track.at), (track.at[:-1] - track.at[0]) // _MONTH_US
    lost = 0
    for one in np.unique(month):
        mine = pause[month == one]
        usual = np.median(mine)
        lost += int((mine[mine > _GAP * usual] - usual).sum())
    return lost / float(track.at[-1] - track.at[0])


def _places(track: Track, hours: float) -> int:
    return max(round(hours * 3600 / (track.step_s or 3600.0)), 1)


def _ends(values: Floats, wanted: Flags, lag: int) -> Floats:
    kept = values[wanted[lag:] & wanted[:-lag]]
    return kept[np.isfinite(kept)]


def _named(stem: str, levels: tuple[float, ...], values: Floats) -> Iterator[tuple[str, float]]:
    yield from ((f"{stem}{level:g}", float(value)) for level, value in zip(levels, values, strict=True))
