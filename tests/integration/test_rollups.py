"""Rollups follow the readings, whenever they come; tend does it in slices and by one process at a time."""

import threading
from datetime import datetime, timedelta

import numpy as np
import pytest

from support.columns import Width, widths
from support.maintain import maintain
from support.postgres.partitions import existing_weeks
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.postgres.upkeep import TendTurn, passes
from support.settings import TendSettings
from tests.integration.rollup_bench import BELGRADE, DAY, HOUR, KIND, KINDS, MINUTE, NOW, Bench


@pytest.fixture
def bench(database):
    bench = Bench(database)
    yield bench
    bench.close()


def test_every_width_says_the_same_of_one_hour(bench):
    start = NOW - 2 * HOUR
    times = start + np.arange(360) * 10_000_000
    supply = np.linspace(40, 50, 360)
    bench.write(times, supply)
    assert sum(bench.drain()) == 6
    assert bench.marks() == 0
    assert bench.bucket(Width.MINUTE, start) == (6, 6, supply[0], pytest.approx(supply[:6].mean()), supply[5])
    assert bench.bucket(Width.TEN_MINUTES, start) == (60, 60, supply[0], pytest.approx(supply[:60].mean()), supply[59])
    assert bench.bucket(Width.HOUR, start) == (360, 360, 40.0, pytest.approx(45.0), 50.0)
    midnight = datetime(2026, 1, 20, tzinfo=BELGRADE)
    assert bench.bucket(Width.DAY, midnight) == (360, 360, 40.0, pytest.approx(45.0), 50.0)
    assert set(widths(KIND)) == set(Width)


def test_only_good_values_count(bench):
    start = NOW - 2 * HOUR
    bench.write([start, start + 10_000_000, start + 20_000_000], [40.0, 999.0, 42.0], bad=[1])
    bench.drain()
    assert bench.bucket(Width.TEN_MINUTES, start) == (3, 2, 40.0, 41.0, 42.0)
    assert bench.bucket(Width.TEN_MINUTES, start, "t_sec_return")[:2] == (3, 3)
    assert bench.bucket(Width.HOUR, start, "p_sec_return") == (3, 0, None, None, None)


def test_late_readings_and_repeated_ones_leave_the_right_rollup(bench):
    start = NOW - 2 * HOUR
    bench.write([start, start + 60_000_000], [40.0, 50.0])
    bench.drain()
    bench.write([start, start + 30_000_000, start + 60_000_000], [40.0, 90.0, 50.0])
    assert bench.marks() > 0
    bench.drain()
    assert bench.bucket(Width.TEN_MINUTES, start) == (3, 3, 40.0, 60.0, 90.0)
    assert bench.bucket(Width.HOUR, start) == (3, 3, 40.0, 60.0, 90.0)
    assert bench.drain() == []


def test_a_day_is_a_day_of_the_city_also_when_clocks_change(bench):
    first = datetime(2025, 10, 26, tzinfo=BELGRADE)  # 25 hours long
    start = int(first.timestamp()) * 1_000_000
    bench.write(start + np.arange(-10, 26 * 6 + 1) * 10 * MINUTE, np.ones(26 * 6 + 11))
    bench.drain()
    assert bench.bucket(Width.DAY, first)[0] == 25 * 6
    assert bench.bucket(Width.DAY, first + timedelta(days=1))[0] == 7
    assert bench.bucket(Width.DAY, first - timedelta(days=1))[0] == 10


def test_newest_buckets_come_first_in_slices(bench):
    bench.write(NOW - np.arange(2, 202) * 10 * MINUTE, np.ones(200))
    slices = bench.rollups.drain(NOW)
    assert next(slices) == 50
    assert bench.bucket(Width.TEN_MINUTES, NOW - 20 * MINUTE) is not None
    assert bench.bucket(Width.TEN_MINUTES, NOW - 201 * 10 * MINUTE) is None
    assert list(slices) == [50, 50, 50]


def test_a_pass_that_found_its_fill_looks_again(bench):
    bench.write(NOW - np.arange(2, 32) * 10 * MINUTE, np.ones(30))
    few = TendSettings(slice_buckets=5, most_buckets=10, pause_s=0, rest=0)
    assert sum(Rollups(bench.engine, KINDS, few).drain(NOW)) == 30
    assert bench.marks() == 0


def test_a_mark_made_while_its_bucket_is_computed_stays(bench):
    start = NOW - 2 * HOUR
    bench.write([start], [40.0])
    pending = bench.rollups.drain(NOW)
    assert next(pending) == 1
    bench.write([start + MINUTE], [50.0])
    assert list(pending) == []
    assert bench.drain() == [1]
    assert bench.bucket(Width.TEN_MINUTES, start)[0] == 2


