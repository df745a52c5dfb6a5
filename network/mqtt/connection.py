"""What the MQTT adapters share: a configured paho client, and the two log lines of a link."""

import time

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from network.address import Address

CONNECT_TIMEOUT_S = 3.0
LONGEST_BREAK_S = 10

_log = structlog.get_logger("network.mqtt")


def new_client(
    address: Address, client_id: str, *, clean_session: bool, manual_ack: bool = False, reconnects: bool = True
) -> Client:
    """Return a paho client for MQTT 3.1.1 that knows the address and is not connected yet."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=clean_session,
        protocol=MQTTProtocolVersion.MQTTv311,
        manual_ack=manual_ack,
        reconnect_on_failure=reconnects,
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set()
    return client


def topic_of(message: MQTTMessage) -> str:
    """Return the topic; bytes that are no UTF-8 appear as escapes, so that the delivery can become a Reject."""
    try:
        return message.topic
    except UnicodeDecodeError as err:
        return err.object.decode("utf-8", "backslashreplace")


class LinkLog:
    """Says once that a link was lost, and once that it is back, with the duration."""

    def __init__(self, address: Address, client_id: str) -> None:
        self._log = _log.bind(broker=str(address), client=client_id)
        self._lost_at: float | None = None
        self._was_up = False

    def lost(self, why: object) -> None:
        """Note that the link is down, or that an attempt has failed."""
        if self._lost_at is not None:
            return
        self._lost_at = time.monotonic()
        what = "link lost" if self._was_up else "broker not reached yet"
        self._log.warning(what, why=str(why), remedy="trying again; check that the broker runs, and broker.url")

    def up(self) -> None:
        """Note that the link works."""
        if self._lost_at is None:
            self._log.info("link up")
        else:
            self._log.info("link back", after_s=round(time.monotonic() - self._lost_at, 1))
        self._lost_at, self._was_up = None, True

    def hung_up(self, topics: str) -> None:
        """Note that the broker ended the link as soon as it was asked for topics that not every broker has."""
        self._log.info("broker hung up: it has no such topics, it seems", topics=topics)

    def refused(self, filters: object) -> None:
        """Note that the broker does not let us subscribe."""
        self._log.error("subscription refused", filters=filters, remedy="grant it in the broker's access list")

    def cut(self, count: int) -> None:
        """Note that messages were too large to be taken in whole."""
        self._log.error("message cut: too large", count=count, remedy="have the broker refuse it: max_packet_size")


def cause(reason: ReasonCode) -> str:
    """Return why a connection ended, in words: paho calls a broken one "Unspecified error"."""
    text = str(reason)
    return "the connection broke" if text == "Unspecified error" else text


def refusal(reason: ReasonCode) -> str | None:
    """Return why the broker refused a connection, None when it did not."""
    return f"refused: {reason}" if reason.is_failure else None


def start(client: Client, address: Address, keepalive_s: int) -> None:
    """Let paho connect in its own thread, now and after every break."""
    client.reconnect_delay_set(1, LONGEST_BREAK_S)
    client.connect_async(address.host, address.port, keepalive_s)
    client.loop_start()


def stop(client: Client) -> None:
    """Say goodbye and end paho's thread."""
    client.disconnect()
    client.loop_stop()
