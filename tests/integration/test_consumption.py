"""Consumption follows the counters of real substations, whatever order their readings come in."""

import csv
import gzip
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.errors import CheckViolation
from sqlalchemy import select, text

from application.metering.commands import rows_of
from application.metering.consumption import Per
from application.views import Views
from perception.catalogue import Device
from perception.counter import HOUR_US, Limits, State, follow, settled, spread
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.postgres.connect import make_engine
from support.postgres.counters import Counters
from support.postgres.partitions import ensure_weeks, weeks_of
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.postgres.schema import migrate, reconcile
from support.postgres.writer import PostgresStore
from support.settings import TendSettings
from support.tables import consumption

ROOT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()
KIND = KINDS["heat_substation"]
POINT = KIND.point("heat_energy_total")
HOUR, MINUTE = 3_600_000_000, 60_000_000
T0 = int(datetime(2026, 1, 20, tzinfo=UTC).timestamp()) * 1_000_000
NOW = T0 + 90 * 24 * HOUR
SETTINGS = TendSettings(slice_buckets=5000, pause_s=0, rest=0)


CITY_OF_BEFORE = """
insert into city values ('nis', '尼什', 'Nis', 'Europe/Belgrade');
insert into district values ('nis-centre', '中', 'Centre', 'nis');
insert into heat_source values ('nis-plant', '厂', 'Plant', 'nis');
insert into branch values ('nis-line', '线', 'Line', 'nis-plant');
insert into station values ('nis-l4', '站', 'L4', 'nis-centre', 'nis-line');
insert into device (name, kind, station, interval_s) values ('meter-1', 'heat_substation', 'nis-l4', 900)
"""
"""As tables of before took it: those of today have columns that they do not know."""


class Meter:
    """A database with one substation, the hands to fill its counters, and the eyes to see what flowed."""

    def __init__(self, database, device=None):
        self.engine = make_engine(database, "test")
        self.device = device or self._seeded()
        self.store = PostgresStore(database, KINDS)
        self.store.claim()
        self.roster = self.store.roster(-1)
        self.rollups = Rollups(self.engine, KINDS, SETTINGS)

    def _seeded(self):
        with self.engine.begin() as on:
            save_catalogue(on, load_catalogue(ROOT / "configs" / "cities"), "test")
            return add_device(on, Device(name="meter-1", kind=KIND.name, station="nis-l4", interval_s=900), "t")

    def write(self, ts, energy, bad=()):
        """Store readings of the energy counter; `bad` are the places of those with a quality bit."""
        n = len(ts)
        values = np.full((n, len(KIND.points)), np.nan)
        values[:, KIND.bits[POINT.name]] = energy
        values[:, KIND.bits["t_sec_supply"]] = 45.0
        quality = np.zeros(n, np.int64)
        quality[list(bad)] = 1 << KIND.bits[POINT.name]
        ts = np.asarray(ts, np.int64)
        rows = Readings(KIND, np.full(n, self.device, np.int32), ts, ts, values, quality, np.zeros(n, np.int64))
        with self.store.transaction() as tx:
            tx.write(rows, self.roster)

    def tend(self, now=NOW):
        """Do what tend does; return how many hours the counters were followed through."""
        for _ in self.rollups.drain(now):
            pass
        return sum(Counters(self.engine, KINDS, SETTINGS).drain(now))

    def rows(self, point=POINT.name):
        c = consumption.c
        query = select(consumption).where(c.device_id == self.device, c.point == point).order_by(c.bucket)
        with self.engine.connect() as on:
            return on.execute(query).all()

    def hours(self):
        """Return the amounts by hours since T0, those without any left out."""
        return {round((r.bucket.timestamp() * 1e6 - T0) / HOUR): r.amount for r in self.rows() if r.amount}


@pytest.fixture
def meter(database):
    meter = Meter(database)
    yield meter
    meter.store.close()
    meter.engine.dispose()


def expected(ts, values):
    """What a single look at the whole history says: the oracle of every order and portion."""
    flow, _ = follow(State(), np.asarray(ts), np.asarray(values, float), Limits.of(POINT))
    found = spread(flow, HOUR_US, HOUR_US)
    return {
        round((int(b) - T0) / HOUR): pytest.approx(a)
        for b, a in zip(found.starts, found.amounts, strict=True)
        if settled(a)
    }


def test_consumption_by_hour_and_once_more_changes_nothing(meter):
    ts = T0 + np.arange(9) * 30 * MINUTE
    meter.write(ts, 100.0 + np.arange(9))
    assert meter.tend() == 5
    assert meter.hours() == {h: pytest.approx(2.0) for h in range(4)}
    before = meter.rows()
    assert meter.tend() == 0
    meter.write(ts[3:4], [103.0])
    meter.tend()
    assert meter.rows() == before


