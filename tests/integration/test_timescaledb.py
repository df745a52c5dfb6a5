"""The same schema and the same writer on native TimescaleDB (Apache licence), by its address alone."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import psycopg
import pytest

from perception.kinds import load_kinds
from perception.readings import Readings
from support.commands.exports import chosen
from support.export import Format, Wish, export
from support.postgres.archive import TargetError, back_up, contents, restore
from support.postgres.connect import make_engine
from support.postgres.counters import Counters
from support.postgres.outflow import PostgresOutflow
from support.postgres.partitions import WEEK_US, Server, drop_before, probe
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.postgres.schema import migrate
from support.postgres.server import wait_ready
from support.postgres.writer import PostgresStore
from support.settings import TendSettings

UNPACKED = Path(os.environ.get("HEARTHLINE_TEST_CACHE", "/var/cache/hearthline-test")) / "timescaledb"
BINARIES = "/usr/lib/postgresql/17/bin"
KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOW = 1_796_000_000_000_000
PLACES = """
insert into city values ('testcity', '城', 'City', 'Asia/Shanghai');
insert into district values ('north', '北', 'North', 'testcity');
insert into heat_source values ('plant', '厂', 'Plant', 'testcity');
insert into branch values ('line', '线', 'Line', 'plant');
insert into station values ('st-1', '站', 'Station', 'north', 'line');
insert into device (name, kind, station) values ('dev-1', 'heat_substation', 'st-1');
"""

pytestmark = [
    pytest.mark.skipif(not (UNPACKED / BINARIES[1:] / "postgres").exists(), reason="no native TimescaleDB here"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can change into its folder"),
]


@pytest.fixture(scope="module")
def timescale():
    """The address of an empty database on a TimescaleDB of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    entries = (line.split(":") for line in (UNPACKED / "etc/passwd").read_text().splitlines())
    uid, gid = next((int(e[2]), int(e[3])) for e in entries if e[0] == "postgres")
    folder = Path(tempfile.mkdtemp(prefix="hearthline-ts-", dir=UNPACKED / "tmp"))
    os.chown(folder, uid, gid)
    data, password = f"/tmp/{folder.name}/data", secrets.token_hex(8)
    (folder / "word").write_text(password)
    (folder / "word").chmod(0o644)
    inside = ["chroot", "--userspec=postgres:postgres", str(UNPACKED)]
    identity = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile=/tmp/{folder.name}/word", "--no-sync"]
    subprocess.run([*inside, f"{BINARIES}/initdb", "-D", data, *identity], check=True, capture_output=True)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "fsync": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*inside, f"{BINARIES}/postgres", "-D", data, *options], stderr=log)
    address = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    try:
        wait_ready(address, 60, server)
        yield address
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


def ask(address, question):
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else None


def readings(*seconds):
    count = len(seconds)
    values = np.full((count, len(KIND.points)), np.nan)
    values[:, 0] = np.arange(count)
    ts = NOW + np.array(seconds, np.int64) * 1_000_000
    none = np.zeros(count, np.int64)
    return Readings(KIND, np.ones(count, np.int32), ts, np.full(count, NOW), values, none, none)


def test_readings_live_in_hypertables_of_weekly_chunks(timescale):
    migrate(timescale, KINDS)
    migrate(timescale, KINDS)
    found = ask(timescale, "select hypertable_name from timescaledb_information.hypertables order by 1")
    assert [name for (name,) in found] == sorted(f"readings_{kind}" for kind in KINDS)
    widths = ask(timescale, "select distinct time_interval::text from timescaledb_information.dimensions")
    assert widths == [("7 days",)]
    engine = make_engine(timescale, "test")
    with engine.connect() as on:
        assert probe(on) is Server.TIMESCALE_APACHE
    engine.dispose()


