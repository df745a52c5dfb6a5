"""Pages of the console, from read models alone: worst first, escaped, silent is not healthy, no other host."""

import inspect
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from plotly.offline import get_plotlyjs_version

from application.read_models import (
    AlarmRow,
    CityCard,
    CommunityCard,
    DeviceNow,
    DeviceRow,
    DistrictShape,
    JournalRow,
    Overview,
    RoomCard,
    StationRow,
    StationView,
)
from application.rules import load_rules
from application.station_file import StationFile
from perception.kinds import load_kinds
from perception.point import Title
from presentation.components.city_map import projection_of
from presentation.components.evidence import evidence_text
from presentation.components.marker import state_of
from presentation.components.station_table import rank
from presentation.components.strip import mean_deviation
from presentation.console.chart_place import chart_place
from presentation.console.charts import create_charts
from presentation.console.groups import SETPOINTS, grouped, topics_of
from presentation.console.overview import overview_page
from presentation.console.shell import Frame
from presentation.console.station import station_page
from presentation.console.trend_choice import Choice, choice_of
from presentation.desk import Desk
from presentation.markup import el
from presentation.static import Shelf
from presentation.texts import LANGUAGES, texts_for
from presentation.units import unit_text

KINDS = load_kinds()
NOW = 1_800_000_000_000
EVIL = "<script>alert(1)</script>"
CITY = CityCard(
    "testopolis", Title(zh="测试市", en="Testopolis"), "Asia/Shanghai",
    simulated=True, season=Title(zh="寒夜", en="cold night"), attribution=None,
)  # fmt: skip


def station(name, *, ts=NOW - 5000, priority=None, lat=45.0, lon=126.0, bad=(), **values):
    title = Title(zh=f"{name}站", en=f"{name} {EVIL}")
    return StationRow(
        name, title, "north", Title(zh="北区", en="North"), "b", lat, lon, f"{name}-d", hash(name) % 1000, 10.0, ts,
        values, bad, priority, 0 if priority is None else 1,
    )  # fmt: skip


ROWS = [
    station("calm", t_sec_supply=50.0, t_sec_supply_setpoint=50.0),
    station("off", t_sec_supply=47.0, t_sec_supply_setpoint=50.0),
    station("urgent", priority=1, t_sec_supply=50.0, t_sec_supply_setpoint=50.0),
    station("mute", ts=None, lat=None, lon=None),
    station("late", ts=NOW - 200_000, lat=45.1, lon=126.1, t_sec_supply=40.0, bad=("t_sec_supply",)),
]
ALARM = AlarmRow(
    "id-1", "r", Title(zh="压力低", en=f"Low {EVIL}"), Title(zh="查", en="Look"), 1, "", "urgent",
    Title(zh="站", en="Station"), "urgent-d", NOW - 60_000, None,
    acknowledged=False, evidence={"p_sec_return": 0.2, "limit_mpa": 0.25},
)  # fmt: skip
ENTRY = JournalRow(
    "id-1", "raised", NOW - 60_000, NOW, "watch", f"note {EVIL}", "r", ALARM.title, "urgent", ALARM.station_title, ""
)
VIEW = Overview(
    CITY, NOW, [DistrictShape("north", Title(zh="北区", en="North"), [(45, 126), (45, 126.2), (45.2, 126.2)])], ROWS,
    [ALARM], [ENTRY], 1234.0, -20.0, 3, 2, 1, {1: 1, 2: 0, 3: 0},
)  # fmt: skip
FRAME = Frame("/cities/testopolis", CITY, [CITY], KINDS, Shelf().urls)


def overview(language="en"):
    return overview_page(VIEW, FRAME, texts_for(language), 500)


def station_html(row, language="en", devices=None, tab="alarms", file=StationFile()):  # noqa: B008 - frozen
    t = texts_for(language)
    own = DeviceRow(row.device_id, row.device, "heat_substation", row.name, "active", 10.0, online=True,
                    simulated=False, last_ts=row.ts)  # fmt: skip
    homes = [CommunityCard("c", Title(zh="小区", en=EVIL), None, None, 1)]
    view = StationView(CITY, row, CITY.title, CITY.title, homes, devices or [own], [ALARM], [ENTRY])
    choice = choice_of(f"?span=7d&tab={tab}")
    return station_page(view, file, FRAME, t, NOW, chart_place(el("div"), choice, view, KINDS, t), choice)


PAGES = [overview(x) for x in LANGUAGES] + [station_html(row, x) for row in ROWS for x in LANGUAGES]


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.ids, self.scripts = [], [], []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.found += [told[a] for a in ("href", "src", "action") if a in told]
        self.ids += [told["id"]] if "id" in told else []
        self.scripts += [told] if tag == "script" else []


