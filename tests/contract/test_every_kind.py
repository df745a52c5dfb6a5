"""What holds for every sensor kind, whoever adds one: a file of this folder or a package installed beside."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect
from ucum import is_ucum

from network.link import Delivery
from network.receive import receive
from perception.kinds import load_kinds
from perception.payload import RawReading, encode
from perception.readings import quality_mask
from perception.roster import Member, Roster
from perception.sensor_kind import MAX_POINTS
from perception.surroundings import DAY_S, Surroundings
from perception.validate import OLDEST_US
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.heat.design import StationFacts
from simulators.strangers import idle_values
from simulators.world import Moment, World
from support.columns import readings_table, rollup_table, widths

KINDS = load_kinds()
NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
DEVICES = 6
PHYSICS = {"heat_substation", "room_climate"}
"""Kinds whose values are the state of a plant: simulators/heat."""

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
SENT = {name: kind for name, kind in KINDS.items() if not kind.derived}
"""Kinds whose readings devices send."""
every_sent_kind = pytest.mark.parametrize("kind", SENT.values(), ids=lambda k: k.name)
every_sent_point = pytest.mark.parametrize(
    ("kind", "point"), [(k, p) for k in SENT.values() for p in k.points], ids=lambda x: x.name
)
every_point = pytest.mark.parametrize(
    ("kind", "point"), [(k, p) for k in KINDS.values() for p in k.points], ids=lambda x: x.name
)


def year(devices=DEVICES, step_s=1700.0, begin=1.7672e9):
    """A year of surroundings [instants x devices], with weather from -32 to 34 Cel, wind and rain."""
    at = np.repeat(np.arange(begin, begin + 366 * DAY_S, step_s), devices)
    local, rows = at + 28_800, len(at)
    season, dice = np.cos(2 * np.pi * (at - 1.7675e9) / (365 * DAY_S)), np.random.default_rng(3)
    height = np.maximum(0, np.sin(2 * np.pi * (local % DAY_S / DAY_S - 0.27)))
    outdoor = 1 - 23 * season + 8 * height + dice.normal(0, 1, rows)
    rain = np.where((dice.random(rows) < 0.05) & (outdoor > 0), dice.exponential(4, rows), 0)
    return Surroundings(
        at, local, outdoor, 950 * height, dice.gamma(2, 1.7, rows), rain,
        np.tile(np.geomspace(12, 2600, devices), rows // devices),
        np.tile(np.random.default_rng(5).integers(0, 2**63, devices).astype(np.uint64), rows // devices),
    )  # fmt: skip


def said(kind, around):
    return kind.behave(around) if kind.behaviour is not None else idle_values(kind, around)


@pytest.fixture(scope="module")
def lived():
    """What each kind says over the year, as [instants, devices, points]."""
    around = year()
    return {name: said(kind, around).reshape(-1, DEVICES, len(kind.points)) for name, kind in KINDS.items()}


@every_point
def test_behaviour_stays_within_the_limits_at_all_times(lived, kind, point):
    values = lived[kind.name][:, :, kind.bits[point.name]]
    assert np.isfinite(values).all()
    assert point.low <= values.min()
    assert values.max() <= point.high


@every_point
def test_events_are_whole_and_switches_are_nought_or_one(lived, kind, point):
    values = lived[kind.name][:, :, kind.bits[point.name]]
    if point.event and point.unit == "1" and (point.low, point.high) == (0, 1):
        assert set(np.unique(values)) <= {0.0, 1.0}


@every_point
def test_counters_never_fall_nor_count_faster_than_they_can(lived, kind, point):
    if point.counter:
        values = lived[kind.name][:, :, kind.bits[point.name]]
        added = np.diff(values, axis=0)
        assert (added >= 0).all()
        assert values[-1].min() > values[0].max() or (added.sum(axis=0) > 0).all(), "it counts nothing at all"
        if point.most_per_hour:
            assert added.max() <= point.most_per_hour * 1700 / 3600 * (1 + 1e-9)


@every_kind
def test_a_behaviour_is_a_pure_function_of_its_surroundings(kind):
    """Alone, in company, in any order, again: the same values. Two devices are not each other's copy."""
    around = year(step_s=40_000)
    whole = said(kind, around)
    order = np.random.default_rng(1).permutation(len(around))
    assert np.array_equal(said(kind, rows_of(around, order)), whole[order])
    one = np.flatnonzero(around.seed == around.seed[0])
    assert np.array_equal(said(kind, rows_of(around, one)), whole[one])
    assert not np.array_equal(whole[0::DEVICES], whole[1::DEVICES])


def rows_of(around, rows):
    columns = {f: getattr(around, f)[rows] for f in ("at_s", "local_s", "outdoor_c", "irradiance", "wind", "rain",
               "homes", "seed")}  # fmt: skip
    return Surroundings(**columns, sunrise=around.sunrise, sunset=around.sunset)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**63 - 1), st.integers(1_420_070_400, 2_208_988_800), st.floats(-50, 45), st.floats(0, 1361),
    st.floats(0, 40), st.floats(0, 80), st.integers(1, 3000), st.floats(3, 9), st.floats(15, 22),
)  # fmt: skip
def test_no_weather_no_hour_and_no_seed_drives_a_behaviour_out(seed, at, cold, sun, wind, rain, homes, rise, fall):
    one = [np.array([float(x)]) for x in (at, at + 28_800, cold, sun, wind, rain, homes)]
    around = Surroundings(*one, np.array([seed], np.uint64), rise, fall)
    for kind in KINDS.values():
        values = said(kind, around)
        low, high = (np.array([getattr(p, end) for p in kind.points]) for end in ("low", "high"))
        assert values.shape == (1, len(kind.points))
        assert ((values >= low) & (values <= high)).all(), kind.name


