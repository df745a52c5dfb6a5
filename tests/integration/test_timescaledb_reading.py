"""What is read, exported and backed up is the same on native TimescaleDB (Apache licence)."""

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
from support.postgres.partitions import WEEK_US
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.postgres.schema import migrate
from support.postgres.writer import PostgresStore
from support.settings import TendSettings

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


def test_readings_consumption_and_exports_come_out_of_hypertables(timescale, tmp_path):
    with timescale.database() as address:
        migrate(address, KINDS)
        _read_all(address, tmp_path)


def _read_all(address, tmp_path):
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
    with timescale.database() as source, timescale.database() as target:
        migrate(source, KINDS)
        _back_up_and_restore(source, target, server, tmp_path)


def _back_up_and_restore(source, target, server, tmp_path):
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
