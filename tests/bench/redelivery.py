"""Redelivery: a backlog of which every tenth message was stored before, beside one that is all new, in turn.

The repeats are drawn at random from the backlog before and put at random places, so that nearly every batch meets the
unique key. What counts is messages settled per second.
"""

import numpy as np
from draining import drain_ours, held, publish
from figures import emit, median, say
from messages import KIND, backlog, instants
from rig import on_mosquitto

SHARE = 0.1
STEP_MS = 3_000


def measure(rig):
    """Tell messages per second at 10 % redelivery against none."""
    on_mosquitto(rig, _measure)


def _measure(rig):
    names = [name for _, name in rig.devices(KIND.name)]
    rng = np.random.default_rng(3)
    none, ten = [], []
    for _ in range(rig.of(1, 3)):
        before = backlog(names, instants(rig.of(20, 16), STEP_MS))
        none.append(_run(rig, before, fresh=len(before), keep=False).rate)
        fresh = backlog(names, [ts + 1 for ts in instants(rig.of(20, 16), STEP_MS)])
        mixed = with_repeats(fresh, before, SHARE, rng)
        run = _run(rig, mixed, fresh=len(fresh), keep=True)
        ten.append(run.rate * len(mixed) / len(fresh))
        say(f"none {none[-1]:.0f}/s, {SHARE:.0%} {ten[-1]:.0f}/s")
    emit("redelivery", median(ten), "msg/s", against="no redelivery", yardstick=median(none), target=0.85,
         share=SHARE, ratios=[t / n for t, n in zip(ten, none, strict=True)], messages=len(mixed))  # fmt: skip
    rig.empty()


def _run(rig, messages, *, fresh, keep):
    if not keep:
        rig.empty()
    with rig.ingesting() as ingest, held(ingest.pid):
        publish(rig, messages)
        return drain_ours(rig, ingest.pid, len(messages), fresh=fresh)


def with_repeats(fresh, before, share, rng):
    """Return the fresh messages with repeats from before among them, `share` of the whole."""
    count = round(len(fresh) * share / (1 - share))
    chosen = [before[i] for i in rng.choice(len(before), count, replace=False)]
    places = np.sort(rng.integers(0, len(fresh), count)).tolist()
    mixed, at = [], 0
    for place, repeat in zip(places, chosen, strict=True):
        mixed += fresh[at:place]
        mixed.append(repeat)
        at = place
    return mixed + fresh[at:]
