"""Fleet, the spine of the pretend world: every device publishes at its cadence, as devices do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from network.device import BACKFILL_AFTER_US, MOST_PER_LIST, birth_message, readings_messages, state_message
from network.link import LinkDownError, Outlet
from perception.payload import RawReading
from simulators.past import Parcel
from simulators.player import Player

LIVE_BEFORE_US = 170 * 1_000_000
"""The newest past that is played at full cadence at once, so that what is wrong now is seen now."""
_KEEP_US = 15 * 60 * 1_000_000
"""How long a device keeps what it could not send."""
_LONGEST_NAP_S = 0.5
_AWAY_NAP_S = 0.1
_ASLEEP_US = 60 * 1_000_000

Greeting = tuple[str, bytes]


class FleetOutlet(Outlet, Protocol):
    """An outlet that knows whether the broker is there."""

    def connected(self) -> bool:
        """Return whether the link is up."""


class Stop(Protocol):
    """An event that says when to end; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether it is time to end."""

    def wait(self, timeout: float) -> bool:
        """Wait for it so many seconds at most."""


@dataclass(slots=True)
class FleetCounts:
    """Readings handed over so far: those of now, and those of the past."""

    live: int = 0
    backfilled: int = 0
    backfill_done: bool = False


Progress = Callable[[FleetCounts], None]


def greetings(players: Sequence[Player], *, online: bool = True) -> Iterator[Greeting]:
    """Yield the retained messages of every device: its birth and that it is online, or only that it is not.

    An MqttOutlet asks for them at each connect, so that a broker which forgot hears them again.
    """
    for part in chain.from_iterable(player.parts for player in players):
        if online:
            yield birth_message(part.name, part.kind, part.interval / 1e6)
        yield state_message(part.name, online=online)


def run_fleet(
    players: Sequence[Player], outlet: FleetOutlet, *, clock: Callable[[], int], stop: Stop, progress: Progress
) -> FleetCounts:
    """Play until `stop`: what is due now first, the past whenever there is time for it.

    While the broker is away nothing is handed over; devices keep the last fifteen minutes and send them when it
    is back. `clock` gives epoch microseconds. At the end every device says that it is offline; the caller
    flushes and closes the outlet. An outlet that is closed under way ends the play.
    """
    counts = FleetCounts()
    past = chain.from_iterable(player.past() for player in players)
    try:
        while not stop.is_set():
            if not outlet.connected():
                stop.wait(_AWAY_NAP_S)
                progress(counts)
                continue
            _play(players, outlet, clock, counts)
            if not _play_past(past, outlet, clock(), counts):
                stop.wait(_nap_s(players, clock()))
            progress(counts)
        for topic, payload in greetings(players, online=False):
            outlet.publish(topic, payload, retain=True)
    except LinkDownError:
        if not stop.is_set():
            raise
    return counts


def _play(players: Sequence[Player], outlet: Outlet, clock: Callable[[], int], counts: FleetCounts) -> None:
    for player in players:
        now = clock()
        player.skip(now - _KEEP_US)
        for device, readings in _gathered(player.play(now), now):
            counts.live += _send(outlet, device, readings, now)


def _gathered(played: Iterator[tuple[str, RawReading]], now: int) -> Iterator[tuple[str, list[RawReading]]]:
    """Join late readings of a device to lists; a fresh one goes out as it comes, behind its late ones."""
    late: dict[str, list[RawReading]] = {}
    for device, reading in played:
        is_late = reading.ts is not None and now - reading.ts > BACKFILL_AFTER_US
        waiting = late.get(device, [])
        if not is_late or len(waiting) >= MOST_PER_LIST:
            yield device, late.pop(device, [])
        if is_late:
            late.setdefault(device, []).append(reading)
        else:
            yield device, [reading]
    yield from late.items()


def _send(outlet: Outlet, device: str, readings: Sequence[RawReading], now: int) -> int:
    for topic, payload, _count in readings_messages(device, readings, now):
        outlet.publish(topic, payload)
    return len(readings)


def _play_past(past: Iterator[Parcel | None], outlet: Outlet, now: int, counts: FleetCounts) -> bool:
    """Go one parcel further into the past; False when all of it is told."""
    if counts.backfill_done:
        return False
    try:
        parcel = next(past)
    except StopIteration:
        counts.backfill_done = True
        return False
    if parcel is not None:
        counts.backfilled += _send(outlet, *parcel, now)
    return True


def _nap_s(players: Sequence[Player], now: int) -> float:
    """Until the next reading is due, by the schedule: no nap adds to another, so nothing drifts."""
    due = min((player.next_due() for player in players), default=now + _ASLEEP_US)
    return min(max(due - now, 1000) / 1e6, _LONGEST_NAP_S)
