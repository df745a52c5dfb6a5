"""Alarm latency: from publish to the alarm in the journal, beside that of a reading that raises nothing, under load.

The contact of a door speaks without delay here, so that what is timed is the way and not the patience of a rule: each
probe opens or closes it, and its alarm is raised or cleared at the time of the reading.
"""

import re
from pathlib import Path

from figures import emit
from messages import KIND, reading, topic
from rig import CHECKOUT
from steady import Load, Wire, probe, spread

RATE = 500
ASKED_MS = 500.0
"""At most, 99 of 100, on top of ingest."""
_JOURNALED = (
    "select from alarm_event join alarm using (alarm_id) where device = %s and rule = 'door_open'"
    " and at = to_timestamp(%s / 1000.0)"
)


class _Door:
    """A device whose door is open in every other reading."""

    def __init__(self):
        self._open = 0

    def text(self, _name, ts_ms, body):
        self._open = 1 - self._open
        return reading(ts_ms, body[:-1] + b',"door_open":%d}' % self._open)


def measure(rig):
    """Tell median and 99th percentile in milliseconds, and what an alarm adds to them."""
    plain, (_, door), *others = rig.devices(KIND.name)
    seconds = rig.of(3, 60)
    rig.empty()
    rules = {"HEARTHLINE_WATCH__RULES": str(_rules(rig.folder))}
    with rig.ingesting(**rules), Load(rig.port, [name for _, name in others], RATE):
        probe(rig, plain, rig.of(2, 5))  # warms up, and is not counted
        stored = probe(rig, plain, seconds)
        raised = probe(rig, (door, door), seconds, Wire(topic, _Door().text, _JOURNALED))
    (p50, p99, _), (alarm_p50, alarm_p99, most) = spread(stored), spread(raised)
    facts = {"broker": rig.broker_name, "per_s": RATE, "samples": len(raised), "seconds": seconds}
    against = "publish to committed row, of a reading that raises nothing"
    emit("alarm_latency_p50", alarm_p50, "ms", against=against, yardstick=p50, **facts)
    emit("alarm_latency_p99", alarm_p99, "ms", against=against, yardstick=p99, greatest=most, **facts)
    emit("alarm_latency_added_p99", alarm_p99 - p99, "ms", target=ASKED_MS, **facts)
    rig.empty()


def _rules(folder):
    """Return a file of the rules in force, but that a door speaks at once."""
    text = (CHECKOUT / "configs" / "rules.toml").read_text("utf-8")
    told, found = re.subn(
        r"(?m)^\[door_open\]\n(?:[^\[\n].*\n)*", "[door_open]\non_delay_s = 0\noff_delay_s = 0\n", text
    )
    assert found == 1
    file = Path(folder) / "rules.toml"
    file.write_text(told, "utf-8")
    file.chmod(0o644)
    return file
