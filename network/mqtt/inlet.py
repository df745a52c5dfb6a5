"""MqttInlet: an inlet whose socket paho reads. Slower than SessionInlet, and the proven way to fall back on."""

import contextlib
import select
import time
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from network.link import Delivery
from network.mqtt.connection import cause, new_client, refusal, topic_of
from network.mqtt.frames import PINGREQ
from network.mqtt.kept_inlet import GREETING_TIMEOUT_S, IDLE_MS, NO_GREETING, KeptInlet, leave
from network.mqtt.receipt_time import receipt_time

_BURST = 256  # packets read before acknowledgements get their turn
_OK = MQTTErrorCode.MQTT_ERR_SUCCESS


class MqttInlet(KeptInlet):
    """A KeptInlet by paho-mqtt."""

    def _prepare(self) -> None:
        wanted = self._wanted
        self._count = self._taken_until = 0
        client = new_client(self._address, wanted.client_id, clean_session=not wanted.session_kept, manual_ack=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        # With this callback set, paho queues what it has to send instead of sending each packet by itself.
        client.on_socket_register_write = lambda *_: None
        client.connect_async(self._address.host, self._address.port, wanted.keepalive_s)
        self._client = client

    # What follows runs in the inlet's own thread, paho's callbacks included.

    def _live(self) -> None:
        self._client.reconnect()
        poller = select.poll()
        poller.register(self._ear, select.POLLIN)
        begun = last_ping = time.monotonic()
        session, more = self._session, False
        while (sock := self._client.socket()) is not None:
            full = self._backlog.full()
            wanted = (0 if full else select.POLLIN) | (select.POLLOUT if self._client.want_write() else 0)
            poller.register(sock.fileno(), wanted | select.POLLRDHUP)
            events = dict(poller.poll(0 if more else IDLE_MS))
            self._hear_bell()
            closing = self._closing.is_set()  # asked before: what is settled before close() is acknowledged
            if self._asked < len(self._wanted.filters) and self._session > session:
                self._subscribe()
            for mid in self._backlog.due():
                self._client.ack(mid, 1)
            self._client.loop_write()
            if closing and not self._client.want_write():
                leave(sock)
                return
            if full:
                last_ping = self._stay_alive(sock, last_ping, events.get(sock.fileno(), 0))
                continue
            more = self._read()
            self._client.loop_misc()
            if self._session == session and time.monotonic() - begun > GREETING_TIMEOUT_S:
                raise TimeoutError(NO_GREETING)

    def _read(self) -> bool:
        """Read a burst of packets; return whether there may be more."""
        for _ in range(_BURST):
            before = self._count
            if self._client.loop_read() is not _OK or self._count == before:
                return False
            if self._backlog.full():
                return True
        return True

    def _stay_alive(self, sock: Any, last_ping: float, event: int) -> float:
        """Ping while we do not read: the answers wait in the socket. paho's own watch would miss them and give up."""
        if event & (select.POLLRDHUP | select.POLLHUP | select.POLLERR):
            raise ConnectionResetError("the broker closed the connection")
        if time.monotonic() - last_ping < self._wanted.keepalive_s / 2:
            return last_ping
        if not self._client.want_write():
            with contextlib.suppress(BlockingIOError):
                sock.send(PINGREQ)
        return time.monotonic()

    def _on_connect(self, _client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, _props: Any) -> None:
        why = refusal(reason)
        if why is not None:
            self._down(why)
            return
        self._welcome(session_present=flags.session_present)
        self._subscribe()
        if flags.session_present:  # subscribed long ago, and the answer may wait behind more than we may hold
            self._up()

    def _subscribe(self) -> None:
        self._client.subscribe([(topic_filter, 1) for topic_filter in self._unasked()])

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._log.refused(self._wanted.filters)
        elif self._since is None:
            self._up()

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:
        self._down(cause(reason))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        received_at = receipt_time(self._taken_until, time.time_ns() // 1000)
        self._taken_until = received_at + payload.count(b"{") + 1
        delivery = Delivery(
            topic=topic_of(message),
            payload=payload,
            received_at=received_at,
            redelivered=message.dup,
            retained=message.retain,
            mid=message.mid,
            qos=message.qos,
            session=self._session,
        )
        self._count += 1
        self._backlog.add((delivery,))
