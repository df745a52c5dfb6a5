"""What the stations of a district say together is what they say one by one."""

import numpy as np
import pytest

from application.instants import DAY, HOUR, MINUTE, SECOND
from application.views import Views
from perception.catalogue import Branch, Catalogue, City, Device, District, HeatSource, Station
from perception.kinds import load_kinds
from perception.point import Title
from perception.readings import Readings
from support.catalogue_store import save_catalogue
from support.postgres.areas import MOST_ROWS
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.postgres.writer import PostgresStore
from support.settings import TendSettings

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOW = 1_796_000_400 * SECOND
HEAT, SUPPLY = KIND.bits["heat_power"], KIND.bits["t_sec_supply"]
STATIONS = [f"st-{n}" for n in range(6)]


def both(text):
    return Title(zh=text, en=text)


@pytest.fixture(scope="module")
def town(server, migrated):
    url = server.create_database("districts", migrated)
    engine = make_engine(url, "test")
    catalogue = Catalogue(
        cities=(City(name="testville", title=both("T"), timezone="Asia/Shanghai", simulated=True),),
        districts=tuple(District(name=n, city="testville", title=both(n)) for n in ("east", "west", "void")),
        sources=(HeatSource(name="plant", city="testville", title=both("P")),),
        branches=(Branch(name="line", source="plant", title=both("L")),),
        stations=tuple(
            Station(name=n, district="west" if n == "st-5" else "east", branch="line", title=both(n)) for n in STATIONS
        ),
        devices=tuple(Device(name=n, kind=KIND.name, station=n, interval_s=60) for n in STATIONS),
    )
    with engine.begin() as on:
        save_catalogue(on, catalogue, "test")
    store, rng = PostgresStore(url, KINDS), np.random.default_rng(3)
    roster, written = store.roster(-1), {}
    for name in STATIONS:
        ts = NOW - np.arange(2 * 1440)[::-1] * MINUTE - (HOUR if name == "st-4" else 0)  # st-4 has been silent
        values = np.full((len(ts), len(KIND.points)), np.nan)
        values[:, HEAT], values[:, SUPPLY] = rng.normal(900, 90, len(ts)), rng.normal(45, 3, len(ts))
        words = np.where((rng.random(len(ts)) < 0.1) | ((name == "st-3") & (ts == NOW)), 1 << HEAT, 0)
        if name != "st-3":
            words[-1] = 0
        device = roster.members[name].device_id
        rows = Readings(KIND, np.full(len(ts), device, np.int32), ts, ts, values, words.astype(np.int64), ts * 0)
        with store.transaction() as tx:
            tx.write(rows, roster)
        written[name] = ts, np.where(words > 0, np.nan, values[:, HEAT]), values[:, SUPPLY]
    store.close()
    list(Rollups(engine, KINDS, TendSettings(slice_buckets=9999, pause_s=0)).drain(NOW + DAY))
    yield Views(engine, PostgresReader(), KINDS, {}), written
    engine.dispose()
    server.drop_database("districts")


def test_districts_sum_heat_and_range_over_stations_that_report(town):
    views, written = town
    east, west = views.districts("testville", NOW + 10 * SECOND)
    assert (east.name, east.stations, east.reporting) == ("east", 5, 4)
    told = [written[n][1][-1] for n in ("st-0", "st-1", "st-2")]
    assert east.heat_kw == pytest.approx(sum(told))  # st-3 has a bad value, st-4 is silent
    supply = [written[n][2][-1] for n in ("st-0", "st-1", "st-2", "st-3")]
    found = east.points["t_sec_supply"]
    assert (found.stations, found.low, found.high) == (4, min(supply), max(supply))
    assert found.mean == pytest.approx(sum(supply) / 4)
    assert (west.stations, west.reporting, west.points["heat_power"].stations) == (1, 1, 1)
    assert views.districts("nowhere", NOW) == []


@pytest.mark.parametrize(("hours", "pixels", "width"), [(6, 200, "10m"), (40, 50, "30m"), (48, 16, "2h")])
def test_a_trend_of_a_district_is_that_of_its_stations(town, hours, pixels, width):
    views, written = town
    start = (NOW - hours * HOUR) // HOUR * HOUR
    trend = views.district_trend("east", "heat_power", start, NOW, pixels)
    step = {"10m": 10 * MINUTE, "30m": 30 * MINUTE, "2h": 2 * HOUR}[width]
    assert trend.width == width
    assert len(trend.ts) <= 2 * pixels + 1
    for place, at in enumerate(trend.ts):
        own = at * 1000 // step * step + (946_857_600_000_000 % step)
        each = [v[(t >= at * 1000) & (t < own + step)] for t, v, _ in (written[n] for n in STATIONS[:5])]
        each = [v[~np.isnan(v)] for v in each if (~np.isnan(v)).any()]
        assert trend.stations[place] == len(each)
        assert trend.low[place] == min(v.min() for v in each)
        assert trend.high[place] == max(v.max() for v in each)
        assert trend.mean[place] == pytest.approx(np.mean([v.mean() for v in each]), rel=0.02)
        assert trend.total[place] == pytest.approx(trend.mean[place] * len(each))


def test_a_wide_span_of_many_stations_reads_wider_buckets(town):
    views, _ = town
    trend = views.district_trend("east", "heat_power", NOW - 3650 * DAY, NOW, 200)
    assert len(trend.ts) <= 400
    assert int(trend.width[:-1]) >= 9
    assert trend.width[-1] == "d"
    assert MOST_ROWS > 5 * 3650


def test_what_is_not_there(town):
    views, _ = town
    assert views.district_trend("nowhere", "heat_power", NOW - DAY, NOW, 200) is None
    assert views.district_trend("east", "no_such_point", NOW - DAY, NOW, 200) is None
    assert views.district_trend("void", "heat_power", NOW - DAY, NOW, 200).ts == []
