"""COPY path: the store's own writing of prepared readings, beside the server's COPY of the same rows from a file.

Nothing is received, decoded or judged. Blocks of 5,000 rows, each a transaction; a checkpoint goes before each run, so
that each writes its full pages. The yardstick fills the very table that the store fills, as the client that costs
nothing would.
"""

import time

import numpy as np
import psycopg
from figures import emit, median, say
from messages import KIND, POINTS, instants, rows
from rig import KINDS

from support.postgres.packing import copy_block, points_present
from support.postgres.writer import PostgresStore

BLOCK = 5000
STEP_MS = 5_000
TABLE = f"readings_{KIND.name}"


def measure(rig):
    """Tell rows per second with marks and ledger, and of the readings alone, against the server's COPY."""
    ids = [d for d, _ in rig.devices(KIND.name)]
    instants_us = np.array(instants(max(2, rig.of(30_000, 120_000) // len(ids)), STEP_MS), np.int64) * 1000
    blocks = _blocks(rows(ids, instants_us))
    store = PostgresStore(rig.url, KINDS)
    assert store.claim(10.0)
    ways = {
        "server": lambda: _server(rig, TABLE, blocks),
        "whole": lambda: _store(store, blocks, _with_accounts),
        "marks": lambda: _store(store, blocks, _with_marks),
        "alone": lambda: _store(store, blocks, copied_alone),
    }
    found = {name: [] for name in ways}
    _store(store, blocks[:1], _with_marks)  # the partitions stand, before anything is timed
    for _ in range(rig.of(1, 3)):
        for name, run in ways.items():
            rig.empty()
            found[name].append(run())
            say(f"{name}: {found[name][-1]:.0f} rows/s")
    store.close()
    _tell(found, plain=ceiling(rig, ids, len(instants_us)), count=sum(map(len, blocks)))
    rig.empty()


def ceiling(rig, ids, per_device):
    """Return rows/s of the server's COPY from files of 5,000 rows into an undivided table: the median of three."""
    blocks = _blocks(rows(ids, np.array(instants(per_device, STEP_MS), np.int64) * 1000))
    rates = []
    for _ in range(rig.of(1, 3)):
        rig.do("drop table if exists ceiling")
        rig.do(f"create table ceiling (like {TABLE} including all)")
        rig.do("checkpoint")
        rates.append(_server(rig, "ceiling", blocks))
    rig.do("drop table ceiling")
    return median(rates)


def _tell(found, *, plain, count):
    yardstick = median(found["server"])
    facts = {"against": "server-side binary COPY of a file into the same table", "yardstick": yardstick, "rows": count}
    emit("copy_path", median(found["whole"]), "rows/s", with_="readings, marks, ledger", **facts)
    emit("copy_path_marks", median(found["marks"]), "rows/s", with_="readings, marks", **facts)
    if not np.isnan(found["alone"]).any():
        emit("copy_path_alone", median(found["alone"]), "rows/s", target=0.85, with_="readings", **facts)
    emit(
        "copy_same_table",
        yardstick,
        "rows/s",
        against="the same into an undivided table",
        yardstick=plain,
        points=len(POINTS),
    )


def _blocks(readings):
    places = np.arange(len(readings))
    return [readings.take(places[at : at + BLOCK]) for at in range(0, len(places), BLOCK)]


def _store(store, blocks, write):
    roster = store.roster(-1)
    began = time.perf_counter()
    for block in blocks:
        with store.transaction() as tx:
            if write(tx, block, roster) is False:
                return float("nan")
    return sum(map(len, blocks)) / (time.perf_counter() - began)


def _with_accounts(tx, block, roster):
    written = tx.write(block, roster)
    tx.tally(time.time_ns() // 1000, written.tallies)


def _with_marks(tx, block, roster):
    assert sum(t.stored for t in tx.write(block, roster).tallies.values()) == len(block)


def copied_alone(tx, block, _roster):
    """Write the rows and nothing beside them: no port says so, for nobody else may. False when there is no such way."""
    copy = getattr(tx, "_copy_readings", None)
    if copy is None:
        say("the store has no COPY of readings alone under the name that this bench knows: left out")
        return False
    copy(block)
    return True


def _server(rig, table, blocks):
    files = []
    for nth, block in enumerate(blocks):
        columns = points_present(block)
        files.append(rig.folder / f"block-{nth}")
        files[-1].write_bytes(copy_block(block, columns))
        files[-1].chmod(0o644)
    names = ", ".join(("device_id", "ts", "received_at", *(KIND.names[c] for c in columns), "quality"))
    with psycopg.connect(rig.url, autocommit=True) as conn:
        began = time.perf_counter()
        for file in files:
            conn.execute(f"copy {table} ({names}) from '{file}' (format binary)")
        seconds = time.perf_counter() - began
    for file in files:
        file.unlink()
    return sum(map(len, blocks)) / seconds