def test_the_marks_of_rollups_are_handed_on_and_not_taken(meter):
    meter.write([T0, T0 + 5 * MINUTE], [1.0, 2.0])
    counters = Counters(meter.engine, KINDS, SETTINGS)
    assert list(counters.drain(NOW)) == []
    assert sum(meter.rollups.drain(NOW)) == 1
    assert sum(counters.drain(NOW)) == 1
    with meter.engine.connect() as on:
        assert on.execute(text("select count(*) from rollup_mark")).scalar_one() == 0
        assert on.execute(text("select count(*) from counter_mark")).scalar_one() == 0


def test_late_readings_correct_their_hour_and_its_neighbours(meter):
    ts, energy = T0 + np.arange(48) * 15 * MINUTE, 500.0 + np.cumsum(np.arange(48) % 5)
    late = slice(17, 23)
    meter.write(np.delete(ts, late), np.delete(energy, late))
    meter.tend()
    assert any(row.estimated for row in meter.rows())
    meter.write(ts[late], energy[late])
    assert meter.tend() == 2
    assert meter.hours() == expected(ts, energy)
    assert not any(row.estimated for row in meter.rows())


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_arrival_ends_with_the_same_consumption(meter, seed):
    """Zeros, spikes, resets, gaps and another meter; in portions at random, tended in between."""
    rng = np.random.default_rng(seed)
    energy = 5000.0 + np.cumsum(rng.choice([0.0, 0.3, 1.0, 4.0], 400))
    energy[150:] -= energy[150] * (seed % 2)
    energy[260:] += 3000.0 * (seed % 3)
    for place in rng.integers(1, 399, 12):
        energy[place : place + rng.integers(1, 9)] = rng.choice([0.0, 0.0, 1e6])
    ts = T0 + np.arange(400) * 15 * MINUTE
    keep = rng.random(400) > 0.2
    keep[200:240] = False
    ts, energy = ts[keep], energy[keep]
    left = rng.permutation(len(ts)) if seed < 4 else np.arange(len(ts))
    for portion in np.array_split(left, 5):
        meter.write(ts[np.sort(portion)], energy[np.sort(portion)])
        meter.tend()
    assert meter.hours() == expected(ts, energy)


def test_values_that_are_not_good_and_long_zeros_are_passed_over(meter):
    ts = T0 + np.arange(200) * 15 * MINUTE
    energy = 800.0 + np.arange(200) * 0.5
    shown = energy.copy()
    shown[50:150] = 0.0
    shown[20] = 9999.0
    meter.write(ts, shown, bad=[20])
    meter.tend()
    rows = meter.rows()
    assert sum(row.amount for row in rows) == pytest.approx(energy[-1] - energy[0])
    assert sum(row.bad for row in rows) == 100
    meter.write([ts[100] + MINUTE], [0.0])
    meter.tend()
    assert sum(row.amount for row in meter.rows()) == pytest.approx(energy[-1] - energy[0])
    assert sum(row.bad for row in meter.rows()) == 101


def test_a_device_says_at_its_birth_where_its_register_begins_again(meter):
    with meter.engine.begin() as on:
        on.execute(text("""update device set manifest = '{"rolls_over_at": {"heat_energy_total": 1000}}'"""))
    true = 990.0 + np.arange(40)
    meter.write(T0 + np.arange(40) * 15 * MINUTE, true % 1000)
    meter.tend()
    assert sum(row.amount for row in meter.rows()) == pytest.approx(39.0)
    assert sum(row.rollovers for row in meter.rows()) == 1


def test_hours_are_those_of_the_citys_clock(meter):
    with meter.engine.begin() as on:
        on.execute(text("update city set timezone = 'Asia/Kathmandu'"))
    meter.write(T0 + np.arange(9) * 15 * MINUTE, np.arange(9.0))
    meter.tend()
    assert [row.bucket.astimezone(ZoneInfo("Asia/Kathmandu")).minute for row in meter.rows()] == [0, 0, 0]
    assert [row.amount for row in meter.rows()] == pytest.approx([1.0, 4.0, 3.0])


def test_the_table_refuses_what_cannot_flow(database):
    with psycopg.connect(database) as on, pytest.raises(CheckViolation):
        on.execute("insert into consumption values (1, 'x', now(), -0.1)")


def test_what_is_older_than_readings_are_kept_stays_as_it_is(meter):
    ts = T0 + np.arange(24 * 40) * HOUR
    meter.write(ts, 100.0 + np.arange(len(ts)))
    meter.tend()
    before = meter.rows()
    settings = TendSettings(raw_days=60, pause_s=0, rest=0)
    with meter.engine.begin() as on:
        on.execute(text("delete from readings_heat_substation where ts < :t"), {"t": datetime.fromtimestamp(
            (NOW - 60 * 24 * HOUR) / 1e6, UTC)})  # fmt: skip
        on.execute(text("insert into counter_mark (kind, device_id, hour) select 'heat_substation', :d, :t"),
                   {"d": meter.device, "t": datetime.fromtimestamp((NOW - 60 * 24 * HOUR) / 1e6, UTC)})  # fmt: skip
    for _ in Counters(meter.engine, KINDS, settings).drain(NOW):
        pass
    assert meter.rows() == before


