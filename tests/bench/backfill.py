"""Backfill: last winter's readings arrive beside live traffic of 500 messages/s, and how much later the live rows are.

The same probes among the same load, before and while the backfill goes through.
"""

import threading
import time

from figures import emit, say
from frames import Sender
from messages import KIND, bodies, reading, topic
from rig import on_mosquitto
from steady import Load, probe, spread

PER_S = 500
LIST = 100
"""Readings in one message: about 30 kB, what a device sends that was away for a while."""
AGO_MS = 300 * 86_400_000
STEP_MS = 60_000
PATIENCE_S = 900.0


def measure(rig):
    """Tell latencies with and without, and how long the backfill took."""
    on_mosquitto(rig, _measure)


def _measure(rig):
    first, *others = rig.devices(KIND.name)
    old, live = [name for _, name in others[:100]], [name for _, name in others[100:]]
    readings = rig.of(50_000, 1_000_000)
    rig.empty()
    with rig.ingesting(), Load(rig.port, live, PER_S) as load:
        time.sleep(rig.of(1, 5))
        without = probe(rig, first, rig.of(3, 60))
        with _Backfill(rig, old, readings) as backfill:
            during = backfill.probe(first)
    [(rows,)] = rig.ask(
        f"select count(*) from readings_{KIND.name} "
        "where ts between now() - interval '2 years' and now() - interval '100 days'"
    )
    if rows != readings:
        raise RuntimeError(f"{rows} of {readings} belated readings are in the table")
    facts = {
        "broker": rig.broker_name,
        "per_s": PER_S,
        "live_sent": load.sent,
        "readings": readings,
        "samples": len(during),
    }
    p50, p99, most = spread(during)
    p50_without, p99_without, _ = spread(without)
    emit("backfill_live_p50", p50, "ms", against="the same load without a backfill", yardstick=p50_without, **facts)
    emit("backfill_live_p99", p99, "ms", against="the same load without a backfill", yardstick=p99_without,
         target=250.0, greatest=most, **facts)  # fmt: skip
    emit("backfill_time", backfill.seconds, "s", readings_per_s=readings / backfill.seconds, list=LIST, **facts)
    rig.empty()


class _Backfill:
    """A backfill on its way, from its first message to its last row."""

    def __init__(self, rig, names, readings):
        self._rig, self._names = rig, names
        self._messages = lists(names, readings // len(names), time.time_ns() // 1_000_000 - AGO_MS)
        self._readings = readings
        self._done = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._publish, self._watch)]
        self.seconds = 0.0

    def __enter__(self):
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self._threads:
            thread.join()

    def probe(self, device):
        """Return the latencies of live readings until the last belated row is there."""
        samples = []
        while not self._done.is_set():
            if time.monotonic() - self._began > PATIENCE_S:
                raise RuntimeError(f"the backfill did not end within {PATIENCE_S:.0f} s")
            samples += probe(self._rig, device, 1.0)
        return samples

    def _publish(self):
        sender = Sender(self._rig.port, "bench-backfill")
        for start in range(0, len(self._messages), 50):
            sender.publish(self._messages[start : start + 50])
        sender.close()
        say(f"the backfill is with the broker after {time.monotonic() - self._began:.1f} s")

    def _watch(self):
        query = "select coalesce(sum(stored), 0)::int8 from ledger where device = any(%s)"
        while self._rig.ask(query, self._names)[0][0] < self._readings:
            if time.monotonic() - self._began > PATIENCE_S:
                return
            time.sleep(0.5)
        self.seconds = time.monotonic() - self._began
        self._done.set()


def lists(names, each, first_ms):
    """Return backfill messages: every device sends `each` readings, a minute apart, in lists, the devices in turn."""
    texts, messages = bodies(7), []
    for start in range(0, each, LIST):
        for nth, name in enumerate(names):
            items = [
                reading(first_ms + at * STEP_MS, texts[(at + nth) % len(texts)])
                for at in range(start, min(start + LIST, each))
            ]
            messages.append((topic(name, "backfill"), b"[" + b",".join(items) + b"]"))
    return messages
