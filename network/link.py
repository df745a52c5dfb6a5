"""Link: the ports through which bytes come and go, and the shapes that pass them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from perception.readings import Readings, Reject


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """Bytes that the broker handed us. Nothing in it has been interpreted.

    `received_at` is epoch microseconds UTC. `mid` and `session` are the adapter's own: they say
    which acknowledgement belongs to it, and of which connection. `holds`: how many readings may be
    in it at most, 0 where nobody has counted. A Struct, because one is made per
    message: a tuple with names takes three times as long to make, a frozen dataclass ten times,
    and the collector of garbage would look at each again and again.
    """

    topic: str
    payload: bytes
    received_at: int
    redelivered: bool = False
    retained: bool = False
    mid: int = 0
    qos: int = 1
    session: int = 0
    holds: int = 0


class Inlet(Protocol):
    """Where deliveries come from. Never drops one: what is not acknowledged comes again."""

    def take(self, most: int, wait_s: float) -> list[Delivery]:
        """Return up to `most` deliveries, waiting up to `wait_s` for the first; empty when none came."""

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge deliveries to the broker. Those of a lost connection are passed over: they come again."""

    def pending(self) -> int:
        """Return how many deliveries wait to be taken."""

    def connected_since(self) -> int | None:
        """Return since when (epoch microseconds) the link has been up without a break, None while it is down."""

    def close(self) -> None:
        """Leave the broker, which keeps the session and whatever was not acknowledged."""


class Receipt(Protocol):
    """What became of one published message."""

    def acknowledged(self) -> bool:
        """Return whether the broker has taken responsibility for it."""


class Outlet(Protocol):
    """Where messages go."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> Receipt:
        """Hand over a message. Blocks while too many are unacknowledged; raises LinkDownError when closed."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until every message with QoS 1 is acknowledged; False when time ran out first."""

    def close(self) -> None:
        """Say goodbye to the broker. Messages that were not flushed may be lost."""


class LinkError(Exception):
    """Root of everything that can go wrong on a link.

    LinkError
    ├── LinkDownError     the broker cannot be reached, or the link is closed
    └── BrokerStartError  the embedded broker did not come up
    """


class LinkDownError(LinkError):
    """The broker cannot be reached: check that it runs, and the address in broker.url."""


class BrokerStartError(LinkError):
    """The embedded broker did not come up; the text says why and what to try."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A device's own description of itself, sent when it comes up (retained)."""

    device: str
    kind: str
    interval_s: float | None
    seen_at: int
    manifest: bytes


@dataclass(frozen=True, slots=True)
class StateChange:
    """A device said that it is online, or its last will said that it is not."""

    device: str
    online: bool
    seen_at: int


@dataclass(frozen=True, slots=True)
class Numbering:
    """What a birth says of running numbers: which run of the device's queue, and the oldest number still in it."""

    boot: str | int
    first_seq: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a device answered to a command, whose `id` it repeats: a state, and where it is not done, why."""

    device: str
    id: str
    payload: bytes
    received_at: int
    origin: int = 0
    state: str = "accepted"
    why: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a foreign device said of itself. `born` None: nothing new of what it measures; `online` None: likewise.

    `name` is what we would call it; `born` is made of what JSON can hold.
    """

    grammar: str
    address: str
    name: str
    seen_at: int
    born: Mapping[str, object] | None = None
    online: bool | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """What a message of a Sparkplug node says about the order of its messages.

    `seq` 0 to 255; `at` is the payload's own time in epoch milliseconds; `lacks` says in words
    what would have to be born again for the message to be understood, "" when nothing.
    """

    node: str
    what: str
    seq: int | None = None
    at: int | None = None
    lacks: str = ""


@dataclass(slots=True)
class Tally:
    """How many readings of one device met which fate. received = the sum of the others."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    merged: int = 0
    conflict: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What a number of deliveries meant, with the deliveries whose acknowledgement waits for the commit.

    `readings` has one entry per kind, rows in order of arrival; `rejected` counts, by device
    name ("" when no device could be told), the readings that became Rejects as a whole. `numbers`
    has, by name of a known device, the running numbers of its readings, whatever their fate, and
    what its births said of them, in order of arrival. `introductions` and `signals` are those of
    foreign devices, in order of arrival.
    """

    deliveries: Sequence[Delivery]
    readings: Mapping[str, Readings]
    rejects: Sequence[Reject] = ()
    births: Sequence[Birth] = ()
    states: Sequence[StateChange] = ()
    rejected: Mapping[str, int] = field(default_factory=dict)
    replies: Sequence[Reply] = ()
    numbers: Mapping[str, Sequence[int | Numbering]] = field(default_factory=dict)
    introductions: Sequence[Introduction] = ()
    signals: Sequence[Signal] = ()
