"""LiveFeed: listen at QoS 0 to what is worth something only now."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from network.address import Address
from network.mqtt.connection import LinkLog, cause, new_client, refusal, start, stop, topic_of


class LiveFeed:
    """Calls `on_message(topic, payload)` for each message, from a thread of its own.

    The callback must be quick and must not raise; to reach an event loop it uses
    `loop.call_soon_threadsafe`. Nothing is kept: what is published while the link is down is missed.
    """

    def __init__(
        self,
        address: Address,
        topic_filter: str,
        on_message: Callable[[str, bytes], object],
        *,
        client_id: str | None = None,
        keepalive_s: int = 60,
        attempts: int | None = None,
    ) -> None:
        """Begin to listen. `attempts`: so often may the broker hang up before it said anything; then we leave it."""
        name = client_id or f"hearthline-live-{uuid4().hex[:12]}"
        self._filter = topic_filter
        self._tell = on_message
        self._closed = False
        self._attempts = attempts
        self._log = LinkLog(address, name)
        self._client = new_client(address, name, clean_session=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_connect_fail = lambda *_: self._log.lost("no connection")
        self._client.on_message = self._on_message
        start(self._client, address, keepalive_s)

    def connected(self) -> bool:
        """Return whether the link is up."""
        return self._client.is_connected()

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        stop(self._client)

    def _on_connect(self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any) -> None:
        why = refusal(reason)
        if why is not None:
            self._log.lost(why)
            return
        if self._closed:
            client.disconnect()
            return
        self._log.up()
        client.subscribe(self._filter, 0)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:
        if self._closed:
            return
        if self._attempts is not None:
            self._attempts -= 1
            if self._attempts <= 0:  # paho connects once more, and only then can be told to leave
                self._closed = True
            self._log.hung_up(self._filter)
            return
        self._log.lost(cause(reason))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._attempts = None
        self._tell(topic_of(message), bytes(message.payload))
