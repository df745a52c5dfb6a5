"""Peers: ours beside other ways from the same broker into the same database; how fast, and what is lost.

One after the other, each alone: a backlog drained, the latency at 200 messages/s, a kill -9 in the middle of a backlog,
a database stopped for 10 s. What was lost and what was stored twice is counted from the table against the set of
messages that the broker had acknowledged.
"""

import time

import psycopg
from draining import Drain, commits, held
from figures import emit, median, say
from frames import Sender
from messages import bodies, instants
from peer_processes import STARTS_WITHIN_S, await_rows, peers
from rig import mosquitto, with_mosquitto
from steady import Load, probe, spread

STEP_MS = 5_000
PER_S = 200
STUCK_S = 15.0
OURS = "hearthline"
TARGETS = {"node-red": 5.0, "mq-bridge bulk copy": 1.0}
"""How many times as fast as these we are to be, in the same run."""
DATABASE_AWAY_S = 10.0
SECOND_THOUGHTS_S = 2.0
"""How long a peer that has stored everything is watched for what it stores twice."""


def measure(rig):
    """Tell rates, latencies and losses of each."""
    if mosquitto() is None:
        say("mosquitto is not installed: there is no common broker, and no comparison")
        return
    with with_mosquitto(rig) as other:
        rates = {}
        for peer in peers():
            if peer.missing:
                say(f"{peer.name} {peer.version} is left out: {peer.missing} (make bench-peers)")
                continue
            say(f"{peer.name} {peer.version} ...")
            try:
                _measure(other, peer, rates)
            except (RuntimeError, ValueError, psycopg.Error) as err:
                say(f"{peer.name}: {err}; what is missing of its figures could not be measured")


def _measure(rig, peer, rates):
    peer.empty(rig)
    facts = {"peer": peer.name, "version": peer.version}
    _seat(rig, peer)
    rates[peer.name] = median([_drain(rig, peer, facts) for _ in range(rig.of(1, 3))])
    if peer.name in TARGETS and OURS in rates:
        emit("ours_against_peer", rates[OURS], "msg/s", against=peer.name, yardstick=rates[peer.name],
             target=TARGETS[peer.name])  # fmt: skip
    _latency(rig, peer, facts)
    _killed(rig, peer, facts)
    _without_database(rig, peer, facts)


def _seat(rig, peer):
    """Let it subscribe, and see that a message comes through."""
    with peer.running(rig):
        _await_link(rig, peer)
        time.sleep(1)


