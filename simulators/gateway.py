"""Gateway: speaks over one connection for some devices, keeps what cannot be said yet, and tells late what is late."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from network.device import BACKFILL_AFTER_US, MOST_PER_LIST, birth_message, state_message
from network.mqtt import Message
from network.topics import Channel, Topic
from simulators.cast import Part

_MOST_LATE = 10 * MOST_PER_LIST
_PAST_UNDER_WAY = 4
"""Lists of the past that wait for their acknowledgement: what is new never waits behind more."""

Obey = Callable[[str, bytes], Sequence[bytes]]
"""Takes a device's name and what came on its `command` topic; returns what it says on `reply`."""


class Waiting(NamedTuple):
    """A reading of a device (its place in the gateway) that waits to be said: its time, and its JSON object."""

    place: int
    ts: int
    body: bytes


class _Past(NamedTuple):
    place: int
    bodies: tuple[bytes, ...]


class Gateway:
    """A speaker of a crowd, for one or more devices.

    It keeps at most `most_bytes` of JSON, then the oldest readings go: `dropped` counts them. `now` gives the time
    by which a reading is late. Its will is that of its first device: MQTT has room for one. `lead` is the place of a
    device that numbers its readings, and the name of that run of numbers.
    """

    def __init__(
        self,
        client_id: str,
        parts: Sequence[Part],
        now: Callable[[], int],
        *,
        most_bytes: int,
        lead: tuple[int, str] | None = None,
        obey: Obey | None = None,
    ) -> None:
        self.client_id, self.parts = client_id, parts
        self.hears = [str(Topic(p.name, Channel.COMMAND)) for p in parts] if obey else []
        if lead is not None:
            self.hears.append(str(Topic(parts[lead[0]].name, Channel.STORED)))
        self.live = self.backfilled = self.dropped = 0
        self.receipts: list[bytes] = []
        self._now, self._lead, self._obey, self._most_bytes = now, lead, obey, most_bytes
        self._readings = [str(Topic(p.name, Channel.READINGS)) for p in parts]
        self._backfill = [str(Topic(p.name, Channel.BACKFILL)) for p in parts]
        self._first: deque[Message] = deque()
        self._queue: deque[Waiting] = deque()
        self._bytes = 0
        self._past: deque[_Past] = deque()
        self._past_under_way = 0
        self._offline: set[int] = set()

    @property
    def will(self) -> tuple[str, bytes] | None:
        """The will of the first device: what more there are, fall silent."""
        return state_message(self.parts[0].name, online=False)

    @property
    def waiting(self) -> int:
        """How many readings wait to be said, those under way not counted."""
        return len(self._queue)

    @property
    def past_waiting(self) -> int:
        """How many lists of the past wait, or are under way."""
        return len(self._past) + self._past_under_way

    def put(self, reading: Waiting) -> None:
        """Keep a reading to be said."""
        self._queue.append(reading)
        self._bytes += len(reading.body)
        if self._bytes > self._most_bytes:
            self._drop()

    def put_past(self, readings: Sequence[Waiting]) -> None:
        """Keep readings of the past of one device, in their order. What is hardly past goes with what is new."""
        late = [r.body for r in readings if self._is_late(r)]
        for begin in range(0, len(late), MOST_PER_LIST):
            self._past.append(_Past(readings[0].place, tuple(late[begin : begin + MOST_PER_LIST])))
        for reading in readings[len(late) :]:
            self.put(reading)

    def born(self, place: int) -> None:
        """Say the birth of a device, again."""
        self._first.append(self._birth(place))

    def tell_state(self, place: int, *, online: bool) -> None:
        """Say that a device is there, or not."""
        (self._offline.discard if online else self._offline.add)(place)
        self._first.append(self._state(place))

    def leave(self) -> None:
        """Say of every device that it is offline."""
        for place in range(len(self.parts)):
            if place not in self._offline:
                self.tell_state(place, online=False)

    # What a crowd calls.

    def greetings(self) -> Iterator[Message]:
        """Return the birth and the state of every device; what waited to be said of them is said by that."""
        self._first = deque(m for m in self._first if not m.retain)
        for place in range(len(self.parts)):
            yield self._birth(place)
            yield self._state(place)

    def say(self, most: int) -> list[Message]:
        """Return what is to be said now: births and states, then readings in their order, then the past."""
        said = _taken(self._first, most)
        while self._queue and (room := most - len(said)) > 0:
            head = self._queue[0]
            if self._is_late(head):
                said += self._late(room)
            else:
                self._forget(self._queue.popleft())
                said.append(Message(self._readings[head.place], head.body, what=(head,)))
        while self._past and len(said) < most and self._past_under_way < _PAST_UNDER_WAY:
            past = self._past.popleft()
            self._past_under_way += 1
            said.append(Message(self._backfill[past.place], _list(past.bodies), what=past))
        return said

    def settled(self, message: Message) -> None:
        """Count what the broker has taken."""
        if isinstance(message.what, _Past):
            self._past_under_way -= 1
            self.backfilled += len(message.what.bodies)
        elif isinstance(message.what, tuple):
            self.live += len(message.what)

    def unsettled(self, messages: Sequence[Message]) -> None:
        """Put back in front what was not acknowledged; births and states are said anew at the next connect."""
        for message in reversed(messages):
            what = message.what
            if isinstance(what, _Past):
                self._past.appendleft(what)
                self._past_under_way -= 1
            elif isinstance(what, tuple):
                self._queue.extendleft(reversed(what))
                self._bytes += sum(len(w.body) for w in what)
            elif not message.retain:
                self._first.appendleft(message)

    def heard(self, topic: str, payload: bytes) -> None:
        """Take a command, and answer it; or a receipt."""
        _, _, device, channel = topic.split("/")
        if channel == Channel.STORED:
            self.receipts.append(payload)
        elif self._obey is not None:
            for answer in self._obey(device, payload):
                self.reply(device, answer)

    def reply(self, device: str, payload: bytes) -> None:
        """Say what a device answers to a command, before its readings."""
        self._first.append(Message(str(Topic(device, Channel.REPLY)), payload))

    def _is_late(self, reading: Waiting) -> bool:
        return self._now() - reading.ts > BACKFILL_AFTER_US

    def _late(self, most: int) -> list[Message]:
        """Take late readings from the front, as lists by device: so many messages at most."""
        by_place: dict[int, list[Waiting]] = {}
        for _ in range(min(most, _MOST_LATE)):
            if not self._queue or not self._is_late(self._queue[0]):
                break
            reading = self._queue.popleft()
            self._forget(reading)
            by_place.setdefault(reading.place, []).append(reading)
        return [
            Message(self._backfill[place], _list([w.body for w in part]), what=part)
            for place, several in by_place.items()
            for part in _parts(several)
        ]

    def _drop(self) -> None:
        while self._bytes > self._most_bytes:
            self._forget(self._queue.popleft())
            self.dropped += 1

    def _forget(self, reading: Waiting) -> None:
        self._bytes -= len(reading.body)

    def _birth(self, place: int) -> Message:
        part = self.parts[place]
        boot = self._lead[1] if self._lead is not None and self._lead[0] == place else None
        birth = birth_message(part.name, part.kind, part.interval / 1e6, boot=boot, first_seq=0)
        return Message(*birth, retain=True)

    def _state(self, place: int) -> Message:
        return Message(*state_message(self.parts[place].name, online=place not in self._offline), retain=True)


def _taken(queue: deque[Message], most: int) -> list[Message]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _list(bodies: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


def _parts(several: Sequence[Waiting]) -> Iterator[tuple[Waiting, ...]]:
    rest = iter(several)
    while part := tuple(islice(rest, MOST_PER_LIST)):
        yield part
