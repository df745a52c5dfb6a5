"""Live: what has just been stored, as compact frames for open pages.

A frame is JSON {v, epoch, seq, kind, points, rows: [[device_id, ts_ms, quality, ...values]],
alarms}. Frames are a courtesy, not a record: sent after the commit, once, at QoS 0. Whoever sees
a gap in `seq` or a new `epoch` reads a snapshot from the database.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from network import topics
from perception.readings import Readings, quality_in_json, quality_words
from perception.roster import Member, Roster
from perception.sensor_kind import SensorKind
from support.store import late_after_us

FRAMES_PER_SECOND = 4
MOST_BYTES = 128 * 1024
_ALARM_BYTES = MOST_BYTES // 2
_HEAD_BYTES = 256
_MOST_ROUNDS = 8
"""How many readings of one device are merged per batch, the newest; older ones would be overdrawn at once."""

Transition = Mapping[str, object]


class LiveFrames:
    """Coalesces accepted readings and alarm transitions into frames, city by city. Not thread-safe."""

    def __init__(self, epoch: int) -> None:
        """`epoch` is any number that rises with each start, so that a reader notices the restart."""
        self._epoch = epoch
        self._cities: dict[str, _City] = {}
        self._boards: dict[str, _Board] = {}
        self._city_of: dict[str, str] = {}

    def enrol(self, roster: Roster) -> None:
        """Take in a changed roster. Rows that were not sent yet are dropped with the boards that held them."""
        members = sorted(roster.members.values(), key=lambda m: m.device_id)
        self._city_of = {m.station: m.city for m in members}
        for name in sorted(set(self._city_of.values()) - self._cities.keys()):
            self._cities[name] = _City(name)
        places = {name: place for place, name in enumerate(self._cities)}
        self._boards = {
            kind.name: _Board(kind, [m for m in members if m.kind.name == kind.name], places, self._boards)
            for kind in roster.kinds.values()
        }

    def add(self, accepted: Mapping[str, Readings], now: int) -> None:
        """Take in accepted readings; late ones (by `now`, epoch microseconds) are left out."""
        for kind, readings in accepted.items():
            self._boards[kind].add(readings, now)

    def announce(self, transitions: Sequence[Transition]) -> None:
        """Take in alarm transitions, to go out with the next frame of their city."""
        for transition in transitions:
            city = self._city_of.get(str(transition["station"]))
            if city is not None:
                self._cities[city].alarms.append(_alarm(transition))

    def due(self, now: int) -> Iterator[tuple[str, bytes]]:
        """Yield (topic, payload) of the frames that may go out now: at most one per city and 250 ms."""
        for place, city in enumerate(self._cities.values()):
            if 0 <= now - city.sent_at < 1_000_000 // FRAMES_PER_SECOND:
                continue
            board = max(self._boards.values(), key=lambda b: b.waiting(place, now), default=None)
            if board is None or not (city.alarms or board.waiting(place, now)):
                continue
            yield topics.live(city.name), self._frame(city, place, board)
            city.sent_at = now

    def _frame(self, city: "_City", place: int, board: "_Board") -> bytes:
        alarms = _fitting(city.alarms, _ALARM_BYTES)
        del city.alarms[: len(alarms)]
        points = board.kind.names
        room = MOST_BYTES - _HEAD_BYTES - sum(map(len, alarms)) - sum(len(p) + 3 for p in points)
        city.seq += 1
        return msgspec.json.encode(
            {
                "v": 1,
                "epoch": self._epoch,
                "seq": city.seq,
                "kind": board.kind.name,
                "points": points,
                "rows": [msgspec.Raw(row) for row in board.draw(place, room)],
                "alarms": [msgspec.Raw(alarm) for alarm in alarms],
            }
        )


class _City:
    """What is known of one city's stream of frames. `alarms` are encoded and wait to be sent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self.sent_at = -(2**62)
        self.alarms: list[bytes] = []


@dataclass(slots=True)
class _Slots:
    """The newest of each device of a kind, by place in `ids`. `since`: epoch us of the first unsent change, 0: none."""

    ids: NDArray[np.int32]
    city: NDArray[np.intp]
    late_us: NDArray[np.int64]
    ts: NDArray[np.int64]
    since: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int64]


