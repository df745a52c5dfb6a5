"""Air: the outdoor temperature at any instant, and what a lag makes of it: as a sum of waves, or from a record.

A lag is what a wall, a filter or a controller makes of the weather: first order, of one time constant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S = 86_400.0
YEAR_S = 365.2425 * DAY_S
_WARMEST_S = 14.5 * 3600
"""Half past two, local time: the warmest minute of a clear winter day."""
_COLDEST_S = 15.0 * DAY_S
"""The middle of January."""
_NOISE_WAVES, _NOISE_S, _MEMORY_S = 32, (1.3 * 3600, 12 * DAY_S), 20 * 3600.0
_COLD_WAVES_S = (6.9 * DAY_S, 11.3 * DAY_S)
_HARMONICS = 4


class Air(Protocol):
    """Local time is in seconds since the epoch as a clock on the wall would count them."""

    def mean(self, local_s: Floats, lag_s: float = 0.0) -> Floats:
        """Return Cel over the city as a whole at each of these times, seen through a lag of that time constant."""


@dataclass(frozen=True, slots=True)
class Swings:
    """Sizes of what the weather does, in K: see `Season`."""

    mean: float
    swing: float
    slow: float
    yearly: float = 0.0
    cold: float = 0.0
    noise: float = 0.0


class Waves:
    """A weather of waves: because every wave is known, so is what a lag makes of it, in closed form."""

    def __init__(self, swings: Swings, seed: int) -> None:
        rng = np.random.default_rng((seed, 11))
        self._mean = swings.mean
        # twelve hours: afternoons are short, nights are long
        periods = np.array([DAY_S, DAY_S / 2, 3.7 * DAY_S, 6.3 * DAY_S, 5.3 * 3600, 2.9 * 3600])
        height = [swings.swing, 0.12 * swings.swing, swings.slow, 0.6 * swings.slow, 0.25, 0.15]
        phase = rng.uniform(0, 2 * np.pi, len(periods))
        phase[:2] = -2 * np.pi / periods[:2] * _WARMEST_S
        waves = [np.column_stack([2 * np.pi / periods, height, phase])]
        if swings.yearly:
            waves += [_year(swings), _clear_and_cloudy(swings, rng), _cold_waves(swings, rng), _noise(swings, rng)]
        self._omega, self._height, self._phase = np.ascontiguousarray(np.concatenate(waves).T)
        self._seen_through: Callable[[float], tuple[Floats, Floats]] = lru_cache(maxsize=8)(self._through)

    def mean(self, local_s: Floats, lag_s: float = 0.0) -> Floats:
        """Return Cel over the city as a whole at each of these times, seen through a lag of that time constant."""
        damping, late = self._seen_through(lag_s)
        waves: Floats = np.cos(local_s[:, None] * self._omega + late) @ damping
        return self._mean + waves

    def _through(self, lag_s: float) -> tuple[Floats, Floats]:
        """Return the heights and phases of the waves behind a lag."""
        return self._height / np.sqrt(1 + (self._omega * lag_s) ** 2), self._phase - np.arctan(self._omega * lag_s)


def _year(swings: Swings) -> Floats:
    omega = 2 * np.pi / YEAR_S
    return np.array([[omega, -swings.yearly, -omega * _COLDEST_S]])


def _clear_and_cloudy(swings: Swings, rng: np.random.Generator) -> Floats:
    """Let some days swing more than others: the day's wave, beaten by slower ones, is a pair of waves beside it."""
    day = 2 * np.pi / DAY_S
    rows: list[tuple[float, float, float]] = []
    for slow_s in rng.uniform(3.5, 9.0, 3) * DAY_S:
        phase = rng.uniform(0, 2 * np.pi)
        for side in (-1, 1):
            omega = day + side * 2 * np.pi / slow_s
            rows.append((omega, 0.22 * swings.swing, -day * _WARMEST_S + side * phase))
    return np.array(rows)


def _cold_waves(swings: Swings, rng: np.random.Generator) -> Floats:
    """Cold comes in a day and leaves in a week: the first harmonics of a saw, twice, of periods that do not meet."""
    rows: list[tuple[float, float, float]] = []
    for period in _COLD_WAVES_S:
        begins = rng.uniform(0, 2 * np.pi)
        rows += [
            (2 * np.pi * k / period, 2 / np.pi * swings.cold / k, k * begins + np.pi / 2)
            for k in range(1, _HARMONICS + 1)
        ]
    return np.array(rows)


def _noise(swings: Swings, rng: np.random.Generator) -> Floats:
    """Do what an autoregressive weather of that memory would: many waves, of its spectrum and of random phases."""
    edges = np.geomspace(*_NOISE_S, _NOISE_WAVES + 1)
    omega = 2 * np.pi / rng.uniform(edges[:-1], edges[1:])
    power = 2 * np.pi * (1 / edges[:-1] - 1 / edges[1:]) / (1 + (omega * _MEMORY_S) ** 2)
    height = swings.noise * np.sqrt(2 * power / power.sum())
    return np.column_stack([omega, height, rng.uniform(0, 2 * np.pi, _NOISE_WAVES)])


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded year of hours: local time of the first one in seconds since the epoch, and what was seen.

    `t_outdoor` in Cel, `rh_outdoor` in %, `p_air` in hPa: [hours] each, without gaps.
    """

    begin_s: float
    t_outdoor: Floats
    rh_outdoor: Floats
    p_air: Floats


class Recorded:
    """The weather of a record, played again every year, straight between its hours."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._lagged: Callable[[float], Floats] = lru_cache(maxsize=8)(self._through)

    def mean(self, local_s: Floats, lag_s: float = 0.0) -> Floats:
        """Return Cel over the city as a whole at each of these times, seen through a lag of that time constant."""
        return self._between(self._lagged(lag_s), local_s)

    def humidity(self, local_s: float) -> float:
        """Return relative humidity in %."""
        return float(self._between(self._record.rh_outdoor, np.array([local_s]))[0])

    def pressure(self, local_s: float) -> float:
        """Return air pressure in hPa."""
        return float(self._between(self._record.p_air, np.array([local_s]))[0])

    def _between(self, hours: Floats, local_s: Floats) -> Floats:
        day, rest = np.divmod(local_s - self._record.begin_s, DAY_S)
        years = np.floor(day * DAY_S / YEAR_S)
        place = (day - np.floor(years * YEAR_S / DAY_S)) * 24 + rest / 3600  # whole days: noon stays noon
        return np.interp(place, np.arange(len(hours)), hours, period=len(hours))

    def _through(self, lag_s: float) -> Floats:
        """Return the record through the lag: exact for a line from hour to hour; twice around, so that it closes."""
        if lag_s <= 0:
            return self._record.t_outdoor
        return _lagged(np.tile(self._record.t_outdoor, 2), lag_s)[len(self._record.t_outdoor) :]


def _lagged(hours: Sequence[float] | Floats, lag_s: float) -> Floats:
    kept = float(np.exp(-3600 / lag_s))
    values = np.asarray(hours)
    late = np.empty_like(values)
    late[0] = behind = float(values[0])
    for k in range(1, len(values)):
        lead = float(values[k] - values[k - 1]) / 3600 * lag_s
        behind = float(values[k]) - lead + (behind - float(values[k - 1]) + lead) * kept
        late[k] = behind
    return late
