"""Ingest rate: a backlog drained through the whole path, beside the bare loop and the server's own COPY of such rows.

Both processes are running and subscribed, and are held while the messages are published to both; then one after the
other is let go and drains the same messages, in the same run.
"""

from copy_path import ceiling
from draining import Bare, drain_ours, held, publish, seat
from figures import emit, median, say
from messages import KIND, POINTS, backlog, instants
from rig import mosquitto, with_mosquitto

STEP_MS = 5_000


def measure(rig):
    """Tell the rate of ingest with its rules at work, its CPU per message, and both yardsticks.

    The embedded broker hands out about 100 messages and waits for their acknowledgement, which
    comes after the commit: that bounds it. mosquitto, where it is installed, hands out all it has.
    """
    devices = rig.devices(KIND.name)
    top = ceiling(rig, [d for d, _ in devices], rig.of(2, 8))
    emit("copy_ceiling", top, "rows/s", points=len(POINTS))
    if mosquitto() is None:
        say("mosquitto is not installed: its figures are left out")
    else:
        with with_mosquitto(rig) as other:
            _beside_bare(other, devices, top)
    _embedded(rig, devices[:400], top)


def _beside_bare(rig, devices, top):
    names, each = [name for _, name in devices], rig.of(20, 20)
    ours, bare = [], []
    seat(rig, bare=True)
    for _ in range(rig.of(1, 3)):
        rig.empty()
        count = each * len(names)
        with rig.ingesting() as ingest, Bare(rig, count) as loop, held(ingest.pid, loop.pid):
            publish(rig, backlog(names, instants(each, STEP_MS)))
            bare.append(loop.drain())
            ours.append(drain_ours(rig, ingest.pid, count))
        told = [f"{d.rate:.0f}/s at {d.cpu_us:.1f} us" for d in (ours[-1], bare[-1])]
        say(f"ours {told[0]}, bare {told[1]}")
    facts = {"broker": rig.broker_name, "points": len(POINTS), "messages": count, "rounds": len(ours)}
    rate, floor = median([d.rate for d in ours]), median([d.rate for d in bare])
    ratios = [o.rate / b.rate for o, b in zip(ours, bare, strict=True)]
    emit("ingest_rate", rate, "msg/s", against="bare receive, decode and COPY loop", yardstick=floor, target=0.6,
         ratios=ratios, first_to_last=[d.inner for d in ours], bare_first_to_last=[d.inner for d in bare],
         values_per_s=rate * len(POINTS), of_copy_ceiling=rate / top, **facts)  # fmt: skip
    emit("bare_loop", floor, "msg/s", against="server-side binary COPY of a file", yardstick=top, **facts)
    emit("ingest_cpu", median([d.cpu_us for d in ours]), "us/msg", against="bare loop",
         yardstick=median([d.cpu_us for d in bare]), broker=rig.broker_name)  # fmt: skip
    rig.empty()


def _embedded(rig, devices, top):
    rig.empty()
    names = [name for _, name in devices]
    with rig.ingesting() as ingest, held(ingest.pid):
        count = publish(rig, backlog(names, instants(rig.of(8, 16), STEP_MS)))
        ours = drain_ours(rig, ingest.pid, count)
    emit("ingest_rate_embedded", ours.rate, "msg/s", against="server-side binary COPY of a file", yardstick=top,
         broker=rig.broker_name, points=len(POINTS), messages=count)  # fmt: skip
    emit("ingest_cpu_embedded", ours.cpu_us, "us/msg", broker=rig.broker_name)
    rig.empty()
