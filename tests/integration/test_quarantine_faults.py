"""kill -9 of ingest while it replays thousands of rejects: each is taken in exactly once."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from support.catalogue_store import save_catalogue
from support.commands import catalogue
from support.postgres.connect import make_engine

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()

_WAITING = """
insert into reject (received_at, reason, detail, topic, payload, device, stranger)
select date_trunc('second', now()) - n * interval '1 minute', 'unknown_device', 'made by a test',
    'hearthline/v1/newcomer-1/readings',
    convert_to(case when mod(n, 2) = 0 then '{"t_outdoor": 1.5}' else format(
        '{"ts": %%s, "values": {"t_outdoor": 2.5}}',
        (extract(epoch from date_trunc('second', now()) - n * interval '1 minute') * 1000)::bigint) end, 'utf8'),
    'newcomer-1', true
from generate_series(1, %s) n
"""


@contextmanager
def ingest(folder, database, broker):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
    facts = {
        "HEARTHLINE_HOME": str(folder),
        "HEARTHLINE_DATABASE__URL": database,
        "HEARTHLINE_BROKER__URL": str(broker),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "hearthline", "ingest"], cwd=CHECKOUT, env=kept | facts, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.faults
def test_ingest_is_killed_amid_a_replay_and_each_reject_is_taken_in_once(reachable, database, broker, length):
    count, kills = length.of((4000, 2), (40_000, 10))
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, load_catalogue(CHECKOUT / "configs" / "cities"), "test")
    with psycopg.connect(database, autocommit=True) as on:
        on.execute(_WAITING, [count])
        _, asked = catalogue.let_in(
            engine, KINDS, "newcomer-1", "weather_station", "nis-l4", "test", city=None, new_station=False
        )
        assert len(asked) == count
        for kill in range(1, kills + 1):
            with ingest(reachable / "replay-home", database, broker) as process:
                await_replayed(on, process, count * kill // (kills + 1))
                process.kill()
            done = replayed(on)
            assert done < count, "the kill came too late to mean anything"
            assert on.execute("select count(*) from readings_weather_station").fetchone() == (done,)
        with ingest(reachable / "replay-home", database, broker) as process:
            await_replayed(on, process, count)
        once = "select count(*), count(distinct ts) from readings_weather_station"
        assert on.execute(once).fetchone() == (count, count)
        own_time = "select count(*) from reject join readings_weather_station r on r.ts = reject.received_at"
        assert on.execute(own_time).fetchone() == (count,)
        fates = "select received, stored from ledger where device = 'newcomer-1'"
        assert [sum(c) for c in zip(*on.execute(fates).fetchall(), strict=True)] == [count, count]
        outcomes = "select outcome->>'stored', count(*) from reject where device = 'newcomer-1' group by 1"
        assert on.execute(outcomes).fetchall() == [("1", count)]
    engine.dispose()


def replayed(on):
    return on.execute("select count(*) from reject where state = 'replayed'").fetchone()[0]


def await_replayed(on, process, number):
    until = time.monotonic() + 60
    while replayed(on) < number:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.005)  # another process's work: there is nothing to be notified by