class _Board:
    """One kind's devices with what is to be sent of them."""

    def __init__(
        self, kind: SensorKind, members: Sequence[Member], places: Mapping[str, int], before: Mapping[str, "_Board"]
    ) -> None:
        self.kind = kind
        self._scale = 10.0 ** np.array([p.decimals + 2 for p in kind.points])
        n = len(members)
        self.slots = _Slots(
            ids=np.array([m.device_id for m in members], np.int32),
            city=np.array([places[m.city] for m in members], np.intp),
            late_us=late_after_us(np.array([m.interval_s for m in members])),
            ts=np.full(n, np.iinfo(np.int64).min),
            since=np.zeros(n, np.int64),
            values=np.full((n, len(kind.points)), np.nan),
            quality=np.zeros(n, np.int64),
        )
        if kind.name in before:
            self._remember(before[kind.name].slots)

    def _remember(self, old: _Slots) -> None:
        _, here, there = np.intersect1d(self.slots.ids, old.ids, return_indices=True)
        self.slots.ts[here] = old.ts[there]

    def waiting(self, place: int, now: int) -> int:
        """Return how long (us, at least 1) a city's oldest unsent row has waited, 0 when there is none."""
        since = self.slots.since[(self.slots.city == place) & (self.slots.since > 0)]
        return max(1, now - int(since.min())) if len(since) else 0

    def add(self, readings: Readings, now: int) -> None:
        slots = self.slots
        if not len(slots.ids):
            return
        slot = np.searchsorted(slots.ids, readings.device_id)
        slot[slot == len(slots.ids)] = 0
        newer = (readings.ts > slots.ts[slot]) & (readings.ts >= now - slots.late_us[slot])
        chosen = np.flatnonzero(newer & (slots.ids[slot] == readings.device_id))
        for rows in self._rounds(readings, chosen, slot):
            self._merge(readings.take(rows), slot[rows], now)

    def _rounds(
        self, readings: Readings, chosen: NDArray[np.intp], slot: NDArray[np.intp]
    ) -> Sequence[NDArray[np.intp]]:
        """Return rows to be merged one after another; where all have the same points the newest are enough."""
        rounds = [chosen[places] for places in _rounds(slot[chosen], readings.ts[chosen])]
        if len(rounds) > 1:
            given = ~np.isnan(readings.values[chosen])
            if (given == given[0]).all():
                return rounds[-1:]
        return rounds

    def _merge(self, readings: Readings, slot: NDArray[np.intp], now: int) -> None:
        slots = self.slots
        stays = np.isnan(readings.values)
        old = np.where(slots.since[slot] > 0, slots.quality[slot], 0)
        slots.quality[slot] = readings.quality | (old & quality_words(stays)) if old.any() else readings.quality
        slots.values[slot] = np.where(stays, slots.values[slot], readings.values)
        slots.ts[slot] = readings.ts
        slots.since[slot] = np.where(slots.since[slot] > 0, slots.since[slot], max(now, 1))

    def draw(self, place: int, room: int) -> list[bytes]:
        """Return a city's unsent rows, longest waiting first, as many as `room` bytes hold, and count them as sent."""
        slots = self.slots
        mine = np.flatnonzero((slots.city == place) & (slots.since > 0))
        mine = mine[np.argsort(slots.since[mine], kind="stable")]
        rounded = np.rint(slots.values[mine] * self._scale) / self._scale
        columns = zip(slots.ids[mine].tolist(), (slots.ts[mine] // 1000).tolist(), quality_in_json(slots.quality[mine]),
                      rounded.tolist(), strict=True)  # fmt: skip
        rows = _fitting((msgspec.json.encode([i, ts, quality, *values]) for i, ts, quality, values in columns), room)
        sent = mine[: len(rows)]
        slots.since[sent] = 0
        slots.values[sent] = np.nan
        slots.quality[sent] = 0
        return rows


def _rounds(slot: NDArray[np.intp], ts: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield places of rows so that each round holds a device at most once and rounds ascend in time."""
    order = np.lexsort((ts, slot))
    if not len(order):
        return
    ordered = slot[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    from_end = np.repeat(last, np.diff(np.append(-1, last))) - np.arange(len(ordered))
    for back in range(min(int(from_end.max()), _MOST_ROUNDS - 1), -1, -1):
        yield order[from_end == back]


def _fitting(parts: Sequence[bytes] | Iterator[bytes], room: int) -> list[bytes]:
    taken: list[bytes] = []
    for part in parts:
        room -= len(part) + 1
        if room < 0:
            break
        taken.append(part)
    return taken


def _alarm(transition: Transition) -> bytes:
    times = {name: _milliseconds(transition[name]) for name in ("at", "opened_at") if name in transition}
    return msgspec.json.encode({**transition, **times})


def _milliseconds(at: object) -> int | None:
    return at // 1000 if isinstance(at, int) else None
