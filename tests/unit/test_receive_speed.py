"""Receive must stay cheap beside the JSON decoding that nobody can avoid. A ratio: it holds on slow machines too."""

import json
import time

import msgspec

from network.link import Delivery
from network.receive import receive
from perception.kinds import load_kinds
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOW = 1_767_225_600_000_000
ROSTER = Roster({f"xc-{i:03}": Member(i, f"xc-{i:03}", KIND, "s", "c", 10) for i in range(500)}, KINDS)
MOST_TIMES_THE_DECODING = 12  # measured: 4 to 6


def cpu_s(step) -> float:
    """The least processor time of seven runs."""
    spent = []
    for _ in range(7):
        began = time.process_time()
        step()
        spent.append(time.process_time() - began)
    return min(spent)


def test_receiving_13_values_costs_a_small_multiple_of_decoding_them():
    deliveries = [
        Delivery(
            f"hearthline/v1/xc-{i % 500:03}/readings",
            json.dumps({"ts": NOW // 1000 - i, "values": dict.fromkeys(KIND.names[:13], 20.25 + i % 7)}).encode(),
            NOW,
        )
        for i in range(5_000)
    ]
    decode = msgspec.json.Decoder().decode
    batch = receive(deliveries, ROSTER, NOW)
    assert len(batch.readings[KIND.name]) == 5_000
    bare = cpu_s(lambda: [decode(d.payload) for d in deliveries])
    whole = cpu_s(lambda: receive(deliveries, ROSTER, NOW))
    assert whole < MOST_TIMES_THE_DECODING * bare, f"{whole / bare:.1f} times, {5_000 / whole:,.0f} readings/s"
