"""Receiving: what it costs to turn deliveries into readings, beside the JSON decoding that nobody can avoid."""

import json
import time

import msgspec
from figures import emit

from network.link import Delivery
from network.receive import receive
from perception.kinds import load_kinds
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOW = 1_767_225_600_000_000
ROSTER = Roster({f"xc-{i:03}": Member(i, f"xc-{i:03}", KIND, "s", "c", 10) for i in range(500)}, KINDS)
READINGS = 5_000
RUNS = 7


def measure(_rig):
    """Tell readings of 13 values per second of processor time, in one process."""
    deliveries = [_delivery(i) for i in range(READINGS)]
    decode = msgspec.json.Decoder().decode
    bare = _cpu_s(lambda: [decode(d.payload) for d in deliveries])
    whole = _cpu_s(lambda: receive(deliveries, ROSTER, NOW))
    emit(
        "receive_13_values",
        READINGS / whole,
        "readings/s of CPU",
        against="msgspec decode alone",
        yardstick=READINGS / bare,
    )


def _delivery(i):
    values = dict.fromkeys(KIND.names[:13], 20.25 + i % 7)
    payload = json.dumps({"ts": NOW // 1000 - i, "values": values}).encode()
    return Delivery(f"hearthline/v1/xc-{i % 500:03}/readings", payload, NOW)


def _cpu_s(step):
    """Return the least processor time of some runs."""
    spent = []
    for _ in range(RUNS):
        began = time.process_time()
        step()
        spent.append(time.process_time() - began)
    return min(spent)
