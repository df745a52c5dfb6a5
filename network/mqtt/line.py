"""Line: one publishing connection of a crowd, from its socket to the acknowledgements. Never waits."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from network.mqtt.frames import DISCONNECT, PINGREQ, FrameError, pubacks, subscribe
from network.mqtt.session import REFUSALS
from network.mqtt.speaking import (
    CONNACK,
    PINGRESP,
    PUBACK,
    PUBLISH,
    SUBACK,
    Frame,
    Message,
    connect,
    frames,
    heard,
    number_in,
    publish,
)

if TYPE_CHECKING:
    from network.address import Address
    from network.mqtt.crowd import Sent, Speaker

ANSWER_TIMEOUT_S = 10.0
_MOST_OWED = 256 * 1024  # bytes: what waits beyond is better kept by its speaker
_BLOCK_BYTES = 64 * 1024
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_SUBSCRIPTION = 65_535  # no message gets this id


class Line:
    """The connection of one speaker.

    `connect`, `speak`, `read` and `looks_alive` raise OSError or FrameError when it is over: then `end` it.
    """

    def __init__(
        self, place: int, speaker: Speaker, address: Address, window: int, keepalive_s: int, on_sent: Sent | None
    ) -> None:
        self.place = place
        self.sock: socket.socket | None = None
        self.up = False  # the broker has welcomed us
        self._speaker, self._address, self._window, self._keepalive_s = speaker, address, window, keepalive_s
        self._on_sent = on_sent
        self._unacked: dict[int, Message] = {}
        self._last_id = 0
        self._owed = bytearray()
        self._taken = bytearray()
        self._wrote_at = self._read_at = 0.0
        self._asked: float | None = None  # since when an answer is due

    def connect(self, sock: socket.socket) -> None:
        """Say who we are, over a socket that is connected."""
        self.sock, self.up = sock, False
        self._wrote_at = self._read_at = self._asked = time.monotonic()
        speaker, address = self._speaker, self._address
        self._owed += connect(
            speaker.client_id,
            keepalive_s=self._keepalive_s,
            will=speaker.will,
            user=address.user,
            password=address.password,
        )

    def busy(self) -> bool:
        """Return whether something is unacknowledged, or nobody listens yet."""
        return not self.up or bool(self._unacked) or bool(self._owed)

    def owes(self) -> bool:
        """Return whether something waits to be written."""
        return bool(self._owed)

    def speak(self) -> None:
        """Hand over what the speaker has to say, as far as there is room, and write."""
        if self.sock is None:
            return
        while self.up and (room := self._window - len(self._unacked)) > 0 and len(self._owed) < _MOST_OWED:
            said = self._speaker.say(room)
            for message in said:
                self._send(message)
            if len(said) < room:
                break
        self._write()

    def read(self) -> None:
        """Take what the broker has sent."""
        assert self.sock is not None
        try:
            while block := self.sock.recv(_BLOCK_BYTES):
                self._taken += block
                if len(block) < _BLOCK_BYTES and not isinstance(self.sock, ssl.SSLSocket):
                    break
            else:
                raise ConnectionResetError("the broker closed the connection")
        except _NOT_NOW:
            pass
        self._read_at, self._asked = time.monotonic(), None
        for frame in frames(self._taken):
            self._heed(frame)

    def looks_alive(self, now: float) -> bool:
        """Return whether a ping is due, and queue it. Raises TimeoutError when no answer came for long."""
        patience_s = self._keepalive_s / 2 if self.up else ANSWER_TIMEOUT_S
        if self._asked is not None and now - self._asked > patience_s:
            raise TimeoutError(f"no sign of life from the broker for {now - self._asked:.0f} s")
        if self._unacked and self._asked is None and now - self._read_at > patience_s:
            self._asked = now
        if not self.up or now - self._wrote_at < self._keepalive_s / 2:
            return False
        self._owed += PINGREQ
        self._asked = now if self._asked is None else self._asked
        return True

    def leave(self) -> None:
        """Say goodbye, as far as the socket takes it at once."""
        if self.sock is not None and self.up and not self._owed:
            self._owed += DISCONNECT
            try:
                self._write()
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it is over anyway

    def end(self) -> None:
        """Close the socket; what was not acknowledged goes back to the speaker."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.up, self._asked = None, False, None
        back, self._unacked = list(self._unacked.values()), {}
        self._owed.clear()
        self._taken.clear()
        self._speaker.unsettled(back)

    def _send(self, message: Message) -> None:
        self._last_id = self._last_id % (_SUBSCRIPTION - 1) + 1
        while self._last_id in self._unacked:  # the window is far smaller than the numbers
            self._last_id = self._last_id % (_SUBSCRIPTION - 1) + 1
        self._unacked[self._last_id] = message
        self._owed += publish(message, self._last_id)
        if self._on_sent is not None:
            self._on_sent(self.place, message)

    def _write(self) -> None:
        assert self.sock is not None
        try:
            while self._owed:
                del self._owed[: self.sock.send(self._owed)]
                self._wrote_at = time.monotonic()
        except _NOT_NOW:
            pass

    def _heed(self, frame: Frame) -> None:
        if frame.kind == PUBACK:
            message = self._unacked.pop(number_in(frame), None)
            if message is None:
                raise FrameError("an acknowledgement of something that was not sent")
            self._speaker.settled(message)
        elif frame.kind == CONNACK:
            self._welcome(frame)
        elif frame.kind == PUBLISH:
            message_heard = heard(frame)
            if message_heard.packet_id:
                self._owed += pubacks([message_heard.packet_id])
            self._speaker.heard(message_heard.topic, message_heard.payload)
        elif frame.kind not in {SUBACK, PINGRESP}:
            raise FrameError(f"a frame of kind 0x{frame.kind:02x}")

    def _welcome(self, frame: Frame) -> None:
        code = frame.body[1]
        if self.up:
            raise FrameError("a second CONNACK")
        if code:
            raise ConnectionRefusedError(f"refused: {REFUSALS.get(code, f'code {code}')}")
        self.up = True
        if self._speaker.hears:
            self._owed += subscribe(_SUBSCRIPTION, self._speaker.hears)
        for message in self._speaker.greetings():
            self._send(message)
