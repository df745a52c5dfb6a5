"""Rollup cost: the CPU of tend's passes as a share of ingest's over the same steady stream, server processes included.

Buckets of ten minutes are computed when they close, all at once: the full run lasts ten minutes and has exactly one
closing in it, so that the share is that of any ten minutes.
"""

import time

from figures import emit, say
from messages import KIND
from rig import mosquitto, with_mosquitto
from steady import Load
from watching import CpuOf

PER_S = 500
BUCKET_S = 600
CLOSES_AFTER_S = (100, 400)
"""The bucket closes this long after the start: there is a stream before it, and time to compute it after it."""


def measure(rig):
    """Tell the share."""
    if mosquitto() is None:
        say("mosquitto is not installed: its figures are left out")
        return
    with with_mosquitto(rig) as other:
        _measure(other)


def _measure(rig):
    names = [name for _, name in rig.devices(KIND.name)]
    seconds = rig.of(15, BUCKET_S)
    rig.empty()
    with rig.ingesting() as ingest, rig.tending() as tend, Load(rig.port, names, PER_S) as load:
        time.sleep(rig.of(2, 20))
        _await_phase(rig)
        with CpuOf(rig, ingest.pid, "hearthline ingest", "hearthline watch") as ours, \
                CpuOf(rig, tend.pid, "hearthline tend") as theirs:  # fmt: skip
            time.sleep(seconds)
    [(buckets,)] = rig.ask(f"select count(*) from rollup_{KIND.name}_10m")
    [(left,)] = rig.ask("select count(distinct (kind, device_id, bucket)) from rollup_mark "
                        "where bucket < now() - interval '10 minutes'")  # fmt: skip
    emit("rollup_cost", theirs.total, "CPU s", against="ingest and its server process", yardstick=ours.total,
         target=0.15, seconds=seconds, per_s=PER_S, sent=load.sent, buckets=buckets, closed_left=left,
         tend_own=theirs.own, tend_server=theirs.server, ingest_own=ours.own, ingest_server=ours.server)  # fmt: skip
    rig.empty()


def _await_phase(rig):
    """Wait until the next closing of a bucket is neither too near nor too far."""
    early, late = CLOSES_AFTER_S
    until_it_closes = BUCKET_S - time.time() % BUCKET_S
    if rig.small or early <= until_it_closes <= late:
        return
    pause = until_it_closes - late if until_it_closes > late else until_it_closes + BUCKET_S - late
    say(f"waiting {pause:.0f} s, so that a bucket closes well within the run")
    time.sleep(pause)
