"""Every mapping under cases/mappings, on recorded bytes of its controller.

A case is a folder with mapping.toml, messages.txt (a message a line) and expected.json: `devices`
with their kinds, and for each message in its order the readings and the Reject that come of it.
A regression is a folder more; no code is needed. All messages are received at `NOW`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from network.mapping_commands import told_in
from network.mapping_files import load_mappings
from network.receive import receive
from perception.catalogue import DeviceStatus
from perception.kinds import load_kinds
from perception.roster import Member, Roster

KINDS = load_kinds()
NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
CASES = sorted(p.parent for p in Path(__file__).parent.glob("mappings/*/mapping.toml"))


def members(devices):
    for number, (name, told) in enumerate(devices.items(), 1):
        kind, _, status = told.partition(" ")
        yield name, Member(number, name, KINDS[kind], "s", "c", 60, DeviceStatus(status or "active"))


def outcome(delivery, roster, mappings):
    batch = receive([delivery], roster, NOW, mappings)
    readings = [
        {
            "device": roster.by_id[int(device_id)].name,
            "ts_ms": int(ts) / 1000,
            "values": {n: round(float(v), 9) for n, v in zip(r.kind.names, values, strict=True) if not np.isnan(v)},
        }
        for r in batch.readings.values()
        for device_id, ts, values in zip(r.device_id, r.ts, r.values, strict=True)
    ]
    for reject in batch.rejects:
        assert (reject.topic, reject.payload) == (delivery.topic, delivery.payload), "a replay must go the same way"
    rejects = [
        {"reason": str(r.reason), "device": r.device, "partial": r.partial, "detail": r.detail} for r in batch.rejects
    ]
    return {"readings": readings, "rejects": rejects, "rejected": dict(batch.rejected)}


def test_there_are_the_promised_cases():
    assert len(CASES) >= 3


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_mapping_reads_the_bytes_of_its_controller(case):
    expected = json.loads((case / "expected.json").read_text())
    roster = Roster(dict(members(expected["devices"])), KINDS)
    mappings = load_mappings(case / "mapping.toml", KINDS)
    got = [outcome(d, roster, mappings) for d in told_in(case / "messages.txt", lambda: NOW)]
    for place, (one, wanted) in enumerate(zip(got, expected["messages"], strict=True), 1):
        assert one == wanted, f"message {place}"
