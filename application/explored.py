"""Explored: where the devices stand whose series somebody puts on one chart. Works on a Connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from application.places import title
from perception.point import Title
from support import tables

_device, _station, _district, _city = tables.device, tables.station, tables.district, tables.city


@dataclass(frozen=True, slots=True)
class SeriesPlace:
    """A device, its kind, its station, and the clock of its city."""

    device: str
    kind: str
    station: str
    station_title: Title
    timezone: str


def places_of(on: Connection, devices: Sequence[str]) -> Mapping[str, SeriesPlace]:
    """Return those of the devices that there are, by name."""
    query = (
        select(
            _device.c.name,
            _device.c.kind,
            _device.c.station,
            _station.c.title_zh.label("station_zh"),
            _station.c.title_en.label("station_en"),
            _city.c.timezone,
        )
        .join_from(_device, _station, _device.c.station == _station.c.name)
        .join(_district, _station.c.district == _district.c.name)
        .join(_city, _district.c.city == _city.c.name)
        .where(_device.c.name.in_(list(devices)))
    )
    return {r.name: SeriesPlace(r.name, r.kind, r.station, title(r, "station"), r.timezone) for r in on.execute(query)}


def names_of(on: Connection, city: str, most: int) -> Sequence[str]:
    """Return the names of devices of a city that can be drawn, in order, `most` at most."""
    query = (
        select(_device.c.name)
        .join_from(_device, _station, _device.c.station == _station.c.name)
        .join(_district, _station.c.district == _district.c.name)
        .where(_district.c.city == city, _device.c.status == "active")
    )
    return list(on.execute(query.order_by(_device.c.name).limit(most)).scalars())
