"""MqttInlet: deliveries by MQTT, each acknowledged only when its consumer says so."""

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from network.address import Address
from network.link import Delivery
from network.mqtt.connection import LinkLog, cause, new_client, refusal, topic_of

_MIB = 1 << 20
_BURST = 256  # packets read before acknowledgements get their turn
_PINGREQ = b"\xc0\x00"
_DISCONNECT = b"\xe0\x00"
_IDLE_MS = 500
_OK = MQTTErrorCode.MQTT_ERR_SUCCESS
CLOSE_TIMEOUT_S = 4.0
LEAVE_TIMEOUT_S = 2.0
# Much sooner than an outlet: a broker that has forgotten our session drops what comes before we subscribe again.
SHORTEST_BREAK_S = 0.1
LONGEST_BREAK_S = 2.0
BREAK_GROWTH = 1.1
GREETING_TIMEOUT_S = 10.0


class MqttInlet:
    """An Inlet on a kept session: QoS 1, a fixed client id, acknowledgements in the order of arrival.

    A thread of its own reads the socket and does nothing but queue. While more than
    `most_pending` deliveries, or `most_pending_bytes` of payload, are not acknowledged, it stops
    reading (pings go on), so the backlog stays with the broker. `Delivery.session` counts
    connections: an acknowledgement of an earlier one is passed over, because the broker sends
    that delivery again. Without `session_kept` the broker forgets us at every break.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        filters: Sequence[str],
        *,
        session_kept: bool = True,
        keepalive_s: int = 60,
        most_pending: int = 20_000,
        most_pending_bytes: int = 64 * _MIB,
    ) -> None:
        self._filters = tuple(filters)
        self._keepalive_s = keepalive_s
        self._most_pending = most_pending
        self._most_pending_bytes = most_pending_bytes
        self._queue: deque[Delivery] = deque()
        self._settled: deque[Delivery] = deque()
        self._unacked: deque[int] = deque()
        self._acked: set[int] = set()
        self._held = self._held_bytes = 0  # what came and was neither acknowledged nor dropped
        self._count = 0
        self._session = 0
        self._since: int | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._bell, self._ear = socket.socketpair()
        self._bell.settimeout(0)
        self._ear.settimeout(0)
        self._log = LinkLog(address, client_id)
        self._client = self._prepare(address, client_id, session_kept=session_kept)
        self._thread = threading.Thread(target=self._run, name=f"inlet {client_id}", daemon=True)
        self._thread.start()

    def take(self, most: int, wait_s: float) -> list[Delivery]:
        """Return up to `most` deliveries, waiting up to `wait_s` for the first; empty when none came."""
        with self._changed:
            if not self._queue and wait_s > 0:
                self._changed.wait_for(lambda: self._queue or self._closing.is_set(), wait_s)
            return [self._queue.popleft() for _ in range(min(most, len(self._queue)))]

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge deliveries to the broker. Those of a lost connection are passed over: they come again."""
        self._settled.extend(deliveries)
        self._ring()

    def pending(self) -> int:
        """Return how many deliveries wait to be taken."""
        return len(self._queue)

    def connected_since(self) -> int | None:
        """Return since when (epoch microseconds) we have been subscribed without a break, None while we are not."""
        return self._since

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the subscription is in force; False when time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._since is not None, timeout_s)

    def close(self) -> None:
        """Send the acknowledgements still due, then leave the broker, which keeps the session."""
        self._closing.set()
        self._ring()
        self._thread.join(CLOSE_TIMEOUT_S)
        with self._changed:
            self._changed.notify_all()

    def _prepare(self, address: Address, client_id: str, *, session_kept: bool) -> Client:
        client = new_client(address, client_id, clean_session=not session_kept, manual_ack=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        # With this callback set, paho queues what it has to send instead of sending each packet by itself.
        client.on_socket_register_write = lambda *_: None
        client.connect_async(address.host, address.port, self._keepalive_s)
        return client

    # What follows runs in the inlet's own thread, paho's callbacks included.

    def _run(self) -> None:
        pause_s = SHORTEST_BREAK_S
        while not self._closing.is_set():
            before = self._session
            try:
                self._client.reconnect()
                self._serve()
            except OSError as err:
                self._down(err)
            pause_s = SHORTEST_BREAK_S if self._session > before else min(pause_s * BREAK_GROWTH, LONGEST_BREAK_S)
            self._closing.wait(pause_s)
        self._down("closed")
        self._bell.close()
        self._ear.close()

    def _serve(self) -> None:
        """Read and write until the connection ends. Raises OSError when it must be given up."""
        poller = select.poll()
        poller.register(self._ear, select.POLLIN)
        begun = last_ping = time.monotonic()
        session, more = self._session, False
        while (sock := self._client.socket()) is not None:
            full = self._full()
            wanted = (0 if full else select.POLLIN) | (select.POLLOUT if self._client.want_write() else 0)
            poller.register(sock.fileno(), wanted | select.POLLRDHUP)
            events = dict(poller.poll(0 if more else _IDLE_MS))
            self._hear_bell()
            self._send_acks()
            self._client.loop_write()
            if self._closing.is_set() and not self._client.want_write():
                _leave(sock)
                return
            if full:
                last_ping = self._stay_alive(sock, last_ping, events.get(sock.fileno(), 0))
                continue
            more = self._read()
            self._client.loop_misc()
            if self._session == session and time.monotonic() - begun > GREETING_TIMEOUT_S:
                raise TimeoutError("connected, but the broker does not answer: is it MQTT that listens there?")

    def _read(self) -> bool:
        """Read a burst of packets; return whether there may be more."""
        for _ in range(_BURST):
            before = self._count
            if self._client.loop_read() is not _OK or self._count == before:
                return False
            if self._full():
                return True
        return True

    def _stay_alive(self, sock: Any, last_ping: float, event: int) -> float:
        """Ping while we do not read: the answers wait in the socket. paho's own watch would miss them and give up."""
        if event & (select.POLLRDHUP | select.POLLHUP | select.POLLERR):
            raise ConnectionResetError("the broker closed the connection")
        if time.monotonic() - last_ping < self._keepalive_s / 2:
            return last_ping
        if not self._client.want_write():
            with contextlib.suppress(BlockingIOError):
                sock.send(_PINGREQ)
        return time.monotonic()

    def _full(self) -> bool:
        return self._held >= self._most_pending or self._held_bytes >= self._most_pending_bytes

    def _send_acks(self) -> None:
        """Hand settled deliveries to paho, in the order of arrival: MQTT asks for it, and rumqttd insists."""
        while self._settled:
            delivery = self._settled.popleft()
            self._release(delivery)
            if delivery.qos and delivery.session == self._session:
                self._acked.add(delivery.mid)
        while self._unacked and self._unacked[0] in self._acked:
            mid = self._unacked.popleft()
            self._acked.discard(mid)
            self._client.ack(mid, 1)

    def _release(self, delivery: Delivery) -> None:
        self._held -= 1
        self._held_bytes -= len(delivery.payload)

    def _on_connect(self, client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, _props: Any) -> None:
        why = refusal(reason)
        if why is not None:
            self._down(why)
            return
        self._session += 1
        self._unacked.clear()
        self._acked.clear()
        if flags.session_present:
            self._forget_queued()
        client.subscribe([(topic_filter, 1) for topic_filter in self._filters])
        if flags.session_present:  # subscribed long ago, and the answer may wait behind more than we may hold
            self._up()

    def _forget_queued(self) -> None:
        """Drop what nobody has taken yet: the broker still has it and sends it again."""
        with self._changed:
            kept = [d for d in self._queue if not d.qos]
            for delivery in self._queue:
                if delivery.qos:
                    self._release(delivery)
            self._queue.clear()
            self._queue.extend(kept)

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._log.refused(self._filters)
        elif self._since is None:
            self._up()

    def _up(self) -> None:
        with self._changed:
            self._since = time.time_ns() // 1000
            self._changed.notify_all()
        self._log.up()

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:
        self._down(cause(reason))

    def _down(self, why: object) -> None:
        self._since = None
        if not self._closing.is_set():
            self._log.lost(why)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        delivery = Delivery(
            topic=topic_of(message),
            payload=bytes(message.payload),
            received_at=time.time_ns() // 1000,
            redelivered=message.dup,
            retained=message.retain,
            mid=message.mid,
            qos=message.qos,
            session=self._session,
        )
        self._count += 1
        self._held += 1
        self._held_bytes += len(delivery.payload)
        if message.qos:
            self._unacked.append(message.mid)
        with self._changed:
            self._queue.append(delivery)
            self._changed.notify()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody listens any more
            self._bell.send(b"!")

    def _hear_bell(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)


def _leave(sock: Any) -> None:
    """Say goodbye, and wait until the broker hangs up: then it has read every acknowledgement before.

    Closing at once, as paho does, resets a connection on which something is still unread, and
    the broker throws away what it has not read yet.
    """
    sock.settimeout(LEAVE_TIMEOUT_S)
    sock.sendall(_DISCONNECT)
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65_536):
        pass
    sock.close()
