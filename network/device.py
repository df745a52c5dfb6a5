"""DeviceClient: what a device does on the link: birth, state, last will, readings and backfill."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import msgspec

from network.address import Address
from network.link import Receipt
from network.mqtt import MqttOutlet
from network.topics import Channel, Topic
from perception.payload import RawReading, encode
from perception.sensor_kind import SensorKind

BACKFILL_AFTER_US = 180 * 1_000_000
MOST_PER_LIST = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """One published message: how many readings it holds, and what became of it."""

    readings: int
    receipt: Receipt


def birth_message(name: str, kind: SensorKind, interval_s: float | None = None) -> tuple[str, bytes]:
    """Return topic and payload of a device's birth: its manifest. To be published retained."""
    manifest = {
        "kind": kind.name,
        "version": kind.version,
        "interval_s": interval_s or kind.interval_s,
        "points": [{"name": p.name, "unit": p.unit} for p in kind.points],
    }
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


class DeviceClient:
    """A device on the link, with a session of its own.

    At every connect it says its birth and that it is online; when it vanishes, the broker says
    that it is offline. Unacknowledged messages live in memory: they survive a break of the link,
    not the end of the process.
    """

    def __init__(
        self, address: Address, name: str, kind: SensorKind, *, interval_s: float | None = None, window: int = 200
    ) -> None:
        self._name = name
        self._outlet = MqttOutlet(
            address,
            f"hearthline-device-{name}",
            will=state_message(name, online=False),
            greetings=lambda: (birth_message(name, kind, interval_s), state_message(name, online=True)),
            window=window,
        )

    def send(self, readings: Sequence[RawReading], now: int | None = None) -> list[Sent]:
        """Publish readings; blocks while the window is full. `now`: epoch microseconds, None for the wall clock."""
        at = time.time_ns() // 1000 if now is None else now
        return [
            Sent(count, self._outlet.publish(topic, payload))
            for topic, payload, count in readings_messages(self._name, readings, at)
        ]

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything sent is acknowledged; False when time ran out first."""
        return self._outlet.flush(timeout_s)

    def connected(self) -> bool:
        """Return whether the link is up."""
        return self._outlet.connected()

    def close(self) -> None:
        """Say offline and goodbye. Call `flush` first: what is not acknowledged within a second is lost."""
        if self._outlet.connected() and self._outlet.flush(1.0):
            topic, payload = state_message(self._name, online=False)
            self._outlet.publish(topic, payload, retain=True)
            self._outlet.flush(1.0)
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
