"""Replay, a spine: the recorded past of one device, sent again as that device."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from network.device import MOST_PER_LIST, Sent
from perception.payload import RawReading
from simulators.fleet import Stop

DAY_US = 86_400 * 1_000_000
_LONGEST_NAP_S = 0.5
_FLUSH_S = 30.0
_POLL_S = 0.2


class Client(Protocol):
    """A device on the link: network.device.DeviceClient is one."""

    def send(self, readings: Sequence[RawReading], now: int | None = None) -> Sequence[Sent]:
        """Publish readings; blocks while too many are unacknowledged."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything sent is acknowledged; False when time ran out first."""


@dataclass(slots=True)
class ReplayCounts:
    """Readings: of the recording, handed over, acknowledged by the broker."""

    total: int = 0
    sent: int = 0
    acknowledged: int = 0


Progress = Callable[[ReplayCounts], None]


def shifted(readings: Sequence[RawReading], days: int) -> list[RawReading]:
    """Return the readings so many whole days later, so that noon stays noon."""
    return [replace(r, ts=(r.ts or 0) + days * DAY_US) for r in readings]


def days_to(readings: Sequence[RawReading], now: int) -> int:
    """Return by how many days to shift so that the newest reading is less than a day before `now`."""
    return (now - (readings[-1].ts or 0)) // DAY_US if readings else 0


def run_replay(
    readings: Sequence[RawReading],
    client: Client,
    *,
    speed: float | None,
    clock: Callable[[], int],
    stop: Stop,
    progress: Progress,
) -> ReplayCounts:
    """Send readings (in order of time) at `speed` times their own pace, None: as fast as they are taken.

    `clock` gives epoch microseconds. At the end it waits for what is unacknowledged, half a minute at most or
    until `stop`. Raises LinkDownError when the client is closed under way.
    """
    counts = ReplayCounts(total=len(readings))
    waiting: deque[Sent] = deque()
    begun = clock()
    place = 0
    while place < len(readings) and not stop.is_set():
        due = _due(readings, place, begun, clock(), speed)
        if due == place:
            stop.wait(_nap_s(readings, place, begun, clock(), speed or 1.0))
        elif due > place:
            waiting.extend(client.send(readings[place:due], clock()))
            counts.sent += due - place
            place = due
        _settle(waiting, counts)
        progress(counts)
    return _finish(client, waiting, counts, stop, progress)


def _due(readings: Sequence[RawReading], place: int, begun: int, now: int, speed: float | None) -> int:
    """Return the place after the last reading to send now, from `place` on: at most one list."""
    most = min(place + MOST_PER_LIST, len(readings))
    if speed is None:
        return most
    played = _first(readings) + round((now - begun) * speed)
    while place < most and (readings[place].ts or 0) <= played:
        place += 1
    return place


def _first(readings: Sequence[RawReading]) -> int:
    return readings[0].ts or 0


def _nap_s(readings: Sequence[RawReading], place: int, begun: int, now: int, speed: float) -> float:
    """Until the next reading's turn, counted from the beginning: nothing drifts."""
    turn = begun + round(((readings[place].ts or 0) - _first(readings)) / speed)
    return min(max(turn - now, 1000) / 1e6, _LONGEST_NAP_S)


def _settle(waiting: deque[Sent], counts: ReplayCounts) -> None:
    while waiting and waiting[0].receipt.acknowledged():
        counts.acknowledged += waiting.popleft().readings


def _finish(client: Client, waiting: deque[Sent], counts: ReplayCounts, stop: Stop, progress: Progress) -> ReplayCounts:
    for _ in range(round(_FLUSH_S / _POLL_S)):
        if client.flush(_POLL_S) or stop.is_set():
            break
        _settle(waiting, counts)
        progress(counts)
    _settle(waiting, counts)
    progress(counts)
    return counts
