"""Strangers: devices that the physics know nothing of. They live by what their kind says, in the city's weather.

A kind with a behaviour is asked for it; another follows a day's wave within the typical ranges of its manifest.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from perception.point import Point
from perception.sensor_kind import SensorKind
from perception.surroundings import DAY_S, Surroundings
from simulators.cast import Part
from simulators.climate import Climate

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Weather = Callable[[int], float]

OF_A_PLANT = frozenset({"heat_substation", "room_climate"})
"""Kinds whose values are the state of a plant: none of them is a stranger, and none can be played beside its plant."""
_IDLE_PER_HOUR = 1.0
"""What a counter of a kind without behaviour counts in an hour, where its manifest allows so much."""
_SPELL_S = 6 * 3600.0
_WET = 0.12
_HEAVIEST_MM_H = 8.0
_DAWN_STEP_H = 0.05
_WORDS = 2**64


class Streets:
    """The surroundings of the devices of one city, by place. A device's own dice hang on its name alone."""

    def __init__(self, parts: Sequence[Part], climate: Climate, *, utc_offset_s: float, seed: int) -> None:
        self._climate = climate
        self._offset_s = utc_offset_s
        self._seed = np.array([(zlib.crc32(p.name.encode()) + (seed << 32)) % _WORDS for p in parts], np.uint64)
        self._city = np.full(1, seed % _WORDS, np.uint64)
        self._homes = np.array([p.facts.homes for p in parts], np.float64)
        self._sun: tuple[float, float] | None = None

    def behave(self, kind: SensorKind, moments: Sequence[int], places: Places) -> Floats:
        """Return exact values [moments, places, points]. `moments` are epoch microseconds. Raises BehaviourError."""
        around = self.around(moments, places)
        values = kind.behave(around) if kind.behaviour is not None else idle_values(kind, around)
        return values.reshape(len(moments), len(places), len(kind.points))

    def around(self, moments: Sequence[int], places: Places) -> Surroundings:
        """Return the surroundings of each place at each moment, a row each, moment after moment."""
        at_s = np.array(moments, np.float64) / 1e6
        outdoor = self._climate.mean(at_s)
        sunrise, sunset = self._daylight(moments[0])
        weather = (outdoor, self._over(self._climate.irradiance, moments), self._over(self._climate.wind, moments))
        rows = [np.repeat(column, len(places)) for column in (at_s, *weather, self._rain(at_s, outdoor))]
        return Surroundings(
            at_s=rows[0],
            local_s=rows[0] + self._offset_s,
            outdoor_c=rows[1],
            irradiance=rows[2],
            wind=rows[3],
            rain=rows[4],
            homes=np.tile(self._homes[places], len(moments)),
            seed=np.tile(self._seed[places], len(moments)),
            sunrise=sunrise,
            sunset=sunset,
        )

    def _over(self, weather: Weather, moments: Sequence[int]) -> Floats:
        return np.array([weather(at) for at in moments])

    def _daylight(self, at: int) -> tuple[float, float]:
        """Return sunrise and sunset in local hours, as the climate's sun has them on any day of its season."""
        if self._sun is None:
            midnight_s = (at / 1e6 + self._offset_s) // DAY_S * DAY_S - self._offset_s
            hours = np.arange(0, 24, _DAWN_STEP_H)
            light = self._over(self._climate.irradiance, [round((midnight_s + h * 3600) * 1e6) for h in hours])
            bright = hours[light > 0]
            self._sun = (float(bright[0]), float(bright[-1]) + _DAWN_STEP_H) if len(bright) else (24.0, 24.0)
        return self._sun

    def _rain(self, at_s: Floats, outdoor: Floats) -> Floats:
        """Return mm/h: some spells of six hours are wet, the same over the whole city; frost makes snow of it."""
        none = np.zeros(len(at_s))
        sky = Surroundings(at_s, none, none, none, none, none, none, np.repeat(self._city, len(at_s)))
        spell, shower = sky.chance(_SPELL_S, 1), sky.chance(_SPELL_S, 2)
        swell = np.sin(np.pi * (at_s % _SPELL_S) / _SPELL_S)
        rain: Floats = np.where((spell < _WET) & (outdoor > 0), _HEAVIEST_MM_H * shower**2 * swell, 0.0)
        return rain


def idle_values(kind: SensorKind, around: Surroundings) -> Floats:
    """Return values [n, points]: a day's wave within each point's typical range, a phase per device."""
    return np.column_stack([_wave(point, around) for point in kind.points])


def _wave(point: Point, around: Surroundings) -> Floats:
    if point.event:
        return np.zeros(len(around)) if point.low <= 0 <= point.high else np.full(len(around), point.low)
    if point.counter:
        pace = min(_IDLE_PER_HOUR, (point.most_per_hour or _IDLE_PER_HOUR) / 2)
        return np.minimum(point.low + around.counted(np.full(1, pace)), point.high)
    low, high = point.typical or (point.low, point.high)
    swing = 0.5 + 0.3 * np.sin(2 * np.pi * (around.at_s / DAY_S + around.dice(0)))
    wave: Floats = low + (high - low) * swing
    return wave
