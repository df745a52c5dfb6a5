"""Speaking: the frames of MQTT 3.1.1 that a publisher sends, and those that it is sent. Pure.

The layouts are those of the standard (OASIS mqtt-v3.1.1-os, chapters 2 and 3). Every length is
checked before it is used.
"""

from collections.abc import Iterator
from typing import NamedTuple

from network.mqtt.frames import FrameError, length_bytes

LONGEST_HEARD = 1024 * 1024
"""Bytes: commands and receipts are small; whoever sends more is not understood."""

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0
_BODIES = {CONNACK: (2, 2), PUBACK: (2, 2), SUBACK: (3, 2 + 256), PINGRESP: (0, 0)}
"""Least and most bytes after the header."""


class Message(NamedTuple):
    """A message to publish with QoS 1. `what` is its speaker's own: what it stands for."""

    topic: str
    payload: bytes
    retain: bool = False
    what: object = None


class Frame(NamedTuple):
    """What the broker sent: the kind of frame, its flags, and what follows the header."""

    kind: int
    flags: int
    body: bytes


class Heard(NamedTuple):
    """A message that the broker sent. `packet_id` 0: it wants no acknowledgement."""

    topic: str
    payload: bytes
    packet_id: int


def connect(
    client_id: str,
    *,
    keepalive_s: int,
    will: tuple[str, bytes] | None = None,
    user: str | None = None,
    password: str | None = None,
) -> bytes:
    """Return a CONNECT with a session that ends with the connection; the will is retained, QoS 1."""
    flags = 0x02
    fields = [_text(client_id.encode())]
    if will is not None:
        flags |= 0x04 | 0x08 | 0x20
        fields += [_text(will[0].encode()), _text(will[1])]
    if user is not None:
        flags |= 0x80
        fields.append(_text(user.encode()))
        if password is not None:  # without a user the standard forbids it
            flags |= 0x40
            fields.append(_text(password.encode()))
    return _frame(0x10, b"\x00\x04MQTT\x04", bytes((flags,)), keepalive_s.to_bytes(2, "big"), *fields)


def publish(message: Message, packet_id: int) -> bytes:
    """Return a PUBLISH with QoS 1."""
    topic = message.topic.encode()
    head = b"\x33" if message.retain else b"\x32"
    size = len(topic) + 4 + len(message.payload)
    return b"".join((
        head, length_bytes(size), len(topic).to_bytes(2, "big"), topic, packet_id.to_bytes(2, "big"), message.payload
    ))  # fmt: skip


def frames(taken: bytearray) -> Iterator[Frame]:
    """Take whole frames out of what has come; what is cut stays. Raises FrameError for what no publisher is sent."""
    at = 0
    try:
        while (found := _frame_at(taken, at)) is not None:
            frame, at = found
            yield frame
    finally:
        del taken[:at]


def number_in(frame: Frame) -> int:
    """Return the packet id of a PUBACK or SUBACK."""
    return frame.body[0] << 8 | frame.body[1]


def heard(frame: Frame) -> Heard:
    """Return the message in a PUBLISH. Raises FrameError."""
    body, qos = frame.body, frame.flags >> 1 & 3
    end = 2 + (body[0] << 8 | body[1]) if len(body) >= 2 else len(body) + 1
    after = end + 2 if qos else end
    if qos > 1 or after > len(body):
        raise FrameError("a message with QoS 2, or one that is shorter than its own topic")
    packet_id = body[end] << 8 | body[end + 1] if qos else 0
    return Heard(body[2:end].decode("utf-8", "backslashreplace"), body[after:], packet_id)


def _frame_at(taken: bytearray, at: int) -> tuple[Frame, int] | None:
    if at + 2 > len(taken):
        return None
    size, place = 0, 0
    while True:
        if at + 1 + place >= len(taken):
            return None
        digit = taken[at + 1 + place]
        size |= (digit & 0x7F) << 7 * place
        place += 1
        if digit < 128:
            break
        if place == 4:
            raise FrameError("a length of more than four bytes")
    kind, flags = taken[at] & 0xF0, taken[at] & 0x0F
    least, most = _BODIES.get(kind, (0, LONGEST_HEARD) if kind == PUBLISH else (1, 0))
    if not least <= size <= most or (flags and kind != PUBLISH):
        raise FrameError(f"0x{taken[at]:02x} with {size} bytes is no frame that a publisher may be sent")
    begin = at + 1 + place
    if begin + size > len(taken):
        return None
    return Frame(kind, flags, bytes(taken[begin : begin + size])), begin + size


def _frame(head: int, *parts: bytes) -> bytes:
    return b"".join((bytes((head,)), length_bytes(sum(map(len, parts))), *parts))


def _text(raw: bytes) -> bytes:
    if len(raw) > 65_535:
        raise ValueError(f"MQTT allows 65,535 bytes for a name, a will or a password, not {len(raw)}")
    return len(raw).to_bytes(2, "big") + raw