def _await_link(rig, peer):
    """Publish now and then until something of it is stored: it is subscribed then, and warm."""
    _, name = _probe_device(rig, peer)
    until = time.monotonic() + STARTS_WITHIN_S
    sender = Sender(rig.port, "bench-seat")
    while not rig.ask(f"select 1 from {peer.table} limit 1"):
        if time.monotonic() > until:
            raise RuntimeError(f"it stored nothing within {STARTS_WITHIN_S:.0f} s; its log ends: {peer.log_tail(rig)}")
        sender.publish([(peer.wire.topic(name), peer.wire.text(name, time.time_ns() // 1_000_000, bodies()[0]))])
        time.sleep(0.2)
    sender.close()


def _drain(rig, peer, facts):
    """It is running, and held while the backlog is published; the clock runs from letting it go to its last commit."""
    peer.empty(rig)
    with peer.running(rig) as child:
        _await_link(rig, peer)
        peer.empty_rows(rig)
        with held(child.pid):
            sent = _publish(rig, peer, _names(rig), rig.of(8_000, 25_000))
            went = time.time()
        await_rows(rig, peer, len(sent), STUCK_S)
    found = commits(rig, peer.table, went)
    if not found:
        raise RuntimeError(f"nothing of the backlog was stored within {STUCK_S:.0f} s")
    drain = Drain.of(found, went, None)
    emit(
        "peer_drain",
        drain.rate,
        "msg/s",
        first_to_last=drain.inner,
        messages=len(sent),
        **_fates(rig, peer, sent),
        **facts,
    )
    return drain.rate


def _latency(rig, peer, facts):
    peer.empty(rig)
    names = _names(rig)[1:]
    with peer.running(rig):
        device = _probe_device(rig, peer)
        with Load(rig.port, names, PER_S, peer.wire):
            probe(rig, device, rig.of(1, 3), peer.wire)
            samples = probe(rig, device, rig.of(2, 15), peer.wire)
    p50, p99, _ = spread(samples)
    emit("peer_latency_p50", p50, "ms", p99=p99, per_s=PER_S, samples=len(samples), **facts)


def _killed(rig, peer, facts):
    """kill -9 as soon as it has stored something of a backlog; then it is started again and may take its time."""
    sent = _backlog(rig, peer, rig.of(8_000, 30_000))
    with peer.running(rig) as child:
        await_rows(rig, peer, 1, STARTS_WITHIN_S, look_s=0.005)
        child.kill()
        child.wait()
    [(at_kill,)] = rig.ask(f"select count(*) from {peer.table}")
    with peer.running(rig):
        began = time.monotonic()
        await_rows(rig, peer, len(sent), STUCK_S, keys=True)
        seconds = time.monotonic() - began
        time.sleep(SECOND_THOUGHTS_S)
    fates = _fates(rig, peer, sent)
    emit(
        "peer_kill",
        fates.pop("lost"),
        "lost",
        messages=len(sent),
        stored_at_kill=at_kill,
        seconds=seconds,
        **fates,
        **facts,
    )


def _without_database(rig, peer, facts):
    """The database stops in the middle of a backlog, and more is published while it is away."""
    count, names = rig.of(8_000, 30_000), _names(rig)
    sent = _backlog(rig, peer, count)
    with peer.running(rig) as child:
        await_rows(rig, peer, 1, STARTS_WITHIN_S, look_s=0.005)
        rig.server.stop()
        away_since = time.monotonic()
        try:
            sent |= _publish(rig, peer, names, count // 10)
            time.sleep(max(0.0, rig.of(3.0, DATABASE_AWAY_S) - (time.monotonic() - away_since)))
        finally:
            rig.server.start()
        began = time.monotonic()
        await_rows(rig, peer, len(sent), STUCK_S, keys=True)
        seconds, alive = time.monotonic() - began, child.poll() is None
        time.sleep(SECOND_THOUGHTS_S)
    fates = _fates(rig, peer, sent)
    emit(
        "peer_database_stop",
        fates.pop("lost"),
        "lost",
        messages=len(sent),
        seconds=seconds,
        survived=alive,
        **fates,
        **facts,
    )


def _backlog(rig, peer, count):
    peer.empty(rig)
    return _publish(rig, peer, _names(rig), count)


def _publish(rig, peer, names, count):
    """Publish readings of all stations, instant by instant; return the (device, epoch ms) that were acknowledged."""
    texts = bodies()
    times = instants(-(-count // len(names)), STEP_MS)
    keys = [(name, ts) for ts in times for name in names][:count]
    sender = Sender(rig.port, "bench-sender")
    sender.publish(
        [(peer.wire.topic(n), peer.wire.text(n, ts, texts[i % len(texts)])) for i, (n, ts) in enumerate(keys)]
    )
    sender.close()
    return set(keys)


def _fates(rig, peer, sent):
    """Compare the table with what was acknowledged."""
    return fates(sent, peer.stored(rig))


def fates(sent, stored):
    """Return how many of the sent keys are missing among the stored ones, and how many are there more than once."""
    stored = [key for key in map(tuple, stored) if key in sent]
    return {"lost": len(sent - set(stored)), "duplicated": len(stored) - len(set(stored))}


def _names(rig):
    return [name for _, name in rig.devices("heat_substation")]


def _probe_device(rig, peer):
    key, name = rig.devices("heat_substation")[0]
    return (key, name) if peer.command is None else (name, name)
