"""Memory: what ingest holds after millions of messages, and what the embedded broker holds."""

import time

import psycopg
from figures import emit
from frames import Sender
from messages import KIND, bodies, reading, topic
from rig import on_mosquitto
from watching import rss_mib

AHEAD = 40_000
"""How many messages may wait: enough that ingest always has work, and far from any limit of a broker."""
PORTION = 2_000
SILENCE_S = 60.0


def measure(rig):
    """Tell the resident memory of ingest at the start, in the middle and at the end, in MiB."""
    on_mosquitto(rig, lambda other: _flood(other, rig.of(200_000, 5_000_000)))
    _flood(rig, rig.of(40_000, 1_000_000))


def _flood(rig, messages):
    names = [name for _, name in rig.devices(KIND.name)]
    rig.empty()
    seen, brokers = [], []
    with rig.ingesting() as ingest, psycopg.connect(rig.url, autocommit=True) as conn:
        time.sleep(1)
        began = time.monotonic()
        for stored in _pump(rig, conn, names, messages):
            seen.append((stored, rss_mib(ingest.pid)))
            brokers.append(rss_mib(rig.broker_pid))
        seconds = time.monotonic() - began
    tenths = [seen[min(len(seen) - 1, len(seen) * nth // 10)][1] for nth in range(1, 11)]
    first, middle, last = tenths[0], tenths[4], tenths[-1]
    facts = {"broker": rig.broker_name, "messages": messages, "seconds": seconds}
    emit("memory_ingest", last, "MiB", against="after a tenth of them", yardstick=first, middle=middle,
         greatest=max(rss for _, rss in seen), tenths=tenths, **facts)  # fmt: skip
    emit("memory_broker", brokers[-1], "MiB", against="in the middle", yardstick=brokers[len(brokers) // 2],
         greatest=max(brokers), **facts)  # fmt: skip
    rig.empty()


def _pump(rig, conn, names, messages):
    """Publish in portions, at most `AHEAD` before ingest; yield how many are stored, now and then."""
    sender, texts, topics = Sender(rig.port, "bench-pump"), bodies(6), [topic(name) for name in names]
    sent, last, round_ms, moved = 0, 0, 0, time.monotonic()
    looked = conn.execute
    stored = 0
    while stored < messages:
        if sent < messages and sent - stored < AHEAD:
            count = min(PORTION, messages - sent)
            portion = []
            for nth in range(sent, sent + count):
                if nth % len(topics) == 0:  # each device once per instant, and instants never stand still
                    round_ms = max(round_ms + 1, time.time_ns() // 1_000_000)
                portion.append((topics[nth % len(topics)], reading(round_ms, texts[nth % len(texts)])))
            sent += sender.publish(portion)
        else:
            time.sleep(0.05)
        if sent - last >= AHEAD // 2 or sent >= messages or sent - stored >= AHEAD:
            last = sent
            now = int(looked("select coalesce(sum(stored), 0)::int8 from ledger").fetchone()[0])
            if now > stored:
                stored, moved = now, time.monotonic()
                yield stored
            elif time.monotonic() - moved > SILENCE_S:
                raise RuntimeError(f"only {stored} of {sent} were stored: see {rig.folder}/ingest.log")
    sender.close()
