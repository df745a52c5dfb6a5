"""World: one made-up city of heat-exchange stations under its own weather. Vectorised, deterministic, clockless."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulators.cast import Part
from simulators.climate import Climate, Season
from simulators.faults import Faults, leaks_at
from simulators.heat.curve import load_share, source_supply
from simulators.heat.design import Design, StationFacts, design, repeated
from simulators.heat.meters import read
from simulators.heat.stations import Forcing, Stations, at_rest, side_by_side
from simulators.heat.substation import gains_at, step
from simulators.instruments import Instruments
from simulators.strangers import Streets
from simulators.unrest import Unrest

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

SUBSTATION, WEATHER = "heat_substation", "weather_station"
_DAY_US = 86_400 * 1_000_000
_WEEK_US = 7 * _DAY_US
_MONDAY_US = 4 * _DAY_US
"""1970-01-05, a Monday: worlds begin on Mondays, so that one started again today counts on where it stood."""
_COMMISSIONED_S = 1_729_382_400
"""2024-10-20: since then the counters have been counting."""
_COARSE_S = 900.0
_FINE_S = 60.0
_FINE_US = 4 * 3600 * 1_000_000
COUNTERS = ("energy", "volume_pri", "volume_makeup", "electricity")
_ALWAYS_S = 30 * 86_400.0
_ROUNDED_UP = 1.08
_CONTROLLER_LAG_S = 3 * 3600.0
_PLANT_LAG_S = 5 * 3600.0
_GROUND_C = 5.0
_HOT_WATER_W = 750.0
"""Per home at the peak, shared among many homes."""
_SOLAR_SHARE = 0.012
"""W per m2 of floor for each W/m2 on the ground: windows, their side of the sky, their frames."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The world at one instant, epoch microseconds UTC."""

    at: int
    stations: Stations


def recounted(moment: Moment, before: Stations, after: Stations) -> Moment:
    """Return the moment with its counters moved by what lies between `before` and `after`."""
    s = moment.stations
    counters = {c: getattr(s, c) + getattr(after, c) - getattr(before, c) for c in COUNTERS}
    return replace(moment, stations=replace(s, **counters))


