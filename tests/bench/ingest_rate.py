"""Ingest rate: a backlog drained through the whole path, beside the server's own COPY of the same rows from a file."""

import shutil
import time

import msgspec
import numpy as np
import psutil
import psycopg
from figures import emit, say
from rig import KINDS, with_mosquitto

from perception.readings import Readings
from support.postgres.packing import copy_block, points_present

KIND = KINDS["heat_substation"]
RUNNING = {
    "t_pri_supply": 95, "t_pri_return": 42, "flow_pri": 21, "p_pri_supply": 0.9, "p_pri_return": 0.5,
    "heat_power": 1290, "t_sec_supply": 45, "t_sec_supply_setpoint": 45, "t_sec_return": 36, "flow_sec": 124,
    "p_sec_supply": 0.62, "p_sec_return": 0.45, "valve_pri_position": 48,
}  # fmt: skip
"""A station in good order: the rules judge every reading and find nothing to say."""

POINTS = tuple(RUNNING)
BLOCK = 5000
READINGS_PER_DEVICE = 16
STEP_US = 10_000_000


def measure(rig):
    """Tell the rate of ingest with its rules at work, its CPU per reading, and the ceiling.

    The embedded broker hands out 100 messages and waits for their acknowledgement, which comes
    after the commit: that bounds it. mosquitto, where it is installed, hands out all it has.
    """
    devices = rig.devices(KIND.name)
    ceiling = _ceiling(rig, devices)
    emit("copy_ceiling", ceiling, "readings/s", points=len(POINTS))
    _through(rig, devices[:400], ceiling)
    if shutil.which("mosquitto") is None:
        say("mosquitto is not installed: its figures are left out")
        return
    with with_mosquitto(rig) as other:
        _through(other, devices, ceiling)


def _through(rig, devices, ceiling):
    with rig.ingesting():  # the first run makes the session that the broker keeps
        time.sleep(1)
    rig.do("truncate readings_heat_substation, ledger, rollup_mark, alarm_event, alarm, watch_state")
    messages = _publish(rig, devices)
    say(f"{messages} messages wait with the {rig.broker_name}")
    rate, cpu_us = _drain(rig, messages)
    facts = {"broker": rig.broker_name, "points": len(POINTS), "devices": len(devices), "readings": messages}
    emit("ingest_rate", rate, "readings/s", against="server-side binary COPY of a file", yardstick=ceiling, **facts)
    emit("ingest_cpu", cpu_us, "us/reading", broker=rig.broker_name)


def _values(rng):
    return {name: round(float(value * rng.normal(1, 0.003)), 3) for name, value in RUNNING.items()}


def _times():
    newest = time.time_ns() // 1000 // 1_000_000 * 1_000_000
    return newest - STEP_US * np.arange(READINGS_PER_DEVICE - 1, -1, -1)


def _publish(rig, devices):
    rng = np.random.default_rng(1)
    payloads = [msgspec.json.encode(_values(rng)) for _ in range(500)]
    sent = 0
    for ts in _times().tolist():
        for _, name in devices:
            body = b'{"ts":%d,"values":%b}' % (ts // 1000, payloads[sent % len(payloads)])
            rig.outlet.publish(f"hearthline/v1/{name}/readings", body)
            sent += 1
    assert rig.outlet.flush(60)
    return sent


def _drain(rig, messages):
    """Return readings/s from the first commit to the last, and the CPU time that each took of ingest."""
    seen = []
    with psycopg.connect(rig.url, autocommit=True) as conn, rig.ingesting() as ingest:
        process = psutil.Process(ingest.pid)
        before = None
        while not seen or seen[-1][1] < messages:
            stored = conn.execute("select coalesce(sum(stored), 0)::int from ledger").fetchone()[0]
            if stored and before is None:
                before = process.cpu_times()
            if not seen or stored > seen[-1][1]:
                seen.append((time.monotonic(), stored))
            if time.monotonic() - seen[-1][0] > 30:
                raise RuntimeError(f"only {stored} of {messages} were stored")
            time.sleep(0.01)
        after = process.cpu_times()
    begun = next(i for i, (_, stored) in enumerate(seen) if stored > 0)
    (t0, n0), (t1, n1) = seen[begun], seen[-1]
    cpu = after.user + after.system - before.user - before.system
    return (n1 - n0) / (t1 - t0), cpu / (n1 - n0) * 1e6


def _ceiling(rig, devices):
    """Return rows/s of COPY FROM a file in blocks of 5,000 rows, into a table of the same shape."""
    rng = np.random.default_rng(1)
    n = len(devices) * READINGS_PER_DEVICE
    values = np.full((n, len(KIND.points)), np.nan)
    values[:, [KIND.bits[p] for p in POINTS]] = rng.uniform(0.1, 0.9, (n, len(POINTS)))
    device_id = np.tile(np.array([d for d, _ in devices], np.int32), READINGS_PER_DEVICE)
    ts = np.repeat(_times(), len(devices))
    none = np.zeros(n, np.int64)
    readings = Readings(KIND, device_id, ts, ts, values, none, none)
    columns = points_present(readings)
    names = ", ".join(("device_id", "ts", "received_at", *(KIND.names[c] for c in columns), "quality"))
    files = []
    for start in range(0, n, BLOCK):
        files.append(rig.folder / f"block-{start}")
        files[-1].write_bytes(copy_block(readings.take(np.arange(start, min(start + BLOCK, n))), columns))
        files[-1].chmod(0o644)
    with psycopg.connect(rig.url, autocommit=True) as conn:
        conn.execute("create table ceiling (like readings_heat_substation including all)")
        began = time.monotonic()
        for file in files:
            conn.execute(f"copy ceiling ({names}) from '{file}' (format binary)")
        seconds = time.monotonic() - began
        conn.execute("drop table ceiling")
    return n / seconds
