"""Every file under cases/kinds: what messages of a kind of device become.

A case is a file <kind>.json: a list of messages, each with `payload` and what comes of it: `values` stored,
`not_good` points that carry their quality bit, and the `reason` of the Reject if there is one. Whoever adds
a kind adds a file; no code is needed. All messages are received at `NOW`, without a time of their own.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from network.link import Delivery
from network.receive import receive
from perception.kinds import load_kinds
from perception.readings import quality_mask
from perception.roster import Member, Roster

KINDS = load_kinds()
NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
CASES = sorted((Path(__file__).parent / "kinds").glob("*.json"))


def outcome(kind, payload):
    roster = Roster({"one": Member(1, "one", kind, "s", "c", kind.interval_s)}, KINDS)
    sent = json.dumps(payload).encode()
    batch = receive([Delivery("hearthline/v1/one/readings", sent, NOW)], roster, NOW)
    stored = {"values": {}, "not_good": []}
    for r in batch.readings.values():
        for values, quality in zip(r.values, r.quality, strict=True):
            bad = quality_mask(np.array([quality]), len(kind.points))[0]
            stored = {
                "values": {n: float(v) for n, v in zip(kind.names, values, strict=True) if not np.isnan(v)},
                "not_good": [n for n, b in zip(kind.names, bad, strict=True) if b],
            }
    return {**stored, "reason": next((str(r.reason) for r in batch.rejects), None)}


def test_every_case_is_that_of_a_kind():
    assert {c.stem for c in CASES} <= set(KINDS)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.stem)
def test_messages_become_what_the_case_says(case):
    for place, wanted in enumerate(json.loads(case.read_text("utf-8")), 1):
        got = outcome(KINDS[case.stem], wanted["payload"])
        for fact in ("values", "not_good", "reason"):
            assert got[fact] == wanted[fact], f"message {place}: {fact}"