def test_series_are_raw_binned_or_rolled_up_by_their_length(bench):
    reader = PostgresReader()
    span = (NOW - 7 * DAY, NOW)
    times = np.arange(span[0], span[1], MINUTE)
    supply = 45 + 5 * np.sin(times / DAY * 2 * np.pi)
    bench.write(times, supply, bad=[len(times) - 2])
    with bench.engine.connect() as conn:

        def series(hours, most):
            return reader.series(
                conn, KIND, bench.device, ["t_sec_supply", "p_sec_return"], (NOW - hours * HOUR, NOW), most
            )

        raw = series(1, 500)
        assert (raw.width, len(raw.ts)) == ("raw", 60)
        assert raw.mean[-1, 0] == pytest.approx(supply[-1])
        assert np.isnan(raw.mean[-2, 0])
        assert np.isnan(raw.mean[:, 1]).all()
        binned = series(24, 300)
        assert (binned.width, len(binned.ts)) == ("5m", 288)
        assert binned.mean[0, 0] == pytest.approx(supply[-1440:-1435].mean())
        assert (binned.low[:, 0] <= binned.mean[:, 0]).all()
        without = series(7 * 24, 200)
        assert (without.width, len(without.ts) > 60) == ("1h", True)
    bench.drain()
    with bench.engine.connect() as conn:
        rolled = series(7 * 24, 200)
    assert (rolled.width, len(rolled.ts)) == ("1h", 168)
    assert rolled.mean[0, 0] == pytest.approx(supply[:60].mean())
    assert (np.diff(rolled.ts) == HOUR).all()


def test_latest_and_recent_come_back_as_they_went_in(bench):
    reader = PostgresReader()
    times = NOW - np.arange(5) * MINUTE
    bench.write(times, [41.0, 42.0, 43.0, 44.0, 45.0], bad=[0])
    with bench.engine.connect() as conn:
        latest = reader.latest(conn, KIND, [bench.device, 9999], NOW - HOUR)
        assert latest.ts.tolist() == [NOW]
        assert latest.values[0, KIND.bits["t_sec_supply"]] == 41.0
        assert not latest.good()[0, KIND.bits["t_sec_supply"]]
        assert latest.good()[0].sum() == 1
        assert len(reader.latest(conn, KIND, [bench.device], NOW + 1)) == 0
        recent = reader.recent(conn, KIND, NOW - 2 * MINUTE)
        assert recent.ts.tolist() == sorted(times.tolist())[2:]


def test_tend_makes_partitions_rolls_up_and_drops_what_is_old(bench):
    old = NOW - 40 * DAY
    bench.write([old, NOW - HOUR], [40.0, 50.0])
    settings = TendSettings(raw_days=30, pause_s=0, weeks_ahead=3)
    with bench.engine.connect() as conn:
        assert min(existing_weeks(conn, KIND)) < old
    stop, beats, turn = threading.Event(), [], TendTurn(bench.url)
    thread = threading.Thread(
        target=maintain,
        args=(passes(bench.engine, KINDS, settings), turn, settings, lambda: NOW, stop),
        kwargs={"heartbeat": lambda detail="", *, ready=True: beats.append(ready)},
    )
    thread.start()
    try:
        for _ in range(1000):
            with bench.engine.connect() as conn:
                weeks = existing_weeks(conn, KIND)
            if bench.bucket(Width.HOUR, NOW - HOUR) and min(weeks) > old:
                break
            threading.Event().wait(0.01)
        second = TendTurn(bench.url)
        assert not second.taken()
    finally:
        stop.set()
        thread.join(5)
        turn.close()
    assert second.taken()
    second.close()
    assert min(weeks) > old
    assert max(weeks) > NOW + 14 * DAY
    assert bench.count("readings_heat_substation") == 1
    assert bench.marks() == 0
    assert all(beats)


def test_numbers_that_no_instrument_says_are_left_out_instead_of_ending_the_pass(bench):
    start = NOW - 2 * HOUR
    bench.write(start + np.arange(4) * 10 * MINUTE // 20, [1e308, -1e308, 1e308, 42.0])
    with bench.engine.begin() as conn:  # whoever writes past us
        conn.exec_driver_sql("update readings_heat_substation set t_pri_supply = 'NaN', t_pri_return = 'Infinity'")
    bench.drain()
    assert bench.bucket(Width.MINUTE, start) == (2, 0, None, None, None)
    assert bench.bucket(Width.TEN_MINUTES, start) == (4, 1, 42.0, 42.0, 42.0)
    assert bench.bucket(Width.HOUR, start, "t_pri_return") == (4, 0, None, None, None)


def test_a_rollup_that_somebody_wrote_over_does_not_end_the_pass(bench):
    start = NOW - 2 * HOUR
    bench.write([start, start + 30 * MINUTE], [40.0, 50.0])
    bench.drain()
    with bench.engine.begin() as conn:
        conn.exec_driver_sql(
            "update rollup_heat_substation_10m set t_sec_supply_mean = 1e308, t_sec_return_mean = 1e308"
            " where bucket < '2026-01-20 10:10+00'"
        )
    bench.write([start + 40 * MINUTE], [60.0])
    bench.drain()
    assert bench.bucket(Width.HOUR, start)[3] == pytest.approx(55.0)
