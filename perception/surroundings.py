"""Surroundings: what a simulated device stands in, as columns, so that its kind can say how it behaves there.

A behaviour is a pure function of these: the same surroundings give the same values, whoever asks, in
whatever order, however often a simulation is started again. So nothing here is a state: what looks like
chance is a hash of the device and the time, and what is counted is an integral in closed form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Behaviour = Callable[["Surroundings"], Mapping[str, Floats | float]]
"""From n rows of surroundings to n values of each point, by point name."""

DAY_S = 86_400.0
COMMISSIONED_DAY = 20_017
"""2024-10-21, a Monday, as days since 1970 by the local clock: since then counters have been counting."""
_TWILIGHT_H = 0.3
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """n rows, each one device at one instant; every column is [n].

    `at_s` is epoch seconds UTC, `local_s` the same by the city's own clock. `outdoor_c` in Cel, `irradiance` in
    W/m2 on the ground, `wind` in m/s, `rain` in mm/h (0 while it freezes). `homes` are those of the device's
    station. `seed` (uint64) is the device's own, whatever stands beside it. `sunrise` and `sunset` are local
    hours, the same all season.
    """

    at_s: Floats
    local_s: Floats
    outdoor_c: Floats
    irradiance: Floats
    wind: Floats
    rain: Floats
    homes: Floats
    seed: NDArray[np.uint64]
    sunrise: float = 7.5
    sunset: float = 16.0

    def __len__(self) -> int:
        return len(self.at_s)

    @property
    def hour(self) -> Floats:
        """The local hour of the day, 0 to 24."""
        return self.local_s % DAY_S / 3600

    @property
    def weekend(self) -> NDArray[np.bool_]:
        """Whether it is Saturday or Sunday there."""
        return (np.floor(self.local_s / DAY_S) + 3) % 7 >= 5  # 1970-01-01 was a Thursday

    @property
    def daylight(self) -> Floats:
        """How much day it is, 0 to 1: one half at sunrise and sunset, nearly all or nothing an hour from them."""
        rising = 1 / (1 + np.exp((self.sunrise - self.hour) / _TWILIGHT_H))
        day: Floats = rising / (1 + np.exp((self.hour - self.sunset) / _TWILIGHT_H))
        return day

    def peak(self, hour: float, width_h: float) -> Floats:
        """Return a bell around an hour of the day: 1 there, 0.37 one width before and after."""
        apart = np.abs(self.hour - hour)
        bell: Floats = np.exp(-((np.minimum(apart, 24 - apart) / width_h) ** 2))
        return bell

    def dice(self, throw: int) -> Floats:
        """Return 0 to 1 for each device, the same at all times; another `throw`, another number."""
        return _uniform(self.seed, _salt(throw))

    def chance(self, slot_s: float, throw: int) -> Floats:
        """Return 0 to 1 for each device, thrown anew in every slot of so many seconds."""
        slot = np.floor(self.at_s / slot_s).astype(np.int64).astype(np.uint64)
        return _uniform(self.seed ^ _mixed(_salt(throw)), slot)

    def drift(self, period_s: float, throw: int) -> Floats:
        """Return a smooth wandering between -1 and 1 with waves of about that period, each device its own."""
        total = np.zeros(len(self))
        for k, (pace, height) in enumerate(((1.0, 0.5), (2.7, 0.3), (0.37, 0.2))):
            phase = _uniform(self.seed, _salt(1000 + 10 * throw + k))
            total += height * np.sin(2 * np.pi * (self.at_s * pace / period_s + phase))
        return total

    def rate(self, profile: Floats, days: int = 1) -> Floats:
        """Return what a profile says of this moment: equal slots over so many days, of 7 the first is a Monday."""
        slot = (self.local_s / DAY_S - COMMISSIONED_DAY) % days / days * len(profile)
        said: Floats = profile[np.minimum(slot.astype(np.int64), len(profile) - 1)]
        return said

    def counted(self, profile: Floats, days: int = 1) -> Floats:
        """Return what a profile of rates per hour has added up to since commissioning: exact, and never falling."""
        laps, share = np.divmod(np.maximum(self.local_s / DAY_S - COMMISSIONED_DAY, 0.0) / days, 1.0)
        so_far = np.concatenate([[0.0], np.cumsum(profile * (24.0 * days / len(profile)))])
        added: Floats = laps * so_far[-1] + np.interp(share * len(profile), np.arange(len(so_far)), so_far)
        return added


def _salt(number: int) -> NDArray[np.uint64]:
    return np.array([number], np.uint64)


def _uniform(seed: NDArray[np.uint64], salt: NDArray[np.uint64]) -> Floats:
    """Return 0 to 1 from 53 bits of a hash."""
    bits = _mixed(seed ^ _mixed(salt))
    share: Floats = (bits >> np.uint64(11)).astype(np.float64) / 2.0**53
    return share


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the splitmix64 hash of each number (Steele, Lea and Flood 2014)."""
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
