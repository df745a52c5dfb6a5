"""Climate: the pretend city's weather as a pure function of time, so that any instant can be asked for.

A season is a mean, a day's swing and slower waves. Some stand still, whatever the calendar says; `winter` follows the
year, with cold waves, clear and cloudy days and a noise with memory. A recorded year can stand in for all of it.
"""

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from perception.point import Title
from simulators.air import DAY_S, YEAR_S, Air, Record, Recorded, Swings, Waves

Floats = NDArray[np.float64]

_WARMEST_S = 14.5 * 3600
_STANDING_DECLINATION_DEG = -20.0
_OBLIQUITY_DEG, _SOLSTICE_S = 23.44, 355 * DAY_S
_SOLAR_NOON_S = 11.6 * 3600
_CLEAR_SKY_W_M2 = 1000.0
_WINTER_CLOUD = 0.35


@dataclass(frozen=True, slots=True)
class Season:
    """A weather to live in. Temperatures in Cel: mean of the day, swing around it, and of the slower waves.

    `yearly` is the swing between summer and winter, `cold` the depth of cold waves, `noise` the size of what is left.
    """

    title: Title
    mean: float
    swing: float
    slow: float
    cloud: float
    yearly: float = 0.0
    cold: float = 0.0
    noise: float = 0.0


SEASONS = MappingProxyType(
    {
        "cold-night": Season(
            Title(zh="严寒期（夜间约-25℃）", en="Cold spell, nights about -25 °C"), -20.2, 5.5, 0.8, 0.2
        ),
        "midwinter": Season(Title(zh="隆冬（日均约-12℃）", en="Midwinter, mean about -12 °C"), -12.0, 4.5, 1.6, 0.35),
        "thaw": Season(Title(zh="融雪期（日均约1℃）", en="Thaw, mean about 1 °C"), 1.0, 4.5, 1.4, 0.5),
        "winter": Season(
            Title(zh="整个采暖季", en="The whole heating season"), 4.6, 3.0, 0.0, _WINTER_CLOUD, 20.5, 3.0, 2.2
        ),
    }
)
"""Design temperature of the region -24.2 Cel, mean of the heating season -9.4 Cel (GB 50736-2012, appendix A)."""


class Climate:
    """The weather over some places. `warmer` is each place's own difference in K (river, height, open field).

    `season` is one to live in, or a recorded year.
    """

    def __init__(self, season: Season | Record, warmer: Floats, *, utc_offset_s: float, seed: int) -> None:
        rng = np.random.default_rng((seed, 11))
        self._warmer = warmer
        self._offset_s = utc_offset_s
        self._omega = 2 * np.pi / np.array([DAY_S, DAY_S / 2, 3.7 * DAY_S, 6.3 * DAY_S, 5.3 * 3600, 2.9 * 3600])
        self._phase = rng.uniform(0, 2 * np.pi, len(self._omega))
        self._record: Recorded | None = None
        self._cloud, self._stands = _WINTER_CLOUD, False
        if isinstance(season, Record):
            self._air: Air = (recorded := Recorded(season))
            self._record = recorded
        else:
            self._air = Waves(_swings(season), seed)
            self._cloud, self._stands = season.cloud, not season.yearly

    def outdoor(self, at: int, lag_s: float = 0.0) -> Floats:
        """Return Cel per place at `at` (epoch microseconds UTC), seen through a lag of that time constant."""
        return self._warmer + self.mean(np.array([at / 1e6]), lag_s)

    def mean(self, at_s: Floats, lag_s: float = 0.0) -> Floats:
        """Return Cel over the city as a whole at each of these epoch seconds, seen through a lag."""
        return self._air.mean(at_s + self._offset_s, lag_s)

    def irradiance(self, at: int, latitude_deg: float = 46.0) -> float:
        """Return global irradiance on the ground in W/m2: the sun's height on a winter day, through some cloud."""
        hour_angle = 2 * np.pi * ((self._local_s(at) % DAY_S) - _SOLAR_NOON_S) / DAY_S
        lat, tilt = math.radians(latitude_deg), math.radians(self._declination_deg(at))
        height = math.sin(lat) * math.sin(tilt) + math.cos(lat) * math.cos(tilt) * math.cos(hour_angle)
        drift = 0.5 + 0.5 * math.sin(self._omega[4] * self._local_s(at) + self._phase[3])
        return float(max(height, 0.0) * _CLEAR_SKY_W_M2 * (1 - self._cloud * (0.4 + drift)))

    def wind(self, at: int) -> float:
        """Return wind speed in m/s: light at night, fresher after noon."""
        day = np.cos(self._omega[0] * (self._local_s(at) - _WARMEST_S))
        slow = np.sin(self._omega[2] * self._local_s(at) + self._phase[4])
        return float(2.6 + 1.0 * day + 1.2 * slow + 0.5 * np.sin(self._omega[5] * self._local_s(at)))

    def humidity(self, at: int) -> float:
        """Return relative humidity in %: it falls as the day warms."""
        if self._record is not None:
            return self._record.humidity(self._local_s(at))
        day = np.cos(self._omega[0] * (self._local_s(at) - _WARMEST_S))
        return float(66 - 11 * day + 4 * np.sin(self._omega[3] * self._local_s(at)))

    def pressure(self, at: int) -> float:
        """Return air pressure in hPa: high over cold air, with the slow waves."""
        if self._record is not None:
            return self._record.pressure(self._local_s(at))
        slow = np.cos(self._omega[2] * self._local_s(at) + self._phase[2])
        return float(1026 - 5 * slow + 1.1 * np.cos(2 * self._omega[0] * self._local_s(at)))

    def hour(self, at: int) -> float:
        """Return the local hour of the day, 0..24."""
        return float(self._local_s(at) % DAY_S / 3600)

    def _declination_deg(self, at: int) -> float:
        """Return the height of the sun over the equator: lowest at the winter solstice."""
        if self._stands:
            return _STANDING_DECLINATION_DEG
        return -_OBLIQUITY_DEG * math.cos(2 * math.pi * (self._local_s(at) - _SOLSTICE_S) / YEAR_S)

    def _local_s(self, at: int) -> float:
        return at / 1e6 + self._offset_s


def _swings(season: Season) -> Swings:
    return Swings(season.mean, season.swing, season.slow, season.yearly, season.cold, season.noise)
