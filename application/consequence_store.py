"""Consequence store: learns the time constants of stations, and foresees what open alarms mean. Works on a Connection.

Who calls it commits.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert as upsert

from application.baseline import Baseline, Key, keep, learned
from application.consequence import (
    DESIGN_ROOM,
    OTHER_OUTDOOR_K,
    OWN_OUTDOOR_K,
    ROOM_K,
    Outlook,
    Span,
    default_tau,
    foreseen,
    heat_left,
    time_constant,
)
from application.instants import DAY, HOUR, moment
from application.newest import completed
from application.rule import Family, Rule
from perception.sensor_kind import SensorKind
from support import tables
from support.store import ReadingReader, late_after_us

TIME_CONSTANT = "time_constant_h"
"""The name of the baseline: in how many hours rooms lose 63 % of their difference to outdoors, at first."""
STATION_KIND, ROOM_KIND, WEATHER_KIND = "heat_substation", "room_climate", "weather_station"
HISTORY = 14 * DAY
_LOOK_BACK = 45 * 60 * 1_000_000
_KW = 1000.0

Kinds = Mapping[str, SensorKind]
Devices = Mapping[int, float]
"""Interval in seconds by device_id."""


@dataclass(slots=True)
class Site:
    """A station with the devices that tell of its homes, by kind, and what is known of its buildings."""

    district: str
    devices: dict[str, dict[int, float]] = field(default_factory=dict)
    envelopes: list[str | None] = field(default_factory=list)
    homes: int | None = None
    area_m2: float | None = None

    def of(self, kind: str) -> Devices:
        """Return its devices of a kind."""
        return self.devices.get(kind, {})


class Here(NamedTuple):
    """What holds at a station now: its rooms by so many sensors, outdoors (and whether it is its own), and tau."""

    rooms: int
    indoor: Span
    own: bool
    outdoor: Span | None
    learned: bool
    tau: Span


def sites(on: Connection, kinds: Kinds, stations: Sequence[str] | None = None) -> dict[str, Site]:
    """Return these stations, or all, by name."""
    s, d, b, c = tables.station.c, tables.device.c, tables.building.c, tables.community.c
    some = [] if stations is None else [s.name.in_(stations)]
    found = {row.name: Site(row.district) for row in on.execute(select(s.name, s.district).where(*some))}
    active = select(d.device_id, d.kind, d.station, d.interval_s).where(d.status == "active", d.station.in_(found))
    for row in on.execute(active.where(d.kind.in_([STATION_KIND, ROOM_KIND, WEATHER_KIND]))):
        if row.kind in kinds:
            interval = row.interval_s or kinds[row.kind].interval_s
            found[row.station].devices.setdefault(row.kind, {})[row.device_id] = interval
    buildings = select(c.station, b.envelope, b.homes, b.heated_area_m2).join(tables.community, c.name == b.community)
    for row in on.execute(buildings.where(c.station.in_(found))):
        site = found[row.station]
        site.envelopes.append(row.envelope)
        site.homes = site.homes if row.homes is None else (site.homes or 0) + row.homes
        site.area_m2 = site.area_m2 if row.heated_area_m2 is None else (site.area_m2 or 0.0) + row.heated_area_m2
    return found


def learn(on: Connection, reader: ReadingReader, kinds: Kinds, some: Mapping[str, Site], now: int) -> int:
    """Learn the time constants of these stations from the last fortnight; return how many there were to learn."""
    stop = now // HOUR * HOUR
    span = stop - HISTORY, stop
    found = []
    for station, site in some.items():
        rooms, plants = site.of(ROOM_KIND), site.of(STATION_KIND)
        if not rooms or not plants:
            continue
        room = _hourly(on, reader, kinds[ROOM_KIND], rooms, "t_indoor", span)
        heat = _hourly(on, reader, kinds[STATION_KIND], plants, "heat_power", span) * len(plants) * _KW
        outdoor = _hourly(on, reader, kinds[STATION_KIND], plants, "t_outdoor", span)
        told = time_constant(room, heat, outdoor, site.area_m2)
        if told is not None:
            baseline = Baseline(told.tau.value, told.tau.low, told.tau.high, told.hours, stop)
            found.append((Key(f"station:{station}", TIME_CONSTANT), baseline))
    return keep(on, found)


def _hourly(
    on: Connection, reader: ReadingReader, kind: SensorKind, ids: Devices, point: str, span: tuple[int, int]
) -> NDArray[np.float64]:
    """float64[hours]: the mean of a point over these devices; NaN where not all of them spoke."""
    hours = (span[1] - span[0]) // HOUR
    told = reader.area(on, kind, sorted(ids), point, span, hours)
    column = np.full(hours, np.nan)
    place = (told.ts - span[0]) // HOUR
    inside = (place >= 0) & (place < hours) & (told.devices == len(ids))
    column[place[inside]] = told.mean[inside]
    return column


def foresee(on: Connection, reader: ReadingReader, kinds: Kinds, rules: Mapping[str, Rule], now: int) -> int:
    """Foresee what every open alarm means as things stand now; return for how many it is the first time."""
    a = tables.alarm.c
    alarms = on.execute(select(a.alarm_id, a.rule, a.station, a.evidence).where(a.cleared_at.is_(None))).all()
    if not alarms:
        return 0
    open_ = select(a.alarm_id).where(a.cleared_at.is_(None))
    here = _here(on, reader, kinds, sorted({row.station for row in alarms}), now)
    rows = [_row(alarm, rules.get(alarm.rule), *here[alarm.station], now) for alarm in alarms if alarm.station in here]
    if not rows:
        return 0
    before = on.scalars(select(tables.consequence.c.alarm_id).where(tables.consequence.c.alarm_id.in_(open_))).all()
    new = upsert(tables.consequence)
    told = {c.name: new.excluded[c.name] for c in tables.consequence.columns if c.name != "alarm_id"}
    on.execute(new.on_conflict_do_update(index_elements=["alarm_id"], set_=told), rows)
    return len(rows) - len(before)


def _row(alarm: Row[*tuple[Any, ...]], rule: Rule | None, site: Site, here: Here, now: int) -> dict[str, object]:
    family = Family.OWN if rule is None else rule.family
    left = heat_left(family, None if rule is None else rule.heat_left, alarm.evidence)
    outlook = foreseen(family, left, here.tau, here.indoor, here.outdoor)
    hours = outlook.hours or Span(math.nan, math.nan, math.nan)
    return {
        "alarm_id": alarm.alarm_id,
        "homes": site.homes,
        "hours": _finite(hours.value),
        "hours_low": _finite(hours.low),
        "hours_high": _finite(hours.high),
        "why": outlook.why.value,
        "basis": _basis(outlook, here, left),
        "at": moment(now),
    }


def _basis(outlook: Outlook, here: Here, left: Span | None) -> dict[str, object]:
    if outlook.hours is None or here.outdoor is None or left is None:
        return {}
    return {
        "tau_h": round(here.tau.value, 1),
        "learned": here.learned,
        "indoor_c": round(here.indoor.value, 1),
        "rooms": here.rooms,
        "outdoor_c": round(here.outdoor.value, 1),
        "own_outdoor": here.own,
        "heat_left": round(left.value, 2),
    }


def _finite(hours: float) -> float | None:
    return round(hours, 2) if math.isfinite(hours) else None


def _here(
    on: Connection, reader: ReadingReader, kinds: Kinds, stations: Sequence[str], now: int
) -> dict[str, tuple[Site, Here]]:
    """Return what holds at these stations now."""
    around = sites(on, kinds, stations)
    rooms = _good(on, reader, kinds, ROOM_KIND, around.values(), "t_indoor", now)
    outdoor = _good(on, reader, kinds, STATION_KIND, around.values(), "t_outdoor", now)
    own = {name: [outdoor[i] for i in site.of(STATION_KIND) if i in outdoor] for name, site in around.items()}
    lacking = {site.district for name, site in around.items() if not own[name]}
    weather = _weather(on, reader, kinds, lacking, now)
    known = learned(on, [TIME_CONSTANT])
    found: dict[str, tuple[Site, Here]] = {}
    for name, site in around.items():
        warm = [rooms[i] for i in site.of(ROOM_KIND) if i in rooms]
        told = known.get(Key(f"station:{name}", TIME_CONSTANT))
        here = Here(
            len(warm),
            _around(warm, ROOM_K) or DESIGN_ROOM,
            bool(own[name]),
            _around(own[name], OWN_OUTDOOR_K) or _around(weather.get(site.district, []), OTHER_OUTDOOR_K),
            told is not None,
            default_tau(site.envelopes) if told is None else _span(told),
        )
        found[name] = site, here
    return found


def _span(told: Baseline) -> Span:
    low, high = told.low, told.high
    return Span(told.value if low is None else low, told.value, told.value if high is None else high)


def _around(values: Sequence[float], within: float) -> Span | None:
    middle = median(values) if values else None
    return None if middle is None else Span(middle - within, middle, middle + within)


def _weather(
    on: Connection, reader: ReadingReader, kinds: Kinds, districts: Collection[str], now: int
) -> dict[str, list[float]]:
    """Return what stations and weather stations measure outdoors, by district."""
    if not districts:
        return {}
    here = select(tables.station.c.name).where(tables.station.c.district.in_(districts))
    near = sites(on, kinds, on.scalars(here).all())
    told: dict[str, list[float]] = {}
    for kind in (STATION_KIND, WEATHER_KIND):
        good = _good(on, reader, kinds, kind, near.values(), "t_outdoor", now)
        for site in near.values():
            told.setdefault(site.district, []).extend(good[i] for i in site.of(kind) if i in good)
    return told


def _good(
    on: Connection, reader: ReadingReader, kinds: Kinds, kind: str, some: Iterable[Site], point: str, now: int
) -> dict[int, float]:
    """Return the newest good value of a point of each device of a kind there, unless it is silent."""
    intervals = {i: interval for site in some for i, interval in site.of(kind).items()}
    if kind not in kinds or not intervals:
        return {}
    latest = reader.latest(on, kinds[kind], sorted(intervals), now - _LOOK_BACK)
    if not len(latest):
        return {}
    told = completed(on, latest, intervals, now)
    bit = kinds[kind].bits[point]
    limits = late_after_us(np.array([intervals[i] for i in told.device_id.tolist()]))
    young = told.good()[:, bit] & (told.ts >= now - limits)
    return dict(zip(told.device_id[young].tolist(), told.values[young, bit].tolist(), strict=True))


def batches(some: Mapping[str, Site], size: int = 20) -> Iterator[Mapping[str, Site]]:
    """Yield stations a few at a time, so that what is held is held for a moment."""
    names = sorted(some)
    for first in range(0, len(names), size):
        yield {name: some[name] for name in names[first : first + size]}
