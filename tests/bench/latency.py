"""Latency: from publish to the commit, and to the live frame, beside the floor that broker and database set."""

import json
import threading
import time

import psycopg
from figures import emit, percentiles
from rig import KINDS

from network.mqtt import Address, LiveFeed, MqttInlet
from network.topics import LIVE_FILTER

KIND = KINDS["weather_station"]
SAMPLES = 200
FRAME_SAMPLES = 30
WITHIN_S = 10.0


def measure(rig):
    """Tell medians and 95th percentiles in milliseconds."""
    device_id, name = rig.devices(KIND.name)[0]
    with rig.ingesting():
        time.sleep(1.5)
        commits = [_to_commit(rig, device_id, name) for _ in range(SAMPLES)]
        frames = _to_frame(rig, device_id, name)
    median_floor, high_floor = percentiles(floor(rig))
    for what, samples in (("publish_to_commit", commits), ("publish_to_frame", frames)):
        median, high = percentiles(samples)
        against = "publish, receive, insert one row, commit"
        emit(f"{what}_p50", median, "ms", against=against, yardstick=median_floor)
        emit(f"{what}_p95", high, "ms", against=against, yardstick=high_floor)


def _publish(rig, name):
    ts = time.time_ns() // 1_000_000
    rig.outlet.publish(
        f"hearthline/v1/{name}/readings", json.dumps({"ts": ts, "values": {"t_outdoor": -12.5}}).encode()
    )
    return ts


def _to_commit(rig, device_id, name):
    with psycopg.connect(rig.url, autocommit=True) as conn:
        began = time.perf_counter()
        ts = _publish(rig, name)
        found = "select from readings_weather_station where device_id = %s and ts = to_timestamp(%s / 1000.0)"
        while not conn.execute(found, (device_id, ts)).rowcount:
            assert time.perf_counter() - began < WITHIN_S
            time.sleep(0.0005)
        return (time.perf_counter() - began) * 1000


def _to_frame(rig, device_id, name):
    """Frames go out at most four times a second; samples keep further apart, so that each is alone."""
    arrived = threading.Event()
    awaited = [0]

    def on_frame(_topic, payload):
        rows = json.loads(payload)["rows"]
        if any(row[0] == device_id and row[1] == awaited[0] for row in rows):
            arrived.set()

    feed = LiveFeed(Address.parse(rig.broker), LIVE_FILTER, on_frame)
    while not feed.connected:
        time.sleep(0.01)
    samples = []
    for _ in range(FRAME_SAMPLES):
        time.sleep(0.4)
        arrived.clear()
        began = time.perf_counter()
        awaited[0] = _publish(rig, name)
        assert arrived.wait(WITHIN_S)
        samples.append((time.perf_counter() - began) * 1000)
    feed.close()
    return samples


def floor(rig):
    """Return what one message and one row cost without us: publish, receive, INSERT, commit."""
    inlet = MqttInlet(Address.parse(rig.broker), "bench-floor", ["bench/floor"])
    assert inlet.wait_connected(WITHIN_S)
    samples = []
    with psycopg.connect(rig.url, autocommit=True) as conn:
        conn.execute("create table floor (like readings_weather_station including all)")
        for _ in range(SAMPLES):
            began = time.perf_counter()
            rig.outlet.publish("bench/floor", b"x")
            deliveries = inlet.take(1, WITHIN_S)
            conn.execute("insert into floor (device_id, ts, received_at, t_outdoor, quality) "
                         "values (1, clock_timestamp(), now(), 1, 0)")  # fmt: skip
            samples.append((time.perf_counter() - began) * 1000)
            inlet.ack(deliveries)
        conn.execute("drop table floor")
    inlet.close()
    return samples
