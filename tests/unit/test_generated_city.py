"""Cities of any size from a seed."""

import pytest

from perception.point import Title
from simulators.city import CityPlan, generate_city
from simulators.climate import SEASONS


@pytest.mark.parametrize("stations", [3, 4, 61, 200])
def test_a_city_has_the_stations_asked_for(stations):
    city = generate_city(stations, seed=5)
    assert len(city.stations) == stations
    assert [d.kind for d in city.devices].count("heat_substation") == stations
    assert [d.kind for d in city.devices].count("weather_station") == 3
    titles = [s.title.zh for s in city.stations]
    assert len(set(titles)) == len(titles)


def test_the_same_seed_gives_the_same_city():
    assert generate_city(20, seed=9) == generate_city(20, seed=9)


def test_rooms_are_sampled_in_some_communities():
    city = generate_city(40, seed=6)
    sensors = [d for d in city.devices if d.kind == "room_climate"]
    assert [d.room for d in sensors] == [r.name for r in city.rooms]
    assert 20 < len(sensors) < 160


def test_cities_of_different_seeds_live_side_by_side():
    both = generate_city(10, seed=1).merged(generate_city(10, seed=2))
    assert len({s.lat for s in both.stations}) == 20


def test_stations_lie_in_their_district_and_on_a_line_of_its_plant():
    city = generate_city(60, seed=3)
    outline = {d.name: d.outline for d in city.districts}
    source_of = {b.name: b.source for b in city.branches}
    plants = {}
    for station in city.stations:
        lats, lons = zip(*outline[station.district], strict=True)
        assert min(lats) <= station.lat <= max(lats)
        assert min(lons) <= station.lon <= max(lons)
        plants.setdefault(station.district, set()).add(source_of[station.branch])
    assert all(len(p) == 1 for p in plants.values())


def test_plants_can_carry_the_design_load():
    city = generate_city(40, seed=8)
    area = sum(b.heated_area_m2 for b in city.buildings)
    assert sum(s.capacity_mw for s in city.sources) * 1e6 > 36 * area


def test_a_season_is_declared():
    plan = CityPlan("warm-town", "wt", Title(zh="暖城", en="Warm Town"), season="thaw")
    assert generate_city(3, seed=1, plan=plan).cities[0].season == SEASONS["thaw"].title


def test_too_small_a_city_is_refused():
    with pytest.raises(ValueError, match="at least 3 stations"):
        generate_city(2, seed=1)
