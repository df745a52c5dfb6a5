"""Messages: what a device publishes: birth, state, readings and backfill. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from network.topics import Channel, Topic
from perception.payload import RawReading, encode
from perception.sensor_kind import SensorKind

BACKFILL_AFTER_US = 180 * 1_000_000
MOST_PER_LIST = 60


def birth_message(
    name: str,
    kind: SensorKind,
    interval_s: float | None = None,
    *,
    boot: str | None = None,
    first_seq: int | None = None,
) -> tuple[str, bytes]:
    """Return topic and payload of a device's birth: its manifest. To be published retained.

    `boot` names this run of the device's queue, `first_seq` the oldest number still in it.
    """
    manifest: dict[str, object] = {
        "kind": kind.name,
        "version": kind.version,
        "interval_s": interval_s or kind.interval_s,
        "points": [{"name": p.name, "unit": p.unit} for p in kind.points],
    }
    if boot is not None:
        manifest |= {"boot": boot, "first_seq": first_seq}
    return str(Topic(name, Channel.BIRTH)), msgspec.json.encode(manifest)


def state_message(name: str, *, online: bool) -> tuple[str, bytes]:
    """Return topic and payload of a device's state. To be published retained."""
    return str(Topic(name, Channel.STATE)), b"online" if online else b"offline"


def readings_messages(name: str, readings: Sequence[RawReading], now: int) -> Iterator[tuple[str, bytes, int]]:
    """Yield topic, payload and number of readings of each message that carries these readings, in their order.

    Those older than three minutes at `now` (epoch microseconds) go in lists on `backfill`, which
    ingest reads beside the live traffic and more slowly; the others one by one on `readings`.
    """
    for late, group in groupby(readings, lambda r: r.ts is not None and now - r.ts > BACKFILL_AFTER_US):
        topic = str(Topic(name, Channel.BACKFILL if late else Channel.READINGS))
        part = list(group)
        size = MOST_PER_LIST if late else 1
        for begin in range(0, len(part), size):
            chosen = part[begin : begin + size]
            yield topic, encode(chosen), len(chosen)
