"""Scenario files: what they say, every problem at once, and the faults that they lay over a city."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from simulators.city import generate_city
from simulators.faults import (
    KINDS,
    FaultError,
    ScenarioError,
    grounds_of,
    kind_named,
    load_scenario,
    made,
    planned,
    read_scenario,
    read_truth,
    tuned,
)
from simulators.faults.fault import RULES
from simulators.faults.spans import duration_s, when

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SHIPPED = sorted((CONFIGS / "scenarios").glob("*.toml"))
ZONE = ZoneInfo("Asia/Shanghai")
START = (
    int(datetime(2026, 1, 4, 20, 0, tzinfo=UTC).timestamp()) * 1_000_000
)  # the 5th, four in the morning, in Shanghai
HOUR_US = 3_600_000_000
SENSORS = load_kinds()


@pytest.fixture(scope="module")
def city():
    return grounds_of(load_catalogue(CONFIGS / "cities"), "xuecheng")


@pytest.fixture(scope="module")
def five_hundred():
    return grounds_of(generate_city(500, 1), "city-1")


def laid(text, grounds, start=START):
    return planned(read_scenario(text, "some.toml"), grounds, SENSORS, start, ZONE, "some.toml")


def problems_of(text, grounds=None):
    with pytest.raises(ScenarioError) as told:
        laid(text, grounds)
    return str(told.value).splitlines()


@pytest.mark.parametrize(
    ("told", "hours"),
    [("+2h", 2), ("-90min", -1.5), ("+1d 12h", 36), ("+0h", 0), ("d1 04:00", 0), ("d3 06:30", 50.5), ("d1 00:00", -4)],
)
def test_times_are_told_from_the_start(told, hours):
    assert when(told).from_start(START, ZONE) == START + hours * HOUR_US


def test_an_instant_stands_by_itself():
    assert when("2026-01-05T06:00:00+08:00").from_start(0, ZONE) == START + 2 * HOUR_US
    assert when("2026-01-05T06:00:00").from_start(0, ZONE) == START + 2 * HOUR_US, "by the city's clock"
    assert when(date(2026, 1, 5)).from_start(0, ZONE) == START - 4 * HOUR_US
    assert when(datetime(2026, 1, 4, 22, tzinfo=UTC)).from_start(0, ZONE) == START + 2 * HOUR_US


@pytest.mark.parametrize("told", ["2h", "+", "+2", "d0 06:00", "d3 24:00", "2026-13-05T06:00:00", "soon", 7, None, ""])
def test_a_time_that_is_none_says_how_to_write_one(told):
    with pytest.raises(ValueError, match=r"written like|days count from"):
        when(told)


@pytest.mark.parametrize("told", ["0h", "-2h", "2", "h", "2 years", "1h x", 3, "9999999999d"])
def test_a_length_that_is_none_says_how_to_write_one(told):
    with pytest.raises(ValueError, match="length of time"):
        duration_s(told)


def test_a_fault_has_its_device_its_times_and_its_tuning(city):
    (fault,) = laid('[[faults]]\nkind="leak"\nstation="xc-laocheng-07"\nfrom="+2h"\nfor="3h"\nseverity=1.0', city)
    assert (fault.device, fault.station) == ("xc-laocheng-07", "xc-laocheng-07")
    assert (fault.begins, fault.ends) == (START + 2 * HOUR_US, START + 5 * HOUR_US)
    assert fault.parameters.makeup_share == KINDS["leak"].parameters.model_fields["makeup_share"].metadata[-1].most
    (endless,) = laid('[[faults]]\nkind="silence"\ndevice="xc-laocheng-weather"', city)
    assert (endless.begins, endless.ends, endless.area) == (START, None, None)


def test_an_area_is_one_fault_at_many_devices(city):
    cut = laid('[[faults]]\nkind="power_cut"\ndistrict="xc-laocheng"\nstations=5', city)
    assert len({f.device for f in cut}) == 5
    assert {f.area for f in cut} == {"xuecheng-power_cut-1"}
    assert {f.station for f in cut} <= set(city.areas["district"]["xc-laocheng"])
    branch, stations = next(iter(city.areas["branch"].items()))
    lost = laid(f'[[faults]]\nkind="gateway_loss"\nbranch="{branch}"', city)
    assert {f.device for f in lost} == {d.name for s in stations for d in city.at(s)}
    assert len(laid(f'[[faults]]\nkind="burst_primary"\nbranch="{branch}"', city)) == 1
    everywhere = laid('[[faults]]\nkind="power_cut"\nstation="random"\nstations=50', city)
    assert len(everywhere) == len(city.stations)


def test_a_place_that_is_not_played_is_left_out_or_replaced(city):
    some = grounds_of(load_catalogue(CONFIGS / "cities"), "xuecheng", {"xc-beian-01"})
    text = '[[faults]]\nkind="leak"\nstation="xc-laocheng-07"\n'
    assert laid(text, some) == ()
    assert [f.device for f in laid(text + "or_random=true", some)] == ["xc-beian-01"]
    nowhere = text.replace("xc-laocheng-07", "no-such-place")
    assert [f.device for f in laid(nowhere + "or_random=true", some)] == ["xc-beian-01"]
    (problem,) = problems_of(nowhere, city)
    assert "some.toml: [[faults]] number 1, key station: there is no station 'no-such-place'" in problem


def test_a_device_can_fail_where_no_substation_is_played():
    some = grounds_of(load_catalogue(CONFIGS / "cities"), "xuecheng", {"xc-laocheng-weather"})
    text = '[[faults]]\nkind="silence"\ndevice="xc-laocheng-weather"\n[[faults]]\nkind="leak"\nstation="random"\n'
    text += '[[faults]]\nkind="leak"\ndevice="xc-beian-05"\nor_random=true\n[[faults]]\nkind="leak"\nbranch="random"\n'
    assert [f.device for f in laid(text + "[rates]\nleak=9", some)] == ["xc-laocheng-weather"]


def test_every_problem_is_told_at_once_with_file_table_and_key():
    problems = problems_of("""
