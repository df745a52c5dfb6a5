"""The same schema, writer and upkeep on native TimescaleDB (Apache licence), by its address alone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from support.columns import Width
from support.maintain import maintain_once
from support.postgres.connect import make_engine
from support.postgres.partitions import Server, divisions, probe, raw, tiers
from support.postgres.reader import PostgresReader
from support.postgres.schema import migrate
from support.postgres.upkeep import TendTurn, passes
from support.servers import find
from support.settings import TendSettings
from tests.integration.rollup_bench import BELGRADE, DAY, HOUR, KIND, KINDS, MINUTE, NOW, Bench

KEPT = TendSettings(raw_days=30, rollup_1m_days=35, rollup_10m_days=60, pause_s=0, rest=0)


def ask(address, question):
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def empty(timescale):
    with timescale.database() as address:
        yield address


@pytest.fixture
def bench(empty):
    migrate(empty, KINDS)
    bench = Bench(empty)
    yield bench
    bench.close()


def tend(bench, settings=KEPT):
    turn = TendTurn(bench.url)
    reports = {r.name: r.amount for r in maintain_once(passes(bench.engine, KINDS, settings), turn, lambda: NOW)}
    turn.close()
    return reports


def test_readings_and_fine_rollups_live_in_hypertables(empty):
    migrate(empty, KINDS)
    migrate(empty, KINDS)
    found = ask(empty, "select hypertable_name from timescaledb_information.hypertables order by 1")
    made = {t.name for kind in KINDS.values() for t in (raw(kind), *tiers(kind).values())}
    assert {name for (name,) in found} == made
    widths = ask(empty, "select distinct time_interval::text from timescaledb_information.dimensions order by 1")
    assert [w for (w,) in widths] == ["28 days", "364 days", "7 days"]
    engine = make_engine(empty, "test")
    with engine.connect() as on:
        assert probe(on) is Server.TIMESCALE_APACHE
        assert str(find(on)).endswith("(Apache licence)")
    engine.dispose()


def test_the_writer_merges_and_rollups_follow_late_arrivals(bench):
    start = NOW - 2 * HOUR
    bench.write([start, start + MINUTE], [40.0, 50.0])
    bench.drain()
    with bench.store.transaction() as tx:
        tally = tx.write(bench.readings([start, start + MINUTE // 2, start + MINUTE], [40.0, 90.0, 51.0]), bench.roster)
    fates = tally.tallies["probe-1"]
    assert (fates.stored, fates.duplicate, fates.conflict) == (1, 1, 1)
    bench.drain()
    assert bench.bucket(Width.TEN_MINUTES, start) == (3, 3, 40.0, 60.0, 90.0)
    assert bench.bucket(Width.HOUR, start) == (3, 3, 40.0, 60.0, 90.0)
    assert bench.bucket(Width.DAY, datetime(2026, 1, 20, tzinfo=BELGRADE))[0] == 3
    assert bench.marks() == 0


def test_a_chunk_goes_when_its_rollups_are_made_and_tiers_follow(bench):
    old = NOW - 100 * DAY
    bench.write(old + np.arange(120) * MINUTE, np.linspace(40, 50, 120))
    bench.write([NOW - HOUR], [50.0])
    first = tend(bench)
    assert (first["rollups"] > 10, first["retention"], first["compression"]) == (True, 1, 0)
    assert first["rollup retention"] == 2
    assert set(tend(bench).values()) == {0}
    assert bench.count("readings_heat_substation") == 1
    with bench.engine.connect() as on:
        assert len(divisions(on, KIND, raw(KIND))) == 1
    hours = ask(bench.url, "select sum(n)::int from rollup_heat_substation_1h")
    assert hours == [(121,)]
    bench.write([old], [99.0])
    assert tend(bench)["retention"] == 1
    assert ask(bench.url, "select sum(n)::int from rollup_heat_substation_1h") == [(121,)]


def test_reads_are_the_same(bench):
    reader = PostgresReader()
    times = np.arange(NOW - 7 * DAY, NOW, MINUTE)
    bench.write(times, 45 + 5 * np.sin(times / DAY * 2 * np.pi))
    bench.drain()
    with bench.engine.connect() as on:
        assert len(reader.latest(on, KIND, [bench.device], NOW - HOUR)) == 1
        raw_rows = reader.series(on, KIND, bench.device, ["t_sec_supply"], (NOW - HOUR, NOW), 500)
        rolled = reader.series(on, KIND, bench.device, ["t_sec_supply"], (NOW - 7 * DAY, NOW), 200)
    assert (raw_rows.width, len(raw_rows.ts)) == ("raw", 60)
    assert (rolled.width, len(rolled.ts)) == ("1h", 168)


def test_a_new_point_becomes_a_column_of_hypertables_too(empty):
    kind = KINDS["weather_station"]
    fewer = kind.model_copy(update={"points": kind.points[:-1], "key_points": ()})
    migrate(empty, {kind.name: fewer})
    moment = (datetime.fromtimestamp(NOW / 1e6, UTC) - timedelta(days=1)).isoformat()
    row = f"values (1, '{moment}', now(), 0)"
    ask(empty, f"insert into readings_weather_station (device_id, ts, received_at, quality) {row}")
    migrate(empty, {kind.name: kind})
    last = kind.names[-1]
    assert ask(empty, f"select {last} from readings_weather_station") == [(None,)]
    assert ask(empty, f"select {last}_mean from rollup_weather_station_10m") == []


def test_a_plain_database_stays_plain_when_the_extension_comes_later(empty):
    ask(empty, "create table alembic_version (version_num text)")
    migrate(empty, {})
    assert ask(empty, "select count(*) from pg_extension where extname = 'timescaledb'") == [(0,)]
