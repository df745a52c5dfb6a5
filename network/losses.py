"""Losses: what the broker itself says it has thrown away. Where a queue limit drops, nobody else would notice."""

from threading import Lock

from network.address import Address
from network.mqtt.live_feed import LiveFeed

DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
"""Mosquitto's count of messages dropped by a limit since it began. Other brokers say nothing here."""


_ATTEMPTS = 2
"""A broker without such topics may hang up on whoever asks for them: rumqttd does."""


class BrokerLosses:
    """Listens to the broker's own count. Nothing is heard from a broker that publishes none, or lets us not read it."""

    def __init__(self, address: Address, client_id: str = "hearthline-ingest-losses") -> None:
        self._lock = Lock()
        self._said: int | None = None
        self._new = 0
        self._feed = LiveFeed(address, DROPPED_TOPIC, self._hear, client_id=client_id, attempts=_ATTEMPTS)

    def take(self) -> int:
        """Return how many messages the broker says it dropped since the last call."""
        with self._lock:
            new, self._new = self._new, 0
        return new

    def told(self) -> bool:
        """Return whether the broker publishes a count at all."""
        return self._said is not None

    def close(self) -> None:
        """Stop listening."""
        self._feed.close()

    def _hear(self, _topic: str, payload: bytes) -> None:
        """Take in a count. The first is what happened before us; a smaller one is a broker that began anew."""
        try:
            count = int(payload)
        except ValueError:
            return
        with self._lock:
            before = count if self._said is None else self._said if count >= self._said else 0
            self._new += count - before
            self._said = count