@pytest.mark.parametrize("name", ["nis-l4", "nis-l12", "nis-l17"])
def test_a_recorded_substation_adds_up(meter, name):
    with gzip.open(ROOT / "configs" / "recordings" / f"{name}.csv.gz", "rt") as file:
        rows = [(datetime.fromisoformat(r["datetime"]).replace(tzinfo=UTC), float(r["e"]) * 3.6)
                for r in csv.DictReader(file) if r["e"]]  # fmt: skip
    ts = np.array([int(at.timestamp()) * 1_000_000 for at, _ in rows])
    energy = np.array([e for _, e in rows])
    began = time.perf_counter()
    meter.write(ts, energy)
    meter.tend(int(ts[-1]) + 2 * HOUR)
    assert time.perf_counter() - began < 30
    found = meter.rows()
    assert sum(row.amount for row in found) == pytest.approx(energy.max() - energy.min())
    assert max(row.amount for row in found) < 6.0  # GJ: the largest hour of these stations has 1.6 MWh
    assert found[-1].bucket - found[0].bucket < timedelta(days=20)


def test_views_and_the_verb_show_hours_days_and_months_of_the_city(meter):
    views = Views(meter.engine, PostgresReader(), KINDS, {})
    midnight = int(datetime(2026, 1, 20, tzinfo=ZoneInfo("Europe/Belgrade")).timestamp()) * 1_000_000
    meter.write(midnight + np.arange(49) * HOUR, np.arange(49.0))
    meter.tend()
    span = midnight, midnight + 48 * HOUR
    [energy, *others] = views.consumption("meter-1", *span, 500)
    assert (energy.point, energy.unit, energy.width, len(energy.ts)) == ("heat_energy_total", "GJ", "1h", 48)
    assert all(other.ts == [] for other in others)
    [daily, *_] = views.consumption("meter-1", *span, 500, Per.DAY)
    assert (daily.amount, daily.hours) == (pytest.approx([24.0, 24.0]), [24, 24])
    assert daily.ts[0] == midnight // 1000
    assert views.consumption("meter-1", *span, 20)[0].width == "1d"
    assert views.consumption("meter-1", *span, 1)[0].width == "1mo"
    assert views.consumption("nobody", *span, 1) is None
    rows = rows_of(daily)
    assert rows[0]["from"] == "2026-01-20T00:00+01:00"
    assert rows[1]["amount"] == pytest.approx(24.0)


def test_a_database_of_before_is_followed_from_its_first_hour(server):
    url = server.create_database("before_counters")
    engine = make_engine(url, "test")
    with engine.begin() as on:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "support" / "postgres" / "migrations"))
        config.attributes["connection"] = on
        command.upgrade(config, "0004")
        reconcile(on, KINDS.values())
        on.execute(text(CITY_OF_BEFORE))
        device = on.execute(text("select device_id from device")).scalar_one()
        ensure_weeks(on, KIND, weeks_of(T0 + np.arange(100) * 30 * MINUTE))
        halves = "select :device, t, t, (row_number() over (order by t)) - 1, 0 from generate_series("
        span = (
            "cast(:begin as timestamptz), cast(:begin as timestamptz) + interval '49.5 hours', interval '30 minutes') t"
        )
        columns = "insert into readings_heat_substation (device_id, ts, received_at, heat_energy_total, quality) "
        begin = datetime.fromtimestamp(T0 / 1e6, UTC)
        on.execute(text(columns + halves + span), {"device": device, "begin": begin})
    with engine.begin() as on:  # its rollups are made, and there are no marks
        tenths = "select distinct device_id, date_bin('10 minutes', ts, timestamptz '2000-01-03 00:00+00'), 1"
        rollup = "insert into rollup_heat_substation_10m (device_id, bucket, n)"
        on.execute(text(f"{rollup} {tenths} from readings_heat_substation"))
    migrate(url, KINDS)
    meter = Meter(url, device)
    with engine.connect() as on:
        marks = on.execute(text("select kind, device_id, hour from counter_mark")).all()
    assert marks == [(KIND.name, meter.device, datetime.fromtimestamp(T0 / 1e6, UTC))]
    meter.tend()
    assert sum(row.amount for row in meter.rows()) == pytest.approx(99.0)
    meter.store.close()
    meter.engine.dispose()
    engine.dispose()
    server.drop_database("before_counters")
