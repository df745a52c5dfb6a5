"""The shipped catalogue, and what the reader of seed files says about broken ones."""

from collections import Counter
from pathlib import Path

import pytest

from perception.kinds import load_kinds
from perception.seed_files import SeedError, load_catalogue, read_catalogue

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
CITY = "cities = [{ name = 'abc', title = { zh = '甲', en = 'A' }, timezone = 'Asia/Shanghai' }]\n"


@pytest.fixture(scope="module")
def shipped():
    return load_catalogue(CITIES)


def test_shipped_cities(shipped):
    simulated = {c.name for c in shipped.cities if c.simulated}
    assert {c.name: c.timezone for c in shipped.cities} == {"nis": "Europe/Belgrade", "xuecheng": "Asia/Shanghai"}
    assert simulated == {"xuecheng"}
    districts = Counter(d.city for d in shipped.districts)
    sources = Counter(s.city for s in shipped.sources)
    city_of = {d.name: d.city for d in shipped.districts}
    stations = Counter(city_of[s.district] for s in shipped.stations)
    assert (districts["xuecheng"], sources["xuecheng"], stations["xuecheng"], stations["nis"]) == (3, 2, 40, 3)
    kinds = Counter(d.kind for d in shipped.devices)
    assert (kinds["heat_substation"], kinds["weather_station"], kinds["air_quality"]) == (43, 3, 3)
    assert all(kinds[name] == 1 for name in ("street_lamp", "water_meter", "manhole_level", "noise_monitor"))
    assert kinds["room_climate"] == len(shipped.rooms)
    assert {d.kind for d in shipped.devices} <= set(load_kinds())


def test_shipped_titles_tell_stations_apart(shipped):
    for language in ("zh", "en"):
        titles = [getattr(s.title, language) for s in shipped.stations]
        assert len(set(titles)) == len(titles)


def test_static_head_follows_from_the_highest_building(shipped):
    station_of = {c.name: c.station for c in shipped.communities}
    storeys = {}
    for building in shipped.buildings:
        station = station_of[building.community]
        storeys[station] = max(storeys.get(station, 0), building.floors or 0)
    known = [s for s in shipped.stations if s.static_head_mpa is not None]
    assert len(known) == 40
    for station in known:
        metres = station.static_head_mpa / 0.00981
        assert 2.5 < metres / storeys[station.name] < 3.5, station.name


def test_sampled_rooms_are_enough_for_a_median_and_name_nobody(shipped):
    community = {b.name: b.community for b in shipped.buildings}
    floors = {b.name: b.floors for b in shipped.buildings}
    sampled = Counter(community[r.building] for r in shipped.rooms)
    assert len(sampled) >= 15
    assert set(sampled.values()) <= {2, 3, 4}
    assert all(r.floor == floors[r.building] for r in shipped.rooms if r.position == "top")
    assert set(type(shipped.rooms[0]).model_fields) == {"name", "building", "position", "floor"}
    assert {d.room for d in shipped.devices if d.kind == "room_climate"} == {r.name for r in shipped.rooms}


ROOM = """
districts = [{ name = 'dis', city = 'abc', title = { zh = '甲', en = 'A' } }]
sources = [{ name = 'src', city = 'abc', title = { zh = '甲', en = 'A' } }]
branches = [{ name = 'bra', source = 'src', title = { zh = '甲', en = 'A' } }]
stations = [
  { name = 'st1', district = 'dis', branch = 'bra', title = { zh = '甲', en = 'A' } },
  { name = 'st2', district = 'dis', branch = 'bra', title = { zh = '乙', en = 'B' } },
]
communities = [{ name = 'com', station = 'st1', title = { zh = '甲', en = 'A' } }]
buildings = [{ name = 'bui', community = 'com', title = { zh = '甲', en = 'A' } }]
rooms = [{ name = 'roo', building = 'bui', position = 'end', floor = 2 }]
"""


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        ("{ name = 'dev', kind = 'room_climate', station = 'st2', room = 'roo' }", "its room roo is heated by st1"),
        ("{ name = 'dev', kind = 'room_climate', station = 'st1', room = 'attic' }", "unknown room attic"),
    ],
)
def test_a_device_stands_in_a_room_that_its_station_heats(device, complaint):
    right = "devices = [{ name = 'dev', kind = 'room_climate', station = 'st1', room = 'roo' }]"
    assert read_catalogue({"one.toml": CITY + ROOM + right}).station_of_rooms() == {"roo": "st1"}
    with pytest.raises(SeedError, match=complaint):
        read_catalogue({"one.toml": CITY + ROOM + f"devices = [{device}]"})


def test_what_is_unknown_about_nis_is_left_unknown(shipped):
    communities = {c.name for c in shipped.communities if c.station.startswith("nis-")}
    buildings = [b for b in shipped.buildings if b.community in communities]
    assert len(buildings) == 3
    assert all(b.heated_area_m2 is None and b.homes is None for b in buildings)
    assert "CC BY 4.0" in next(c.attribution for c in shipped.cities if c.name == "nis")


def test_every_problem_is_named_with_file_row_and_field():
    with pytest.raises(SeedError) as caught:
        read_catalogue(
            {
                "one.toml": "cities = [{ name = 'UP', title = { zh = '甲', en = 'A' }, timezone = 'Mars/Olympus' }]\n"
                "x = 1",
                "two.toml": "cities = 3",
                "three.toml": "cities = [",
                "four.toml": "cities = ['xuecheng']",
            }
        )
    text = str(caught.value)
    for part in (
        "one.toml: cities UP: name:",
        "one.toml: cities UP: timezone: Value error, unknown time zone 'Mars/Olympus'",
        "one.toml: unknown key 'x'; expected cities, districts",
        "two.toml: cities: expected an array of tables, got int",
        "three.toml: not TOML:",
        "four.toml: cities #0:",
    ):
        assert part in text


def test_files_may_refer_to_each_other_but_not_to_nowhere():
    district = "districts = [{ name = 'abc-d', city = 'abc', title = { zh = '乙', en = 'B' } }]\n"
    both = read_catalogue({"a.toml": CITY, "b.toml": district})
    assert [d.city for d in both.districts] == ["abc"]
    with pytest.raises(SeedError, match=r"b\.toml: .*district abc-d: unknown city abc"):
        read_catalogue({"b.toml": district})


def test_empty_and_missing_folders_say_what_was_expected(tmp_path):
    with pytest.raises(SeedError, match=r"no \*\.toml in it"):
        load_catalogue(tmp_path)
    with pytest.raises(SeedError, match="no such folder"):
        load_catalogue(tmp_path / "none")
