"""Ports: what the console asks of the layers below."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from application.districts import DistrictNow, DistrictTrend
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
from support.orders import OrderRow

LiveFrames = AsyncIterator[tuple[str, bytes]]
"""Live frames as they come: (city, JSON bytes of one frame). Its end means that the feed was closed."""


class ConsoleViews(Protocol):
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
