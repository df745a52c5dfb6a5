"""Energy: the signature of a station, its daily shape, and whether its meter agrees with its own parts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulators.likeness.behaviour import quantiles
from simulators.likeness.running import running, settled
from simulators.likeness.track import (
    DAY_US,
    FLOW,
    HOUR_US,
    OUTDOOR,
    POWER,
    PRI_RETURN,
    PRI_SUPPLY,
    SEC_SUPPLY,
    Flags,
    Floats,
    Track,
    local_us,
)

SHAPED = (OUTDOOR, SEC_SUPPLY, POWER)
RESIDUAL_QUANTILES = (1, 5, 50, 95, 99)
_PRESENT = 0.8
"""A day counts when so much of it is there."""
_HEATED = 0.10
"""Of the 95th percentile of daily means: a day with less is no day of heating."""
_MILD_C = 15.0
_LEAST_DAYS = 5
_LOADED = 0.30
_CP_KJ = 4.186


@dataclass(frozen=True, slots=True)
class Signature:
    """The line through the daily means: power = slope x (balance - outdoor). kW/K (of falling outdoor), Cel.

    `outdoor` and `power` are the daily means that it runs through; slope, balance and r2 are NaN for too few.
    """

    outdoor: Floats
    power: Floats
    slope: float
    balance: float
    r2: float


def signature(track: Track) -> Signature:
    """Return the energy signature of a gridded track, over local days that are there and heated."""
    outdoor, power = (_daily_means(track, point) for point in (OUTDOOR, POWER))
    there = np.isfinite(outdoor) & np.isfinite(power)
    outdoor, power = outdoor[there], power[there]
    if len(power):
        heated = (power > _HEATED * np.percentile(power, 95)) & (outdoor < _MILD_C)
        outdoor, power = outdoor[heated], power[heated]
    if len(power) < _LEAST_DAYS or outdoor.std() < 0.1 or power.std() == 0:
        return Signature(outdoor, power, np.nan, np.nan, np.nan)
    slope, intercept = np.polyfit(outdoor, power, 1)
    r2 = float(np.corrcoef(outdoor, power)[0, 1] ** 2)
    return Signature(outdoor, power, float(-slope), float(-intercept / slope), r2)


def _daily_means(track: Track, point: str) -> Floats:
    """Return the mean of each local day, NaN where too much of it is missing."""
    if not len(track):
        return np.empty(0)
    values = track.of(point)
    there = np.isfinite(values)
    days = (local_us(track) // DAY_US).astype(np.intp)
    days -= days[0]
    span = int(days[-1]) + 1
    count = np.bincount(days[there], minlength=span)
    total = np.bincount(days[there], weights=values[there], minlength=span)
    whole = DAY_US / 1e6 / _usual_step_s(track, there)
    return np.where(count >= _PRESENT * whole, total / np.maximum(count, 1), np.nan)


def _usual_step_s(track: Track, there: Flags) -> float:
    """Return the step of what is there: a series on a finer grid than its own cadence is not full of gaps."""
    return float(np.median(np.diff(track.at[there]))) / 1e6 if there.sum() > 1 else (track.step_s or 3600.0)


def daily_shape(track: Track, point: str) -> Floats:
    """Return the mean by local hour of day [24], less the mean of the day, over running hours; NaN: never seen.

    An hour counts when the station runs in it on at least a tenth of its days.
    """
    local = local_us(track)
    wanted = running(track) & np.isfinite(track.of(point))
    if not wanted.any():
        return np.full(24, np.nan)
    values, hours = track.of(point)[wanted], (local[wanted] % DAY_US // HOUR_US).astype(np.intp)
    _, day = np.unique(local[wanted] // DAY_US, return_inverse=True)
    centred = values - (np.bincount(day, weights=values) / np.bincount(day))[day]
    count = np.bincount(hours, minlength=24)
    shape = np.bincount(hours, weights=centred, minlength=24) / np.maximum(count, 1)
    return np.where(count * 10 >= count.max(), shape, np.nan)


def night_drop(track: Track) -> float:
    """Return how much colder secondary supply is at night (22 to 5) than by day (8 to 21), K; stops count as well.

    NaN when it is not known. Above some kelvins somebody has a programme for the night.
    """
    hour = local_us(track) % DAY_US // HOUR_US
    supply = track.of(SEC_SUPPLY)
    nightly, daily = supply[(hour >= 22) | (hour < 5)], supply[(hour >= 8) & (hour < 21)]
    nightly, daily = nightly[np.isfinite(nightly)], daily[np.isfinite(daily)]
    return float(daily.mean() - nightly.mean()) if len(nightly) and len(daily) else float("nan")


def mean_power(track: Track) -> float:
    """Return the mean power in kW while the station runs; NaN when it is not known."""
    power = track.of(POWER)[running(track)]
    return float(np.mean(power)) if len(power) else float("nan")


def heat_balance_residual(track: Track) -> Floats:
    """Return (P - rho cp V dT) / P in %, where flow and power are there and the load is above 30 %."""
    power, flow = track.of(POWER), track.of(FLOW)
    positive = power[power > 0]
    if not len(positive) or not track.has(FLOW):
        return np.empty(0)
    drawn = carried_kw(flow, track.of(PRI_SUPPLY), track.of(PRI_RETURN))
    wanted = settled(track) & (power > _LOADED * np.percentile(positive, 95))
    residual = 100 * (power[wanted] - drawn[wanted]) / power[wanted]
    return residual[np.isfinite(residual)]


def carried_kw(flow: Floats, hot: Floats, cold: Floats) -> Floats:
    """Return the heat that a flow in m3/h leaves between two temperatures, kW."""
    carried: Floats = flow * _density((hot + cold) / 2) * _CP_KJ * (hot - cold) / 3600
    return carried


def _density(t: Floats) -> Floats:
    """Return kg/m3 of water at Cel: a parabola within 0.3 of the tables from 30 to 90 Cel."""
    rho: Floats = 1001.1 - 0.0867 * t - 0.00346 * t**2
    return rho


def energy(track: Track) -> Iterator[tuple[str, float]]:
    """Yield (figure, value) of a gridded track."""
    line = signature(track)
    yield from (("signature.slope", line.slope), ("signature.balance", line.balance), ("signature.r2", line.r2))
    yield "signature.days", float(len(line.power))
    for point in SHAPED:
        shape = daily_shape(track, point)
        there = shape[np.isfinite(shape)]
        swing = float(np.ptp(there)) if len(there) else float("nan")
        yield f"shape.{point}.swing", 100 * swing / mean_power(track) if point == POWER else swing
    residual = quantiles(heat_balance_residual(track), RESIDUAL_QUANTILES)
    yield from ((f"residual.p{q}", float(v)) for q, v in zip(RESIDUAL_QUANTILES, residual, strict=True))