def parsed(page):
    links = Links()
    links.feed(page)
    return links


@pytest.mark.parametrize("page", PAGES)
def test_text_from_outside_never_becomes_markup(page):
    assert EVIL not in page
    assert all(s.get("src") or s.get("type") == "application/json" for s in parsed(page).scripts)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_points_at_no_other_host_and_uses_no_id_twice(page):
    links = parsed(page)
    assert all(link.startswith(("/", "#", "?")) and not link.startswith("//") for link in links.found)
    assert len(links.ids) == len(set(links.ids))


def test_stations_stand_worst_first():
    assert [r.name for r in sorted(ROWS, key=lambda r: rank(r, NOW))] == ["urgent", "late", "mute", "off", "calm"]


def test_evidence_is_said_with_its_unit():
    assert "Secondary return pressure 0.200 MPa · limit 0.250 MPa" in overview("en")


@pytest.mark.parametrize(
    ("evidence", "element", "language", "words"),
    [
        ({"rise_mpa_h": 0.05, "limit_mpa_h": 0.03}, "", "en", "rise 0.050 MPa/h · limit 0.030 MPa/h"),
        ({"residual_pct": -12.0, "limit_pct": 10.0}, "", "en", "imbalance −12.00 % · limit 10.00 %"),
        ({"limit_v": 304.0, "voltage_mains": 120.0, "ups_on_battery": 1.0}, "", "en",
         "Mains voltage 120 V · UPS on battery yes · limit 304 V"),
        ({"fault_contact": 0.0, "speed_hz": 41.26, "current_a": 1.0}, "pump_circ_1_fault", "en",
         "fault contact no · speed 41.3 Hz · current 1.0 A"),
        ({"value": 61.5, "limit_kpa": 50.0}, "dp_strainer_sec", "en", "value 61.5 kPa · limit 50.0 kPa"),
        ({"reversals": 14.0, "limit": 12.0}, "", "en", "reversals per hour 14 · limit 12"),
        ({"t_pri_return": 58.0, "limit_c": 55.0}, "", "en", "Primary return temperature 58.0 °C · limit 55.0 °C"),
        ({"lost_pct": 0.42, "limit_pct": 0.3}, "", "zh", "失水占比 0.42 % · 限值 0.30 %"),
    ],
)  # fmt: skip
def test_every_piece_of_evidence_reads_as_words_and_units(evidence, element, language, words):
    points = {p.name: p for p in KINDS["heat_substation"].points}
    assert evidence_text(replace(ALARM, evidence=evidence, element=element), texts_for(language), points) == words


def test_evidence_of_every_rule_has_a_name_of_its_own_in_chinese():
    told = "".join(inspect.getsource(rule.evidence) for rule in load_rules().values())
    points = {p.name: p for p in KINDS["heat_substation"].points}
    for name in set(re.findall(r'"(\w+)":', told)):
        said = evidence_text(replace(ALARM, evidence={name: 1.0}), texts_for("zh"), points)
        assert re.match(r"[^ a-z]", said), f"{name} has no Chinese: {said}"


def test_an_alarm_of_another_device_than_the_station_s_own_names_it():
    alarm, entry = replace(ALARM, device="urgent-lamp"), replace(ENTRY, device="urgent-lamp")
    page = overview_page(replace(VIEW, alarms=[alarm], journal=[entry]), FRAME, texts_for("en"), 500)
    assert page.count(" · urgent-lamp") == 2
    assert " · urgent-d" not in overview()


def test_a_city_without_coordinates_has_no_map_and_says_nothing_of_it():
    rows = [replace(row, lat=None, lon=None) for row in ROWS]
    page = overview_page(replace(VIEW, districts=[], stations=rows), FRAME, texts_for("en"), 2)
    assert "map-panel" not in page
    assert "3 more stations are not shown." in page


def test_silence_is_not_health():
    assert [state_of(r, NOW) for r in ROWS] == ["normal", "normal", "p1", "silent", "silent"]


def test_a_value_that_is_not_good_says_so_and_counts_in_no_mean():
    page = station_html(ROWS[4])
    assert re.search(r'class="value bad"[^>]*data-point="t_sec_supply"', page)
    assert mean_deviation(VIEW) == pytest.approx(-1.0)


def test_the_simulated_season_is_declared():
    assert "模拟城市。" in overview("zh")
    assert "cold night" in overview("en")


def test_what_a_station_does_not_measure_waits_hidden():
    page = station_html(ROWS[0])
    assert re.search(r'hidden data-line="p_sec_supply"', page)
    assert not re.search(r'hidden data-line="t_sec_supply"', page)


