"""Climate: the pretend city's weather as a pure function of time, so that any instant can be asked for.

A season is a mean, a day's swing and slower waves, whatever the calendar says. Because every wave is known,
what a wall or a controller's filter makes of it (a lag of time constant tau) is known in closed form too.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from perception.point import Title

Floats = NDArray[np.float64]

_DAY_S = 86_400.0
_WARMEST_S = 14.5 * 3600
"""Half past two, local time: the warmest minute of a clear winter day."""
_SOLAR_DECLINATION_DEG = -20.0
_SOLAR_NOON_S = 11.6 * 3600
_CLEAR_SKY_W_M2 = 1000.0


@dataclass(frozen=True, slots=True)
class Season:
    """A weather to live in. Temperatures in Cel: mean of the day, swing around it, and of the slower waves."""

    title: Title
    mean: float
    swing: float
    slow: float
    cloud: float


SEASONS = MappingProxyType(
    {
        "cold-night": Season(
            Title(zh="严寒期（夜间约-25℃）", en="Cold spell, nights about -25 °C"), -20.2, 5.5, 0.8, 0.2
        ),
        "midwinter": Season(Title(zh="隆冬（日均约-12℃）", en="Midwinter, mean about -12 °C"), -12.0, 4.5, 1.6, 0.35),
        "thaw": Season(Title(zh="融雪期（日均约1℃）", en="Thaw, mean about 1 °C"), 1.0, 4.5, 1.4, 0.5),
    }
)
"""Design temperature of the region -24.2 Cel, mean of the heating season -9.4 Cel (GB 50736-2012, appendix A)."""


class Climate:
    """The weather over some places. `warmer` is each place's own difference in K (river, height, open field)."""

    def __init__(self, season: Season, warmer: Floats, *, utc_offset_s: float, seed: int) -> None:
        rng = np.random.default_rng((seed, 11))
        self._season = season
        self._warmer = warmer
        self._offset_s = utc_offset_s
        # twelve hours: afternoons are short, nights are long
        periods_s = np.array([_DAY_S, _DAY_S / 2, 3.7 * _DAY_S, 6.3 * _DAY_S, 5.3 * 3600, 2.9 * 3600])
        self._omega = 2 * np.pi / periods_s
        self._height = np.array([season.swing, 0.12 * season.swing, season.slow, 0.6 * season.slow, 0.25, 0.15])
        self._phase = rng.uniform(0, 2 * np.pi, len(periods_s))
        self._phase[:2] = -self._omega[:2] * _WARMEST_S

    def outdoor(self, at: int, lag_s: float = 0.0) -> Floats:
        """Return Cel per place at `at` (epoch microseconds UTC), seen through a lag of that time constant."""
        return self._warmer + self.mean(np.array([at / 1e6]), lag_s)

    def mean(self, at_s: Floats, lag_s: float = 0.0) -> Floats:
        """Return Cel over the city as a whole at each of these epoch seconds, seen through a lag."""
        damping = self._height / np.sqrt(1 + (self._omega * lag_s) ** 2)
        late = self._phase - np.arctan(self._omega * lag_s)
        waves: Floats = np.cos((at_s + self._offset_s)[:, None] * self._omega + late) @ damping
        return self._season.mean + waves

    def irradiance(self, at: int, latitude_deg: float = 46.0) -> float:
        """Return global irradiance on the ground in W/m2: the sun's height on a winter day, through some cloud."""
        hour_angle = 2 * np.pi * ((self._local_s(at) % _DAY_S) - _SOLAR_NOON_S) / _DAY_S
        lat, tilt = np.radians(latitude_deg), np.radians(_SOLAR_DECLINATION_DEG)
        height = np.sin(lat) * np.sin(tilt) + np.cos(lat) * np.cos(tilt) * np.cos(hour_angle)
        drift = 0.5 + 0.5 * np.sin(self._omega[4] * self._local_s(at) + self._phase[3])
        return float(max(height, 0.0) * _CLEAR_SKY_W_M2 * (1 - self._season.cloud * (0.4 + drift)))

    def wind(self, at: int) -> float:
        """Return wind speed in m/s: light at night, fresher after noon."""
        day = np.cos(self._omega[0] * (self._local_s(at) - _WARMEST_S))
        slow = np.sin(self._omega[2] * self._local_s(at) + self._phase[4])
        return float(2.6 + 1.0 * day + 1.2 * slow + 0.5 * np.sin(self._omega[5] * self._local_s(at)))

    def humidity(self, at: int) -> float:
        """Return relative humidity in %: it falls as the day warms."""
        day = np.cos(self._omega[0] * (self._local_s(at) - _WARMEST_S))
        return float(66 - 11 * day + 4 * np.sin(self._omega[3] * self._local_s(at)))

    def pressure(self, at: int) -> float:
        """Return air pressure in hPa: high over cold air, with the slow waves."""
        slow = np.cos(self._omega[2] * self._local_s(at) + self._phase[2])
        return float(1026 - 5 * slow + 1.1 * np.cos(2 * self._omega[0] * self._local_s(at)))

    def hour(self, at: int) -> float:
        """Return the local hour of the day, 0..24."""
        return float(self._local_s(at) % _DAY_S / 3600)

    def _local_s(self, at: int) -> float:
        return at / 1e6 + self._offset_s
