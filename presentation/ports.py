"""Ports: what the console asks of the layers below."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from application.acts import Done
from application.alarm_list import AlarmsView
from application.alarm_numbers import NumbersNow, NumbersView
from application.alarm_story import AlarmStory, IncidentStory
from application.disposition import Act
from application.districts import DistrictNow, DistrictTrend
from application.incident_list import IncidentsView
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
from application.service.book import Measurement
from application.work.board import WorkStory, WorkView
from presentation.station_ports import StationViews
from support.orders import OrderRow

LiveFrames = AsyncIterator[tuple[str, bytes]]
"""Live frames as they come: (city, JSON bytes of one frame). Its end means that the feed was closed."""


class ConsoleViews(StationViews, Protocol):
    """The read side. Every method blocks: pages call it on a thread. Times are epoch microseconds UTC.

    Every method raises StoreDownError when the database is away. None means that no such thing is known.
    """

    def cities(self) -> Sequence[CityCard]:
        """Return every city."""

    def overview(self, city: str, now: int) -> Overview | None:
        """Return everything that the overview of a city shows."""

    def station(self, name: str, now: int) -> StationView | None:
        """Return everything that a station's page shows but its trends."""

    def trend(self, device: str, points: Sequence[str], start: int, stop: int, pixels: int) -> Trend | None:
        """Return the points of a device over [start, stop), thinned to what `pixels` of width can show."""

    def districts(self, city: str, now: int) -> Sequence[DistrictNow]:
        """Return the districts of a city with their heat output and the range of their key points."""

    def district_trend(self, district: str, point: str, start: int, stop: int, pixels: int) -> DistrictTrend | None:
        """Return a point over a district's substations, bucket by bucket."""

    def consumption(
        self, device: str, start: int, stop: int, most: int, wanted: Per = ...
    ) -> Sequence[Consumption] | None:
        """Return what flowed through a device's meters, in at most about `most` buckets each."""

    def alarms(
        self, city: str, now: int, *, closed: bool = False, station: str | None = None, most: int = ...
    ) -> Sequence[AlarmRow]:
        """Return open alarms, worst first; with `closed` the cleared ones of the last 30 days as well."""

    def journal(self, city: str, now: int, *, station: str | None = None, most: int = ...) -> Sequence[JournalRow]:
        """Return the newest entries of the alarm journal."""

    def alarms_of(self, city: str, now: int) -> AlarmsView | None:
        """Return what the page of alarms of a city chooses from."""

    def incidents_of(self, city: str, now: int) -> IncidentsView | None:
        """Return the incidents of a city, those that stand and those of the last week."""

    def alarm_story(self, alarm: UUID, now: int) -> AlarmStory | None:
        """Return an alarm with its journal."""

    def incident_story(self, incident: UUID, now: int) -> IncidentStory | None:
        """Return an incident with its cause, its timeline and whom it touches."""

    def numbers(self, city: str, span: tuple[int, int], operators: int) -> NumbersView | None:
        """Return what the alarms of a city asked of their operators over [from, to). Raises SpanError."""

    def numbers_now(self, now: int) -> NumbersNow:
        """Return the alarm figures of this moment, of all cities, as metrics tell them."""

    def work(self, city: str, now: int) -> WorkView | None:
        """Return the work orders of a city."""

    def work_story(self, order: UUID, now: int) -> WorkStory | None:
        """Return a work order with its journal and its alarms."""

    def pulse(self) -> tuple[int, ...]:
        """Return numbers that change whenever alarms, incidents or work orders do: cheap to ask for."""

    def devices(self, city: str, now: int) -> Sequence[DeviceRow]:
        """Return the devices of a city."""

    def newest(self, city: str, kind: str, now: int) -> Sequence[DeviceNow]:
        """Return the newest of every device of one kind in a city."""

    def rejects(self, now: int, *, device: str | None = None, most: int = ...) -> Sequence[RejectRow]:
        """Return what could not be taken in, newest first."""

    def commands(self, device: str, most: int) -> Sequence[OrderRow] | None:
        """Return what a device was told, newest first."""

    def command(self, command_id: UUID) -> OrderRow | None:
        """Return one command with the answers of its device."""

    def snapshot(self, city: str, now: int) -> Sequence[Mapping[str, object]]:
        """Return the newest reading of every device, one live frame per kind, with `seq` 0."""

    def health(self, now: int) -> Health:
        """Return what the database says of the whole."""


class ConsoleActs(Protocol):
    """The write side. Every method blocks, is one transaction, and raises StoreDownError when the database is away."""

    def acknowledge(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Say that somebody has seen alarms."""

    def comment(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Write something beside alarms."""

    def shelve(self, alarms: Sequence[UUID], until: int, act: Act) -> Done:
        """Put the conditions of alarms aside until a time."""

    def unshelve(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Bring the conditions of alarms back before their time."""

    def reset(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Let latched alarms go."""

    def take_out(self, subject: str, until: int | None, act: Act) -> None:
        """Take a station or a device out of service. Raises AlarmError."""

    def bring_back(self, subject: str, act: Act) -> None:
        """Bring a station or a device back. Raises AlarmError."""

    def open_order(self, alarm: UUID, act: Act) -> UUID:
        """Open a work order for an alarm and its incident; return its id. Raises WorkError."""

    def order_step(self, order: UUID, step: str, act: Act, detail: Mapping[str, object]) -> str:
        """Take a step of a work order; return the state that it is in then. Raises WorkError."""

    def measure(self, told: Measurement, act: Act) -> int:
        """Record a room temperature measured on site; return its number. Raises MeasurementError."""
