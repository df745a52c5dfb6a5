"""MqttOutlet: messages to the broker, sent again after a break until each is acknowledged."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from network.address import Address
from network.link import LinkDownError
from network.mqtt.connection import LinkLog, cause, new_client, refusal, start, stop

Greetings = Callable[[], Iterable[tuple[str, bytes]]]
_PATIENCE_S = 0.2  # how soon a publisher that waits notices that the outlet was closed


class MqttReceipt:
    """A Receipt by PUBACK. A message with QoS 0 counts as acknowledged once it was written to the socket."""

    __slots__ = ("_info",)

    def __init__(self, info: MQTTMessageInfo) -> None:
        self._info = info

    def acknowledged(self) -> bool:
        """Return whether the broker has taken responsibility for the message."""
        return self._info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS and self._info.is_published()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the acknowledgement; False when time ran out first."""
        if not self.acknowledged() and self._info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._info.wait_for_publish(timeout_s)
        return self.acknowledged()


class MqttOutlet:
    """An Outlet that may be used from any thread, and while the link is down.

    QoS 1: at most `window` messages are unacknowledged; they live in memory and are sent again
    after a break. QoS 0: sent if the link is up, otherwise dropped. `will` is a retained message
    (topic, payload) that the broker publishes when we vanish without a goodbye. `greetings` is
    asked at every connect for retained messages to publish first: it undoes the will, and tells
    a broker that has forgotten everything.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        *,
        will: tuple[str, bytes] | None = None,
        greetings: Greetings = tuple,
        window: int = 1_000,
        keepalive_s: int = 60,
    ) -> None:
        self._window = window
        self._greetings = greetings
        self._unacked: deque[MqttReceipt] = deque()
        self._turn = threading.Lock()
        self._closed = threading.Event()
        # Clear while a connection is being made: paho would let a new message overtake those that wait for it.
        self._ready = threading.Event()
        self._ready.set()
        self._gate = threading.Lock()
        self._log = LinkLog(address, client_id)
        self._client = new_client(address, client_id, clean_session=True)
        self._client.max_inflight_messages = 0  # no limit of paho's: the window is ours, and paho's is slow
        self._client.on_pre_connect = self._on_pre_connect
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = lambda *_: self._down("no connection")
        self._client.on_disconnect = lambda _client, _data, _flags, reason, _props: self._down(cause(reason))
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        start(self._client, address, keepalive_s)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> MqttReceipt:
        """Hand over a message. Blocks while too many are unacknowledged; raises LinkDownError when closed."""
        if qos == 0:
            self._refuse_when_closed()
            return MqttReceipt(self._client.publish(topic, payload, 0, retain))
        with self._turn:
            while True:
                self._make_room()
                self._ready.wait(_PATIENCE_S)
                with self._gate:
                    if self._ready.is_set():
                        return self._send(topic, payload, retain=retain)

    def greet(self) -> None:
        """Publish the greetings again: somebody has spoken against them since the last connect."""
        for topic, payload in self._greetings():
            self.publish(topic, payload, retain=True)

    def flush(self, timeout_s: float) -> bool:
        """Wait until every message with QoS 1 is acknowledged; False when time ran out first."""
        deadline = time.monotonic() + timeout_s
        return all(receipt.wait(max(0.0, deadline - time.monotonic())) for receipt in list(self._unacked))

    def connected(self) -> bool:
        """Return whether the link is up."""
        return self._client.is_connected()

    def close(self) -> None:
        """Say goodbye to the broker. Messages that were not flushed may be lost."""
        self._closed.set()
        stop(self._client)

    def _make_room(self) -> None:
        while True:
            self._refuse_when_closed()
            while self._unacked and self._unacked[0].acknowledged():
                self._unacked.popleft()
            if len(self._unacked) < self._window:
                return
            self._unacked[0].wait(_PATIENCE_S)

    def _refuse_when_closed(self) -> None:
        if self._closed.is_set():
            raise LinkDownError("the outlet is closed")

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> MqttReceipt:
        info = self._client.publish(topic, payload, 1, retain)
        if info.rc is MQTTErrorCode.MQTT_ERR_NO_CONN:
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS  # paho has queued it and sends it at the next connect
        receipt = MqttReceipt(info)
        self._unacked.append(receipt)
        return receipt

    def _on_pre_connect(self, _client: Client, _data: Any) -> None:
        with self._gate:
            self._ready.clear()

    def _on_connect(self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any) -> None:
        why = refusal(reason)
        if why is not None:
            self._down(why)
            return
        self._log.up()
        for topic, payload in self._greetings():
            self._send(topic, payload, retain=True)
        self._ready.set()

    def _down(self, why: str) -> None:
        self._ready.set()
        if not self._closed.is_set():
            self._log.lost(why)
