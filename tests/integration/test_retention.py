"""What is too old goes, tier by tier, and never before its rollups are made."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from support.columns import Width, rollup_name
from support.maintain import TurnTakenError, maintain_once
from support.postgres.partitions import existing_weeks
from support.postgres.retention import Retention, kept_from
from support.postgres.upkeep import TendTurn, passes
from support.settings import TendSettings
from tests.integration.rollup_bench import DAY, HOUR, KIND, KINDS, MINUTE, NOW, Bench

KEPT = TendSettings(raw_days=30, rollup_1m_days=35, rollup_10m_days=60, pause_s=0, rest=0)
OLD = NOW - 100 * DAY


@pytest.fixture
def bench(database):
    bench = Bench(database)
    yield bench
    bench.close()


def weeks(bench):
    with bench.engine.connect() as on:
        return existing_weeks(on, KIND)


def buckets(bench, width):
    with bench.engine.connect() as on:
        return on.execute(text(f"select count(*) from {rollup_name(KIND, width)}")).scalar_one()


def test_a_backfilled_old_week_is_rolled_up_before_its_partition_goes(bench):
    retention = Retention(bench.engine, KINDS, KEPT)
    bench.write(OLD + np.arange(120) * MINUTE, np.linspace(40, 50, 120))
    assert list(retention.drop_readings(NOW)) == [0]
    assert bench.count("readings_heat_substation") == 120
    bench.drain()
    assert list(retention.drop_readings(NOW)) == [1]
    assert list(retention.drop_readings(NOW)) == []
    assert bench.count("readings_heat_substation") == 0
    hours = buckets(bench, Width.HOUR)
    assert hours in {2, 3}
    with bench.engine.connect() as on:
        assert kept_from(on)[KIND.name].timestamp() * 1e6 > OLD


def test_what_comes_after_the_drop_does_not_empty_the_rollups(bench):
    bench.write(OLD + np.arange(120) * MINUTE, np.linspace(40, 50, 120))
    bench.drain()
    begins = datetime.fromtimestamp(OLD // (10 * MINUTE) * 600, UTC)
    before = bench.bucket(Width.TEN_MINUTES, begins)
    assert list(Retention(bench.engine, KINDS, KEPT).drop_readings(NOW)) == [1]
    bench.write([OLD + MINUTE], [99.0])
    bench.drain()
    assert bench.bucket(Width.TEN_MINUTES, begins) == before
    assert bench.marks() == 0


def test_an_undrained_week_keeps_the_younger_ones(bench):
    bench.write([OLD, OLD + 7 * DAY], [40.0, 50.0])
    with bench.engine.begin() as on:
        moment = datetime.fromtimestamp((OLD + HOUR) / 1e6, UTC)
        on.execute(text("delete from rollup_mark where bucket > :m"), {"m": moment})
    assert list(Retention(bench.engine, KINDS, KEPT).drop_readings(NOW)) == [0]
    assert bench.count("readings_heat_substation") == 2


def test_a_week_that_somebody_uses_waits_for_the_next_turn(bench):
    bench.write([OLD], [40.0])
    bench.drain()
    with psycopg.connect(bench.url) as reader:
        reader.execute("select count(*) from readings_heat_substation")
        assert list(Retention(bench.engine, KINDS, KEPT).drop_readings(NOW)) == [0]
    assert list(Retention(bench.engine, KINDS, KEPT).drop_readings(NOW)) == [1]


def test_rollups_go_by_tier_and_those_of_standing_readings_stay(bench):
    retention = Retention(bench.engine, KINDS, KEPT)
    bench.write([OLD, NOW - 50 * DAY, NOW - HOUR], [40.0, 50.0, 60.0])
    bench.drain()
    assert sum(retention.drop_rollups(NOW)) == 0
    assert sum(retention.drop_readings(NOW)) == 2
    assert sum(retention.drop_rollups(NOW)) == 2 + 1
    assert [buckets(bench, w) for w in Width] == [1, 2, 3, 3]
    assert sum(retention.drop_rollups(NOW)) == 0


def test_every_pass_reports_and_a_second_run_finds_nothing(bench):
    bench.write([OLD, NOW - HOUR], [40.0, 50.0])
    turn = TendTurn(bench.url)
    first = {r.name: r for r in maintain_once(passes(bench.engine, KINDS, KEPT), turn, lambda: NOW)}
    assert (first["rollups"].amount, first["rollups"].counts) == (2, "ten-minute buckets computed")
    assert (first["retention"].amount, first["rollup retention"].amount) == (1, 2)
    assert first["partitions"].amount == 3 * len(KINDS) - 1  # three weeks each; one was made by the writing
    assert first["compression"].amount == 0
    second = list(maintain_once(passes(bench.engine, KINDS, KEPT), turn, lambda: NOW))
    assert [r.amount for r in second] == [0] * len(second)
    other = TendTurn(bench.url)
    with pytest.raises(TurnTakenError, match="another tend"):
        list(maintain_once(passes(bench.engine, KINDS, KEPT), other, lambda: NOW))
    turn.close()
    other.close()


def test_retention_never_deadlocks_with_a_writer(bench):
    """The writer goes on through all of it; every reading of a kept week is there."""
    bench.write(NOW - np.arange(40, 60) * DAY, np.ones(20))
    bench.drain()
    stop, written = threading.Event(), []

    def write():
        for i in range(1, 400):
            bench.write([NOW - 39 * DAY - i * MINUTE, NOW - i * MINUTE], [40.0, 50.0])
            written.append(i)
            if stop.is_set():
                return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while not written:
            threading.Event().wait(0.01)
        dropped = sum(sum(Retention(bench.engine, KINDS, KEPT).drop_readings(NOW)) for _ in range(5))
    finally:
        stop.set()
        thread.join(20)
    assert dropped >= 1
    with bench.engine.connect() as on:
        young = on.execute(
            text("select count(*) from readings_heat_substation where ts > :m"),
            {"m": datetime.fromtimestamp(NOW / 1e6, UTC) - timedelta(days=2)},
        ).scalar_one()
    assert young == len(written)


def test_a_day_waits_for_its_hour_and_is_computed_even_in_silence(bench):
    """Live buckets leave the day to the last one of their hour, or to the mark that stands for it."""
    at = NOW - 10 * MINUTE  # 11:50: the last of its hour
    bench.write([at - 20 * MINUTE], [40.0])
    bench.drain(at - 10 * MINUTE)
    assert bench.bucket(Width.HOUR, NOW - HOUR) is not None
    assert buckets(bench, Width.DAY) == 0
    assert bench.marks() == 1
    bench.drain(NOW + MINUTE)
    assert buckets(bench, Width.DAY) == 1
    assert bench.marks() == 0
