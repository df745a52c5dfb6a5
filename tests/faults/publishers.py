"""Foreign devices: they speak MQTT through paho alone and remember what the broker acknowledged.

Each message carries a serial number as the value of a point, so that a reading can be recognised
in the table whatever its time: one that is missing is lost, one that is there twice is doubled.
"""

import itertools
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

import paho.mqtt.client as mqtt

POINT = "p_air"
SETTLE_WITHIN_S = 180.0


def value_of(serial):
    """The value that carries a serial number: within the limits of air pressure up to serial 2,500,000."""
    return 850 + serial / 10_000


def serial_of(value):
    return round((value - 850) * 10_000)


class Due(Enum):
    """What must become of a message that was acknowledged."""

    ROW = "a row of its own"
    REJECT = "a Reject"
    OTHER = "no row of its own: a duplicate, a filled point or a conflict"


@dataclass(slots=True)
class Sent:
    """One published message. `ts_ms` is None where the device sent no time."""

    serial: int
    due: Due
    payload: bytes
    ts_ms: int | None = None
    info: object = None

    @property
    def acknowledged(self):
        return self.info is not None and self.info.is_published()


class Publisher:
    """One device. `say` publishes one message; `start` lets it talk by itself until `finish`."""

    def __init__(self, address, name, *, stamped=True, backfills=False, rubbish_every=0, period_s=0.03, window=50,
                 talks=True):  # fmt: skip
        self.name, self.talks, self.sent = name, talks, []
        self._stamped, self._backfills, self._rubbish_every = stamped, backfills, rubbish_every
        self._period_s, self._window = period_s, window
        self._open = deque()
        self._serials = itertools.count(1)
        self._last_ms = self._last_past_ms = 0
        self._stop = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"foreign-{name}")
        self._client.reconnect_delay_set(0.2, 2)
        self._client.connect_async(address.host, address.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def start(self):
        self._thread.start()

    def acknowledged(self):
        return [sent for sent in self.sent if sent.acknowledged]

    def publish(self, sent, channel="readings"):
        """Publish a message that a test made up, and remember it."""
        sent.info = self._client.publish(f"hearthline/v1/{self.name}/{channel}", sent.payload, 1)
        sent.info.rc = mqtt.MQTT_ERR_SUCCESS  # without a connection paho keeps it for later, and would raise when asked
        self.sent.append(sent)
        self._open.append(sent)
        return sent

    def reading(self, *, stamped=None, ts_ms=None):
        """Make a reading with the next serial number, at the present instant unless told otherwise."""
        serial = next(self._serials)
        body = {"values": {POINT: value_of(serial)}}
        if self._stamped if stamped is None else stamped:
            ts_ms = self._last_ms = ts_ms or max(time.time_ns() // 1_000_000, self._last_ms + 1)
            body["ts"] = ts_ms
        return Sent(serial, Due.ROW, json.dumps(body).encode(), ts_ms)

    def rubbish(self, payload=None):
        """Make a message that cannot be taken in."""
        serial = next(self._serials)
        return Sent(serial, Due.REJECT, b"{rubbish %d" % serial if payload is None else payload)

    def list_of(self, count):
        """Publish so many readings of the past as one list on `backfill`."""
        begin = max(time.time_ns() // 1_000_000 - 3_600_000, self._last_past_ms + 1)
        self._last_past_ms = begin + count
        past = [self.reading(stamped=True, ts_ms=begin + n) for n in range(count)]
        whole = Sent(0, Due.OTHER, b"[" + b",".join(sent.payload for sent in past) + b"]")
        self.publish(whole, "backfill")
        self.sent.pop()  # its readings count, not the message
        for sent in past:
            sent.info = whole.info
        self.sent.extend(past)
        return whole

    def say(self):
        if self._backfills:
            return self.list_of(5)
        turn = len(self.sent) + 1
        return self.publish(
            self.rubbish() if self._rubbish_every and turn % self._rubbish_every == 0 else self.reading()
        )

    def quiet(self):
        """Stop talking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def finish(self):
        """Stop talking, say one last thing and wait until the broker has acknowledged everything."""
        self.quiet()
        last = self.publish(self.reading())
        limit = time.monotonic() + SETTLE_WITHIN_S
        for sent in self.sent:
            sent.info.wait_for_publish(max(0.1, limit - time.monotonic()))
        assert last.acknowledged, f"the broker never acknowledged the last words of {self.name}"
        return last

    def close(self):
        self.quiet()
        self._client.disconnect()
        self._client.loop_stop()

    def _talk(self):
        while not self._stop.wait(self._period_s):
            while self._open and self._open[0].acknowledged:
                self._open.popleft()
            if len(self._open) < self._window:
                self.say()


@dataclass
class Fleet:
    """Several devices that talk at once."""

    publishers: list = field(default_factory=list)

    def start(self):
        for publisher in self.publishers:
            if publisher.talks:
                publisher.start()
        return self

    def acknowledged(self):
        return sum(len(publisher.acknowledged()) for publisher in self.publishers)

    def await_acknowledged(self, count, within_s=SETTLE_WITHIN_S):
        """Wait until the broker has acknowledged so many messages in all."""
        limit = time.monotonic() + within_s
        while (got := self.acknowledged()) < count:
            assert time.monotonic() < limit, f"the broker acknowledged {got} messages, {count} are waited for"
            threading.Event().wait(0.02)
        return got

    def quiet(self):
        for publisher in self.publishers:
            publisher.quiet()

    def finish(self):
        self.quiet()
        return [publisher.finish() for publisher in self.publishers]

    def close(self):
        for publisher in self.publishers:
            publisher.close()
