"""Inlets: what it costs to take a backlog from mosquitto, through our own session and through paho."""

import time

import msgspec
from figures import emit
from rig import on_mosquitto

from network.linking import INLETS
from network.mqtt import Address

MESSAGES = 40_000
TOPICS = 500
POINTS = 13
BATCH = 5_000


def measure(rig):
    """Tell messages/s and CPU per message of this process, drained with nothing but take and ack."""
    on_mosquitto(rig, _measure)


def _measure(rig):
    rates, cpu_us = {}, {}
    for name, inlet in INLETS.items():
        rates[name], cpu_us[name] = _drained(rig, inlet, f"bench-{name}")
    emit("inlet_rate", rates["session"], "msg/s", against="through paho", yardstick=rates["paho"], points=POINTS)
    emit("inlet_cpu", cpu_us["session"], "us/msg", against="through paho", yardstick=cpu_us["paho"])


def _drained(rig, inlet, client):
    wanted = [f"{client}/v1/+/readings"]
    _open(rig, inlet, client, wanted).close()  # the session that the broker keeps
    for i in range(MESSAGES):
        body = {"ts": 1_767_225_600_000 + i, "values": {f"t_point_number_{p}": 20.25 + p for p in range(POINTS)}}
        rig.outlet.publish(f"{client}/v1/xc-{i % TOPICS:03}/readings", msgspec.json.encode(body))
    assert rig.outlet.flush(60)
    began, spent = time.monotonic(), time.process_time()
    link = _open(rig, inlet, client, wanted)
    taken = 0
    while taken < MESSAGES:
        deliveries = link.take(BATCH, 5)
        assert deliveries, f"only {taken} of {MESSAGES} came"
        link.ack(deliveries)
        taken += len(deliveries)
    took = time.monotonic() - began
    link.close()
    return MESSAGES / took, (time.process_time() - spent) / MESSAGES * 1e6


def _open(rig, inlet, client, wanted):
    link = inlet(Address.parse(rig.broker), client, wanted)
    assert link.wait_connected(10)
    return link
