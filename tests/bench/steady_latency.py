"""Latency under steady load: from publish to the committed row at 200 and at 500 messages/s, on both brokers."""

import time

from figures import emit
from messages import KIND
from rig import on_mosquitto
from steady import Load, probe, spread

TARGETS_MS = {200: (20.0, None), 500: (30.0, 250.0)}


def measure(rig):
    """Tell the median and the 99th percentile in milliseconds, at each rate and broker."""
    _measure(rig)
    on_mosquitto(rig, _measure)


def _measure(rig):
    first, *others = rig.devices(KIND.name)
    names = [name for _, name in others]
    seconds = rig.of(3, 60)
    rig.empty()
    with rig.ingesting():
        time.sleep(1.5)
        for per_s, (p50_target, p99_target) in TARGETS_MS.items():
            with Load(rig.port, names, per_s) as load:
                time.sleep(rig.of(1, 5))
                samples = probe(rig, first, seconds)
            p50, p99, most = spread(samples)
            facts = {
                "broker": rig.broker_name,
                "per_s": per_s,
                "samples": len(samples),
                "seconds": seconds,
                "sent": load.sent,
            }
            emit("steady_latency_p50", p50, "ms", target=p50_target, **facts)
            emit("steady_latency_p99", p99, "ms", target=p99_target, greatest=most, **facts)
    rig.empty()
