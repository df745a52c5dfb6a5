"""World: one made-up city of heat-exchange stations under its own weather. Vectorised, deterministic, clockless."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulators.air import Record
from simulators.cast import ROOM_CLIMATE, Part, RoomFacts
from simulators.climate import Climate, Season
from simulators.faults import Schedule
from simulators.heat.curve import load_share
from simulators.heat.design import Design, StationFacts, design, repeated
from simulators.heat.homes import gains_at
from simulators.heat.interventions import Interventions
from simulators.heat.meters import read
from simulators.heat.plant import Plant
from simulators.heat.pumps import power_at_design
from simulators.heat.rooms import furnished, room_climate
from simulators.heat.stations import Forcing, Stations, at_rest, side_by_side
from simulators.heat.substation import step
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
_COARSE_S = 450.0
_FINE_S = 60.0
_FINE_US = 4 * 3600 * 1_000_000
COUNTERS = ("energy", "volume_pri", "volume_makeup", "electricity")
_DAILY_S = 0.3 * 86_400.0
_ROUNDED_UP, _HEAT_ROUNDED_UP = 1.1, 1.03
_GENEROUS = 0.01
_CONTROLLER_LAG_S = 4 * 3600.0
_PLANT_LAG_S = 5 * 3600.0
_HOT_WATER_W = 750.0
"""Per home at the peak, shared among many homes."""
_SOLAR_SHARE = 0.012
"""W per m2 of floor for each W/m2 on the ground: windows, their side of the sky, their frames."""

Causes = Callable[[int], Interventions]
"""What is wrong with the plants, or ordered, at a time in epoch microseconds: the same for the same time, always."""


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


def _generous(born: Moment, young: Moment) -> Moment:
    """Return the moment with what it has counted rounded up, so that one started later never counts less."""
    counted = {c: getattr(young.stations, c) - getattr(born.stations, c) for c in COUNTERS}
    more = {c: getattr(young.stations, c) + _GENEROUS * gained for c, gained in counted.items()}
    return replace(young, stations=replace(young.stations, **more))


class World:
    """The devices of one city. `parts` fixes their places: every method speaks of devices by place.

    The physics speak of stations by row, in the order of `stations`: the station of each substation first.
    `causes` is the source of interventions; without one they are what the schedule of `faults` makes of the plants.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        season: Season | Record,
        *,
        utc_offset_s: float,
        seed: int,
        faults: Schedule | None = None,
        causes: Causes | None = None,
    ) -> None:
        self.parts = parts
        self._seed = seed
        self.stations, self._rows, facts = _stations_of(parts)
        self._substations = _of_kind(parts, SUBSTATION)
        self._design = design(facts or [StationFacts()], seed)
        self._repeated = {1: self._design}
        self._rooms = furnished(_rooms_of(parts, self._rows), seed)
        rng = np.random.default_rng((seed, 5))
        self._climate = Climate(season, rng.normal(0, 0.35, len(self._design)), utc_offset_s=utc_offset_s, seed=seed)
        self.schedule = faults or Schedule()
        self.schedule.settle({parts[i].name: k for k, i in enumerate(self._substations)}, self._design, self._climate)
        self._causes = causes or self.schedule.interventions
        self._place_of = {part.name: i for i, part in enumerate(parts)}
        self._plant = Plant(int(self._design.source.max()) + 1, seed)
        self._unrest = Unrest(len(self._design), seed)
        kinds = {p.kind.name: p.kind for p in parts}
        self._has_plants = not kinds.keys().isdisjoint({SUBSTATION, ROOM_CLIMATE})
        self._instruments = {name: Instruments(kind, seed, len(parts)) for name, kind in kinds.items()}
        self._streets = Streets(parts, self._climate, utc_offset_s=utc_offset_s, seed=seed)

    @property
    def design(self) -> Design:
        """What the stations are, by row."""
        return self._design

    def row(self, device: str) -> int:
        """Return the row of the station that a device stands at. Raises KeyError for a device that does not play."""
        return int(self._rows[self._place_of[device]])

    def obey(self, causes: Causes) -> None:
        """Take interventions from another source from now on. A world walked from the start meets all of them."""
        self._causes = causes

    def silent(self, moment: Moment) -> NDArray[np.bool_]:
        """Return whose mains are cut and whose battery is empty, by place. Room sensors have batteries of their own."""
        s = moment.stations
        dead = (s.power == 0) & (s.battery <= 0)
        from_mains = np.array([p.kind.name != ROOM_CLIMATE for p in self.parts], dtype=np.bool_)
        return np.asarray((self._rows >= 0) & dead[self._rows] & from_mains)

    def begin(self, at: int) -> Moment:
        """Return the world at that time, grown up since the last Monday that is a day or more before.

        The last hours are walked in small steps: whatever step the walk before had, it comes to the same place.
        """
        monday = (at - _DAY_US - _MONDAY_US) // _WEEK_US * _WEEK_US + _MONDAY_US
        stations = at_rest(self._design, self._climate.outdoor(monday, _CONTROLLER_LAG_S), self._sent(monday))
        born = Moment(monday, self._counting(stations, monday))
        young = self.advance(born, at - _FINE_US, _COARSE_S)
        return self.advance(_generous(born, young), at, _FINE_S)

    def advance(self, moment: Moment, until: int, longest_s: float = _FINE_S) -> Moment:
        """Return the world at `until`, reached in steps of at most `longest_s` seconds."""
        while moment.at < until:
            at = min(until, moment.at + round(longest_s * 1e6))
            dt = (at - moment.at) / 1e6
            s = step(self._design, moment.stations, self._forcing(at, dt), dt) if self._has_plants else moment.stations
            before, moment = moment.at, Moment(at, s)
            for fault in self.schedule.starting(before, at):
                if fault.device in self._place_of:
                    self.schedule.hold(fault, self._shown_by(fault.device, moment))
        return moment

    def record(self, moments: Sequence[Moment], places: Places) -> Iterator[tuple[int, Floats]]:
        """Yield (place, values [moments, points]) of these devices, as their instruments show them."""
        kinds = np.array([self.parts[i].kind.name for i in places])
        at = np.array([m.at for m in moments])
        for name in sorted(set(kinds.tolist())):
            mine = places[kinds == name]
            for place, rows in zip(mine.tolist(), self._show(name, moments, mine), strict=True):
                yield place, self.bent(place, rows, at)

    def tell(self, place: int, rows: Floats) -> list[dict[str, object]]:
        """Return what the device at this place says in each of these rows [n, points], by point name."""
        return self._instruments[self.parts[place].kind.name].tell(rows)

    def _show(self, kind: str, moments: Sequence[Moment], places: Places) -> Floats:
        """Return what sound meters show: [places, moments, points]."""
        exact = self._exact(kind, moments, places)
        flat = exact.reshape(len(moments) * len(places), -1)
        shown = self._instruments[kind].show(flat, np.tile(places, len(moments)), moments[0].at)
        return shown.reshape(exact.shape).swapaxes(0, 1)

    def bent(self, place: int, rows: Floats, at: NDArray[np.int64]) -> Floats:
        """Return what the meters of a device show, sound or not: [moments, points]."""
        part = self.parts[place]
        if not self.schedule.instrument(part.name, part.kind, at, rows):
            return rows
        return self._instruments[part.kind.name].rounded(rows)

    def _shown_by(self, device: str, moment: Moment) -> Floats:
        place = self._place_of[device]
        rows: Floats = self._show(self.parts[place].kind.name, [moment], np.array([place]))[0, 0]
        return rows

    def _exact(self, kind: str, moments: Sequence[Moment], places: Places) -> Floats:
        """Return [moments, places, points]."""
        if kind == SUBSTATION:
            return self._read_substations(moments, places)
        if kind == WEATHER:
            return np.stack([self._read_weather(m.at, places) for m in moments])
        if kind == ROOM_CLIMATE:
            return np.stack([self._read_rooms(m, places) for m in moments])
        return self._streets.behave(self._instruments[kind].kind, [m.at for m in moments], places)

    def _read_substations(self, moments: Sequence[Moment], places: Places) -> Floats:
        kind = self._instruments[SUBSTATION].kind
        columns = self.columns(moments)
        rows = np.searchsorted(self._substations, places)
        values = np.full((len(moments), len(places), len(kind.points)), np.nan)
        for name in columns.keys() & kind.bits.keys():
            values[:, :, kind.bits[name]] = columns[name].reshape(len(moments), -1)[:, rows]
        return values

    def columns(self, moments: Sequence[Moment]) -> dict[str, Floats]:
        """Return every point of substations by name, exact: [moments * stations], the moments one after the other.

        All in one go: the stations of each moment are laid side by side.
        """
        hours = np.repeat([self._climate.hour(m.at) for m in moments], len(self._design))
        return read(self._times(len(moments)), side_by_side([m.stations for m in moments]), hours)

    def shown(self, kind: str, exact: Floats, places: Places, at: int) -> Floats:
        """Return exact values [n, points] of devices of a kind as their instruments show them, faults not counted."""
        return self._instruments[kind].show(exact, places, at)

    def _times(self, count: int) -> Design:
        if count not in self._repeated:
            self._repeated = {1: self._design, count: repeated(self._design, count)}
        return self._repeated[count]

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

    def rooms(self, moment: Moment) -> dict[str, Floats]:
        """Return t_indoor in Cel and rh_indoor in % of every sampled room, exact, in the order of the parts."""
        return room_climate(self._rooms, moment.stations, moment.at / 1e6, self._climate.hour(moment.at))

    def _read_rooms(self, moment: Moment, places: Places) -> Floats:
        """Return [places, points] of room sensors, exact."""
        chosen = np.searchsorted(_of_kind(self.parts, ROOM_CLIMATE), places)
        told = self.rooms(moment)
        unknown = np.full(len(self._rooms.station), np.nan)
        return np.column_stack([told.get(n, unknown)[chosen] for n in self._instruments[ROOM_CLIMATE].kind.names])

    def _forcing(self, at: int, dt: float) -> Forcing:
        """Return what acts on the step of `dt` seconds that ends at `at`: weather and habits of its middle."""
        middle = at - round(dt * 5e5)
        hour = self._climate.hour(middle)
        return Forcing(
            at_s=at / 1e6,
            hour=hour,
            outdoor=self._climate.outdoor(middle),
            outdoor_slow=self._climate.outdoor(middle, _CONTROLLER_LAG_S),
            sun=self._climate.irradiance(middle) * _SOLAR_SHARE,
            gains=gains_at(hour),
            sent=self._sent(middle),
            dhw=self._design.dhw_homes * _HOT_WATER_W * _hot_water_share(hour),
            wobble=self._unrest.at(middle),
            top_up=self._unrest.rings(at - round(dt * 1e6), at),
            causes=self._causes(at),
        )

    def _sent(self, at: int) -> Floats:
        """Return what the plant of each station sends out, Cel."""
        weather = self._climate.mean(np.array([at / 1e6]), _PLANT_LAG_S)
        return self._plant.sent(at / 1e6, weather)[self._design.source]

    def _counting(self, stations: Stations, at: int) -> Stations:
        """Return counters as they stand on a Monday: ordinary days since commissioning, rounded up.

        What was not ordinary before that Monday (a leak for weeks) is forgotten.
        """
        d = self._design
        days_s = np.arange(_COMMISSIONED_S, at / 1e6, _DAY_US / 1e6) + _DAY_US / 2e6
        hours = 24.0 * len(days_s)
        ordinary = d.heat * load_share(self._climate.mean(days_s, _DAILY_S) - 1.0).sum() * _HEAT_ROUNDED_UP
        return replace(
            stations,
            energy=ordinary * _DAY_US / 1e15,
            volume_pri=d.plates.flow_pri_d * 3.6 * hours * _ROUNDED_UP,
            volume_makeup=d.seep * hours * 1.05,
            electricity=(d.house_power + power_at_design(d)) * hours * _ROUNDED_UP,
        )