def test_the_writer_merges_and_retention_drops_chunks(timescale):
    migrate(timescale, KINDS)
    ask(timescale, PLACES)
    store = PostgresStore(timescale, KINDS)
    assert store.claim()
    roster = store.roster(-1)
    week = WEEK_US // 1_000_000
    with store.transaction() as tx:
        assert tx.write(readings(0, 10, 3 * week), roster).tallies["dev-1"].stored == 3
    with store.transaction() as tx:
        again = tx.write(readings(0, 20), roster).tallies["dev-1"]
    assert (again.stored, again.duplicate) == (1, 1)
    store.close()
    engine = make_engine(timescale, "test")
    with engine.begin() as on:
        assert len(drop_before(on, KIND, NOW + WEEK_US + WEEK_US // 2)) == 1
    engine.dispose()
    assert ask(timescale, "select count(*) from readings_heat_substation") == [(1,)]


def test_a_plain_database_stays_plain_when_the_extension_comes_later(timescale):
    ask(timescale, "create database plain")
    address = timescale.rsplit("/", 1)[0] + "/plain"
    ask(address, "create table alembic_version (version_num text)")
    migrate(address, {})
    assert ask(address, "select count(*) from pg_extension where extname = 'timescaledb'") == [(0,)]


def test_readings_consumption_and_exports_come_out_of_hypertables(timescale, tmp_path):
    ask(timescale, "create database reading")
    address = timescale.rsplit("/", 1)[0] + "/reading"
    migrate(address, KINDS)
    ask(address, PLACES)
    rows = readings(*range(0, 8 * 7 * 86_400, 3600))
    rows.values[:, KIND.bits["heat_energy_total"]] = np.arange(len(rows))
    store, engine, settings = PostgresStore(address, KINDS), make_engine(address, "test"), TendSettings(pause_s=0)
    with store.transaction() as tx:
        tx.write(rows, store.roster(-1))
    store.close()
    for drain in (Rollups(engine, KINDS, settings).drain, Counters(engine, KINDS, settings).drain):
        assert sum(drain(NOW + 9 * WEEK_US)) > 1000
    span, reader = (NOW, NOW + 8 * WEEK_US), PostgresReader()
    with engine.connect() as on:
        assert reader.latest(on, KIND, [1], NOW).ts.tolist() == [rows.ts[-1]]
        widths = [reader.series(on, KIND, 1, ["heat_energy_total"], span, most).width for most in (2000, 100, 60, 9)]
        assert widths == ["raw", "1d", "1d", "7d"]
    assert ask(address, "select sum(amount) from consumption") == [(pytest.approx(len(rows) - 1.0),)]
    _, sources, _ = chosen(engine, None, "dev-1", utc=True)
    wish = Wish(KIND, sources, span, Format.PARQUET, tmp_path)
    assert export(wish, PostgresOutflow(engine), lambda _: None).rows == len(rows)
    engine.dispose()


def test_a_backup_of_hypertables_comes_back_as_hypertables(timescale, server, tmp_path):
    ask(timescale, "create database source")
    ask(timescale, "create database target")
    source, target = (timescale.rsplit("/", 1)[0] + f"/{name}" for name in ("source", "target"))
    migrate(source, KINDS)
    ask(source, PLACES)
    store = PostgresStore(source, KINDS)
    assert store.claim()
    with store.transaction() as tx:
        tx.write(readings(*(n * WEEK_US // 3_000_000 for n in range(20))), store.roster(-1))
    store.close()
    back_up(source, tmp_path / "ts.backup", lambda _: None)
    assert contents(tmp_path / "ts.backup").timescale
    assert restore(target, tmp_path / "ts.backup", lambda _: None).timescale
    for question in (
        "select hypertable_name, num_chunks from timescaledb_information.hypertables order by 1",
        "select * from readings_heat_substation order by ts",
        "select * from device",
        "select kind, device_id, bucket from rollup_mark order by 3",
    ):
        assert str(ask(target, question)) == str(ask(source, question))
    store = PostgresStore(target, KINDS)
    assert store.claim()
    with store.transaction() as tx:
        assert tx.write(readings(50 * WEEK_US // 1_000_000), store.roster(-1)).tallies["dev-1"].stored == 1
    store.close()
    plain = server.create_database("no_timescale")
    with pytest.raises(TargetError, match="TimescaleDB"):
        restore(plain, tmp_path / "ts.backup", lambda _: None)
    server.drop_database("no_timescale")
