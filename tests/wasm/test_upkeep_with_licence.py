"""migrate and the passes of tend, as they are, on TimescaleDB with the Timescale licence: served by WebAssembly."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from perception.kinds import load_kinds
from support.columns import Width, rollup_name, widths
from support.postgres.connect import make_engine
from support.postgres.schema import migrate
from support.postgres.upkeep import passes
from support.servers import Server, find
from support.settings import TendSettings
from tests.wasm.test_timescale_licence import PACKAGE

KIND = load_kinds()["weather_station"]
KINDS = {KIND.name: KIND}
POINT = KIND.names[0]
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS = TendSettings(raw_days=45, rollup_1m_days=50, compress_after_days=14, pause_s=0, rest=0)

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js here: apt-get install nodejs"),
    pytest.mark.skipif(not PACKAGE.exists(), reason="no TimescaleDB as WebAssembly here: tests/provision.sh"),
]


@pytest.fixture(scope="module")
def licensed():
    """An engine on a database of the present schema."""
    words = ["node", Path(__file__).with_name("serve.mjs"), PACKAGE]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        url = f"postgresql://postgres:password@127.0.0.1:{int(node.stdout.readline())}/postgres?sslmode=disable"
        engine = make_engine(url, "test", connections=1)
        with engine.begin() as on:
            on.execute(text("create extension timescaledb"))
        engine.dispose()
        migrate(url, KINDS)
        yield engine
        engine.dispose()
        node.stdin.close()


def write(engine, moment, values):
    """Store a reading a minute and leave a mark on each bucket."""
    with engine.begin() as on:
        for minute, value in enumerate(values):
            at = {"t": moment + timedelta(minutes=minute), "v": value}
            row = f"insert into readings_weather_station (device_id, ts, received_at, {POINT}, quality)"
            on.execute(text(f"{row} values (1, :t, :t, :v, 0)"), at)
        mark = "insert into rollup_mark (kind, device_id, bucket) values ('weather_station', 1, :b)"
        for start in range(0, len(values), 10):
            on.execute(text(mark), {"b": moment + timedelta(minutes=start)})


def run(engine, name):
    one = next(p for p in passes(engine, KINDS, SETTINGS) if p.name == name)
    return sum(one.run(int(NOW.timestamp()) * 1_000_000))


def ask(engine, question):
    with engine.connect() as on:
        return [tuple(row) for row in on.execute(text(question))]


def compressed(engine):
    return ask(
        engine,
        "select hypertable_name, count(*) filter (where is_compressed)::int, count(*)::int"
        " from timescaledb_information.chunks group by 1 order by 1",
    )


def test_old_chunks_are_compressed_late_rows_join_them_and_the_oldest_go(licensed):
    with licensed.connect() as on:
        assert find(on).server is Server.TIMESCALE
    ancient, old = NOW - timedelta(days=100), NOW - timedelta(days=30)
    write(licensed, ancient, [float(i) for i in range(20)])
    write(licensed, old, [float(i) for i in range(20)])
    write(licensed, NOW - timedelta(hours=2), [7.0] * 10)
    assert run(licensed, "compression") == 0, "its marks wait"
    assert run(licensed, "retention") == 0, "its marks wait"
    assert run(licensed, "rollups") == 5
    first = run(licensed, "compression")
    assert first >= 4
    assert run(licensed, "compression") == 0
    raw = next(row for row in compressed(licensed) if row[0] == "readings_weather_station")
    assert raw == ("readings_weather_station", 2, 3)
    write(licensed, old + timedelta(minutes=20), [100.0] * 10)
    assert run(licensed, "compression") == 0, "its marks wait"
    assert run(licensed, "rollups") == 1
    hour = rollup_name(KIND, Width.HOUR)
    late = f"select n, {POINT}_max from {hour} where bucket = '{old.isoformat()}'"
    assert ask(licensed, late) == [(30, 100.0)]
    assert run(licensed, "compression") >= 1
    assert run(licensed, "retention") == 1
    assert ask(licensed, "select count(*)::int from readings_weather_station") == [(40,)]
    assert (run(licensed, "rollup retention") > 0) is (Width.MINUTE in widths(KIND))
    assert ask(licensed, f"select sum(n)::int from {hour}") == [(60,)]
    assert run(licensed, "compression") == 0
