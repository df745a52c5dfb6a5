"""SessionInlet: our own receive-only MQTT 3.1.1 session, made for the ingest path."""

import select
import time
from contextlib import closing

from network.mqtt.frames import (
    PINGREQ,
    Connack,
    Control,
    FrameError,
    Pingresp,
    Suback,
    Topics,
    connect,
    pubacks,
    subscribe,
)
from network.mqtt.incoming import MOST_PACKET_BYTES, Incoming
from network.mqtt.kept_inlet import GREETING_TIMEOUT_S, IDLE_MS, NO_GREETING, KeptInlet, leave
from network.mqtt.wire import Wire, dial

_MOST_FILTERS = 200  # in one SUBSCRIBE
_REFUSED = 0x80
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
REFUSALS = {
    1: "the broker does not speak MQTT 3.1.1",
    2: "the broker does not like the client id",
    3: "the broker is not available now",
    4: "bad user name or password",
    5: "not authorized",
}


class SessionInlet(KeptInlet):
    """A KeptInlet that reads the socket in large blocks and writes all acknowledgements of a batch at once.

    It sends CONNECT, SUBSCRIBE, PUBACK, PINGREQ and DISCONNECT, and understands what a receiver
    of QoS 0 and 1 may be sent. Anything else ends the connection, which is then made again.
    """

    def _prepare(self) -> None:
        who = self._wanted
        kept, user, password = who.session_kept, self._address.user, self._address.password
        self._hello = connect(
            who.client_id, session_kept=kept, keepalive_s=who.keepalive_s, user=user, password=password
        )
        self._topics = Topics()
        self._wire: Wire | None = None
        self._subscribed: dict[int, tuple[str, ...]] = {}

    def _live(self) -> None:
        with closing(dial(self._address)) as sock:
            self._wire = wire = Wire(sock, Incoming(self._topics, most_packet_bytes=MOST_PACKET_BYTES))
            greeting = self._greeted(wire)
            if greeting is None:
                return
            self._welcome(session_present=greeting.session_present)
            self._subscribed = {}
            self._subscribe(wire)
            if greeting.session_present:  # subscribed long ago; the answer may wait behind more than we may hold
                self._up()
            self._serve(wire)

    def _greeted(self, wire: Wire) -> Connack | None:
        """Say who we are and return the answer, None when we are closing. Raises OSError when we are not welcome."""
        wire.send(self._hello)
        until = time.monotonic() + GREETING_TIMEOUT_S
        while not self._closing.is_set():
            if time.monotonic() > until:
                raise TimeoutError(NO_GREETING)
            wire.flush()
            if not wire.read():
                self._wait(wire, reading=True)
                continue
            deliveries, answers = wire.incoming.take(1, 1, 0)
            if deliveries or not all(isinstance(answer, Connack) for answer in answers):
                raise FrameError("something comes before the answer to CONNECT")
            for answer in answers:
                if isinstance(answer, Connack):
                    return _granted(answer)
        return None

    def _wait(self, wire: Wire, *, reading: bool, at_once: bool = False) -> int:
        """Wait until there is something to do, at most IDLE_MS; return what happened to the socket."""
        poller = select.poll()
        poller.register(self._ear, select.POLLIN)
        wanted = (select.POLLIN if reading else 0) | (select.POLLOUT if wire.owes() else 0)
        poller.register(wire, wanted | select.POLLRDHUP)
        events = dict(poller.poll(0 if at_once else IDLE_MS))
        if self._ear.fileno() in events:
            self._hear_bell()
        return events.get(wire.fileno(), 0)

    def _subscribe(self, wire: Wire) -> None:
        """Ask for the filters that were not asked for yet; those with which we began are the first SUBSCRIBE."""
        new = self._unasked()
        while new:
            packet_id = len(self._subscribed) + 1
            self._subscribed[packet_id] = part = new[:_MOST_FILTERS]
            wire.send(subscribe(packet_id, part))
            new = new[_MOST_FILTERS:]

    def _serve(self, wire: Wire) -> None:
        """Read and write until we are closing. Raises OSError or FrameError when the connection must be given up."""
        pinged = time.monotonic()
        asked: float | None = None  # since when a ping waits for any sign of life
        more = True
        while True:
            full = self._backlog.full() or wire.clogged()
            event = self._wait(wire, reading=not full, at_once=more and not full)
            now = time.monotonic()  # before reading: what had come by then is seen before silence is judged
            ending = self._closing.is_set()  # asked before: what is settled before close() is acknowledged
            if self._asked < len(self._wanted.filters):
                self._subscribe(wire)
            if due := self._backlog.due():
                wire.send(pubacks(due))
            if now - pinged >= self._wanted.keepalive_s / 2:
                wire.send(PINGREQ)
                pinged = now
                asked = now if asked is None else asked
            wire.flush()
            if ending and not wire.owes():
                leave(wire.sock)
                return
            if full:
                if event & _GONE:
                    raise ConnectionResetError("the broker closed the connection")
                asked = None  # the answers to our pings wait in the socket
                continue
            if wire.incoming.waiting or wire.read():
                asked = None
                self._take_in(wire)
            elif asked is not None and now - asked > self._wanted.keepalive_s / 2:
                raise TimeoutError(f"no sign of life from the broker for {now - asked:.0f} s after a ping")
            more = wire.more or wire.incoming.waiting

    def _take_in(self, wire: Wire) -> None:
        deliveries, answers = wire.incoming.take(*self._backlog.room(), self._session)
        self._backlog.add(deliveries)
        if wire.incoming.cut:
            self._log.cut(wire.incoming.cut)
            wire.incoming.cut = 0
        for answer in answers:
            self._heed(answer)

    def _heed(self, answer: Control) -> None:
        match answer:
            case Connack():
                raise FrameError("a second CONNACK")
            case Suback(packet_id, codes):
                asked = self._subscribed.get(packet_id, ())
                if not asked or len(codes) != len(asked):
                    raise FrameError("a SUBACK for something that we did not ask for")
                if _REFUSED in codes:
                    self._log.refused(asked)
                elif self._since is None:
                    self._up()
            case Pingresp():
                pass


def _granted(answer: Connack) -> Connack:
    """Return the answer if it is a welcome. Raises ConnectionRefusedError otherwise."""
    if answer.code:
        raise ConnectionRefusedError(f"refused: {REFUSALS.get(answer.code, f'code {answer.code}')}")
    return answer
