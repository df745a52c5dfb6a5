"""Places: what the catalogue tables say of cities, stations, communities and devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from application.read_models import CityCard, CommunityCard, DistrictShape, RoomCard
from perception.point import Title
from support import tables

_station, _district, _branch, _source = tables.station, tables.district, tables.branch, tables.heat_source
_community, _building, _city, _device = tables.community, tables.building, tables.city, tables.device
_room = tables.room


@dataclass(frozen=True, slots=True)
class StationPlace:
    """A station as the catalogue knows it."""

    name: str
    title: Title
    district: str
    district_title: Title
    branch: str
    lat: float | None
    lon: float | None


@dataclass(frozen=True, slots=True)
class Home:
    """A station together with what it hangs on."""

    card: CityCard
    station: StationPlace
    source_title: Title
    branch_title: Title


@dataclass(frozen=True, slots=True)
class DevicePlace:
    """A device as the catalogue knows it. `interval_s` None: its kind's own cadence."""

    device_id: int
    name: str
    kind: str
    station: str
    status: str
    interval_s: float | None
    online: bool | None
    simulated: bool
    room: RoomCard | None = None


_PLACED = select(
    _station.c.name,
    _station.c.title_zh,
    _station.c.title_en,
    _station.c.district,
    _district.c.title_zh.label("district_zh"),
    _district.c.title_en.label("district_en"),
    _station.c.branch,
    _station.c.lat,
    _station.c.lon,
).join_from(_station, _district)

_OF_DEVICE = [name for name in DevicePlace.__dataclass_fields__ if name != "room"]
_DEVICES = (
    select(
        *(_device.c[name] for name in _OF_DEVICE),
        _room.c.name.label("room"),
        _room.c.position,
        _room.c.floor,
        _community.c.title_zh.label("community_zh"),
        _community.c.title_en.label("community_en"),
        _building.c.title_zh.label("building_zh"),
        _building.c.title_en.label("building_en"),
    )
    .outerjoin_from(_device, _room, _device.c.room == _room.c.name)
    .outerjoin(_building, _room.c.building == _building.c.name)
    .outerjoin(_community, _building.c.community == _community.c.name)
    .order_by(_device.c.device_id)
)


def cities(on: Connection) -> Sequence[CityCard]:
    """Return every city, by name."""
    return [_card(row) for row in on.execute(select(_city).order_by(_city.c.name))]


def city(on: Connection, name: str) -> CityCard | None:
    """Return one city."""
    row = on.execute(select(_city).where(_city.c.name == name)).one_or_none()
    return None if row is None else _card(row)


def districts(on: Connection, of_city: str) -> Sequence[DistrictShape]:
    """Return the districts of a city with their outlines."""
    rows = on.execute(select(_district).where(_district.c.city == of_city).order_by(_district.c.name))
    return [DistrictShape(r.name, title(r), tuple((lat, lon) for lat, lon in r.outline)) for r in rows]


def stations(on: Connection, of_city: str) -> Sequence[StationPlace]:
    """Return the stations of a city, by name."""
    rows = on.execute(_PLACED.where(_district.c.city == of_city).order_by(_station.c.name))
    return [_place(row) for row in rows]


def home_of(on: Connection, station: str) -> Home | None:
    """Return a station with its city, its source and its branch."""
    query = (
        _PLACED.add_columns(
            _district.c.city,
            _branch.c.title_zh.label("branch_zh"),
            _branch.c.title_en.label("branch_en"),
            _source.c.title_zh.label("source_zh"),
            _source.c.title_en.label("source_en"),
        )
        .join(_branch, _station.c.branch == _branch.c.name)
        .join(_source, _branch.c.heat_source == _source.c.name)
        .where(_station.c.name == station)
    )
    row = on.execute(query).one_or_none()
    card = None if row is None else city(on, row.city)
    if row is None or card is None:
        return None
    return Home(card, _place(row), title(row, "source"), title(row, "branch"))


def communities(on: Connection, station: str) -> Sequence[CommunityCard]:
    """Return the communities that a station heats; sums are None where no building's figure is known."""
    query = (
        select(
            _community.c.name,
            _community.c.title_zh,
            _community.c.title_en,
            func.sum(_building.c.homes).label("homes"),
            func.sum(_building.c.heated_area_m2).label("heated_area_m2"),
            func.count(_building.c.name).label("buildings"),
        )
        .join_from(_community, _building, isouter=True)
        .where(_community.c.station == station)
        .group_by(_community.c.name)
        .order_by(_community.c.name)
    )
    return [CommunityCard(r.name, title(r), r.homes, r.heated_area_m2, r.buildings) for r in on.execute(query)]


def device(on: Connection, name: str) -> DevicePlace | None:
    """Return one device."""
    row = on.execute(_DEVICES.where(_device.c.name == name)).one_or_none()
    return None if row is None else _device_place(row)


def devices(on: Connection, of_city: str | None, station: str | None = None) -> Sequence[DevicePlace]:
    """Return the devices of a station, of a city, or of everywhere, in the order of their numbers."""
    query = _DEVICES
    if station is not None:
        query = query.where(_device.c.station == station)
    elif of_city is not None:
        within = select(_station.c.name).join_from(_station, _district).where(_district.c.city == of_city)
        query = query.where(_device.c.station.in_(within))
    return [_device_place(row) for row in on.execute(query)]


def title(row: Row[*tuple[Any, ...]], prefix: str = "title") -> Title:
    """Return the two titles <prefix>_zh and <prefix>_en of a row."""
    fields = row._mapping  # noqa: SLF001  # the public mapping of a row; the underscore avoids column names
    return Title(zh=fields[f"{prefix}_zh"], en=fields[f"{prefix}_en"])


def _device_place(row: Row[*tuple[Any, ...]]) -> DevicePlace:
    fields = row._mapping  # noqa: SLF001  # as above
    room = None
    if row.room is not None:
        room = RoomCard(row.room, title(row, "community"), title(row, "building"), row.position, row.floor)
    return DevicePlace(**{name: fields[name] for name in _OF_DEVICE}, room=room)


def _card(row: Row[*tuple[Any, ...]]) -> CityCard:
    season = Title(zh=row.season_zh, en=row.season_en) if row.season_zh and row.season_en else None
    return CityCard(row.name, title(row), row.timezone, row.simulated, season, row.attribution)


def _place(row: Row[*tuple[Any, ...]]) -> StationPlace:
    return StationPlace(row.name, title(row), row.district, title(row, "district"), row.branch, row.lat, row.lon)
