"""The past of a point corrected: once, whatever interrupts it, with its rollups and its entry in the journal."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import psycopg
import pytest

from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.readings import Readings, quality_words
from perception.seed_files import load_catalogue
from perception.validate import beyond_limits
from support.catalogue_store import add_device, save_catalogue
from support.commands.recomputing import wished
from support.correction_store import CorrectionError, Wish, correct
from support.postgres import rosters
from support.postgres.connect import make_engine
from support.postgres.rollups import Rollups
from support.postgres.writer import PostgresStore
from support.recompute import RecomputeError, begin, preview, run
from support.settings import TendSettings

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
SPAN = ("2026-01-05", "2026-01-08")
HOURS = 24 * 4


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, load_catalogue(CITIES), "test")
        device_id = add_device(on, Device(name="heat-01", kind=KIND.name, station="nis-l4"), "test")
        roster = rosters.load(on, KINDS)
    store = PostgresStore(database, KINDS)
    assert store.claim()
    values = np.full((HOURS, len(KIND.points)), np.nan)
    values[:, KIND.bits["heat_power"]] = np.arange(HOURS) / 10
    values[:, KIND.bits["t_sec_supply"]] = 45.0
    ts = np.array([int((FIRST + timedelta(hours=n)).timestamp() * 1e6) for n in range(HOURS)], np.int64)
    ids, none = np.full(HOURS, device_id, np.int32), np.zeros(HOURS, np.int64)
    quality = quality_words(beyond_limits(values, KIND))
    with store.transaction() as tx:
        tx.write(Readings(KIND, ids, ts, ts, values, quality, none), roster)
    store.close()
    yield engine
    engine.dispose()


def change(engine, point="heat_power", source=None, scale=None, offset=None, unit=None, span=SPAN):
    return wished(engine, KINDS, "heat-01", point, source, scale, offset, unit, span)


def column(database, point):
    with psycopg.connect(database) as on:
        return [v for (v,) in on.execute(f"select {point} from readings_heat_substation order by ts")]


def started(engine, wish, **facts):
    with engine.begin() as on:
        return begin(on, wish, "test", **facts)


def test_it_goes_on_where_it_was_interrupted_and_nothing_is_scaled_twice(engine, database):
    wish = change(engine, unit="GJ/h")
    number = started(engine, wish)
    with engine.connect() as on:
        seen = preview(on, number, wish)
    assert (seen.rows, seen.ts) == (72, FIRST)
    assert list(islice(run(engine, number, wish, "test"), 1)) == [24]  # and then it was killed
    assert started(engine, wish) == number
    assert list(run(engine, number, wish, "test")) == [24, 24]
    assert list(run(engine, number, wish, "test")) == []
    before = np.arange(HOURS) / 10
    expected = np.where(np.arange(HOURS) < 72, before * (10_000 / 36), before)
    np.testing.assert_allclose(column(database, "heat_power"), expected)
    with psycopg.connect(database) as on:
        journal = on.execute("select rows_changed, finished_at is not null, done_until = to_at from recomputation")
        assert journal.fetchall() == [(72, True, True)]
        audited = on.execute(
            "select action, detail->>'rows' from audit where action like 'recompute %%' order by 1", []
        )
        assert audited.fetchall() == [("recompute begun", None), ("recompute done", "72")]


def test_what_was_done_is_not_done_again_unless_it_is_meant(engine, database):
    number = started(engine, change(engine, scale=2))
    list(run(engine, number, change(engine, scale=2), "test"))
    for again in (change(engine, scale=2), change(engine, scale=3, span=("2026-01-07", "2026-01-09"))):
        with pytest.raises(RecomputeError, match=rf"number {number} of the journal .* was done and overlaps"):
            started(engine, again)
    back = change(engine, scale=0.5)
    list(run(engine, started(engine, back, again=True), back, "test"))
    np.testing.assert_allclose(column(database, "heat_power"), np.arange(HOURS) / 10)


def test_rollups_and_quality_follow(engine, database):
    settings = TendSettings(pause_s=0, rest=0)
    now = int(datetime.now(UTC).timestamp() * 1e6)
    list(Rollups(engine, KINDS, settings).drain(now))
    wish = change(engine, scale=10_000)  # beyond 20,000 kW from the third hour on
    list(run(engine, started(engine, wish), wish, "test"))
    list(Rollups(engine, KINDS, settings).drain(now))
    with psycopg.connect(database) as on:
        rollup = "select heat_power_n, heat_power_max from rollup_heat_substation_1h order by bucket limit 22"
        hours = on.execute(rollup).fetchall()
        bit = 1 << KIND.bits["heat_power"]
        bad = on.execute("select count(*) from readings_heat_substation where quality & %s <> 0", [bit]).fetchone()
    assert hours[2] == (1, 2000.0)
    assert hours[20] == (1, 20_000.0)
    assert hours[21] == (0, None)
    assert bad == (72 - 21,)


def test_what_was_stored_under_the_wrong_point_is_moved_where_there_is_room(engine, database):
    with psycopg.connect(database, autocommit=True) as on:
        on.execute("update readings_heat_substation set t_pri_supply = 99 where ts = %s", [FIRST])
    wish = change(engine, point="t_pri_supply", source="t_sec_supply", offset=1.0)
    list(run(engine, started(engine, wish), wish, "test"))
    assert column(database, "t_pri_supply") == [99.0] + [46.0] * 71 + [None] * 24
    assert column(database, "t_sec_supply") == [45.0] + [None] * 71 + [45.0] * 24


def test_what_was_corrected_at_receipt_is_left_alone(engine, database):
    with engine.begin() as on:
        correct(on, "heat-01", KINDS, "heat_power", Wish(scale=2), FIRST, "test")
    with psycopg.connect(database, autocommit=True) as on:
        on.execute("update readings_heat_substation set received_at = now() + interval '1 second' where ts >= %s",
                   [FIRST + timedelta(hours=10)])  # fmt: skip
    wish = change(engine, scale=2)
    assert list(run(engine, started(engine, wish), wish, "test")) == [10]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"scale": 2, "span": ("2026-01-08", "2026-01-05")}, "an empty span"),
        ({}, "nothing would change"),
        ({"unit": "bar"}, "measures pressure"),
        ({"scale": 0}, "a scale of 0"),
        ({"point": "heat_powr", "scale": 2}, "Did you mean heat_power"),
        ({"scale": 1e308}, "leaves the range of numbers"),
    ],
)
def test_a_mistake_is_told(engine, facts, expected):
    with pytest.raises((RecomputeError, CorrectionError, ValueError), match=expected):
        list(run(engine, started(engine, change(engine, **facts)), change(engine, **facts), "test"))
