"""Catalogue: every place and every device that we know, as the seed files and the database tell it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from perception.point import Title

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")]
"""Names of cities, districts, sources, branches, stations, communities, buildings and devices: unique in the world."""

RESERVED_NAMES = frozenset({"notify"})
"""Words of the topic grammar that no device may bear."""

Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name


class City(_Row):
    """A city: the root of everything. `season` says which weather a simulated city lives in.

    For a city whose readings are played back it says so: nobody shall take them for today's.
    """

    title: Title
    timezone: str
    simulated: bool = False
    season: Title | None = None
    attribution: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise ValueError(f"unknown time zone {value!r}: use an IANA name such as Asia/Shanghai") from err
        return value


class District(_Row):
    """A district (区). `outline` is a closed polygon of (lat, lon) for the map, or empty."""

    city: Name
    title: Title
    outline: tuple[tuple[Latitude, Longitude], ...] = ()


class HeatSource(_Row):
    """A plant that feeds branches. `capacity_mw` is thermal."""

    city: Name
    title: Title
    capacity_mw: float | None = Field(default=None, gt=0)
    lat: Latitude | None = None
    lon: Longitude | None = None


class Branch(_Row):
    """One primary line that leaves a source. Stations hang on it in the order of `Station.pipe_m`."""

    source: Name
    title: Title


class Station(_Row):
    """A heat-exchange station (换热站). `pipe_m` is the length of primary pipe from the source, one way.

    `static_head_mpa` is the pressure of the water column up to the highest flat: below it the top
    floor draws air. Unknown facts are None.
    """

    district: Name
    branch: Name
    title: Title
    lat: Latitude | None = None
    lon: Longitude | None = None
    pipe_m: float | None = Field(default=None, ge=0)
    static_head_mpa: float | None = Field(default=None, ge=0, le=2)


class Community(_Row):
    """A community (小区): the homes that one station heats. This is what a citizen chooses."""

    station: Name
    title: Title
    lat: Latitude | None = None
    lon: Longitude | None = None


class Building(_Row):
    """A building of a community. Area in m2; `envelope` is the heat-loss class."""

    community: Name
    title: Title
    heated_area_m2: float | None = Field(default=None, gt=0)
    homes: int | None = Field(default=None, ge=0)
    floors: int | None = Field(default=None, ge=1)
    envelope: str | None = Field(default=None, pattern="^(old|renovated|new)$")


class Position(StrEnum):
    """Where a room lies in its building: what decides how much heat it loses to the outside."""

    MIDDLE = "middle"
    END = "end"
    TOP = "top"


class Room(_Row):
    """A sampled room: a flat in which a room sensor stands, so that somebody knows how warm the homes are.

    It says where in the building it lies and nothing of who lives there: no number of the flat, no person, no title.
    """

    building: Name
    position: Position = Position.MIDDLE
    floor: int | None = Field(default=None, ge=1)


class DeviceStatus(StrEnum):
    """Life of a device: it reports only while active."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"


class Device(_Row):
    """One unit of hardware of one kind at a station, or in a sampled room that the station heats.

    `interval_s` None: the kind's own cadence.
    """

    kind: str
    station: Name
    room: Name | None = None
    interval_s: float | None = Field(default=None, gt=0)
    status: DeviceStatus = DeviceStatus.ACTIVE

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED_NAMES:
            raise ValueError(f"{value!r} is a word of the topic grammar and cannot name a device")
        return value


class Catalogue(BaseModel):
    """Everything known, checked as a whole: names unique, no orphans, every station heats somebody.

    Raises ValidationError that lists all problems at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cities: tuple[City, ...] = ()
    districts: tuple[District, ...] = ()
    sources: tuple[HeatSource, ...] = ()
    branches: tuple[Branch, ...] = ()
    stations: tuple[Station, ...] = ()
    communities: tuple[Community, ...] = ()
    buildings: tuple[Building, ...] = ()
    rooms: tuple[Room, ...] = ()
    devices: tuple[Device, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        problems = [*self._twins(), *self._orphans(), *self._childless()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _twins(self) -> list[str]:
        rows: list[_Row] = [
            *self.cities, *self.districts, *self.sources, *self.branches,
            *self.stations, *self.communities, *self.buildings, *self.rooms,
        ]  # fmt: skip
        return [*_named_twice("place", rows), *_named_twice("device", self.devices)]

    def _orphans(self) -> list[str]:
        cities, stations = _names(self.cities), _names(self.stations)
        return [
            *(f"district {r.name}: unknown city {r.city}" for r in self.districts if r.city not in cities),
            *(f"source {r.name}: unknown city {r.city}" for r in self.sources if r.city not in cities),
            *_missing("branch", "source", self.branches, self.sources),
            *_missing("station", "district", self.stations, self.districts),
            *_missing("station", "branch", self.stations, self.branches),
            *_missing("building", "community", self.buildings, self.communities),
            *(
                f"community {r.name}: unknown station {r.station}"
                for r in self.communities
                if r.station not in stations
            ),
            *(f"device {r.name}: unknown station {r.station}" for r in self.devices if r.station not in stations),
            *_missing("room", "building", self.rooms, self.buildings),
            *self._misplaced(),
        ]

    def _misplaced(self) -> list[str]:
        """Return devices of rooms that are unknown, or that another station heats."""
        heated_by = self.station_of_rooms()
        rooms = [(d, d.room) for d in self.devices if d.room is not None]
        unknown = [f"device {d.name}: unknown room {room}" for d, room in rooms if room not in heated_by]
        elsewhere = [
            f"device {d.name} stands at {d.station}, but its room {room} is heated by {heated_by[room]}"
            for d, room in rooms
            if heated_by.get(room, d.station) != d.station
        ]
        return [*unknown, *elsewhere]

    def station_of_rooms(self) -> dict[str, str]:
        """Return which station heats each room; rooms of unknown buildings are left out."""
        by_community = {c.name: c.station for c in self.communities}
        by_building = {b.name: by_community[b.community] for b in self.buildings if b.community in by_community}
        return {r.name: by_building[r.building] for r in self.rooms if r.building in by_building}

    def _childless(self) -> list[str]:
        housed = {b.community for b in self.buildings}
        return [f"community {c.name} has no building" for c in self.communities if c.name not in housed]

    def merged(self, other: Self) -> Self:
        """Return both catalogues as one, checked again."""
        return type(self)(
            **{field: (*getattr(self, field), *getattr(other, field)) for field in type(self).model_fields}
        )


def _names(rows: Iterable[_Row]) -> set[str]:
    return {r.name for r in rows}


def _named_twice(what: str, rows: Iterable[_Row]) -> list[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for row in rows:
        (twice if row.name in seen else seen).add(row.name)
    return [f"{what} named twice: {name}" for name in sorted(twice)]


def _missing(what: str, attribute: str, rows: Iterable[_Row], targets: Iterable[_Row]) -> list[str]:
    known = _names(targets)
    pairs = ((r.name, getattr(r, attribute)) for r in rows)
    return [f"{what} {name}: unknown {attribute} {target}" for name, target in pairs if target not in known]
