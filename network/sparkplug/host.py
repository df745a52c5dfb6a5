"""The host's own words: that it is there (STATE), and the request to be born again (NCMD)."""

import msgspec

from network.sparkplug.payload import DataType, Payload
from network.sparkplug.topics import rebirth_topic, state_topic

REBIRTH = "Node Control/Rebirth"


def state(host: str, at: int, *, online: bool) -> tuple[str, bytes]:
    """Return topic and payload, to be retained. `at`: epoch milliseconds at which this connection was begun.

    The will of a connection has the time of its birth, so that nodes can tell them from older ones.
    """
    return state_topic(host), msgspec.json.encode({"online": online, "timestamp": at})


def rebirth(node: str, at: int) -> tuple[str, bytes]:
    """Return topic and payload of the request that a node (group/node) be born again. `at`: epoch milliseconds."""
    told = Payload(timestamp=at)
    told.metrics.add(name=REBIRTH, timestamp=at, datatype=DataType.BOOLEAN, boolean_value=True)
    payload: bytes = told.SerializeToString()
    return rebirth_topic(node), payload
