"""City: a made-up northern city of any size, the same for the same seed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from perception.catalogue import Branch, Building, Catalogue, City, Community, Device, District, HeatSource, Station
from perception.point import Title
from simulators.climate import SEASONS
from simulators.place_names import COMMUNITIES, DISTRICTS, SOURCES, Corner, DistrictPlan, SourcePlan
from simulators.sampling import room_devices, sampled_rooms

MPA_PER_METRE = 0.00981
_STOREY_M = 2.9
_STATIONS_PER_BRANCH = 7
_KM_PER_DEGREE = 111.2
_STREETS_PER_CROW = 1.25
"""Pipe follows streets: about a quarter longer than the straight line."""
_FLOORS = {"old": (5, 8), "renovated": (6, 8), "new": (9, 15)}
_DESIGN_W_M2 = {"old": 58.0, "renovated": 45.0, "new": 36.0}
_STREET_KINDS = {
    "air": "air_quality",
    "lamp": "street_lamp",
    "water": "water_meter",
    "manhole": "manhole_level",
    "noise": "noise_monitor",
}
"""City sensors that are no part of the heat network: all of them in the first district, the air in every one."""


@dataclass(frozen=True, slots=True)
class CityPlan:
    """What is decided before the dice are thrown. `prefix` begins the name of every place and device."""

    name: str
    prefix: str
    title: Title
    season: str = "cold-night"
    timezone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class _Site:
    name: str
    district: DistrictPlan
    at: Corner
    title: Title
    pipe_m: float


def generate_city(stations: int, seed: int, plan: CityPlan | None = None) -> Catalogue:
    """Return a city of that many stations (at least 3), one substation each, a weather station per district.

    Without a plan the city is called after its seed, so that cities of different seeds live side by side.
    """
    if stations < len(DISTRICTS):
        raise ValueError(f"a city has at least {len(DISTRICTS)} stations, one per district; got {stations}")
    plan = plan or CityPlan(f"city-{seed}", f"c{seed}", Title(zh=f"模拟市{seed}", en=f"Simulated city {seed}"))
    rng = np.random.default_rng(seed)
    sites = _sites(plan, stations, rng)
    branches = _branches(plan, sites)
    communities, buildings = _homes(sites, rng)
    rooms = tuple(sampled_rooms(communities, buildings, seed))
    return Catalogue(
        cities=(_city(plan),),
        districts=tuple(
            District(name=f"{plan.prefix}-{d.key}", city=plan.name, title=d.title, outline=(*d.outline, d.outline[0]))
            for d in DISTRICTS
        ),
        sources=tuple(_sources(plan, sites, communities, buildings)),
        branches=tuple({b.name: b for b in branches.values()}.values()),
        stations=tuple(_stations(plan, sites, branches, communities, buildings)),
        communities=tuple(communities),
        buildings=tuple(buildings),
        rooms=rooms,
        devices=(
            *_devices(plan, sites),
            *_street_devices(plan, sites),
            *room_devices(rooms, communities, buildings),
        ),
    )


def _city(plan: CityPlan) -> City:
    return City(
        name=plan.name, title=plan.title, timezone=plan.timezone, simulated=True, season=SEASONS[plan.season].title
    )


def _sites(plan: CityPlan, stations: int, rng: np.random.Generator) -> list[_Site]:
    pool = [COMMUNITIES[i] for i in rng.permutation(len(COMMUNITIES))]
    counts = np.bincount(np.arange(stations) % len(DISTRICTS))
    sites: list[_Site] = []
    for district, count in zip(DISTRICTS, counts, strict=True):
        source = next(s for s in SOURCES if s.key == district.source)
        places = sorted(_places_in(district, int(count), rng), key=partial(_km, source.at))
        for number, at in enumerate(places, start=1):
            name = f"{plan.prefix}-{district.key}-{number:02d}"
            pipe_m = round(_km(source.at, at) * 1000 * _STREETS_PER_CROW / 10) * 10.0
            sites.append(_Site(name, district, at, _community_title(pool, len(sites)), pipe_m))
    return sites


def _community_title(pool: Sequence[Title], place: int) -> Title:
    title, lap = pool[place % len(pool)], place // len(pool)
    return title if lap == 0 else Title(zh=f"{title.zh}{lap + 1}区", en=f"{title.en} {lap + 1}")


def _places_in(district: DistrictPlan, count: int, rng: np.random.Generator) -> list[Corner]:
    """Places inside the outline, as far from each other as fits: the best of a few throws each."""
    lats, lons = zip(*district.outline, strict=True)
    chosen: list[Corner] = []
    throws = 12 if count <= 100 else 1
    while len(chosen) < count:
        thrown = [(rng.uniform(min(lats), max(lats)), rng.uniform(min(lons), max(lons))) for _ in range(throws)]
        inside = [at for at in thrown if _is_inside(at, district.outline)]
        if inside:
            best = inside[0] if throws == 1 else max(inside, key=partial(_room_around, chosen))
            chosen.append((round(best[0], 5), round(best[1], 5)))
    return chosen


def _room_around(others: Sequence[Corner], at: Corner) -> float:
    return min((_km(at, other) for other in others), default=0.0)


def _is_inside(at: Corner, outline: Sequence[Corner]) -> bool:
    lat, lon = at
    inside = False
    for (lat1, lon1), (lat2, lon2) in zip(outline, (*outline[1:], outline[0]), strict=True):
        if (lat1 > lat) != (lat2 > lat) and lon < (lon2 - lon1) * (lat - lat1) / (lat2 - lat1) + lon1:
            inside = not inside
    return inside


def _km(a: Corner, b: Corner) -> float:
    north = (b[0] - a[0]) * _KM_PER_DEGREE
    east = (b[1] - a[1]) * _KM_PER_DEGREE * math.cos(math.radians(a[0]))
    return math.hypot(north, east)


def _branches(plan: CityPlan, sites: Sequence[_Site]) -> dict[str, Branch]:
    """By station name: neighbours in bearing from their source share a line."""
    found: dict[str, Branch] = {}
    for source in SOURCES:
        around = sorted((s for s in sites if s.district.source == source.key), key=partial(_bearing, source))
        lines = max(1, round(len(around) / _STATIONS_PER_BRANCH))
        rows = [
            Branch(
                name=f"{plan.prefix}-{source.key}-{k}",
                source=f"{plan.prefix}-{source.key}",
                title=Title(zh=f"{source.title.zh}{k}号线", en=f"{source.title.en}, line {k}"),
            )
            for k in range(1, lines + 1)
        ]
        found |= {site.name: rows[i * lines // len(around)] for i, site in enumerate(around)}
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def _bearing(source: SourcePlan, site: _Site) -> float:
    """Degrees clockwise from the far side of the city, so that no cut runs through the stations."""
    turn = math.degrees(math.atan2(site.at[1] - source.at[1], site.at[0] - source.at[0]))
    return (turn - (90 if source.at[1] > 127.6 else -90)) % 360


def _homes(sites: Sequence[_Site], rng: np.random.Generator) -> tuple[list[Community], list[Building]]:
    communities: list[Community] = []
    buildings: list[Building] = []
    for site in sites:
        envelope = str(rng.choice(["old", "renovated", "new"], p=[0.35, 0.3, 0.35]))
        parts = 2 if rng.random() < 0.4 else 1
        for part in range(parts):
            community = _community(site, part, parts)
            communities.append(community)
            buildings.extend(_buildings(community, envelope, rng))
    return communities, buildings


def _community(site: _Site, part: int, parts: int) -> Community:
    letter, nth = "ab"[part], "一二"[part]
    title = site.title if parts == 1 else Title(zh=f"{site.title.zh}{nth}期", en=f"{site.title.en} {'I' * (part + 1)}")
    lat, lon = site.at[0] + (0.0012, -0.0014)[part], site.at[1] + (0.0016, -0.0015)[part]
    return Community(name=f"{site.name}-{letter}", station=site.name, title=title, lat=round(lat, 5), lon=round(lon, 5))


def _buildings(community: Community, envelope: str, rng: np.random.Generator) -> Iterator[Building]:
    low, high = _FLOORS[envelope]
    floors = int(rng.integers(low, high + 1))
    for number in range(1, int(rng.integers(3, 7)) + 1):
        storeys = max(low, floors - int(rng.integers(0, 3)))
        area = round(storeys * rng.uniform(1100, 2300) / 10) * 10.0
        yield Building(
            name=f"{community.name}-b{number}",
            community=community.name,
            title=Title(zh=f"{number}号楼", en=f"Building {number}"),
            heated_area_m2=area,
            homes=round(area / rng.uniform(72, 95)),
            floors=storeys,
            envelope=envelope,
        )


def _sources(
    plan: CityPlan, sites: Sequence[_Site], communities: Sequence[Community], buildings: Sequence[Building]
) -> Iterator[HeatSource]:
    plant_of = {site.name: site.district.source for site in sites}
    station_of = {c.name: c.station for c in communities}
    for source in SOURCES:
        mine = [b for b in buildings if plant_of[station_of[b.community]] == source.key]
        watts = sum((b.heated_area_m2 or 0.0) * _DESIGN_W_M2[b.envelope or "old"] for b in mine)
        yield HeatSource(
            name=f"{plan.prefix}-{source.key}",
            city=plan.name,
            title=source.title,
            capacity_mw=max(10.0, math.ceil(watts * 1.2 / 1e7) * 10.0),
            lat=source.at[0],
            lon=source.at[1],
        )


def _stations(
    plan: CityPlan,
    sites: Sequence[_Site],
    branches: Mapping[str, Branch],
    communities: Sequence[Community],
    buildings: Sequence[Building],
) -> Iterator[Station]:
    station_of = {c.name: c.station for c in communities}
    highest: dict[str, int] = {}
    for building in buildings:
        station = station_of[building.community]
        highest[station] = max(highest.get(station, 0), building.floors or 0)
    for site in sites:
        yield Station(
            name=site.name,
            district=f"{plan.prefix}-{site.district.key}",
            branch=branches[site.name].name,
            title=Title(zh=f"{site.title.zh}换热站", en=f"{site.title.en} station"),
            lat=site.at[0],
            lon=site.at[1],
            pipe_m=site.pipe_m,
            static_head_mpa=round((highest[site.name] * _STOREY_M + 2) * MPA_PER_METRE, 3),
        )


def _devices(plan: CityPlan, sites: Sequence[_Site]) -> Iterator[Device]:
    yield from (Device(name=site.name, kind="heat_substation", station=site.name) for site in sites)
    for district in DISTRICTS:
        first = next(site for site in sites if site.district == district)
        yield Device(name=f"{plan.prefix}-{district.key}-weather", kind="weather_station", station=first.name)


def _street_devices(plan: CityPlan, sites: Sequence[_Site]) -> Iterator[Device]:
    """City sensors of other kinds, counted to the first station of their district."""
    for number, district in enumerate(DISTRICTS):
        first = next(site for site in sites if site.district == district)
        for key, kind in _STREET_KINDS.items():
            if number == 0 or key == "air":
                yield Device(name=f"{plan.prefix}-{district.key}-{key}", kind=kind, station=first.name)
