"""DeviceClient: birth, state, last will, readings and backfill, with a queue on disk or without."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from network.address import Address
from network.device import pump
from network.device.messages import birth_message, readings_messages, state_message
from network.device.queue import DiskQueue
from network.link import LinkDownError, Receipt
from network.mqtt import MqttOutlet
from perception.payload import RawReading
from perception.sensor_kind import SensorKind


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, published or kept to be published: how many readings it holds, and what became of it."""

    readings: int
    receipt: Receipt


class DeviceClient:
    """A device on the link, with a session of its own. Its methods may be called from any thread.

    At every connect it says its birth and that it is online; when it vanishes, the broker says
    that it is offline.

    With a `queue`, what `send` accepted is durable on return and leaves the queue only when the
    platform says that it is stored: it survives breaks of the link, kill -9 of this process and
    the death of the broker. The device then answers commands (network.device.vocabulary). The
    queue is closed with the client. `patience_s`: how long receipts may stay away before it asks.

    Without one, messages that are not acknowledged live in memory: they survive a break of the
    link, not the end of this process, nor a broker that dies with what it has acknowledged.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        kind: SensorKind,
        *,
        interval_s: float | None = None,
        window: int = 200,
        queue: DiskQueue | None = None,
        patience_s: float = pump.PATIENCE_S,
    ) -> None:
        device = pump.Self(address, name, kind, interval_s, window, patience_s)
        self._carrier = _Direct(device) if queue is None else _Queued(device, queue)

    def send(self, readings: Sequence[RawReading], now: int | None = None) -> Sequence[Sent]:
        """Publish readings. `now`: epoch microseconds, None for the wall clock.

        With a queue it returns once they are on disk, and a Sent is acknowledged when the
        platform has stored it; a reading without time gets `now`. Raises QueueFullError and
        ReadingTooLargeError, and then none of them was accepted. Without a queue it blocks
        while the window is full, and a Sent is acknowledged by the broker.
        Raises LinkDownError when the client is closed.
        """
        return self._carrier.send(readings, time.time_ns() // 1000 if now is None else now)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything sent is stored (with a queue) or acknowledged; False when time ran out first."""
        return self._carrier.flush(timeout_s)

    def connected(self) -> bool:
        """Return whether the link is up."""
        return self._carrier.connected()

    def close(self) -> None:
        """Say offline and goodbye. Without a queue, what is not acknowledged within a second is lost: `flush` first."""
        self._carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Direct:
    """Readings go straight to the broker."""

    def __init__(self, device: pump.Self) -> None:
        self._name = name = device.name
        self._outlet = MqttOutlet(
            device.address,
            f"hearthline-device-{name}",
            will=state_message(name, online=False),
            greetings=lambda: (
                birth_message(name, device.kind, device.interval_s),
                state_message(name, online=True),
            ),
            window=device.window,
        )

    def send(self, readings: Sequence[RawReading], now: int) -> list[Sent]:
        return [
            Sent(count, self._outlet.publish(topic, payload))
            for topic, payload, count in readings_messages(self._name, readings, now)
        ]

    def flush(self, timeout_s: float) -> bool:
        return self._outlet.flush(timeout_s)

    def connected(self) -> bool:
        return self._outlet.connected()

    def close(self) -> None:
        if self._outlet.connected() and self._outlet.flush(1.0):
            topic, payload = state_message(self._name, online=False)
            self._outlet.publish(topic, payload, retain=True)
            self._outlet.flush(1.0)
        self._outlet.close()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A Receipt by the platform: acknowledged when everything up to a number of this run is stored."""

    queue: DiskQueue
    boot: str
    upto: int

    def acknowledged(self) -> bool:
        return self.queue.is_free_of(self.boot, self.upto)


class _Queued:
    """Readings go to disk; the pump carries them on."""

    def __init__(self, device: pump.Self, queue: DiskQueue) -> None:
        self._queue = queue
        self._pump = pump.Pump(device, queue)
        self._closed = False

    def send(self, readings: Sequence[RawReading], now: int) -> list[Sent]:
        if self._closed:
            raise LinkDownError("the device is closed")
        if not self._pump.alive():
            raise LinkDownError("the thread that sends has ended, see its traceback: close the device and begin anew")
        if not readings:
            return []
        numbers = self._queue.append([r if r.ts is not None else replace(r, ts=now) for r in readings])
        self._pump.ring()
        return [Sent(len(numbers), _Kept(self._queue, self._queue.boot, numbers[-1]))]

    def flush(self, timeout_s: float) -> bool:
        return self._pump.wait_stored(timeout_s)

    def connected(self) -> bool:
        return self._pump.connected()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._pump.close()
            self._queue.close()
