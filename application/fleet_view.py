"""Fleet view: the devices of a place with the newest that each has said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from sqlalchemy import Connection

from application import places
from application.blanks import listed
from application.instants import DAY
from application.newest import completed
from application.places import DevicePlace, StationPlace
from application.read_models import (
    AlarmRow,
    CityCard,
    DeviceNow,
    DeviceRow,
    DistrictShape,
    Health,
    JournalRow,
    Overview,
    StationRow,
)
from perception.readings import Readings, quality_in_json, quality_mask
from perception.sensor_kind import SensorKind
from support.store import ReadingReader, late_after_us

STATION_KIND = "heat_substation"
WEATHER_KIND = "weather_station"
LOOK_BACK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest of one device. `ts` in epoch microseconds; `young` when it is not older than its limit."""

    ts: int
    received_at: int
    young: bool
    values: Mapping[str, float]
    bad: Sequence[str]

    def good(self, point: str) -> float | None:
        """Return the value of a point while the reading is young and the point good."""
        return self.values.get(point) if self.young and point not in self.bad else None


class FleetView:
    """Reads the devices of a place, one query per kind."""

    def __init__(self, reader: ReadingReader, kinds: Mapping[str, SensorKind]) -> None:
        self._reader = reader
        self._kinds = kinds

    def of_city(
        self, on: Connection, city: str | None, now: int, *, station: str | None = None, kind: str | None = None,
        whole: bool = True,
    ) -> "Fleet":  # fmt: skip
        """Return the devices of a station, of a city, or of everywhere, as they stand now; only of one kind if named.

        `whole`: points that the newest reading lacks are filled from older ones that still hold.
        """
        devices = [d for d in places.devices(on, city, station) if kind is None or d.kind == kind]
        intervals = self._intervals(devices)
        found: dict[str, Readings] = {}
        for known in self._kinds.values():
            ids = [d.device_id for d in devices if d.kind == known.name]
            if ids:
                latest = self._reader.latest(on, known, ids, now - LOOK_BACK)
                found[known.name] = completed(on, latest, intervals, now) if whole else latest
        derived = frozenset(name for name, known in self._kinds.items() if known.derived)
        return Fleet(now, devices, intervals, found, derived)

    def _intervals(self, devices: Sequence[DevicePlace]) -> Mapping[int, float]:
        fallback = {name: kind.interval_s for name, kind in self._kinds.items()}
        return {d.device_id: d.interval_s or fallback.get(d.kind, 60.0) for d in devices}


