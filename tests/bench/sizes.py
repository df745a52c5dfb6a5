"""Sizes: bytes per value on disk, rows and index, and bytes per value of WAL, for the engines that are here.

Written by the store as ingest writes: blocks of 5,000 rows in the order of time, marks and ledger beside them. On disk
counts the table alone, with its unique key and its BRIN; the WAL is that of everything, full pages after the checkpoint
at the start included.
"""

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import psycopg
from copy_path import copied_alone
from engines import timescale, why_not
from figures import emit, say
from messages import KIND, POINTS, RUNNING
from rig import CHECKOUT, KINDS
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from perception.readings import Readings
from simulators.city import generate_city
from support.catalogue_store import save_catalogue
from support.columns import readings_table
from support.postgres.connect import make_engine
from support.postgres.schema import migrate
from support.postgres.writer import PostgresStore

TABLE = f"readings_{KIND.name}"
BLOCK = 5000
STEP_US = 10_000_000
WASM = CHECKOUT / "build" / "peers" / "wasm"
CHILDREN = f"select inhrelid from pg_inherits where inhparent = '{TABLE}'::regclass"


def measure(rig):
    """Tell what a value costs on each engine."""
    rig.empty()
    ids = [d for d, _ in rig.devices(KIND.name)]
    _tell("PostgreSQL, plain", rig.url, walks(ids, rig.of(60, 400)))
    rig.empty()
    reason = why_not()
    if reason:
        say(f"{reason}: left out")
    else:
        with timescale() as address:
            migrate(address, KINDS)
            engine = make_engine(address, "bench")
            with engine.begin() as conn:
                save_catalogue(conn, generate_city(len(ids), 1), "bench")
            engine.dispose()
            with psycopg.connect(address) as conn:
                found = conn.execute("select device_id from device where kind = %s order by 1", (KIND.name,)).fetchall()
            _tell("TimescaleDB, Apache licence", address, walks([d for (d,) in found], rig.of(60, 400)))
    _timescale_licence(rig)


def walks(ids, instants):
    """Return Readings of these devices: each point walks slowly about its mean and has its own decimals."""
    rng = np.random.default_rng(8)
    means = np.array([RUNNING[p] for p in POINTS], float)
    decimals = [KIND.points[KIND.bits[p]].decimals for p in POINTS]
    steps = rng.normal(0, 0.0007, (instants, len(ids), len(POINTS)))
    walked = means * (1 + 0.02 * rng.normal(size=(1, len(ids), len(POINTS))) + np.cumsum(steps, axis=0))
    n = instants * len(ids)
    table = np.full((n, len(KIND.points)), np.nan)
    for place, (point, digits) in enumerate(zip(POINTS, decimals, strict=True)):
        table[:, KIND.bits[point]] = np.round(walked[:, :, place].reshape(n), digits)
    newest = time.time_ns() // 1000
    ts = np.repeat(newest - STEP_US * np.arange(instants - 1, -1, -1, dtype=np.int64), len(ids))
    none = np.zeros(n, np.int64)
    return Readings(KIND, np.tile(np.asarray(ids, np.int32), instants), ts, ts, table, none, none)


def _tell(engine, address, readings):
    store = PostgresStore(address, KINDS)
    assert store.claim(10.0)
    roster = store.roster(-1)
    with psycopg.connect(address, autocommit=True) as conn:
        _write(store, roster, readings.take(np.arange(1)))  # the partition stands
        conn.execute(f"delete from {TABLE}")
        alone = _fill(conn, store, roster, readings, _write_alone)
        conn.execute(f"truncate {TABLE}, ledger_hour, ledger_entry, rollup_mark, rollup_touch")
        wal = _fill(conn, store, roster, readings, _write)
        heap, index = conn.execute(
            f"select sum(pg_table_size(c)), sum(pg_indexes_size(c)) from ({CHILDREN}) as t(c)"
        ).fetchone()
    store.close()
    count = len(readings) * len(POINTS)
    facts = {"engine": engine, "points": len(POINTS), "rows": len(readings)}
    emit("bytes_per_value", float(heap + index) / count, "bytes", target=20.0, heap=float(heap) / count,
         index=float(index) / count, **facts)  # fmt: skip
    emit("wal_per_value", float(wal) / count, "bytes", target=25.0, readings_alone=float(alone) / count, **facts)


def _fill(conn, store, roster, readings, write):
    """Write all of it and return the bytes of WAL that it took."""
    conn.execute("checkpoint")
    [before] = conn.execute("select pg_current_wal_lsn()").fetchone()
    for at in range(0, len(readings), BLOCK):
        write(store, roster, readings.take(np.arange(at, min(at + BLOCK, len(readings)))))
    return conn.execute("select pg_current_wal_lsn() - %s::pg_lsn", (before,)).fetchone()[0]


def _write_alone(store, roster, block):
    with store.transaction() as tx:
        copied_alone(tx, block, roster)


def _write(store, roster, block):
    with store.transaction() as tx:
        tx.tally(time.time_ns() // 1000, tx.write(block, roster).tallies)


def _timescale_licence(rig):
    """Tell what the columnstore makes of them, in the WASM build: sizes are the same there, speed is not told."""
    if not (WASM / "node_modules").exists():
        say("the WASM build of TimescaleDB is not installed (make bench-peers installs it): left out")
        return
    readings = walks(list(range(1, 21)), rig.of(1000, 6000))
    columns = ["device_id", "ts", "received_at", *POINTS, "quality"]
    told = {
        "create": str(CreateTable(readings_table(KIND)).compile(dialect=postgresql.dialect())),
        "table": TABLE, "columns": columns, "rows": len(readings),
    }  # fmt: skip
    folder = rig.folder / "wasm"
    folder.mkdir(exist_ok=True)
    (folder / "told.json").write_text(json.dumps(told))
    with (folder / "rows.csv").open("w") as file:
        for row in range(len(readings)):
            values = ",".join(f"{readings.values[row, KIND.bits[p]]:.15g}" for p in POINTS)
            at = f"{np.datetime64(int(readings.ts[row]), 'us')}Z"
            file.write(f"{readings.device_id[row]},{at},{at},{values},0\n")
    script = Path(__file__).resolve().parent / "foreign" / "columnstore.mjs"
    done = subprocess.run(
        ["node", script, folder], env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(WASM)},
        cwd=WASM, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode:
        say(f"the WASM build failed, its figures are left out: {done.stderr[-1500:]}")
        return
    said, count = json.loads(done.stdout.splitlines()[-1]), len(readings) * len(POINTS)
    facts = {"engine": "TimescaleDB, Timescale licence (WASM)", "version": said["version"], "rows": said["rows"]}
    emit("bytes_per_value", said["before"] / count, "bytes", target=20.0, compressed=False, **facts)
    emit("bytes_per_value", said["after"] / count, "bytes", compressed=True, **facts)
