"""Cast: who plays in a city, with the facts of the catalogue that the physics need."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from perception.catalogue import Building, Catalogue, Device, DeviceStatus, Station
from perception.sensor_kind import SensorKind
from simulators.heat.design import StationFacts

ROOM_CLIMATE = "room_climate"
"""The kind of the devices that stand in sampled rooms."""


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """A sampled room at a station: its name, and where it lies: "middle", "end" or "top"; None: drawn by its name."""

    name: str
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One device to be played: its kind, its cadence in microseconds, its station and that station's facts.

    `room` is the sampled room that a device of the kind `room_climate` stands in. Devices of one `station` see the
    same station; a part without a name of a station has one of its own.
    """

    name: str
    kind: SensorKind
    interval: int
    facts: StationFacts
    station: str = ""
    room: RoomFacts | None = None


def cast_of(catalogue: Catalogue, kinds: Mapping[str, SensorKind], city: str) -> tuple[Part, ...]:
    """Return the active devices of a city whose kind is known, in the catalogue's order."""
    facts = _facts_by_station(catalogue)
    cities = city_by_station(catalogue)
    return tuple(
        part(device, kinds[device.kind], facts[device.station])
        for device in catalogue.devices
        if device.status is DeviceStatus.ACTIVE and device.kind in kinds and cities[device.station] == city
    )


def part(device: Device, kind: SensorKind, facts: StationFacts | None = None) -> Part:
    """Return the part that this device plays."""
    interval = round((device.interval_s or kind.interval_s) * 1e6)
    room = RoomFacts(device.name) if kind.name == ROOM_CLIMATE else None
    return Part(device.name, kind, interval, facts or StationFacts(), device.station, room)


def city_by_station(catalogue: Catalogue) -> dict[str, str]:
    """Return the city's name of each station's."""
    city_of = {d.name: d.city for d in catalogue.districts}
    return {s.name: city_of[s.district] for s in catalogue.stations}


def _facts_by_station(catalogue: Catalogue) -> dict[str, StationFacts]:
    station_of = {c.name: c.station for c in catalogue.communities}
    source_of = {b.name: b.source for b in catalogue.branches}
    number = {s.name: k for k, s in enumerate(catalogue.sources)}
    line = {b.name: k for k, b in enumerate(catalogue.branches)}
    homes: dict[str, list[Building]] = {}
    for building in catalogue.buildings:
        homes.setdefault(station_of[building.community], []).append(building)
    return {
        s.name: _facts(s, homes.get(s.name, []), (number[source_of[s.branch]], line[s.branch]))
        for s in catalogue.stations
    }


def _facts(station: Station, buildings: Sequence[Building], at: tuple[int, int]) -> StationFacts:
    usual = StationFacts()
    return StationFacts(
        area_m2=sum(b.heated_area_m2 or 0.0 for b in buildings) or usual.area_m2,
        homes=sum(b.homes or 0 for b in buildings) or usual.homes,
        envelope=next(_envelopes(buildings), usual.envelope),
        static_head_mpa=station.static_head_mpa or usual.static_head_mpa,
        pipe_m=station.pipe_m or usual.pipe_m,
        source=at[0],
        branch=at[1],
    )


def _envelopes(buildings: Sequence[Building]) -> Iterator[str]:
    return (b.envelope for b in buildings if b.envelope)