sead = 1
[[faults]]
kind = "leek"
station = "a"
[[faults]]
kind = "leak"
station = "a"
device = "b"
severity = 1.5
from = "soon"
for = "2h"
parameters = { makeup_share = -1, colour = "red" }
[[faults]]
kind = "leak"
for = "1h"
until = "+2h"
[draw]
span = "long"
[rates]
valve_stuk = 1
leak = { per_year = -2 }
""")
    told = "\n".join(problems)
    assert all(p.startswith("some.toml: ") for p in problems)
    for expected in (
        r"key sead: there is no such key",
        r"\[\[faults\]\] number 1: there is no kind of fault 'leek': use one of leak,",
        r"number 2, key severity: .*1\.5",
        r"number 2, key from: a time is written like",
        r"number 2: parameters of leak: makeup_share: .*-1; colour: there is no such parameter \(it takes: makeup",
        r"number 3: names one of device, station, branch, district, source",
        r"\[draw\] key span: a length of time is written like",
        r"\[rates\] valve_stuk: there is no kind of fault 'valve_stuk'",
        r"\[rates\] key leak.per_year: .*-2",
    ):
        assert re.search(expected, told), f"{expected} is not told in:\n{told}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this is = = no toml", "this is no TOML"),
        ('[[faults]]\nkind="leak"\nstation="a"\nfor="1h"\nuntil="+2h"', "either `for` or `until`, not both"),
        ('[[faults]]\nkind="leak"\nstation="a"\ndevice="b"', "found device and station"),
        ('[[faults]]\nstation="a"', "key kind: is missing"),
        ("[draw]\ncount=3", "nothing to draw from"),
        ("[rates]\nleak = {per_year=1, severity=[0.9, 0.1]}", "from the least to the most"),
        ("faults = 3", "key faults"),
        ('rates = "many"', "key rates"),
        ("[rates]\nleak = true", "key leak"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, expected):
    assert any(expected in problem for problem in problems_of(text))


def test_what_does_not_fit_the_device_is_refused(city):
    for text, expected in (
        (
            'kind="leak"\ndevice="xc-laocheng-weather"',
            "befalls a heat_substation; xc-laocheng-weather is a weather_station",
        ),
        ('kind="sensor_frozen"\ndevice="xc-laocheng-weather"', "a weather_station has no point t_sec_supply"),
        ('kind="leak"\nstation="xc-beian-05"\nfrom="+2h"\nuntil="+1h"', "would end before it begins"),
    ):
        (problem,) = problems_of(f"[[faults]]\n{text}", city)
        assert expected in problem


def test_rates_that_are_a_slip_of_the_pen_are_refused(five_hundred):
    (problem,) = problems_of("[draw]\nspan='3000d'\n[rates]\nleak=900", five_hundred)
    assert "[rates] would be" in problem
    assert "100000 at most" in problem


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario(tmp_path / "none.toml")


def test_draws_are_the_same_for_the_same_seed_and_others_for_another(five_hundred):
    text = "seed={}\n[draw]\ncount=60\n[rates]\nleak=1\nsilence=2\nsensor_frozen=0.5"
    one, same, other = (laid(text.format(seed), five_hundred) for seed in (4, 4, 5))
    assert one == same
    assert len(one) == len(other) == 60
    assert {(f.device, f.begins) for f in one} != {(f.device, f.begins) for f in other}


def test_draws_have_the_rates_that_were_asked_for(five_hundred):
    rates = {"leak": 0.8, "silence": 1.6, "sensor_frozen": 0.4, "gateway_loss": 2.0}
    text = "seed=1\noverlap=true\n[draw]\nspan='365d'\n[rates]\n" + "\n".join(f"{k}={v}" for k, v in rates.items())
    faults = laid(text, five_hundred)
    events = Counter(kind for kind, _ in {(f.kind.name, f.area or (f.device, f.begins)) for f in faults})
    for kind, rate in rates.items():
        subjects = len(five_hundred.areas["branch"]) if kind == "gateway_loss" else 500
        expected = rate * subjects
        assert abs(events[kind] - expected) < 4 * expected**0.5, kind
    leaks = [f for f in faults if f.kind.name == "leak"]
    quarters = Counter((f.begins - START) * 4 // (365 * 24 * HOUR_US) for f in leaks)
    chi_square = sum((quarters[q] - len(leaks) / 4) ** 2 / (len(leaks) / 4) for q in range(4))
    assert set(quarters) == {0, 1, 2, 3}
    assert chi_square < 16.3, "spread evenly over the span (p = 0.001, three degrees of freedom)"
    assert max(Counter(f.device for f in leaks).values()) < 8
    assert all(0.2 <= f.severity <= 1 and f.ends > f.begins for f in faults)


def test_drawn_faults_of_a_station_do_not_overlap_unless_they_may(five_hundred):
    text = "[draw]\nspan='30d'\ncount=900\n[rates]\nleak=1\nsilence=1\nwrong_curve=1"

    def overlaps(faults):
        by_station = {}
        for f in sorted(faults, key=lambda f: f.begins):
            by_station.setdefault(f.station, []).append(f)
        return sum(a.ends > b.begins for row in by_station.values() for a, b in pairwise(row))

    assert overlaps(laid(text, five_hundred)) == 0
    assert overlaps(laid("overlap=true\n" + text, five_hundred)) > 50


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_what_comes_along_is_right_in_every_city(path, five_hundred, city):
    for grounds in (five_hundred, city, grounds_of(generate_city(3, 2), "city-2")):
        assert planned(load_scenario(path), grounds, SENSORS, START, ZONE, str(path))


def test_the_examples_of_the_how_to_can_be_played(city, tmp_path):
    page = (CONFIGS.parent / "docs" / "how-to" / "scenarios.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    first, drawn = (laid(text, city) for text in examples)
    assert Counter(f.kind.name for f in first) == {"leak": 1, "power_cut": 8, "wrong_clock": 1}
    assert {f.parameters.point for f in drawn if f.kind.name == "sensor_frozen"} == {"flow_sec"}
    (line,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "truth.jsonl").write_text(line.replace("\n", ""), encoding="utf-8")
    (row,) = read_truth(tmp_path / "truth.jsonl")
    assert row.parameters == tuned(KINDS["leak"], row.severity, {}).model_dump()
    assert row.family == KINDS["leak"].family


def test_the_season_has_four_hundred_faults_and_each_fault_every_kind(five_hundred):
    season = planned(load_scenario(CONFIGS / "scenarios" / "season-400.toml"), five_hundred, SENSORS, START, ZONE)
    assert len({f.area or (f.device, f.begins, f.kind.name) for f in season}) == 400
    assert all(START <= f.begins < START + 183 * 24 * HOUR_US for f in season)
    scenario = load_scenario(CONFIGS / "scenarios" / "each-fault.toml")
    assert sorted(f.kind for f in scenario.faults) == sorted(KINDS)
    assert set(load_scenario(CONFIGS / "scenarios" / "season-400.toml").rates) == set(KINDS)
    cut = planned(load_scenario(CONFIGS / "scenarios" / "power-cut.toml"), five_hundred, SENSORS, START, ZONE)
    assert len(cut) == 50
    assert len({f.area for f in cut}) == 1


def test_every_finding_has_a_kind_of_fault_that_leads_to_it():
    led_to = {rule for kind in KINDS.values() for rule in kind.family}
    assert led_to == set(RULES)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_a_kind_is_described_and_its_severities_are_possible(kind):
    assert kind.plant or kind.meters or kind.link
    assert kind.title.zh
    assert kind.says.endswith(".")
    assert 0 < kind.lasts_h[0] < kind.lasts_h[1]
    for severity in (0, 0.31, 0.5, 1):
        made(kind.name, "d", SENSORS["heat_substation"], begins=0, severity=severity)


def test_a_severity_or_parameter_that_cannot_be_is_refused():
    with pytest.raises(FaultError, match="severity is a number from 0 to 1, not 2"):
        tuned(kind_named("leak"), 2, {})
    with pytest.raises(FaultError, match="there is no kind of fault 'leek'"):
        made("leek", "d", SENSORS["heat_substation"], begins=0)
    with pytest.raises(FaultError, match=r"from_hour 22\.0 is not before to_hour 18\.0"):
        tuned(kind_named("theft"), 0.5, {"from_hour": 22, "to_hour": 18})
    with pytest.raises(FaultError, match="opening_percent"):
        tuned(kind_named("valve_stuck"), 0.5, {"opening_percent": float("nan")})