class World:
    """The devices of one city. `parts` fixes their places: every method speaks of devices by place."""

    def __init__(
        self, parts: Sequence[Part], season: Season, *, utc_offset_s: float, seed: int, faults: Faults | None = None
    ) -> None:
        self.parts = parts
        self._seed = seed
        self._faults = faults or Faults()
        self._substations = _of_kind(parts, SUBSTATION)
        facts = [parts[i].facts for i in self._substations]
        self._design = design(facts or [StationFacts()], seed)
        self._repeated = {1: self._design}
        self._places = {parts[i].name: k for k, i in enumerate(self._substations)}
        rng = np.random.default_rng((seed, 5))
        self._climate = Climate(season, rng.normal(0, 0.35, len(self._design)), utc_offset_s=utc_offset_s, seed=seed)
        self._source_phase = rng.uniform(0, 2 * np.pi, int(self._design.source.max()) + 1)
        self._unrest = Unrest(len(self._design), seed)
        kinds = {p.kind.name: p.kind for p in parts}
        self._instruments = {name: Instruments(kind, seed, len(parts)) for name, kind in kinds.items()}
        self._streets = Streets(parts, self._climate, utc_offset_s=utc_offset_s, seed=seed)

    def begin(self, at: int) -> Moment:
        """Return the world at that time, grown up since the last Monday that is a day or more before.

        The last hours are walked in small steps: whatever step the walk before had, it comes to the same place.
        """
        monday = (at - _DAY_US - _MONDAY_US) // _WEEK_US * _WEEK_US + _MONDAY_US
        stations = at_rest(self._design, self._climate.outdoor(monday, _CONTROLLER_LAG_S))
        young = self.advance(Moment(monday, self._counting(stations, monday)), at - _FINE_US, _COARSE_S)
        return self.advance(young, at, _FINE_S)

    def advance(self, moment: Moment, until: int, longest_s: float = _FINE_S) -> Moment:
        """Return the world at `until`, reached in steps of at most `longest_s` seconds."""
        while moment.at < until:
            at = min(until, moment.at + round(longest_s * 1e6))
            dt = (at - moment.at) / 1e6
            moment = Moment(at, step(self._design, moment.stations, self._forcing(at, dt), dt))
        return moment

    def record(self, moments: Sequence[Moment], places: Places) -> Iterator[tuple[int, Floats]]:
        """Yield (place, values [moments, points]) of these devices, as their instruments show them."""
        kinds = np.array([self.parts[i].kind.name for i in places])
        for name in sorted(set(kinds.tolist())):
            mine = places[kinds == name]
            shape = (len(moments) * len(mine), -1)
            exact = self._exact(name, moments, mine)
            shown = self._instruments[name].show(exact.reshape(shape), np.tile(mine, len(moments)), moments[0].at)
            yield from zip(mine.tolist(), shown.reshape(exact.shape).swapaxes(0, 1), strict=True)

    def tell(self, place: int, rows: Floats) -> list[dict[str, object]]:
        """Return what the device at this place says in each of these rows [n, points], by point name."""
        return self._instruments[self.parts[place].kind.name].tell(rows)

    def _exact(self, kind: str, moments: Sequence[Moment], places: Places) -> Floats:
        """Return [moments, places, points]."""
        if kind == SUBSTATION:
            return self._read_substations(moments, places)
        if kind == WEATHER:
            return np.stack([self._read_weather(m.at, places) for m in moments])
        return self._streets.behave(self._instruments[kind].kind, [m.at for m in moments], places)

    def _read_substations(self, moments: Sequence[Moment], places: Places) -> Floats:
        """All moments in one go: the stations of each are laid side by side."""
        kind = self._instruments[SUBSTATION].kind
        hours = np.repeat([self._climate.hour(m.at) for m in moments], len(self._design))
        columns = read(self._times(len(moments)), side_by_side([m.stations for m in moments]), hours)
        rows = np.searchsorted(self._substations, places)
        values = np.full((len(moments), len(places), len(kind.points)), np.nan)
        for name in columns.keys() & kind.bits.keys():
            values[:, :, kind.bits[name]] = columns[name].reshape(len(moments), -1)[:, rows]
        self._falsify(values, moments, places)
        return values

    def _times(self, count: int) -> Design:
        if count not in self._repeated:
            self._repeated = {1: self._design, count: repeated(self._design, count)}
        return self._repeated[count]

    def _falsify(self, values: Floats, moments: Sequence[Moment], places: Places) -> None:
        bits = self._instruments[SUBSTATION].kind.bits
        for sensor in self._faults.sensors:
            here = places == self._substations[self._places[sensor.device]]
            since = np.array([m.at >= sensor.since for m in moments])
            values[since[:, None] & here, bits[sensor.point]] = sensor.value

    def _read_weather(self, at: int, places: Places) -> Floats:
        kind = self._instruments[WEATHER].kind
        columns = {
            "t_outdoor": float(self._climate.mean(np.array([at / 1e6]))[0]),
            "rh_outdoor": self._climate.humidity(at),
            "wind_speed": self._climate.wind(at),
            "irradiance": self._climate.irradiance(at),
            "p_air": self._climate.pressure(at),
        }
        return np.tile([columns.get(p.name, np.nan) for p in kind.points], (len(places), 1))

    def _forcing(self, at: int, dt: float) -> Forcing:
        hour = self._climate.hour(at)
        return Forcing(
            outdoor=self._climate.outdoor(at),
            outdoor_slow=self._climate.outdoor(at, _CONTROLLER_LAG_S),
            sun=self._climate.irradiance(at) * _SOLAR_SHARE,
            gains=gains_at(hour),
            pri_supply=self._primary(at),
            dhw=self._design.dhw_homes * _HOT_WATER_W * _hot_water_share(hour),
            leak=leaks_at(self._faults, self._design, self._places, at),
            wobble=self._unrest.at(at),
            top_up=self._unrest.rings(at - round(dt * 1e6), at),
        )

    def _primary(self, at: int) -> Floats:
        """Return what the plant sent out when this water left it, cooled on its way: plug flow at design velocity."""
        left_s = at / 1e6 - self._design.delay_s
        sent = source_supply(self._climate.mean(left_s, _PLANT_LAG_S))
        phase = self._source_phase[self._design.source]
        hand = 0.9 * np.sin(left_s * 2 * np.pi / 10_900 + phase) + 0.7 * np.sin(left_s * 2 * np.pi / 26_300 + 2 * phase)
        arrived: Floats = _GROUND_C + (sent + hand - _GROUND_C) * self._design.cooling
        return arrived

    def _counting(self, stations: Stations, at: int) -> Stations:
        """Counters as they stand on a Monday: ordinary days since commissioning, rounded up, never backwards."""
        d = self._design
        hours = max(at / 1e6 - _COMMISSIONED_S, 0.0) / 3600
        ordinary = d.heat * load_share(self._climate.outdoor(at, _ALWAYS_S)) * _ROUNDED_UP
        return replace(
            stations,
            energy=ordinary * hours * 3600 / 1e9,
            volume_pri=d.plates.flow_pri_d * 3.6 * hours,
            volume_makeup=d.seep * hours * 1.05,
            electricity=(d.house_power + 0.4 * d.area / 1000) * hours,
        )


def _of_kind(parts: Sequence[Part], kind: str) -> Places:
    return np.array([i for i, p in enumerate(parts) if p.kind.name == kind], dtype=np.intp)


def _hot_water_share(hour: float) -> float:
    """Two peaks, 06:30 to 08:30 and 19:00 to 22:00, over a trickle."""
    morning = np.exp(-(((hour - 7.5) / 0.8) ** 2))
    evening = np.exp(-(((hour - 20.5) / 1.2) ** 2))
    return float(0.06 + 0.75 * morning + 0.94 * evening)
