"""Rollup share: what the rollups of ten minutes cost, beside what ingest costs to take readings in, per reading."""

import os
import time

import msgspec
import numpy as np
import psutil
import psycopg
from figures import emit, say
from rig import EMPTIED, KINDS

from support.postgres.connect import make_engine
from support.postgres.partitions import ensure_weeks, weeks_of
from support.postgres.rollups import Rollups
from support.settings import TendSettings

KIND = KINDS["heat_substation"]
RATE, SECONDS = 500, 20
TENTH_S, STEP_S = 600, 10


def measure(rig):
    """Tell the CPU time per reading of 56 points: of ingest at a steady rate, and of the rollups afterwards."""
    devices = rig.devices(KIND.name)
    with rig.ingesting() as ingest:
        own, served, readings = _steady(rig, devices, ingest.pid)
    rig.do(EMPTIED)
    facts = {"points": len(KIND.points), "devices": len(devices)}
    emit("steady_ingest_cpu", own, "us/reading", database=round(served, 1), rate=RATE, readings=readings, **facts)
    cost, looked_ms, rolled = _rolled_up(rig)
    emit("rollup_cpu", cost, "us/reading", against="ingest's own CPU", yardstick=own, readings=rolled, **facts)
    emit("rollup_look", looked_ms, "ms", marks=rolled)
    rig.do("truncate readings_heat_substation, rollup_mark, rollup_touch")


def _steady(rig, devices, pid):
    """Publish at a steady rate; return the CPU (µs per reading) of ingest and of its backends, and how many."""
    rng = np.random.default_rng(1)
    payloads = [msgspec.json.encode({p.name: _plausible(p, rng) for p in KIND.points}) for _ in range(200)]
    time.sleep(2)
    clients = "select pid from pg_stat_activity where starts_with(application_name, 'hearthline ')"
    backends = [row[0] for row in rig.ask(clients)]
    before = _cpu_s([pid]), _cpu_s(backends)
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < SECONDS:
        while sent < passed * RATE:
            body = b'{"ts":%d,"values":%b}' % (time.time_ns() // 1_000_000, payloads[sent % len(payloads)])
            rig.outlet.publish(f"hearthline/v1/{devices[sent % len(devices)][1]}/readings", body)
            sent += 1
        time.sleep(0.001)
    assert rig.outlet.flush(60)
    while rig.ask("select coalesce(sum(received), 0)::int from ledger")[0][0] < sent:
        time.sleep(0.1)
    after = _cpu_s([pid]), _cpu_s(backends)
    return (after[0] - before[0]) / sent * 1e6, (after[1] - before[1]) / sent * 1e6, sent


def _plausible(point, rng):
    low, high = point.typical or (point.low, point.high)
    return round(float(rng.uniform(low, high)), 2)


def _rolled_up(rig):
    """Store ten minutes of every device, a mark for each reading, and compute them: µs per reading, ms for a look."""
    start = int(time.time()) // TENTH_S * TENTH_S - 3600
    engine = make_engine(rig.url, "tend")
    with engine.begin() as on:
        ensure_weeks(on, KIND, weeks_of(np.array([start * 1_000_000])))
    names, values = ", ".join(KIND.names), ", ".join(f"{40 + i} + random()" for i in range(len(KIND.names)))
    with psycopg.connect(rig.url, autocommit=True) as conn:
        conn.execute(
            f"insert into readings_heat_substation (device_id, ts, received_at, {names}, quality)"
            f" select d.device_id, t, t, {values}, 0 from device d, generate_series(to_timestamp({start}),"
            f" to_timestamp({start + TENTH_S - 1}), interval '{STEP_S} s') t where d.kind = 'heat_substation'"
        )
        conn.execute(
            "insert into rollup_mark (kind, device_id, bucket) select 'heat_substation', device_id,"
            f" to_timestamp({start}) from readings_heat_substation"
        )
        conn.execute("vacuum analyze")
    rollups = Rollups(engine, KINDS, TendSettings(open_every_s=3600))
    looked, none = _spent(engine, lambda: sum(rollups.drain((start - 3600) * 1_000_000)))
    assert none == 0
    spent, buckets = _spent(engine, lambda: sum(rollups.drain((start + TENTH_S + 5) * 1_000_000)))
    say(f"{buckets} buckets of ten minutes")
    engine.dispose()
    readings = buckets * TENTH_S // STEP_S
    return spent / readings * 1e6, looked * 1e3, readings


def _spent(engine, work):
    """Return the CPU seconds of this process and its backend, and what the work returned."""
    with engine.connect() as on:
        backend = on.exec_driver_sql("select pg_backend_pid()").scalar()
    before = _cpu_s([backend, os.getpid()])
    done = work()
    return _cpu_s([backend, os.getpid()]) - before, done


def _cpu_s(pids):
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(t.user + t.system for t in times)
