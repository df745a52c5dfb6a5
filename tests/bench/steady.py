"""Steady load: a city that reports as time passes, and probes among it whose way into the table is timed."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psycopg
from frames import FrameError, Sender
from messages import KIND, bodies, reading, topic

STEP_S = 0.01
WITHIN_S = 30.0
LOOK_S = 0.001


@dataclass(frozen=True)
class Wire:
    """How a reading is said and where it is found.

    topic(name); text(name, epoch ms, JSON object of values); a query with the device's key and epoch milliseconds.
    """

    topic: Callable
    text: Callable
    found: str


OURS = Wire(
    topic,
    lambda _name, ts_ms, body: reading(ts_ms, body),
    f"select from readings_{KIND.name} where device_id = %s and ts = to_timestamp(%s / 1000.0)",
)


class Load:
    """Publishes so many messages per second in a thread, each with the time of its publishing, until the block ends.

    Messages go out in the even rhythm of the rate, at most 10 ms off; what a stall held back goes out after it.
    """

    def __init__(self, port, names, per_s, wire=OURS):
        self._sender = Sender(port, "bench-load")
        self._names, self._bodies, self._per_s, self._wire = names, bodies(2), per_s, wire
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0
        self.failure = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._sender.close()
        if self.failure:
            raise self.failure

    def _run(self):
        began = time.perf_counter()
        try:
            while not self._stop.wait(STEP_S):
                due = int((time.perf_counter() - began) * self._per_s) - self.sent
                now = time.time_ns() // 1_000_000
                self._sender.publish([self._next(now, self.sent + nth) for nth in range(due)])
                self.sent += due
        except (OSError, FrameError) as err:
            self.failure = err

    def _next(self, now_ms, nth):
        name, body = self._names[nth % len(self._names)], self._bodies[nth % len(self._bodies)]
        return self._wire.topic(name), self._wire.text(name, now_ms, body)


def probe(rig, device, seconds, wire=OURS):
    """Return milliseconds from publishing a reading to its row being there for others to see, one after the other.

    Looking costs up to a millisecond and a query: the samples say at most that much too much. `device` is (key,
    name) and reports nothing else. The pauses are random, so that nothing beats in step with a batch.
    """
    rng, texts, samples = np.random.default_rng(5), bodies(4), []
    key, name = device
    sender = Sender(rig.port, f"bench-probe-{name}")
    until = time.monotonic() + seconds
    with psycopg.connect(rig.url, autocommit=True, prepare_threshold=1) as conn:
        while time.monotonic() < until:
            ts = time.time_ns() // 1_000_000
            began = time.perf_counter()
            sender.publish([(wire.topic(name), wire.text(name, ts, texts[len(samples) % len(texts)]))])
            while not conn.execute(wire.found, (key, ts)).rowcount:
                if time.perf_counter() - began > WITHIN_S:
                    raise RuntimeError(f"a reading was not stored within {WITHIN_S:.0f} s: see {rig.folder}/ingest.log")
                time.sleep(LOOK_S)
            samples.append((time.perf_counter() - began) * 1000)
            time.sleep(float(rng.uniform(0.005, 0.04)))
    sender.close()
    return samples


def spread(samples):
    """Return median, 99th percentile and greatest, in the unit of the samples."""
    return float(np.percentile(samples, 50)), float(np.percentile(samples, 99)), float(max(samples))
