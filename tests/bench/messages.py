"""Messages: what a station in good order says, 13 values at a time; the rules judge it and find nothing to say."""

import time

import msgspec
import numpy as np

from perception.kinds import load_kinds

KIND = load_kinds()["heat_substation"]
RUNNING = {
    "t_pri_supply": 95, "t_pri_return": 42, "flow_pri": 21, "p_pri_supply": 0.9, "p_pri_return": 0.5,
    "heat_power": 1290, "t_sec_supply": 45, "t_sec_supply_setpoint": 45, "t_sec_return": 36, "flow_sec": 124,
    "p_sec_supply": 0.62, "p_sec_return": 0.45, "valve_pri_position": 48,
}  # fmt: skip
POINTS = tuple(RUNNING)
_VARIETY = 500


def values(rng):
    """Return the values of a moment, each a little off its mean."""
    return {name: round(float(value * rng.normal(1, 0.003)), 3) for name, value in RUNNING.items()}


def bodies(seed=1):
    """Return some hundred JSON objects of values."""
    rng = np.random.default_rng(seed)
    return [msgspec.json.encode(values(rng)) for _ in range(_VARIETY)]


def topic(name, channel="readings"):
    """Return the topic of a device."""
    return f"hearthline/v1/{name}/{channel}".encode()


def reading(ts_ms, body):
    """Return the payload of one reading."""
    return b'{"ts":%d,"values":%b}' % (ts_ms, body)


def instants(count, step_ms, newest_ms=None):
    """Return so many times in epoch milliseconds, ascending to now: none is late when they span less than 180 s."""
    newest = time.time_ns() // 1_000_000 if newest_ms is None else newest_ms
    return [newest - step_ms * back for back in range(count - 1, -1, -1)]


def backlog(names, times_ms):
    """Return (topic, payload) of every device at every instant, instant by instant, as a city reports."""
    texts, topics = bodies(), [topic(name) for name in names]
    n = len(topics)
    return [
        (topics[i], reading(ts, texts[(nth * n + i) % _VARIETY])) for nth, ts in enumerate(times_ms) for i in range(n)
    ]


def rows(devices, instants_us, seed=1):
    """Return Readings of these device_ids at these instants (epoch microseconds): what the messages become."""
    from perception.readings import Readings

    rng = np.random.default_rng(seed)
    n = len(devices) * len(instants_us)
    table = np.full((n, len(KIND.points)), np.nan)
    means = np.array([RUNNING[p] for p in POINTS], float)
    table[:, [KIND.bits[p] for p in POINTS]] = np.round(means * rng.normal(1, 0.003, (n, len(POINTS))), 3)
    ts = np.repeat(np.asarray(instants_us, np.int64), len(devices))
    none = np.zeros(n, np.int64)
    return Readings(KIND, np.tile(np.asarray(devices, np.int32), len(instants_us)), ts, ts, table, none, none)
