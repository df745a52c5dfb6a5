"""DeviceSession: one connection of a device, from connect to its end. The next connection is a new session.

Nothing is sent again here: what was not acknowledged when the connection ends is forgotten, and
whoever keeps the readings decides what goes out next, and in which order.
"""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from network.address import Address
from network.link import LinkDownError
from network.mqtt.connection import cause, new_client, refusal, topic_of

ANSWER_TIMEOUT_S = 10.0

Hear = Callable[[str, bytes], None]


class DeviceSession:
    """An MQTT 3.1.1 connection with a will, that hears some topics. Raises LinkDownError when none can be made.

    `on_heard` gets topic and payload; `on_change` is told that something was acknowledged or that
    the connection ended. Both are called from a thread of the session's own and must be quick.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        *,
        will: tuple[str, bytes],
        hears: Sequence[str],
        on_heard: Hear,
        on_change: Callable[[], None],
        keepalive_s: int = 60,
    ) -> None:
        self._hears, self._on_heard, self._on_change = tuple(hears), on_heard, on_change
        self._unacked: deque[MQTTMessageInfo] = deque()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self.refused: tuple[str, ...] = ()
        self.why = "the broker does not answer: is it MQTT that listens there?"
        self._client = self._prepare(address, client_id, will)
        try:
            self._client.connect(address.host, address.port, keepalive_s)
        except OSError as err:
            raise LinkDownError(f"{address}: {err}") from err
        self._client.loop_start()
        if not self._ready.wait(ANSWER_TIMEOUT_S) or self._ended.is_set():
            self.break_off()
            raise LinkDownError(f"{address}: {self.why}")

    def up(self) -> bool:
        """Return whether the connection stands."""
        return not self._ended.is_set()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand over a message with QoS 1. It is lost when the connection ends before its acknowledgement."""
        self._unacked.append(self._client.publish(topic, payload, 1, retain))

    def unacked(self) -> int:
        """Return how many messages the broker has not acknowledged."""
        while self._unacked and self._unacked[0].rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
            if not self._unacked[0].is_published():
                break
            self._unacked.popleft()
        return len(self._unacked)

    def break_off(self) -> None:
        """End the connection without a goodbye, as when the device vanishes: the broker publishes the will."""
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._end("broken off")
        self._client.loop_stop()

    def close(self) -> None:
        """Say goodbye and end the connection."""
        self._client.disconnect()
        self._client.loop_stop()
        self._end("closed")

    def _prepare(self, address: Address, client_id: str, will: tuple[str, bytes]) -> Client:
        client = new_client(address, client_id, clean_session=True, reconnects=False)
        client.max_inflight_messages = 0  # the window is the pump's
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = lambda _client, _data, _flags, reason, _props: self._end(cause(reason))
        client.on_publish = lambda *_: self._on_change()
        client.on_message = self._on_message
        client.will_set(*will, qos=1, retain=True)
        return client

    # What follows runs in paho's thread.

    def _on_connect(self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any) -> None:
        why = refusal(reason)
        if why is None:
            client.subscribe([(topic, 1) for topic in self._hears])
        else:
            self._end(why)

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any) -> None:
        """Be ready, also where the broker lets us hear nothing: the readings matter more. `refused` names what."""
        told = zip(self._hears, reasons, strict=False)
        self.refused = tuple(topic for topic, reason in told if reason.is_failure)
        self._ready.set()
        self._on_change()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._on_heard(topic_of(message), bytes(message.payload))

    def _end(self, why: str) -> None:
        if not self._ended.is_set():
            self.why = why
            self._ended.set()
        self._ready.set()
        self._on_change()
