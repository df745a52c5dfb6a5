"""Frames of MQTT 3.1.1: the few that a receiver sends, and those that it is sent, walked in place. Pure.

The layouts are those of the standard (OASIS mqtt-v3.1.1-os, chapters 2 and 3). Every length is
checked before it is used, and nothing is waited for that could not become a frame: what begins
like no frame of ours is refused at its first byte.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from network.link import Delivery
from network.topics import may_be_ours

LONGEST_PACKET = 268_435_455 + 5
"""Bytes: the largest length that four bytes can tell, and the header."""
MOST_TOPICS = 32_768
LONGEST_KEPT_TOPIC = 256
MOST_CODES = 256  # in one SUBACK: far more filters than we ever ask for

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

_CONNACK, _PUBLISH, _SUBACK, _PINGRESP = 2, 3, 9, 13
_CONTROLS = {_CONNACK: (0x20, 2, 2), _SUBACK: (0x90, 3, 2 + MOST_CODES), _PINGRESP: (0xD0, 0, 0)}
"""First byte, least and most bytes after the header."""
_LENGTH_BYTES = 4
_PUBACK = 0x4002_0000
_OBJECT = ord("{")  # what comes as one on a topic of ours is one reading


class FrameError(Exception):
    """What the other side sent is not MQTT 3.1.1, or nothing that a receiver may be sent."""


@dataclass(frozen=True, slots=True)
class Connack:
    """The answer to CONNECT. Code 0: welcome."""

    session_present: bool
    code: int


@dataclass(frozen=True, slots=True)
class Suback:
    """The answer to SUBSCRIBE: for each filter the granted QoS, or 0x80 for no."""

    packet_id: int
    codes: bytes


@dataclass(frozen=True, slots=True)
class Pingresp:
    """A sign of life."""


Control = Connack | Suback | Pingresp


def connect(
    client_id: str, *, session_kept: bool, keepalive_s: int, user: str | None = None, password: str | None = None
) -> bytes:
    """Return a CONNECT. A password without a user is left out: the standard forbids it."""
    flags = (0 if session_kept else 0x02) | (0 if user is None else 0x80)
    fields = [_text(client_id)]
    if user is not None:
        fields.append(_text(user))
        if password is not None:
            flags |= 0x40
            fields.append(_text(password))
    return _frame(0x10, b"\x00\x04MQTT\x04", bytes((flags,)), keepalive_s.to_bytes(2, "big"), *fields)


def subscribe(packet_id: int, filters: Sequence[str]) -> bytes:
    """Return a SUBSCRIBE for these filters, each at QoS 1."""
    wanted = [part for topic_filter in filters for part in (_text(topic_filter), b"\x01")]
    return _frame(0x82, packet_id.to_bytes(2, "big"), *wanted)


def pubacks(mids: Sequence[int]) -> bytes:
    """Return a PUBACK for each id, in this order, one after the other."""
    return struct.pack(f">{len(mids)}I", *map(_PUBACK.__or__, mids))


def length_bytes(length: int) -> bytes:
    """Return a length as the header spells it: seven bits a byte, the least first."""
    spelled = bytearray()
    while length > 127:
        spelled.append(length & 0x7F | 0x80)
        length >>= 7
    spelled.append(length)
    return bytes(spelled)


def _frame(head: int, *parts: bytes) -> bytes:
    return b"".join((bytes((head,)), length_bytes(sum(map(len, parts))), *parts))


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 65_535:
        raise ValueError(f"MQTT allows 65,535 bytes for a name, a filter or a password, not {len(raw)}")
    return len(raw).to_bytes(2, "big") + raw


class Topics(dict[bytes, tuple[str, bool]]):
    """The text of topics by their bytes, and whether it may be a topic of ours. Bounded.

    Few are new, and a look-up is cheaper than decoding. Bytes that are no UTF-8 appear as escapes,
    so that the delivery can become a Reject.
    """

    def __missing__(self, raw: bytes) -> tuple[str, bool]:
        topic = raw.decode("utf-8", "backslashreplace")
        known = topic, may_be_ours(topic)
        if len(raw) <= LONGEST_KEPT_TOPIC:
            if len(self) >= MOST_TOPICS:
                self.clear()
            self[raw] = known
        return known


def measure(block: bytes, at: int) -> tuple[int, int] | None:
    """Return where the body of the frame at `at` begins and where the frame ends, None when the header is cut.

    The end may lie beyond the block. Raises FrameError for what is no frame that we may be sent.
    """
    head = block[at]
    least, most = _bounds(head)
    size = 0
    for place in range(_LENGTH_BYTES):
        if at + 1 + place >= len(block):
            return None
        digit = block[at + 1 + place]
        size |= (digit & 0x7F) << 7 * place
        if digit < 128:
            if not least <= size <= most:
                raise FrameError(f"a frame that begins with 0x{head:02x} cannot have {size} bytes")
            body = at + 2 + place
            return body, body + size
    raise FrameError("a length of more than four bytes")


def _bounds(head: int) -> tuple[int, int]:
    """Return the least and the most bytes after the header. Raises FrameError when nothing of ours begins so."""
    kind = head >> 4
    if kind == _PUBLISH:
        qos = head >> 1 & 3
        if qos > 1:
            raise FrameError(f"a message with QoS {qos}, although we asked for 1 at most")
        return 2 + 2 * qos, LONGEST_PACKET
    first, least, most = _CONTROLS.get(kind, (-1, 0, 0))
    if head != first:
        raise FrameError(f"0x{head:02x} begins no frame that a receiver may be sent")
    return least, most


def walk(
    block: bytes, at: int, most: int, stop: int, topics: Topics, received_at: int, session: int
) -> tuple[int, list[Delivery], list[Control]]:
    """Walk whole frames from `at`; return where the walk ended, and what they are.

    Each delivery is received later than any reading that the one before could hold. It ends at a
    frame that is cut, after a CONNACK, after `most` deliveries, and at the first frame that begins
    at or after `stop`. Raises FrameError. This loop runs once per message: every name in it is
    local, and every step counts.
    """
    found: list[Delivery] = []
    controls: list[Control] = []
    append, end = found.append, len(block)
    while at < stop and len(found) < most:
        head = block[at]
        qos = head >> 1 & 3
        topic_at = at + 4  # if the length has one byte
        if head >> 4 != _PUBLISH or qos > 1 or topic_at > end:
            before, at = at, _answer(block, at, controls)
            if at == before or head == _CONNACK << 4:
                break
            continue
        size = block[at + 1]
        if size > 127:
            size += (block[at + 2] << 7) - 128
            topic_at += 1
        if size > 16_383 or size < 4:  # three bytes of length or more, or hardly anything
            place = measure(block, at)
            if place is None:
                break
            topic_at, size = place[0] + 2, place[1] - place[0]
        after = topic_at - 2 + size
        if after > end:
            break
        topic_end = topic_at + (block[topic_at - 2] << 8 | block[topic_at - 1])
        payload_at = topic_end + 2 if qos else topic_end
        if payload_at > after:
            raise FrameError("a topic that is longer than its message")
        mid = block[topic_end] << 8 | block[topic_end + 1] if qos else 0
        if qos and not mid:
            raise FrameError("a message of QoS 1 with the id 0")
        topic, ours = topics[block[topic_at:topic_end]]
        payload = block[payload_at:after]
        holds = 1 if ours and payload_at < after and block[payload_at] == _OBJECT else payload.count(b"{")
        append(Delivery(topic, payload, received_at, head & 8 != 0, head & 1 != 0, mid, qos, session, holds))
        received_at += holds + 1
        at = after
    return at, found, controls


def _answer(block: bytes, at: int, controls: list[Control]) -> int:
    """Append the answer that begins at `at` and return where it ends; `at` itself when it is cut."""
    place = measure(block, at)
    if place is None or place[1] > len(block):
        return at
    controls.append(_control(block, *place))
    return place[1]


def _control(block: bytes, body: int, after: int) -> Control:
    if after == body:
        return Pingresp()
    if after > body + 2:
        return Suback(block[body] << 8 | block[body + 1], block[body + 2 : after])
    if block[body] > 1:
        raise FrameError("a CONNACK with flags that the standard reserves")
    return Connack(session_present=block[body] == 1, code=block[body + 1])
