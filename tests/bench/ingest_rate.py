"""Ingest rate: a backlog drained through the whole path, beside the bare loop and the server's own COPY of such rows.

Both sessions are subscribed before the messages are published, so that both drain the same ones, one after the other,
in the same run; cold and held (see draining).
"""

from copy_path import ceiling
from draining import Bare, drain_cold, drain_ours, held, publish, seat
from figures import emit, median, say
from messages import KIND, POINTS, backlog, instants
from rig import on_mosquitto

STEP_MS = 5_000


def measure(rig):
    """Tell the rate of ingest with its rules at work, its CPU per message, and both yardsticks.

    The embedded broker hands out about 100 messages and waits for their acknowledgement, which
    comes after the commit: that bounds it. mosquitto, where it is installed, hands out all it has.
    """
    devices = rig.devices(KIND.name)
    top = ceiling(rig, [d for d, _ in devices], rig.of(20, 20))
    emit("copy_ceiling", top, "rows/s", points=len(POINTS))
    on_mosquitto(rig, lambda other: _beside_bare(other, devices, top))
    _embedded(rig, devices[:400], top)


def _beside_bare(rig, devices, top):
    names, each = [name for _, name in devices], 20
    count = each * len(names)
    cold, ours, bare_cold, bare = [], [], [], []
    seat(rig, bare=True)
    for _ in range(rig.of(1, 3)):
        rig.empty()
        publish(rig, backlog(names, instants(each, STEP_MS)))
        with Bare(rig, count) as loop:
            bare_cold.append(loop.drain().inner)
        cold.append(drain_cold(rig, count))
        rig.empty()
        with rig.ingesting() as ingest, Bare(rig, count) as loop, held(ingest.pid, loop.pid):
            publish(rig, backlog(names, instants(each, STEP_MS)))
            bare.append(loop.drain())
            ours.append(drain_ours(rig, ingest.pid, count))
        say(f"cold: ours {cold[-1]:.0f}/s, bare {bare_cold[-1]:.0f}/s")
        say(f"held: ours {ours[-1].rate:.0f}/s, bare {bare[-1].rate:.0f}/s")
    facts = {"broker": rig.broker_name, "points": len(POINTS), "messages": count, "rounds": len(ours)}
    loop = "bare receive, decode and COPY loop"
    rate, floor = median(cold), median(bare_cold)
    emit("ingest_rate", rate, "msg/s", against=loop, yardstick=floor, target=0.6, ratios=_ratios(cold, bare_cold),
         values_per_s=rate * len(POINTS), of_copy_ceiling=rate / top, **facts)  # fmt: skip
    emit("bare_loop", floor, "msg/s", against="server-side binary COPY of a file", yardstick=top, **facts)
    rates, floors = [d.rate for d in ours], [d.rate for d in bare]
    emit("ingest_rate_held", median(rates), "msg/s", against=loop, yardstick=median(floors),
         ratios=_ratios(rates, floors), **facts)  # fmt: skip
    emit("ingest_cpu", median([d.cpu_us for d in ours]), "us/msg", against=loop,
         yardstick=median([d.cpu_us for d in bare]), broker=rig.broker_name)  # fmt: skip
    rig.empty()


def _ratios(ours, theirs):
    return [a / b for a, b in zip(ours, theirs, strict=True)]


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
