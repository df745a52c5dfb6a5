"""Player: whoever has readings to publish, now and of the past; WorldPlayer plays a simulated city."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perception.payload import RawReading
from simulators.cast import Part
from simulators.faults import LinkFate, Schedule, joined
from simulators.past import Parcel, Past
from simulators.world import World

_SECOND_US = 1_000_000
_GOLDEN = 0.618034
_LIVE_STEP_S = 10.0
_DEAD = LinkFate(silent=True)
_SALT = np.uint64(0x9E3779B97F4A7C15)
_MIX = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))


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

    A reading comes up to `jitter` times the interval after its place in the cadence, by dice that know its place and
    the seed: it never drifts, and it never overtakes the one before. The past reaches from `past_from` to `live_from`,
    in steps of `step_s` seconds. Devices due within `tick_s` seconds see the world of their beginning.
    """

    def __init__(
        self,
        world: World,
        live_from: int,
        *,
        past_from: int | None = None,
        step_s: float = 60.0,
        jitter: float = 0.0,
        seed: int = 0,
        tick_s: int = 1,
    ) -> None:
        self._world = world
        self._interval = np.array([p.interval for p in world.parts], dtype=np.int64)
        phase = (np.arange(len(self._interval)) * _GOLDEN % 1 * (self._interval // 1000)).astype(np.int64) * 1000
        self._planned = phase + -((phase - live_from) // self._interval) * self._interval
        self._most_late = (self._interval // 1000 * jitter).astype(np.int64)
        self._salt = np.arange(1, len(self._interval) + 1, dtype=np.uint64) * _SALT + np.uint64(seed)
        self._every = np.arange(len(self._interval))
        self._due = self._planned + self._late(self._every)
        self._tick = tick_s * _SECOND_US
        self._dead: set[str] = set()
        self._place_of = {part.name: place for place, part in enumerate(world.parts)}
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
        place = self._place_of[device]
        [(_, rows)] = self._world.record([self._now], np.array([place]))
        named = zip(self.parts[place].kind.names, rows[0].tolist(), strict=True)
        return {name: value for name, value in named if value == value}  # noqa: PLR0124 - only NaN differs from itself

    def hears(self, device: str) -> bool:
        """Return whether a device has a link and power now: else nothing reaches it, and it says nothing."""
        return not self.fate(device, self._now.at).silent

    def fate(self, device: str, at: int) -> LinkFate:
        """Return what becomes of what a device measured at that time: a fault of its link, or its battery is empty."""
        fate = self.schedule.link(device, at)
        return joined(fate, _DEAD) if device in self._dead else fate

    def next_due(self) -> int:
        """Return when the next reading is due."""
        return int(self._due.min())

    def play(self, until: int) -> Iterator[tuple[str, RawReading]]:
        """Yield every reading due up to `until`. Devices due within one tick see the world of its beginning."""
        while (first := self.next_due()) <= until:
            tick = first // self._tick * self._tick
            places = np.flatnonzero(self._due < min(tick + self._tick, until + 1))
            self._now = self._world.advance(self._now, tick, _LIVE_STEP_S)
            dead = np.flatnonzero(self._world.silent(self._now))
            self._dead = {self.parts[place].name for place in dead.tolist()}
            due = dict(zip(places.tolist(), self._due[places].tolist(), strict=True))
            self._move_on(places, 1)
            for place, rows in self._world.record([self._now], places):
                yield self.parts[place].name, RawReading(due[place], self._world.tell(place, rows)[0])

    def skip(self, before: int) -> None:
        """Forget readings that were due before that time."""
        if self.next_due() < before:
            missed = np.maximum(-((self._due - before) // self._interval), 0)
            self._move_on(self._every, missed)

    def past(self) -> Iterator[Parcel | None]:
        """Yield the past, newest first; None while there is still something to work out."""
        return iter(()) if self._past is None else self._past.parcels()

    def _move_on(self, places: NDArray[np.intp], turns: NDArray[np.int64] | int) -> None:
        self._planned[places] += turns * self._interval[places]
        self._due[places] = self._planned[places] + self._late(places)

    def _late(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return by how much each comes late, in whole milliseconds: a hash (splitmix64) of who and when."""
        word = (self._planned[places] // 1000).astype(np.uint64) * _MIX[0] + self._salt[places]
        word = (word ^ (word >> np.uint64(30))) * _MIX[1]
        word = (word ^ (word >> np.uint64(27))) * _MIX[2]
        share = (word >> np.uint64(11)).astype(np.float64) * 2.0**-53
        late: NDArray[np.int64] = (share * self._most_late[places]).astype(np.int64) * 1000
        return late
