"""Fleet, the spine of the pretend world: every device publishes at its cadence, as devices do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import structlog

from simulators.crew import Crew
from simulators.past import Parcel
from simulators.player import Player
from simulators.sounding import Sounding
from simulators.tempo import Tempo

LIVE_BEFORE_US = 170 * 1_000_000
"""The newest past that is played at full cadence at once, so that what is wrong now is seen now."""
_KEEP_US = 15 * 60 * 1_000_000
"""What was due longer ago is skipped: this machine was asleep, and the devices with it."""
_LONGEST_NAP_S = 0.5
_HELD_NAP_S = 0.05
_LONGEST_ROUND_S, _DEVICES_PER_ROUND_S = 0.1, 20_000
"""A large fleet goes round ten times a second, whatever falls due between: a round costs as much as many readings."""
_ASLEEP_US = 60 * 1_000_000
_PAST_AT_ONCE = 64
"""Lists of the past that may wait to be taken: some 5 MB."""
_MOST_WAITING = 50_000
"""Readings that may wait while time can be held."""

_log = structlog.get_logger("simulators.fleet")


class Link(Protocol):
    """The connections of a crew, by its places: network.mqtt.Crowd is one."""

    def connected(self) -> bool:
        """Return whether any connection stands."""

    def ring(self, place: int) -> None:
        """Say that a speaker has something to say."""

    def cut(self, place: int) -> None:
        """Break a connection off without a goodbye, until `mend`."""

    def mend(self, place: int) -> None:
        """Let a connection that was cut be made again."""

    def turn(self, wait_s: float) -> None:
        """Say what there is to say and take what comes; wait so long at most for something to happen."""


Replies = Callable[[int], Iterable[tuple[str, bytes]]]
"""What devices say of their orders as time passes (epoch microseconds): a device, and the payload of its reply."""


class Stop(Protocol):
    """An event that says when to end; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether it is time to end."""

    def wait(self, timeout: float) -> bool:
        """Wait for it so many seconds at most."""


@dataclass(slots=True)
class FleetCounts:
    """Readings: acknowledged by the broker, of now and of the past; those that wait, and those that were dropped.

    `reached` is the world's time (epoch microseconds); `lost` counts what a fault of a link has swallowed.
    """

    live: int = 0
    backfilled: int = 0
    waiting: int = 0
    dropped: int = 0
    lost: int = 0
    reached: int = 0
    backfill_done: bool = False


Progress = Callable[[FleetCounts], None]


def run_fleet(
    players: Sequence[Player],
    crew: Crew,
    link: Link,
    *,
    tempo: Tempo,
    stop: Stop,
    progress: Progress,
    sounding: Sounding | None = None,
    obedience: Replies | None = None,
) -> FleetCounts:
    """Play until `stop` or the tempo's end: what is due now first, the past whenever there is time for it.

    While the broker is away devices go on measuring and the crew keeps what it can, or, in a world with a time of
    its own, time stands still. At the end every device says that it is offline; the caller flushes and closes the
    link. `obedience` tells how orders end.
    """
    fleet = _Fleet(players, crew, link, tempo, sounding, obedience)
    while not stop.is_set() and not fleet.over():
        fleet.turn()
        progress(fleet.counts())
    crew.leave()
    fleet.hand_over(0.0)
    return fleet.counts()


class _Fleet:
    """A fleet on its way."""

    def __init__(
        self,
        players: Sequence[Player],
        crew: Crew,
        link: Link,
        tempo: Tempo,
        sounding: Sounding | None,
        obedience: Replies | None,
    ) -> None:
        self._players, self._crew, self._link, self._tempo, self._sounding = players, crew, link, tempo, sounding
        self._obedience = obedience
        self._past: Iterator[Parcel | None] = chain.from_iterable(player.past() for player in players)
        self._past_done = self._was_up = False
        self._dropped_before = 0
        self._round_s = min(sum(len(p.parts) for p in players) / _DEVICES_PER_ROUND_S, _LONGEST_ROUND_S)

    def over(self) -> bool:
        """Return whether everything is played, and everything played is said."""
        return self._tempo.over(self._due()) and not self._crew.waiting

    def turn(self) -> None:
        """Play a slice, say it, then something of the past; or wait."""
        self._look_at_link()
        if self._is_held():
            self._tempo.hold()
            self.hand_over(_HELD_NAP_S)
            return
        until = self._tempo.until(self._due())
        for player in self._players:
            if not self._tempo.shifted:
                player.skip(until - _KEEP_US)
            for device, reading in player.play(until):
                self._crew.take(device, reading)
        self._crew.pass_time(until)
        for device, payload in self._obedience(until) if self._obedience is not None else ():
            self._crew.reply(device, payload)
        self.hand_over(0.0)
        if not self._play_past():
            self.hand_over(self._nap_s())

    def hand_over(self, wait_s: float) -> None:
        """Let the link work; wait so long at most for something to happen."""
        for place, is_off in self._crew.take_cuts():
            (self._link.cut if is_off else self._link.mend)(place)
        for place in self._crew.take_rung():
            self._link.ring(place)
        self._link.turn(wait_s)
        if self._sounding is not None:
            self._sounding.hear(self._crew.take_receipts())

    def counts(self) -> FleetCounts:
        """Return how far it has come."""
        crew = self._crew
        return FleetCounts(
            crew.live, crew.backfilled, crew.waiting, crew.dropped, crew.lost, self._tempo.reached, self._past_done
        )

    def _due(self) -> int:
        return min((player.next_due() for player in self._players), default=self._tempo.reached + _ASLEEP_US)

    def _is_held(self) -> bool:
        """Return whether time stands still: the broker is away, or takes less than is played."""
        if not self._tempo.shifted:
            return False
        behind = self._sounding is not None and self._sounding.too_deep()
        return behind or not self._link.connected() or self._crew.waiting > _MOST_WAITING

    def _look_at_link(self) -> None:
        """Say what a break has cost."""
        up = self._link.connected()
        if up and not self._was_up and self._crew.dropped > self._dropped_before:
            _log.warning(
                "readings dropped while the broker was away",
                dropped=self._crew.dropped - self._dropped_before,
                remedy="raise simulate.queue_mib to keep more",
            )
            self._dropped_before = self._crew.dropped
        self._was_up = up

    def _play_past(self) -> bool:
        """Go one parcel further into the past; False when there is nothing to do about it now."""
        if self._past_done or not self._link.connected() or self._crew.past_waiting >= _PAST_AT_ONCE:
            return False
        try:
            parcel = next(self._past)
        except StopIteration:
            self._past_done = True
            return False
        if parcel is not None:
            self._crew.take_past(*parcel)
        return True

    def _nap_s(self) -> float:
        """Until the next reading is due, by the schedule: no nap adds to another, so nothing drifts."""
        nap_s = self._tempo.nap_s(self._due())
        return min(max(nap_s, self._round_s), _LONGEST_NAP_S) if nap_s > 0 else 0.0