def world_of(kind):
    parts = [Part(f"{kind.name}-{i}".replace("_", "-"), kind, 60_000_000, StationFacts()) for i in range(3)]
    return World(parts, SEASONS["cold-night"], utc_offset_s=28_800, seed=7)


@every_sent_kind
def test_what_a_device_shows_goes_through_the_codec_and_is_good(kind):
    """From the world through the instruments into a message, and out of it again: the same numbers, all good."""
    world, begin = world_of(kind), NOW - OLDEST_US // 1000
    state = world.begin(begin)
    moments = [Moment(begin + h * 3_600_000_000, state.stations) for h in range(24)]
    roster = Roster({p.name: Member(i, p.name, kind, "s", "c", 60) for i, p in enumerate(world.parts, 1)}, KINDS)
    for place, rows in world.record(moments, np.arange(3)):
        told = world.tell(place, rows)
        readings = [RawReading(m.at, values) for m, values in zip(moments, told, strict=True)]
        topic = f"hearthline/v1/{world.parts[place].name}/readings"
        batch = receive([Delivery(topic, encode(readings), NOW)], roster, NOW)
        assert not batch.rejects
        (came,) = batch.readings.values()
        assert np.array_equal(came.values, rows, equal_nan=True)
        assert not came.quality.any()
        if kind.name not in PHYSICS:
            assert np.isfinite(rows).all(), "it yields every point"


@every_sent_point
def test_a_value_beyond_its_limits_is_stored_and_marked_alone(kind, point):
    beyond = point.high + max(1.0, abs(point.high)) * 0.1
    came, reasons = heard(kind, {p.name: p.low for p in kind.points} | {point.name: beyond})
    assert reasons == []
    assert came.values[0, kind.bits[point.name]] == beyond
    assert np.flatnonzero(quality_mask(came.quality, len(kind.points))[0]).tolist() == [kind.bits[point.name]]


@every_sent_kind
@pytest.mark.parametrize(
    ("rubbish", "reason"),
    [("a text", "bad_point"), ([1], "bad_point"), ({"v": 1}, "bad_point"), (None, "empty")],
    ids=["text", "list", "object", "null"],
)
def test_rubbish_is_refused_point_by_point(kind, rubbish, reason):
    first = kind.points[0].name
    assert heard(kind, {first: rubbish}) == (None, [reason])
    assert heard(kind, {"no_such_point": 1})[1] == ["bad_point"]
    if len(kind.points) > 1 and rubbish is not None:
        second = kind.points[1]
        came, reasons = heard(kind, {first: rubbish, second.name: second.low})
        assert reasons == ["bad_point"]
        assert came.values[0, 1] == second.low


def heard(kind, values):
    roster = Roster({"one": Member(1, "one", kind, "s", "c", 60)}, KINDS)
    payload = json.dumps({"ts": NOW // 1000, "values": values}).encode()
    batch = receive([Delivery("hearthline/v1/one/readings", payload, NOW)], roster, NOW)
    came = [r for r in batch.readings.values() if len(r)]
    return (came[0] if came else None), [str(r.reason) for r in batch.rejects]


@every_kind
def test_titles_stand_in_both_languages(kind):
    for title in (kind.title, *(p.title for p in kind.points)):
        assert re.search(r"[\u4e00-\u9fff]", title.zh), title
        assert re.search(r"[A-Za-z]{2}", title.en), title
        assert not re.search(r"[\u4e00-\u9fff]", title.en), title
    for language in ("zh", "en"):
        titles = [getattr(p.title, language) for p in kind.points]
        assert len(set(titles)) == len(titles), "two points read the same"


@every_point
def test_units_are_ucum(kind, point):
    assert is_ucum(point.unit), f"{point.unit!r} is no UCUM: see https://ucum.org"


@pytest.mark.parametrize("unit", ["°C", "m³", "kWh", "psi", "", "degC", "ug/m³", "dBA", "m^2"])
def test_what_is_no_ucum_is_found(unit):
    assert not is_ucum(unit)


@every_kind
def test_the_manifest_fits_the_quality_word_and_names_what_comes_first(kind):
    assert 1 <= len(kind.points) <= MAX_POINTS
    assert kind.key_points, "say which few points a list or a bar shows first"
    reserved = {"device_id", "ts", "received_at", "quality", "bucket", "n", "covered_s"}
    assert not reserved & set(kind.names), "these are columns of its table already"


def test_every_kind_has_its_tables(database):
    """One column per point in readings and four in each rollup, made by reconciliation from the manifest alone."""
    tables = inspect(create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1)))
    for kind in KINDS.values():
        for table in (readings_table(kind), *(rollup_table(kind, width) for width in widths(kind))):
            there = {column["name"] for column in tables.get_columns(table.name)}
            assert {column.name for column in table.columns} <= there
