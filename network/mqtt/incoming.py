"""Incoming: the bytes of one connection, however they are cut, as deliveries and answers. Pure."""

from network.link import Delivery
from network.mqtt.frames import Connack, Control, Topics, length_bytes, measure, walk
from network.mqtt.receipt_time import receipt_time

BLOCK_BYTES = 512 * 1024
MOST_PACKET_BYTES = 64 * 1024 * 1024 + 128 * 1024
"""The largest payload that the embedded broker can be told to take, with the longest topic."""
CUT_BYTES = 128 * 1024
"""What is kept of a larger packet: the longest topic fits, and enough to tell what the payload was."""


class Incoming:
    """Bytes go in through `room` and `filled`, frames come out of `take`.

    A block that was read is walked to its end before the next is read; a frame that is cut waits
    in front of what comes next, and is not looked at again before it is whole. Memory: one block,
    or twice what has come of the largest frame allowed. Of a message that is larger still only
    the first CUT_BYTES are delivered and the rest is skipped: it becomes a Reject and not an
    endless repetition that bars the way for others; `cut` counts them.
    """

    def __init__(
        self, topics: Topics, *, most_packet_bytes: int = MOST_PACKET_BYTES, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._most = max(most_packet_bytes, block_bytes, CUT_BYTES)
        self._block_bytes = block_bytes
        self._topics = topics
        self._buffer = memoryview(bytearray(block_bytes))
        self._used = 0  # bytes in the buffer
        self._needed = 1  # so many must be there before a walk can find something
        self._too_large = False
        self._skip = 0
        self._block = b""
        self._at = 0
        self.received_at = 0
        self.cut = 0

    @property
    def waiting(self) -> bool:
        """Whether `take` may find something without more bytes."""
        return self._at < len(self._block)

    def room(self) -> memoryview:
        """Return where the next bytes belong: never empty. Only while nothing is `waiting`."""
        if self._used == len(self._buffer):
            self._resize(max(self._block_bytes, min(2 * self._used, max(self._needed, self._used + 1))))
        return self._buffer[self._used :]

    def filled(self, count: int, received_at: int) -> None:
        """Note that so many bytes were put there, and when (epoch microseconds)."""
        self._used += count
        self.received_at = receipt_time(self.received_at, received_at)
        skipped = min(self._skip, self._used)
        self._skip -= skipped
        if self._used - skipped >= self._needed:
            self._block, self._at = bytes(self._buffer[skipped : self._used]), 0
            self._used = 0
            if self._too_large:
                self._cut_short()
        elif skipped:
            self._keep(bytes(self._buffer[skipped : self._used]))

    def take(self, most: int, most_bytes: int, session: int) -> tuple[list[Delivery], list[Control]]:
        """Return deliveries, up to `most` and up to the first that exceeds `most_bytes`, and answers among them.

        Ends after a CONNACK. Raises FrameError.
        """
        if not self.waiting:
            return [], []
        end = len(self._block)
        stop = min(end, self._at + most_bytes)
        at, found, controls = walk(self._block, self._at, most, stop, self._topics, self.received_at, session)
        self._at = at
        if found:
            self.received_at = found[-1].received_at + found[-1].holds + 1
        greeted = bool(controls) and isinstance(controls[-1], Connack)
        if at == end or (at < stop and len(found) < most and not greeted):
            self._keep(self._block[at:])
        return found, controls

    def _keep(self, rest: bytes) -> None:
        """Put the beginning of a frame in front of what comes next."""
        self._block, self._at = b"", 0
        self._too_large = False
        self._needed = 1
        if rest:
            place = measure(rest, 0)
            self._needed = len(rest) + 1 if place is None else place[1]
            if self._needed > self._most:
                self._needed, self._too_large = CUT_BYTES, True
        if len(self._buffer) > self._block_bytes >= self._needed:
            self._used = 0
            self._resize(self._block_bytes)
        if len(rest) > len(self._buffer):
            self._resize(len(rest))
        self._buffer[: len(rest)] = rest
        self._used = len(rest)

    def _resize(self, size: int) -> None:
        larger = memoryview(bytearray(size))
        larger[: self._used] = self._buffer[: self._used]
        self._buffer = larger

    def _cut_short(self) -> None:
        """Make the frame in front, which is too large, one that ends early."""
        place = measure(self._block, 0)
        if place is None:  # it was measured before
            raise AssertionError
        body, after = place
        kept = self._block[body:CUT_BYTES]
        self._skip = max(0, after - len(self._block))
        self._block = self._block[:1] + length_bytes(len(kept)) + kept + self._block[after:]
        self._too_large = False
        self.cut += 1
