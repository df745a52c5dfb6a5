"""Frames: as little of MQTT 3.1.1 as a bench needs: a kept session that receives, and a sender with QoS 1. No retries.

What it costs is the least that receiving costs in Python: large reads, PUBLISH frames walked
where they lie, the acknowledgements of a batch in one write.
"""

import select
import socket
import struct

BLOCK = 1 << 20
WINDOW = 10_000
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
_TIMEOUT_S = 60.0


class FrameError(RuntimeError):
    """The broker said something that a bench does not expect, or nothing at all."""


class Session:
    """A kept session under a fixed name; with a filter it subscribes with QoS 1."""

    def __init__(self, port, client_id, topic_filter=None, *, clean=False):
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._early = []
        name = client_id.encode()
        self._sock.sendall(
            _frame(0x10, b"\0\4MQTT\4" + bytes([2 if clean else 0]) + struct.pack(">HH", 600, len(name)) + name)
        )
        self._await(CONNACK)
        if topic_filter:
            words = topic_filter.encode()
            self._sock.sendall(_frame(0x82, b"\0\1" + struct.pack(">H", len(words)) + words + b"\1"))
            self._await(SUBACK)

    def read(self, wait_s=_TIMEOUT_S):
        """Return the (topic, payload, packet id) of what came, after at most one read; [] when nothing did."""
        if self._early:
            early, self._early = self._early, []
            return early
        if not select.select([self._sock], [], [], wait_s)[0]:
            return []
        taken = self._sock.recv(BLOCK)
        if not taken:
            raise FrameError("the broker closed the connection")
        published, others, self._rest = walk(self._rest + taken)
        del others
        return published

    def acknowledge(self, ids):
        """Acknowledge these packet ids (two bytes each) in one write."""
        self._sock.sendall(b"".join([b"\x40\x02" + each for each in ids]))

    def close(self):
        """Leave; the broker keeps the session unless it was a clean one. Whatever was sent is read before."""
        self._sock.sendall(b"\xe0\x00")
        self._sock.shutdown(socket.SHUT_WR)
        while self._sock.recv(BLOCK):
            pass
        self._sock.close()

    def _await(self, kind):
        while True:
            taken = self._sock.recv(BLOCK)
            if not taken:
                raise FrameError("the broker closed the connection instead of greeting")
            published, others, self._rest = walk(self._rest + taken)
            self._early += published
            if kind in [found for found, _ in others]:
                return


class Sender:
    """Publishes with QoS 1. After `flush` everything that was published is acknowledged."""

    def __init__(self, port, client_id):
        self._session = Session(port, client_id, clean=True)
        self._sock = self._session._sock
        self._rest = b""
        self._open = self._mid = 0

    def publish(self, messages):
        """Send (topic, payload) pairs, at most `WINDOW` of them unacknowledged at a time; return how many."""
        frames = []
        for topic, payload in messages:
            self._mid = self._mid % 65_535 + 1
            frames.append(publish_frame(topic, payload, self._mid))
        for start in range(0, len(frames), 500):
            part = frames[start : start + 500]
            self._open += len(part)
            self._sock.sendall(b"".join(part))
            self._hear(0.0)
            while self._open > WINDOW:
                self._hear(_TIMEOUT_S)
        return len(frames)

    def flush(self):
        """Wait until everything is acknowledged."""
        while self._open:
            self._hear(_TIMEOUT_S)

    def close(self):
        """Flush, then leave."""
        self.flush()
        self._session.close()

    def _hear(self, wait_s):
        if not select.select([self._sock], [], [], wait_s)[0]:
            if wait_s:
                raise FrameError(f"the broker owes {self._open} acknowledgements and is silent")
            return
        taken = self._sock.recv(BLOCK)
        if not taken:
            raise FrameError("the broker closed the connection")
        _, others, self._rest = walk(self._rest + taken)
        self._open -= sum(kind == PUBACK for kind, _ in others)


def publish_frame(topic, payload, mid):
    """Return a PUBLISH with QoS 1; topic and payload are bytes."""
    return _frame(0x32, struct.pack(">H", len(topic)) + topic + struct.pack(">H", mid) + payload)


def walk(data):
    """Return the PUBLISH frames as (topic, payload, packet id), the others as (kind, body), and the unfinished rest."""
    published, others = [], []
    at, end_of_data = 0, len(data)
    while at + 2 <= end_of_data:
        size, body, shift = data[at + 1], at + 2, 7
        if size & 0x80:
            size &= 0x7F
            while body < end_of_data and shift <= 21:
                digit = data[body]
                size |= (digit & 0x7F) << shift
                body, shift = body + 1, shift + 7
                if not digit & 0x80:
                    break
            else:
                break
        end = body + size
        if end > end_of_data:
            break
        if data[at] >> 4 == PUBLISH:
            topic_ends = body + 2 + (data[body] << 8 | data[body + 1])
            starts = topic_ends + 2 if data[at] & 6 else topic_ends
            published.append((data[body + 2 : topic_ends], data[starts:end], data[topic_ends:starts]))
        else:
            others.append((data[at] >> 4, data[body:end]))
        at = end
    return published, others, data[at:]


def _frame(head, body):
    size, length = len(body), bytearray()
    while True:
        size, digit = divmod(size, 128)
        length.append(digit | 0x80 if size else digit)
        if not size:
            return bytes([head]) + bytes(length) + body
