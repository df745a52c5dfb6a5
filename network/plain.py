"""Plain: the short way for nearly every delivery: a known device that names the points which it usually names.

What it takes is what the tolerant way (`network.receive`) would make of it, for a third of the
work; what it leaves may be anything. Between batches only speed is remembered: which topic is
whose, and what each device usually says.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from network.link import Delivery
from network.topics import Channel, TopicError, may_be_ours, parse
from perception.catalogue import DeviceStatus
from perception.payload import MOST_READINGS
from perception.roster import Member, Roster
from perception.shapes import Refused, Shape, shape_of
from perception.validate import Sheet

_OFTEN = 32
"""So often the same points must have come from devices of a kind before a decoder is made for them."""
_MOST_SHAPES = 64
"""Of one roster. Who names others all the time goes the tolerant way."""
_MOST_MET = 1_000


class Lane:
    """What is known of a topic: whose readings come on it, and the shape that they usually have."""

    __slots__ = ("device_id", "member", "shape")

    def __init__(self, member: Member, shape: Shape | None) -> None:
        self.member, self.device_id, self.shape = member, member.device_id, shape


class Lanes(dict[str, Lane | None]):
    """The lanes of a roster by topic, two for each device at most; None for topics and devices that have none."""

    def __init__(self, roster: Roster) -> None:
        super().__init__()
        self.roster = roster
        self._usual: dict[str, Shape] = {}
        self._met: Counter[tuple[str, ...]] = Counter()
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def __missing__(self, topic: str) -> Lane | None:
        if not may_be_ours(topic):
            return None
        try:
            parts = parse(topic)
        except TopicError:
            return None
        member = self.roster.members.get(parts.device)
        if member is None or member.status is not DeviceStatus.ACTIVE or member.corrections or member.kind.derived:
            return None
        if parts.channel not in {Channel.READINGS, Channel.BACKFILL}:
            return None
        lane = self[topic] = Lane(member, self._usual.get(member.kind.name))
        return lane

    def parts(self, count: int) -> Sequence[range]:
        """Return the places of so many deliveries in the parts in which they are taken: first a few to learn from."""
        cut = 0 if self._shapes else min(count, 2 * _OFTEN)
        return [part for part in (range(cut), range(cut, count)) if part]

    def learn(self, topic: str, names: Iterable[str]) -> None:
        """See that a device sent numbers for these points of its kind, each once, in the tolerant way."""
        lane = self[topic]
        if lane is None:
            return
        known = lane.member.kind.name, *sorted(names)
        if known not in self._shapes:
            if len(self._shapes) >= _MOST_SHAPES or not self._is_often(known):
                return
            self._shapes[known] = shape_of(known[0], known[1:])
        lane.shape = self._usual[known[0]] = self._shapes[known]

    def _is_often(self, known: tuple[str, ...]) -> bool:
        if len(self._met) >= _MOST_MET:
            self._met.clear()
        self._met[known] += 1
        return self._met[known] >= _OFTEN


_latest = [Lanes(Roster({}, {}))]


def lanes_of(roster: Roster) -> Lanes:
    """Return the lanes of a roster: those of the last call, while it is the same."""
    lanes = _latest[0]
    if lanes.roster is not roster:
        lanes = _latest[0] = Lanes(roster)
    return lanes


class _Rack:
    """Decoded readings of one shape in order of arrival, the places of their deliveries, and whose they are."""

    __slots__ = ("device_ids", "member", "origins", "readings", "shape")

    def __init__(self, member: Member, shape: Shape) -> None:
        """`member` is any device of the kind."""
        self.member, self.shape = member, shape
        self.readings: list[Any] = []
        self.origins: list[int] = []
        self.device_ids: list[int] = []

    def add_list(self, readings: list[Any], origin: int, device_id: int) -> None:
        self.readings += readings
        self.origins += [origin] * len(readings)
        self.device_ids += [device_id] * len(readings)


Told = tuple[int, str, int]
"""The place of a delivery, the name of its device, and a running number in it."""


def take_plain(
    deliveries: Sequence[Delivery], part: range, lanes: Lanes, sheet_of: Callable[[Member], Sheet]
) -> tuple[Sequence[int], list[Told]]:
    """Write what is plain of a part on the sheets of its kinds; return the places of the others, and running numbers.

    A delivery is taken as a whole or left as a whole. This loop runs once per message.
    """
    left: list[int] = []
    racks: dict[Shape, _Rack] = {}
    for origin, delivery in zip(part, deliveries[part.start : part.stop], strict=True):
        lane = lanes[delivery.topic]
        if lane is None or (shape := lane.shape) is None:
            left.append(origin)
            continue
        try:
            read = shape.decode(delivery.payload)
        except Refused:
            left.append(origin)
            continue
        rack = racks.get(shape)
        if rack is None:
            rack = racks[shape] = _Rack(lane.member, shape)
        if read.__class__ is not list:
            rack.readings.append(read)
            rack.origins.append(origin)
            rack.device_ids.append(lane.device_id)
        elif 0 < len(read) <= MOST_READINGS:
            rack.add_list(read, origin, lane.device_id)
        else:
            left.append(origin)
    told: list[Told] = []
    for rack in racks.values():
        left += _written(rack, deliveries, lanes, sheet_of(rack.member), told)
    return sorted(left), told


def _written(
    rack: _Rack, deliveries: Sequence[Delivery], lanes: Lanes, sheet: Sheet, told: list[Told]
) -> Sequence[int]:
    """Write a rack on its sheet and note its numbers; return the places of deliveries with a time out of bounds."""
    origin = np.array(rack.origins, np.int64)
    ts = np.array([reading.ts for reading in rack.readings], np.int64) * 1000
    readings, device_id = rack.readings, np.array(rack.device_ids, np.int32)
    timely = sheet.accepts(ts)
    left: Sequence[int] = ()
    if not timely.all():
        left = np.unique(origin[~timely]).tolist()
        kept = ~np.isin(origin, left)
        readings = [reading for reading, stays in zip(readings, kept.tolist(), strict=True) if stays]
        origin, ts, device_id = origin[kept], ts[kept], device_id[kept]
    if readings:
        origins = origin.tolist()
        received_at = np.array([deliveries[o].received_at for o in origins], np.int64)
        table = rack.shape.table(readings)
        sheet.add_table(rack.shape.names, device_id, ts, received_at, origin, _places(origin), table)
        numbers = [reading.seq for reading in readings]
        if any(number is not None for number in numbers):
            told += _told(numbers, origins, deliveries, lanes)
    return left


def _places(origin: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: the place of each reading in its delivery; those of one delivery stand side by side."""
    begins = np.flatnonzero(np.append(True, origin[1:] != origin[:-1]))
    return np.arange(len(origin)) - np.repeat(begins, np.diff(np.append(begins, len(origin))))


def _told(
    numbers: Sequence[int | None], origins: Sequence[int], deliveries: Sequence[Delivery], lanes: Lanes
) -> list[Told]:
    """Return the running numbers of readings that were not retained, which may be of a run that is over."""
    found = []
    for number, origin in zip(numbers, origins, strict=True):
        delivery = deliveries[origin]
        lane = lanes[delivery.topic]
        if number is not None and lane is not None and not delivery.retained:
            found.append((origin, lane.member.name, number))
    return found