def _of_kind(parts: Sequence[Part], kind: str) -> Places:
    return np.array([i for i, p in enumerate(parts) if p.kind.name == kind], dtype=np.intp)


def _stations_of(parts: Sequence[Part]) -> tuple[tuple[str, ...], Places, list[StationFacts]]:
    """Return the stations by name, the row of each part's (-1: none is needed), and the facts of each row.

    Every substation has a row of its own, in the order of the parts; a room needs that of its station, which it
    brings along when the substation does not play.
    """
    names: list[str] = []
    facts: list[StationFacts] = []
    rows = np.full(len(parts), -1, dtype=np.intp)
    row_of: dict[str, int] = {}
    for kind in (SUBSTATION, ROOM_CLIMATE):
        for i in _of_kind(parts, kind):
            name = parts[i].station or parts[i].name
            if kind == SUBSTATION or name not in row_of:
                row_of.setdefault(name, len(names))
                rows[i] = len(names)
                names.append(name)
                facts.append(parts[i].facts)
            else:
                rows[i] = row_of[name]
    others = [i for i, p in enumerate(parts) if rows[i] < 0 and p.station in row_of]
    rows[others] = [row_of[parts[i].station] for i in others]
    return tuple(names), rows, facts


def _rooms_of(parts: Sequence[Part], rows: Places) -> list[tuple[str, str | None, int]]:
    """Return the sampled rooms in the order of the parts: name, position, row of the station."""
    found: list[tuple[str, str | None, int]] = []
    for i in _of_kind(parts, ROOM_CLIMATE):
        room = parts[i].room or RoomFacts(parts[i].name)
        found.append((room.name, room.position, int(rows[i])))
    return found


def _hot_water_share(hour: float) -> float:
    """Two peaks, 06:30 to 08:30 and 19:00 to 22:00, over a trickle."""
    morning = np.exp(-(((hour - 7.5) / 0.8) ** 2))
    evening = np.exp(-(((hour - 20.5) / 1.2) ** 2))
    return float(0.06 + 0.75 * morning + 0.94 * evening)
