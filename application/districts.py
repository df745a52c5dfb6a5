"""Districts: what the stations of a district say together, now and over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from application.blanks import listed
from application.fleet_view import STATION_KIND, Fleet
from application.places import StationPlace
from perception.point import Title
from perception.sensor_kind import SensorKind
from support import tables
from support.store import Area


@dataclass(frozen=True, slots=True)
class PointOfDistrict:
    """The newest good values of one point over the stations of a district that report: how many, and their range."""

    stations: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DistrictNow:
    """A district at one instant. `heat_kw` sums the newest good heat power; None: no station tells."""

    name: str
    title: Title
    stations: int
    reporting: int
    heat_kw: float | None
    points: Mapping[str, PointOfDistrict]


@dataclass(frozen=True, slots=True)
class DistrictTrend:
    """A point over the stations of a district, bucket by bucket: columns of equal length, from rollups.

    `ts`: beginnings, epoch milliseconds. `stations`: how many spoke in the bucket; `total`: the sum of their means.
    """

    district: str
    point: str
    width: str
    ts: Sequence[int]
    stations: Sequence[int]
    mean: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    total: Sequence[float | None]


def now_of(fleet: Fleet, stations: Sequence[StationPlace], kind: SensorKind) -> Sequence[DistrictNow]:
    """Return each district that has stations, by name: its heat, and the range of the kind's key points."""
    by_district: dict[str, list[StationPlace]] = {}
    for station in stations:
        by_district.setdefault(station.district, []).append(station)
    return [_now(fleet, by_district[name], kind) for name in sorted(by_district)]


def _now(fleet: Fleet, stations: Sequence[StationPlace], kind: SensorKind) -> DistrictNow:
    newest = [n for n in (fleet.heat_newest(s.name) for s in stations) if n is not None and n.young]
    good = {p: [v for v in (n.good(p) for n in newest) if v is not None] for p in kind.key_points}
    heat = [v for v in (n.good("heat_power") for n in newest) if v is not None]
    return DistrictNow(
        name=stations[0].district,
        title=stations[0].district_title,
        stations=len(stations),
        reporting=len(newest),
        heat_kw=sum(heat) if heat else None,
        points={p: PointOfDistrict(len(v), sum(v) / len(v), min(v), max(v)) for p, v in good.items() if v},
    )


def devices_of(on: Connection, district: str) -> Sequence[int] | None:
    """Return the substation devices of a district that are or were active; None: no such district."""
    if on.execute(select(tables.district.c.name).where(tables.district.c.name == district)).first() is None:
        return None
    query = (
        select(tables.device.c.device_id)
        .join_from(tables.device, tables.station, tables.station.c.name == tables.device.c.station)
        .where(tables.station.c.district == district, tables.device.c.kind == STATION_KIND)
        .where(tables.device.c.status != "pending")
        .order_by(tables.device.c.device_id)
    )
    return list(on.execute(query).scalars())


def trend_of(district: str, found: Area) -> DistrictTrend:
    """Return an area's buckets as pages read them."""
    columns = (listed(column) for column in (found.mean, found.low, found.high, found.total))
    ts, stations = (found.ts // 1000).tolist(), found.devices.tolist()
    return DistrictTrend(district, found.point, found.width, ts, stations, *columns)
