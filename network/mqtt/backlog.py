"""Backlog: what an inlet has brought and nobody has settled yet, and which acknowledgements are due."""

import threading
from collections import Counter, deque
from collections.abc import Sequence

from network.link import Delivery

_NO_SESSION = -1


class Backlog:
    """A queue between the thread that reads a broker and the one that consumes, bounded by whoever reads.

    `take`, `pending`, `settle` and `close` may be called from any thread, the rest only from the
    one that reads. What is held counts until it is settled, not until it is taken.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._queue: deque[Delivery] = deque()
        self._settled: deque[Sequence[Delivery]] = deque()
        self._unacked: list[int] = []
        self._acked: Counter[int] = Counter()
        self._held = self._held_bytes = 0  # what came and was neither settled nor dropped
        self._session = _NO_SESSION
        self._changed = threading.Condition()
        self._closed = False

    def take(self, most: int, wait_s: float) -> list[Delivery]:
        """Return up to `most` deliveries, waiting up to `wait_s` for the first; empty when none came."""
        queue = self._queue
        with self._changed:
            if not queue and wait_s > 0:
                self._changed.wait_for(lambda: queue or self._closed, wait_s)
            return [queue.popleft() for _ in range(min(most, len(queue)))]

    def pending(self) -> int:
        """Return how many deliveries wait to be taken."""
        return len(self._queue)

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Note that these may be acknowledged. Each delivery is settled once."""
        self._settled.append(tuple(deliveries))

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def disconnect(self) -> None:
        """Let nothing be due until `renew`: what came over the last connection is not acknowledged on the next."""
        self._session = _NO_SESSION
        self._unacked.clear()
        self._acked.clear()

    def renew(self, session: int, *, kept: bool) -> None:
        """Begin with a new connection. If the broker has `kept` our session, it sends what is unacknowledged again.

        What nobody has taken yet is dropped then. Otherwise it stays: nobody sends it again.
        """
        self.disconnect()
        self._session = session
        if kept:
            with self._changed:
                dropped = [d for d in self._queue if d.qos]
                rest = [d for d in self._queue if not d.qos]
                self._queue.clear()
                self._queue.extend(rest)
            self._release(dropped)

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Queue what came, in the order in which it came."""
        if not deliveries:
            return
        self._held += len(deliveries)
        self._held_bytes += _bytes_of(deliveries)
        self._unacked.extend([d.mid for d in deliveries if d.qos])
        with self._changed:
            self._queue.extend(deliveries)
            self._changed.notify()

    def due(self) -> list[int]:
        """Return the ids to acknowledge now, in the order of arrival: MQTT asks for it, and rumqttd insists.

        Each is due once. Settled deliveries of earlier connections are passed over.
        """
        due: list[int] = []
        while self._settled:
            deliveries = self._settled.popleft()
            self._release(deliveries)
            mids = [d.mid for d in deliveries if d.session == self._session and d.qos]
            if self._acked or mids != self._unacked[: len(mids)]:
                self._acked.update(mids)
                mids = self._next_acked()
            del self._unacked[: len(mids)]
            due += mids
        if not self._unacked:
            self._acked.clear()  # settled twice: it must not count for the next delivery that bears the same id
        return due

    def _next_acked(self) -> list[int]:
        """Return the ids at the head of what is unacknowledged that have been settled, and count each as told."""
        found = []
        for mid in self._unacked:
            left = self._acked.get(mid)
            if not left:
                break
            found.append(mid)
            if left > 1:
                self._acked[mid] = left - 1
            else:
                del self._acked[mid]
        return found

    def room(self) -> tuple[int, int]:
        """Return how many deliveries, and how many bytes of payload, may still come. Not positive: none."""
        return self._most - self._held, self._most_bytes - self._held_bytes

    def full(self) -> bool:
        """Return whether nothing more should be read."""
        return min(self.room()) <= 0

    def _release(self, deliveries: Sequence[Delivery]) -> None:
        self._held -= len(deliveries)
        self._held_bytes -= _bytes_of(deliveries)


def _bytes_of(deliveries: Sequence[Delivery]) -> int:
    return sum([len(d.payload) for d in deliveries])
