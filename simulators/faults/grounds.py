"""Grounds: the stations and devices that are played, as faults are laid over them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perception.catalogue import Catalogue, Device, DeviceStatus

SUBSTATION = "heat_substation"


@dataclass(frozen=True, slots=True)
class Grounds:
    """One city. `stations` have a substation that is played, in order; `areas` [sort][name] are the stations inside.

    `devices` are those that are played, with their kind and station; `known` is every name of the whole catalogue.
    """

    city: str
    stations: Sequence[str]
    areas: Mapping[str, Mapping[str, Sequence[str]]]
    devices: Mapping[str, Device]
    by_station: Mapping[str, Sequence[Device]]
    known: Mapping[str, Collection[str]]

    def substation(self, station: str) -> Device:
        """Return the substation of a station that is played."""
        return next(d for d in self.at(station) if d.kind == SUBSTATION)

    def at(self, station: str) -> Sequence[Device]:
        """Return the devices of a station that are played."""
        return self.by_station[station]

    def drawn(self, sort: str, rng: np.random.Generator) -> str:
        """Return a place of that sort, drawn. There is at least one station."""
        names = list(self.stations) if sort == "station" else sorted(self.areas[sort])
        return names[int(rng.integers(len(names)))]


def grounds_of(catalogue: Catalogue, city: str, played: Collection[str] | None = None) -> Grounds:
    """Return the grounds of a city of the catalogue; `played` names its devices that are played, None: the active."""
    district_of = {d.name: d.city for d in catalogue.districts}
    inside = {s.name: s for s in catalogue.stations if district_of[s.district] == city}
    devices = {
        d.name: d
        for d in catalogue.devices
        if d.station in inside and (d.status is DeviceStatus.ACTIVE if played is None else d.name in played)
    }
    stations = list(dict.fromkeys(d.station for d in devices.values() if d.kind == SUBSTATION))
    by_station: dict[str, list[Device]] = {}
    for device in devices.values():
        by_station.setdefault(device.station, []).append(device)
    source_of = {b.name: b.source for b in catalogue.branches}
    areas: dict[str, dict[str, list[str]]] = {"branch": {}, "district": {}, "source": {}}
    for name in stations:
        station = inside[name]
        belongs = {"branch": station.branch, "district": station.district, "source": source_of[station.branch]}
        for sort, area in belongs.items():
            areas[sort].setdefault(area, []).append(name)
    known = {
        "device": {d.name for d in catalogue.devices},
        "station": {s.name for s in catalogue.stations},
        "branch": {b.name for b in catalogue.branches},
        "district": {d.name for d in catalogue.districts},
        "source": {s.name for s in catalogue.sources},
    }
    return Grounds(city, stations, areas, devices, by_station, known)
