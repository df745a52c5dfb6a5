"""Views: what pages and APIs show, one method per thing shown.

Each method opens its own connection, in a read-only transaction, and reads with a lower time
bound. `now`, `start` and `stop` are epoch microseconds UTC; what comes back is in epoch
milliseconds (read_models). A place or device that does not exist is None. Every method raises
StoreDownError when the database cannot be reached. Methods block: call them from a thread.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFreeError

from application import alarm_numbers, districts, incident_list, incident_store, incident_story, listings, places, pulse
from application.alarm_list import AlarmList, AlarmsView, state_of
from application.alarm_numbers import NumbersNow, NumbersView
from application.alarm_story import AlarmStory, IncidentStory, Stories
from application.districts import DistrictNow, DistrictTrend
from application.fleet_view import STATION_KIND, FleetView
from application.incident_list import IncidentsView
from application.incident_story import Story
from application.metering import consumption
from application.metering.consumption import Consumption, Per
from application.read_models import (
    AlarmRow,
    CityCard,
    DeviceNow,
    DeviceRow,
    Health,
    JournalRow,
    Overview,
    RejectRow,
    StationView,
    Trend,
)
from application.rule import Rule
from application.station_views import StationReads
from application.trend import RAW, drawn, most_instants
from application.work import board
from application.work.board import WorkStory, WorkView
from perception.sensor_kind import SensorKind
from support import orders
from support.orders import OrderRow
from support.servers import find
from support.store import ReadingReader, StoreDownError

MOST_ALARMS = 100
MOST_ENTRIES = 30

Told = Mapping[str, object]


class Views(StationReads):
    """The read side of everything. Safe to share between threads; the engine belongs to the caller."""

    def __init__(
        self,
        engine: Engine,
        reader: ReadingReader,
        kinds: Mapping[str, SensorKind],
        rules: Mapping[str, Rule],
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._kinds = kinds
        self._listings = listings.Listings(rules, kinds)
        self._fleet = FleetView(reader, kinds)
        self._rules = rules
        self._list = AlarmList(self._listings, rules)
        self._stories = Stories(self._listings, self._list, rules)

    def cities(self) -> Sequence[CityCard]:
        """Return every city, by name."""
        with self._reading() as on:
            return places.cities(on)

    def overview(self, city: str, now: int) -> Overview | None:
        """Return everything that the overview of a city shows."""
        with self._reading() as on:
            card = places.city(on, city)
            if card is None:
                return None
            alarms = self._listings.alarms(on, city, now, attention=True)
            fleet = self._fleet.of_city(on, city, now)
            return fleet.overview(
                card,
                places.districts(on, city),
                places.stations(on, city),
                alarms,
                self._listings.journal(on, now, city=city, most=MOST_ENTRIES),
            )

    def station(self, name: str, now: int) -> StationView | None:
        """Return everything that a station's page shows, trends excepted."""
        with self._reading() as on:
            home = places.home_of(on, name)
            if home is None:
                return None
            alarms = self._listings.alarms(on, home.card.name, now, station=name)
            fleet = self._fleet.of_city(on, home.card.name, now, station=name)
            return StationView(
                city=home.card,
                station=fleet.station_row(home.station, alarms),
                source_title=home.source_title,
                branch_title=home.branch_title,
                communities=places.communities(on, name),
                devices=fleet.rows(),
                alarms=alarms,
                journal=self._listings.journal(on, now, station=name, most=MOST_ENTRIES),
                newest=fleet.newest(),
            )

    def trend(self, device: str, points: Sequence[str], start: int, stop: int, pixels: int) -> Trend | None:
        """Return series of a device's points over [start, stop), at most 2 x `pixels` instants.

        Points that its kind does not have are left out.
        """
        with self._reading() as on:
            found = places.device(on, device)
            kind = self._kinds.get(found.kind) if found is not None else None
            if found is None or kind is None or not start < stop:
                return None
            chosen = tuple(dict.fromkeys(p for p in points if p in kind.bits))
            if not chosen:
                return Trend(device, RAW, (), {})
            series = self._reader.series(on, kind, found.device_id, chosen, (start, stop), most_instants(pixels))
        return drawn(device, kind, found.interval_s or kind.interval_s, series, pixels)

    def districts(self, city: str, now: int) -> Sequence[DistrictNow]:
        """Return the districts of a city: heat output, and the range of the key points over their stations, now."""
        with self._reading() as on:
            fleet = self._fleet.of_city(on, city, now)
            return districts.now_of(fleet, places.stations(on, city), self._kinds[STATION_KIND])

    def district_trend(self, district: str, point: str, start: int, stop: int, pixels: int) -> DistrictTrend | None:
        """Return a point over a district's substations, from rollups, in at most about `most_instants` buckets."""
        kind = self._kinds[STATION_KIND]
        with self._reading() as on:
            ids = districts.devices_of(on, district)
            if ids is None or point not in kind.bits or not start < stop:
                return None
            found = self._reader.area(on, kind, ids, point, (start, stop), most_instants(pixels))
        return districts.trend_of(district, found)

    def consumption(
        self, device: str, start: int, stop: int, most: int, wanted: Per = Per.HOUR
    ) -> Sequence[Consumption] | None:
        """Return what flowed through a device's meters over [start, stop), each in about `most` buckets at most."""
        with self._reading() as on:
            return consumption.read(on, self._kinds, device, (start, stop), most, wanted) if start < stop else None

    def alarms(
        self, city: str, now: int, *, closed: bool = False, station: str | None = None, most: int = MOST_ALARMS
    ) -> Sequence[AlarmRow]:
        """Return open alarms, worst and newest first; with `closed` those cleared in the last 30 days as well."""
        with self._reading() as on:
            return self._listings.alarms(on, city, now, closed=closed, station=station, most=most)

    def journal(
        self, city: str, now: int, *, station: str | None = None, most: int = MOST_ENTRIES
    ) -> Sequence[JournalRow]:
        """Return what happened to alarms in the last 30 days, newest first."""
        with self._reading() as on:
            return self._listings.journal(on, now, city=city, station=station, most=most)

    def alarms_of(self, city: str, now: int) -> AlarmsView | None:
        """Return what the page of alarms of a city chooses from."""
        with self._reading() as on:
            card = places.city(on, city)
            return None if card is None else self._list.of_city(on, card, now)

    def incidents_of(self, city: str, now: int) -> IncidentsView | None:
        """Return the incidents of a city, those that stand and those of the last week."""
        with self._reading() as on:
            card = places.city(on, city)
            return None if card is None else incident_list.of_city(on, self._list, card, now)

    def alarm_story(self, alarm: UUID, now: int) -> AlarmStory | None:
        """Return an alarm with its journal."""
        with self._reading() as on:
            return self._stories.alarm(on, alarm, now)

    def incident_story(self, incident: UUID, now: int) -> IncidentStory | None:
        """Return an incident with its cause, its timeline and whom it touches."""
        with self._reading() as on:
            return self._stories.incident(on, incident, now)

    def numbers(self, city: str, span: tuple[int, int], operators: int) -> NumbersView | None:
        """Return what the alarms of a city asked of their operators over [from, to). Raises SpanError."""
        with self._reading() as on:
            card = places.city(on, city)
            return None if card is None else alarm_numbers.of_city(on, card, span, operators, self._rules)

    def numbers_now(self, now: int) -> NumbersNow:
        """Return the alarm figures of this moment, of all cities, as metrics tell them."""
        with self._reading() as on:
            rows = [r for c in places.cities(on) for r in self._listings.alarms(on, c.name, now, returned=True)]
            states = ((r.priority, r.cleared_at is None, state_of(r, now)) for r in rows)
            return alarm_numbers.now(on, states, now)

    def work(self, city: str, now: int) -> WorkView | None:
        """Return the work orders of a city."""
        with self._reading() as on:
            card = places.city(on, city)
            return None if card is None else board.of_city(on, card, now)

    def work_story(self, order: UUID, now: int) -> WorkStory | None:
        """Return a work order with its journal and its alarms."""
        with self._reading() as on:
            return board.of_order(on, order, now, self._rules)

    def pulse(self) -> tuple[int, ...]:
        """Return numbers that change whenever alarms, incidents or work orders do: cheap to ask for."""
        with self._reading() as on:
            return pulse.taken(on)

    def entries(self, now: int, *, station: str | None = None, most: int = MOST_ENTRIES) -> Sequence[JournalRow]:
        """Return what happened to alarms in the last 30 days, of a station or everywhere, newest first."""
        with self._reading() as on:
            return self._listings.journal(on, now, station=station, most=most)

    def incidents(self, city: str | None, *, closed: bool = False, most: int = MOST_ALARMS) -> Sequence[Told]:
        """Return incidents, open ones first, then by priority and by when homes are cold."""
        with self._reading() as on:
            return incident_store.listed(on, city, closed=closed, most=most)

    def incident(self, number: str) -> Story:
        """Return one incident, by its number or how that begins. Raises UnknownIncidentError."""
        with self._reading() as on:
            return incident_story.tell(on, self._rules, incident_story.find(on, number))

    def devices(self, city: str, now: int) -> Sequence[DeviceRow]:
        """Return every device of a city with its newest reading of the last 7 days."""
        with self._reading() as on:
            return self._fleet.of_city(on, city, now, whole=False).rows()

    def newest(self, city: str, kind: str, now: int) -> Sequence[DeviceNow]:
        """Return the newest of every device of one kind in a city, by name; points that still hold are filled in."""
        with self._reading() as on:
            return list(self._fleet.of_city(on, city, now, kind=kind).newest().values())

    def rejects(self, now: int, *, device: str | None = None, most: int = 100) -> Sequence[RejectRow]:
        """Return what could not be taken in during the last 7 days, newest first."""
        with self._reading() as on:
            return listings.rejects(on, now, device=device, most=most)

    def commands(self, device: str, most: int) -> Sequence[OrderRow] | None:
        """Return what a device was told, newest first."""
        with self._reading() as on:
            return None if places.device(on, device) is None else orders.given(on, device, most)

    def command(self, command_id: UUID) -> OrderRow | None:
        """Return one command with the answers of its device."""
        with self._reading() as on:
            return orders.one(on, command_id)

    def snapshot(self, city: str, now: int) -> Sequence[Mapping[str, object]]:
        """Return the newest reading of each device of a city as live frames, one per kind.

        `epoch` and `seq` are 0: a snapshot belongs to no stream. The open alarms stand in the first
        frame as transitions.
        """
        with self._reading() as on:
            frames = self._fleet.of_city(on, city, now).frames()
            open_ = self._listings.alarms(on, city, now, attention=True)
            alarms = [_transition(row) for row in open_ if row.cleared_at is None]
        return [
            {"v": 1, "epoch": 0, "seq": 0, **frame, "alarms": () if place else alarms}
            for place, frame in enumerate(frames)
        ]

    def health(self, now: int) -> Health:
        """Return what the database says of the whole."""
        with self._reading() as on:
            fleet = self._fleet.of_city(on, None, now, whole=False)
            told = fleet.health(open_alarms=listings.open_alarms(on), rejects=listings.count_rejects(on, now))
            return replace(told, engine=str(find(on)))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(postgresql_readonly=True) as on:
                yield on
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err
        except NoneFreeError as err:
            raise StoreDownError(
                "the database is too busy: no connection came free, raise database.connections"
            ) from err


def _transition(row: AlarmRow) -> Mapping[str, object]:
    return {
        "what": "raised",
        "alarm_id": row.alarm_id,
        "rule": row.rule,
        "element": row.element,
        "at": row.opened_at,
        "opened_at": row.opened_at,
        "priority": row.priority,
        "station": row.station,
        "device": row.device,
        "evidence": row.evidence,
    }
