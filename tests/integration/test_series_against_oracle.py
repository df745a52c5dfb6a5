"""Series say what the readings say, whatever source they come from: against numpy, on random dirty data."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.columns import rollup_name, widths
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.postgres.writer import PostgresStore
from support.settings import TendSettings

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
POINTS = ("t_sec_supply", "heat_power", "pump_circ_1_run")
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
START = int(datetime(2026, 3, 20, tzinfo=UTC).timestamp()) * 1_000_000
DAYS = 20  # clocks change on the 29th
UNITS = {"s": 1_000_000, "m": MINUTE, "h": HOUR, "d": DAY}


def history(seed):
    """Return times and values of one device: a cadence that changes, gaps, nulls, values that are not good."""
    rng = np.random.default_rng(seed)
    steps = np.concatenate([
        np.full(700, 20_000_000), np.full(500, 3 * MINUTE), np.full(300, 15 * MINUTE),
        np.full(200, [HOUR, 10_000_000, 45 * MINUTE, MINUTE][seed % 4]),
    ])  # fmt: skip
    steps[rng.integers(0, len(steps), 6)] += (rng.random(6) * 30 * HOUR).astype(np.int64)
    ts = START + seed * 7_000_000 + np.cumsum(steps)
    ts = ts[ts < START + DAYS * DAY]
    values = rng.normal(50, 15, (len(ts), len(POINTS))).round(3)
    values[rng.random(values.shape) < 0.3] = np.nan
    bad = (rng.random(values.shape) < 0.15) & ~np.isnan(values)
    return ts, values, bad


class Library:
    """Four devices' histories in the tables and in memory."""

    def __init__(self, url):
        self.engine, self.reader = make_engine(url, "test"), PostgresReader()
        with self.engine.begin() as on:
            save_catalogue(on, load_catalogue(Path(__file__).resolve().parents[2] / "configs" / "cities"), "test")
            ids = [add_device(on, Device(name=f"p-{n:02}", kind=KIND.name, station="nis-l4"), "t") for n in range(4)]
        store, self.histories = PostgresStore(url, KINDS), {}
        roster = store.roster(-1)
        for seed, device_id in enumerate(ids):
            ts, some, bad = history(seed)
            values = np.full((len(ts), len(KIND.points)), np.nan)
            words = np.zeros(len(ts), np.int64)
            for place, name in enumerate(POINTS):
                values[:, KIND.bits[name]] = some[:, place]
                words |= bad[:, place].astype(np.int64) << KIND.bits[name]
            rows = Readings(KIND, np.full(len(ts), device_id, np.int32), ts, ts, values, words, words * 0)
            with store.transaction() as tx:
                tx.write(rows, roster)
            self.histories[device_id] = ts, np.where(bad, np.nan, some)
        store.close()
        for _ in Rollups(self.engine, KINDS, TendSettings(slice_buckets=9999, pause_s=0)).drain(START + 90 * DAY):
            pass


@pytest.fixture(scope="module")
def library(server, migrated):
    library = Library(server.create_database("oracle", migrated))
    yield library
    library.engine.dispose()
    server.drop_database("oracle")


def width_us(series):
    if series.width == "raw":
        return 1
    number, unit = re.fullmatch(r"(\d+)([smhd])", series.width).groups()
    return int(number) * UNITS[unit]


def check(series, ts, values, span, most):
    assert len(series.ts) <= most * 1.1 + 3
    assert (np.diff(series.ts) > 0).all()
    inside = (ts >= span[0]) & (ts < span[1])
    ts, values = ts[inside], values[inside]
    if not len(series.ts):
        assert len(ts) == 0 or ts.max() < span[0] + 26 * HOUR  # in a bucket that began before the span
        return
    assert series.ts[-1] < span[1]
    assert series.ts[0] > span[0] - (width_us(series) if series.width != "raw" else 1)
    before = ts < series.ts[0]
    assert (ts[before] < span[0] + max(width_us(series), 1) + 2 * HOUR).all()
    ts, values = ts[~before], values[~before]
    owner = np.searchsorted(series.ts, ts, side="right") - 1
    assert (ts - series.ts[owner] < width_us(series) + 2 * HOUR * (series.width[-1] == "d")).all()
    for place in range(values.shape[1]):
        present = ~np.isnan(values[:, place])
        low, high = np.full(len(series.ts), np.inf), np.full(len(series.ts), -np.inf)
        np.minimum.at(low, owner[present], values[present, place])
        np.maximum.at(high, owner[present], values[present, place])
        empty = np.isinf(low)
        assert (np.isnan(series.mean[:, place]) == empty).all()
        assert (series.low[~empty, place] == low[~empty]).all()
        assert (series.high[~empty, place] == high[~empty]).all()
        mean = series.mean[~empty, place]
        assert ((mean >= low[~empty] - 1e-9) & (mean <= high[~empty] + 1e-9)).all()


@settings(max_examples=120, deadline=None)
@given(
    which=st.integers(0, 3),
    begins=st.integers(-1440, DAYS * 1440),
    minutes=st.sampled_from([1, 7, 60, 300, 1440, 4000, 10_000, 20 * 1440, 3000 * 1440]),
    most=st.sampled_from([1, 5, 32, 100, 500, 2000]),
    points=st.lists(st.sampled_from(POINTS), min_size=1, max_size=3, unique=True),
)
def test_series_say_what_the_readings_say(library, which, begins, minutes, most, points):
    device_id = list(library.histories)[which]
    span = START + begins * MINUTE, START + (begins + minutes) * MINUTE
    with library.engine.connect() as on:
        series = library.reader.series(on, KIND, device_id, points, span, most)
    ts, values = library.histories[device_id]
    check(series, ts, values[:, [POINTS.index(p) for p in points]], span, most)


def test_every_source_was_asked(library):
    """The property above is worth something only if its spans come from everywhere."""
    device_id, seen = next(iter(library.histories)), set()
    with library.engine.connect() as on:
        for hours, most in ((1, 500), (24, 100), (60, 32), (200, 32), (480, 5), (480, 1), (24 * 3000, 32)):
            span = START, START + hours * HOUR
            seen.add(library.reader.series(on, KIND, device_id, POINTS, span, most).width)
    assert {"raw", "1h", "1d"} & seen
    assert len(seen) >= 5


def test_where_raw_readings_are_gone_the_rollups_speak(library):
    """Retention takes the fine sources first: a span is never shorter because its finest source was dropped."""
    device_id = list(library.histories)[3]
    span = START - 2 * HOUR, START + DAYS * DAY
    with library.engine.begin() as on:
        whole = library.reader.series(on, KIND, device_id, POINTS[:1], span, 500)
        on.execute(text("delete from readings_heat_substation where device_id = :d"), {"d": device_id})
        for width in widths(KIND):
            found = library.reader.series(on, KIND, device_id, POINTS[:1], span, 500)
            assert abs(int(found.ts[0]) - int(whole.ts[0])) <= DAY, width
            assert np.nanmax(found.high) == np.nanmax(whole.high)
            if width != widths(KIND)[-1]:
                on.execute(text(f"delete from {rollup_name(KIND, width)} where device_id = :d"), {"d": device_id})
        on.rollback()