def other_devices(language="en", **choice):
    """The page of a station with a device of every kind beside its substation."""
    own = DeviceRow(1, ROWS[0].device, "heat_substation", "calm", "active", 10.0, online=True, simulated=True,
                    last_ts=NOW)  # fmt: skip
    others = [
        DeviceRow(70 + i, f"one-{name}", name, "calm", "active", 60.0, online=None, simulated=True, last_ts=NOW)
        for i, name in enumerate(sorted(set(KINDS) - {"heat_substation"}))
    ]
    newest = {d.name: DeviceNow(d.name, "calm", NOW, {p.name: p.low for p in KINDS[d.kind].points}, ()) for d in others}
    view = StationView(CITY, ROWS[0], CITY.title, CITY.title, [], [own, *others], [], [], newest)
    t = texts_for(language)
    chosen = Choice(**choice)
    chart = chart_place(el("div"), chosen, view, KINDS, t)
    return station_page(view, StationFile(), FRAME, t, NOW, chart, chosen)


@pytest.mark.parametrize("language", LANGUAGES)
def test_devices_of_all_kinds_share_a_page_with_titles_units_and_what_they_said_last(language):
    page, t = other_devices(language), texts_for(language)
    for name in set(KINDS) - {"heat_substation"}:
        kind = KINDS[name]
        assert f"<h2>{t.title(kind.title)}</h2>" in page
        assert f'href="?device=one-{name}#trend-title"' in page
        for point in kind.points:
            line = re.search(rf'<div class="line"[^>]*data-line="{point.name}"[^>]*data-device="7.".*?</div>', page)
            assert t.title(point.title) in line[0]
            assert "hidden" not in line[0].partition(">")[0]
            assert (unit_text(point.unit) or "</dd>") in line[0]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_every_point_of_another_kind_has_a_chart(kind):
    if kind.name != "heat_substation":
        drawn = [p for topic in topics_of(kind) for p in topic.points]
        assert sorted(drawn) == sorted(kind.names)
        assert all(len({kind.point(p).unit for p in topic.points}) == 1 for topic in topics_of(kind))


def test_the_chart_follows_the_chosen_device_and_an_unknown_one_is_the_station_s_own():
    chosen = other_devices(device="one-noise_monitor", topic="laeq")
    assert re.search(r'<option value="one-noise_monitor" selected>', chosen)
    assert re.search(r'href="\?topic=laeq&amp;device=one-noise_monitor&amp;points="[^>]*aria-current="true"', chosen)
    assert re.search(
        r'href="\?topic=temperatures&amp;points="[^>]*aria-current="true"', other_devices(device="nobody", topic="x")
    )


def test_devices_of_one_kind_are_told_apart_by_their_rooms():
    rooms = [
        RoomCard(f"calm-a-r{n}", CITY.title, Title(zh=f"{n}号楼", en=f"Building {n}"), position, n)
        for n, position in ((3, "top"), (4, "end"))
    ]
    sensors = [
        DeviceRow(80 + k, room.name, "room_climate", "calm", "active", 600.0, online=None, simulated=True,
                  last_ts=NOW, room=room)
        for k, room in enumerate(rooms)
    ]  # fmt: skip
    page = station_html(ROWS[0], devices=[*sensors]).partition("Sampled rooms")[2]
    first, second = page.index("Building 3 · floor 3 · under the roof"), page.index("Building 4 · floor 4 · end wall")
    assert first < page.index('data-device="80" data-pointer="t_indoor"') < second
    assert page.index('data-device="81" data-pointer="t_indoor"') > second
    assert "Sampled rooms" not in station_html(ROWS[0])


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_every_point_has_its_place_on_a_station_page(kind):
    placed = [p.name for _, points in grouped(kind) for p in points]
    assert sorted(placed) == sorted(set(kind.names) - set(SETPOINTS.values()))


def test_a_map_keeps_north_up_and_east_right():
    projection = projection_of([(45.0, 126.0), (45.2, 126.4)])
    south_west, north_east = projection.at(45.0, 126.0), projection.at(45.2, 126.4)
    assert south_west[0] < north_east[0]
    assert south_west[1] > north_east[1]
    assert projection_of([(45.0, 126.0)]).at(45.0, 126.0)


def test_every_callback_of_the_charts_is_async():
    charts = create_charts(FastAPI(), Desk(None), KINDS)
    charts._setup_server()
    callbacks = [spec["callback"] for spec in charts.callback_map.values()]
    assert callbacks
    assert all(inspect.iscoroutinefunction(inspect.unwrap(callback)) for callback in callbacks)


def test_the_light_chart_bundle_is_the_version_that_the_library_expects():
    script = (Path(__file__).parents[2] / "scripts" / "light_plotly.py").read_text()
    assert re.search(r'^VERSION = "([^"]+)"', script, re.MULTILINE)[1] == get_plotlyjs_version()
