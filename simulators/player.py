"""Player: whoever has readings to publish, now and of the past; WorldPlayer plays a simulated city."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from perception.payload import RawReading
from simulators.cast import Part
from simulators.faults import Schedule
from simulators.past import Parcel, Past
from simulators.world import World

_SECOND_US = 1_000_000
_GOLDEN = 0.618034
_LIVE_STEP_S = 10.0


class Player(Protocol):
    """Plays some devices. Times are epoch microseconds UTC."""

    @property
    def parts(self) -> Sequence[Part]:
        """The devices that it plays."""

    def next_due(self) -> int:
        """Return when the next reading is due."""

    def play(self, until: int) -> Iterator[tuple[str, RawReading]]:
        """Yield every reading due up to `until`, in order of time; what was yielded is not due again."""

    def skip(self, before: int) -> None:
        """Forget readings that were due before that time."""

    def past(self) -> Iterator[Parcel | None]:
        """Yield the readings from before the first due one, newest parcels first; None: not ready, ask again."""


class WorldPlayer:
    """Plays a world from `live_from` on, each device at its cadence, spread over its interval.

    The past reaches from `past_from` to `live_from`, in steps of `step_s` seconds.
    """

    def __init__(self, world: World, live_from: int, *, past_from: int | None = None, step_s: float = 60.0) -> None:
        self._world = world
        self._interval = np.array([p.interval for p in world.parts], dtype=np.int64)
        phase = (np.arange(len(self._interval)) * _GOLDEN % 1 * (self._interval // 1000)).astype(np.int64) * 1000
        self._due = phase + -((phase - live_from) // self._interval) * self._interval
        self._now = world.begin(live_from)
        self._past = None if past_from is None else Past(world, past_from, self._now, round(step_s * 1e6))

    @property
    def parts(self) -> Sequence[Part]:
        """The devices of the world."""
        return self._world.parts

    @property
    def schedule(self) -> Schedule:
        """What goes wrong in that world."""
        return self._world.schedule

    @property
    def world(self) -> World:
        """The world that is played."""
        return self._world

    def shown(self, device: str) -> dict[str, float]:
        """Return what the meters of a device show now, by point."""
        return self._world.shown(device, self._now)

    def hears(self, device: str) -> bool:
        """Return whether a device has a link and power now: else nothing reaches it, and it says nothing."""
        if self.schedule.link(device, self._now.at).silent:
            return False
        return not self._world.silent(self._now)[self._world.place(device)]

    def next_due(self) -> int:
        """Return when the next reading is due."""
        return int(self._due.min())

    def play(self, until: int) -> Iterator[tuple[str, RawReading]]:
        """Yield every reading due up to `until`. Devices due within one second see the world of its beginning."""
        while (first := self.next_due()) <= until:
            second = first // _SECOND_US * _SECOND_US
            places = np.flatnonzero(self._due < min(second + _SECOND_US, until + 1))
            self._now = self._world.advance(self._now, second, _LIVE_STEP_S)
            due = dict(zip(places.tolist(), self._due[places].tolist(), strict=True))
            self._due[places] += self._interval[places]
            for place, rows in self._world.record([self._now], places):
                yield self.parts[place].name, RawReading(due[place], self._world.tell(place, rows)[0])

    def skip(self, before: int) -> None:
        """Forget readings that were due before that time."""
        missed = np.maximum(-((self._due - before) // self._interval), 0)
        self._due += missed * self._interval

    def past(self) -> Iterator[Parcel | None]:
        """Yield the past, newest first; None while there is still something to work out."""
        return iter(()) if self._past is None else self._past.parcels()
