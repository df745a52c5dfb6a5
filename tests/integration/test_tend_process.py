"""The real `hearthline tend`: rollups of a backfill are right within a minute; once, it reports and ends."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest

from support.columns import Width
from tests.integration.rollup_bench import BELGRADE, DAY, HOUR, MINUTE, Bench

CHECKOUT = Path(__file__).resolve().parents[2]
WITHIN_S = 60
LEAVES_WITHIN_S = 1.4  # its supervisor kills it after 1.5


@pytest.fixture
def bench(database):
    bench = Bench(database)
    yield bench
    bench.close()


def tend(bench, home, *words, **settings):
    told = os.environ | {"HEARTHLINE_HOME": str(home), "HEARTHLINE_DATABASE__URL": bench.url, **settings}
    command = [sys.executable, "-m", "hearthline", "tend", *words]
    return subprocess.Popen(command, env=told, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_backfill_is_rolled_up_within_a_minute_and_once_reports(bench, reachable):
    home = reachable / "tend"
    home.mkdir(mode=0o755)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = int(today.timestamp()) * 1_000_000 - 90 * DAY
    supply = 45 + 5 * np.sin(np.arange(1440) / 100)
    running = tend(bench, home)
    try:
        bench.write(start + np.arange(0, 1440, 2) * MINUTE, supply[::2])
        bench.write(start + np.arange(1, 1440, 2) * MINUTE, supply[1::2])
        until = time.monotonic() + WITHIN_S
        while bench.marks():
            assert time.monotonic() < until, "marks are still there after a minute"
            threading.Event().wait(0.2)
    finally:
        running.terminate()
        running.communicate(timeout=20)
    for hour in (0, 7, 23):
        part = supply[hour * 60 : hour * 60 + 60]
        expected = (60, 60, part.min(), pytest.approx(part.mean()), part.max())
        assert bench.bucket(Width.HOUR, start + hour * HOUR) == expected
    assert bench.bucket(Width.MINUTE, start + 61 * MINUTE) == (1, 1, *[pytest.approx(supply[61])] * 3)
    local = datetime.fromtimestamp(start / 1e6 + 86_400, BELGRADE).replace(hour=0, minute=0, second=0)
    ahead = int(local.utcoffset().total_seconds()) // 60
    assert bench.bucket(Width.DAY, local)[0] == ahead
    bench.write([start - 30 * DAY], [40.0])
    once = tend(bench, home, "--once", "--json", HEARTHLINE_TEND__RAW_DAYS="100")
    out, err = once.communicate(timeout=60)
    assert once.returncode == 0, err
    told = {row["name"]: row for row in json.loads(out)}
    assert (told["rollups"]["amount"], told["retention"]["amount"]) == (1, 1)
    assert told["compression"] == {
        "name": "compression", "amount": 0, "counts": "chunks compressed", "slices": 0,
        "busy_s": told["compression"]["busy_s"],
    }  # fmt: skip


def test_a_stop_does_not_wait_for_a_statement_that_waits(bench, reachable):
    home = reachable / "tend-stops"
    home.mkdir(mode=0o755)
    with psycopg.connect(bench.url) as other:
        other.execute("lock table rollup_mark")
        running = tend(bench, home)
        try:
            waits = "select 1 from pg_locks where relation = 'rollup_mark'::regclass and not granted"
            until = time.monotonic() + WITHIN_S
            while other.execute(waits).fetchone() is None:
                assert time.monotonic() < until
                threading.Event().wait(0.05)
            began = time.monotonic()
            running.terminate()
            assert running.wait(20) == 0
            assert time.monotonic() - began < LEAVES_WITHIN_S
        finally:
            running.kill()
            running.communicate()