class Fleet:
    """Devices and their newest at one instant (`now`, epoch microseconds); nobody misses those of kinds `derived`."""

    def __init__(
        self,
        now: int,
        devices: Sequence[DevicePlace],
        intervals: Mapping[int, float],
        found: Mapping[str, Readings],
        derived: frozenset[str] = frozenset(),
    ) -> None:
        self._now = now
        self._devices = devices
        self._intervals = intervals
        self._found = found
        self._derived = derived
        self._newest = {i: n for readings in found.values() for i, n in _spread(readings, intervals, now)}
        of_heat = (d for d in devices if d.kind == STATION_KIND)
        best_last = sorted(of_heat, key=lambda d: (d.status == "active", -d.device_id))
        self._heat = {d.station: d for d in best_last}

    def overview(
        self,
        card: CityCard,
        districts: Sequence[DistrictShape],
        stations: Sequence[StationPlace],
        alarms: Sequence[AlarmRow],
        journal: Sequence[JournalRow],
    ) -> Overview:
        """Put the overview of a city together."""
        active, reporting = self._count()
        heat = [v for v in self._good(STATION_KIND, "heat_power") if v is not None]
        return Overview(
            city=card,
            at=self._now // 1000,
            districts=districts,
            stations=[self.station_row(station, alarms) for station in stations],
            alarms=alarms,
            journal=journal,
            heat_kw=sum(heat) if heat else None,
            outdoor_c=self._outdoor(),
            reporting=reporting,
            silent=active - reporting,
            abnormal=len({alarm.station for alarm in alarms}),
            unacknowledged={p: sum(a.priority == p and not a.acknowledged for a in alarms) for p in (1, 2, 3)},
        )

    def station_row(self, station: StationPlace, alarms: Sequence[AlarmRow]) -> StationRow:
        """Return a station with the newest values of its heat device."""
        device = self._heat_device(station.name)
        newest = self._newest.get(device.device_id) if device is not None else None
        worst = [a.priority for a in alarms if a.station == station.name and a.cleared_at is None]
        return StationRow(
            name=station.name,
            title=station.title,
            district=station.district,
            district_title=station.district_title,
            branch=station.branch,
            lat=station.lat,
            lon=station.lon,
            device=device.name if device else None,
            device_id=device.device_id if device else None,
            interval_s=self._intervals[device.device_id] if device else None,
            ts=newest.ts // 1000 if newest else None,
            values=newest.values if newest else {},
            bad=newest.bad if newest else (),
            worst_priority=min(worst, default=None),
            alarms=len(worst),
        )

    def heat_newest(self, station: str) -> Newest | None:
        """Return the newest of a station's heat device, None where it has none or that has said nothing."""
        device = self._heat_device(station)
        return self._newest.get(device.device_id) if device is not None else None

    def rows(self) -> Sequence[DeviceRow]:
        """Return the devices as rows of a list."""
        return [self._row(device) for device in self._devices]

    def newest(self) -> Mapping[str, DeviceNow]:
        """Return the newest of each device that has said anything, by its name."""
        told = ((d, self._newest[d.device_id]) for d in self._devices if d.device_id in self._newest)
        return {d.name: DeviceNow(d.name, d.station, n.ts // 1000, n.values, n.bad) for d, n in told}

    def frames(self) -> Sequence[Mapping[str, object]]:
        """Return the newest readings in the shape of live frames: kind, points, rows."""
        return [
            {"kind": name, "points": readings.kind.names, "rows": _frame_rows(readings)}
            for name, readings in self._found.items()
        ]

    def health(self, *, open_alarms: int, rejects: int) -> Health:
        """Return the figures of the whole."""
        active, reporting = self._count()
        newest = self._newest.values()
        ts = max((n.ts // 1000 for n in newest), default=None)
        received = max((n.received_at // 1000 for n in newest), default=None)
        return Health(self._now // 1000, active, reporting, ts, received, open_alarms, rejects)

    def _heat_device(self, station: str) -> DevicePlace | None:
        return self._heat.get(station)

    def _row(self, device: DevicePlace) -> DeviceRow:
        newest = self._newest.get(device.device_id)
        return DeviceRow(
            device_id=device.device_id,
            name=device.name,
            kind=device.kind,
            station=device.station,
            status=device.status,
            interval_s=self._intervals[device.device_id],
            online=device.online,
            simulated=device.simulated,
            last_ts=newest.ts // 1000 if newest else None,
            room=device.room,
        )

    def _count(self) -> tuple[int, int]:
        missed = (d for d in self._devices if d.status == "active" and d.kind not in self._derived)
        active = [self._newest.get(d.device_id) for d in missed]
        return len(active), sum(n is not None and n.young for n in active)

    def _good(self, kind: str, point: str) -> Iterator[float | None]:
        for device in self._devices:
            newest = self._newest.get(device.device_id)
            if device.kind == kind and newest is not None:
                yield newest.good(point)

    def _outdoor(self) -> float | None:
        """Median of the weather stations, or of the substations' own sensors where no station reports."""
        for kind in (WEATHER_KIND, STATION_KIND):
            values = [v for v in self._good(kind, "t_outdoor") if v is not None]
            if values:
                return median(values)
        return None


def _spread(readings: Readings, intervals: Mapping[int, float], now: int) -> Iterator[tuple[int, Newest]]:
    names = readings.kind.names
    limits = late_after_us(np.array([intervals[i] for i in readings.device_id.tolist()], np.float64))
    young = (readings.ts >= now - limits).tolist()
    present = ~np.isnan(readings.values)
    bad = quality_mask(readings.quality, len(names)) & present
    for row, device_id in enumerate(readings.device_id.tolist()):
        here = np.flatnonzero(present[row])
        values = dict(zip((names[p] for p in here), readings.values[row, here].tolist(), strict=True))
        yield (
            device_id,
            Newest(
                int(readings.ts[row]),
                int(readings.received_at[row]),
                young[row],
                values,
                tuple(names[p] for p in np.flatnonzero(bad[row])),
            ),
        )


def _frame_rows(readings: Readings) -> list[list[object]]:
    heads = zip(
        readings.device_id.tolist(),
        (readings.ts // 1000).tolist(),
        quality_in_json(readings.quality),
        listed(readings.values),
        strict=True,
    )
    return [[device_id, ts, quality, *row] for device_id, ts, quality, row in heads]
