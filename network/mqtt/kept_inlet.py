"""KeptInlet: what both MQTT inlets do alike, whoever reads the socket for them."""

import contextlib
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from network.address import Address
from network.link import Delivery
from network.mqtt.backlog import Backlog
from network.mqtt.connection import LinkLog
from network.mqtt.frames import DISCONNECT, FrameError

_MIB = 1 << 20
IDLE_MS = 500
CLOSE_TIMEOUT_S = 4.0
LEAVE_TIMEOUT_S = 2.0
# Much sooner than an outlet: a broker that has forgotten our session drops what comes before we subscribe again.
SHORTEST_BREAK_S = 0.1
LONGEST_BREAK_S = 2.0
BREAK_GROWTH = 1.1
GREETING_TIMEOUT_S = 10.0
NO_GREETING = "connected, but the broker does not answer: is it MQTT that listens there?"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who we are to the broker, and what we want of it. Without `session_kept` it forgets us at every break."""

    client_id: str
    filters: tuple[str, ...]
    session_kept: bool
    keepalive_s: int


class KeptInlet(ABC):
    """An Inlet on a kept session: QoS 1, a fixed client id, acknowledgements in the order of arrival.

    A thread of its own reads the socket and does nothing but queue. While more than
    `most_pending` deliveries, or `most_pending_bytes` of payload, are not acknowledged, it stops
    reading (pings go on), so the backlog stays with the broker. `Delivery.session` counts
    connections: an acknowledgement of an earlier one is passed over, because the broker sends
    that delivery again.
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
        self._address = address
        self._wanted = Subscription(client_id, tuple(filters), session_kept, keepalive_s)
        self._backlog = Backlog(most_pending, most_pending_bytes)
        self._session = 0
        self._asked = 0
        self._since: int | None = None
        self._turned = threading.Condition()
        self._closing = threading.Event()
        self._bell, self._ear = socket.socketpair()
        self._bell.settimeout(0)
        self._ear.settimeout(0)
        self._log = LinkLog(address, client_id)
        self._prepare()
        self._thread = threading.Thread(target=self._run, name=f"inlet {client_id}", daemon=True)
        self._thread.start()

    def take(self, most: int, wait_s: float) -> list[Delivery]:
        """Return up to `most` deliveries, waiting up to `wait_s` for the first; empty when none came."""
        return self._backlog.take(most, wait_s)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge deliveries to the broker. Those of a lost connection are passed over: they come again."""
        self._backlog.settle(deliveries)
        self._ring()

    def pending(self) -> int:
        """Return how many deliveries wait to be taken."""
        return self._backlog.pending()

    def connected_since(self) -> int | None:
        """Return since when (epoch microseconds) we have been subscribed without a break, None while we are not."""
        return self._since

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the subscription is in force; False when time ran out first."""
        with self._turned:
            return self._turned.wait_for(lambda: self._since is not None, timeout_s)

    def listen(self, filters: Sequence[str]) -> None:
        """Hear these filters too, now and after every break. Those that were asked for before stay asked for."""
        known = self._wanted.filters
        new = tuple(dict.fromkeys(one for one in filters if one not in known))
        if new:
            self._wanted = replace(self._wanted, filters=known + new)
            self._ring()

    def close(self) -> None:
        """Send the acknowledgements still due, then leave the broker, which keeps the session."""
        self._closing.set()
        self._ring()
        self._thread.join(CLOSE_TIMEOUT_S)
        self._backlog.close()

    # What follows runs in the inlet's own thread.

    @abstractmethod
    def _prepare(self) -> None:
        """Make what outlives a connection; called once, before the thread starts."""

    @abstractmethod
    def _live(self) -> None:
        """Connect, then read and write until the connection ends or we are closing.

        Raises OSError, or FrameError, when the connection must be given up.
        """

    def _run(self) -> None:
        pause_s = SHORTEST_BREAK_S
        while not self._closing.is_set():
            before = self._session
            self._backlog.disconnect()
            try:
                self._live()
                worked = self._session > before
            except OSError as err:
                self._down(err)
                worked = self._session > before
            except FrameError as err:  # however well it began: it may well begin and end so again
                self._down(f"not MQTT as we know it: {err}")
                worked = False
            pause_s = SHORTEST_BREAK_S if worked else min(pause_s * BREAK_GROWTH, LONGEST_BREAK_S)
            self._closing.wait(pause_s)
        self._down("closed")
        self._bell.close()
        self._ear.close()

    def _unasked(self) -> tuple[str, ...]:
        """Return the filters that were not asked for on this connection, and count them as asked for."""
        filters = self._wanted.filters
        new, self._asked = filters[self._asked :], len(filters)
        return new

    def _welcome(self, *, session_present: bool) -> None:
        """Count a connection that the broker has granted."""
        self._session += 1
        self._asked = 0
        self._backlog.renew(self._session, kept=session_present)

    def _up(self) -> None:
        with self._turned:
            self._since = time.time_ns() // 1000
            self._turned.notify_all()
        self._log.up()

    def _down(self, why: object) -> None:
        self._since = None
        if not self._closing.is_set():
            self._log.lost(why)

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody listens any more
            self._bell.send(b"!")

    def _hear_bell(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)


def leave(sock: Any) -> None:
    """Say goodbye, and wait until the broker hangs up: then it has read every acknowledgement before.

    Closing at once, as paho does, resets a connection on which something is still unread, and
    the broker throws away what it has not read yet.
    """
    until = time.monotonic() + LEAVE_TIMEOUT_S
    sock.settimeout(LEAVE_TIMEOUT_S)
    sock.sendall(DISCONNECT)
    sock.shutdown(socket.SHUT_WR)
    while time.monotonic() < until and sock.recv(65_536):
        pass
    sock.close()
