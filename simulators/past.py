"""Past: what a world's devices would have reported before now, hour by hour, newest first."""

from collections.abc import Iterator, Sequence

import numpy as np

from perception.payload import RawReading
from simulators.world import Moment, World, recounted

Parcel = tuple[str, list[RawReading]]
"""Readings of one device, in order of time."""

MOST_PER_PARCEL = 60
_AT_ONCE = 100_000
"""Readings worked out in one go: some 150 MB."""
_SMALL = 200
"""Worlds up to so many devices keep every moment of their past; larger ones walk each hour twice."""


class Past:
    """The past of a world from `begin` up to `now`, a reading of each device per `step` (microseconds).

    Devices with a longer interval keep to that. Nothing is worked out before it is asked for.
    """

    def __init__(self, world: World, begin: int, now: Moment, step: int) -> None:
        self._world = world
        self._begin = -(-begin // step) * step
        self._now = now
        self._step = step
        self._every = np.array([max(p.interval, step) for p in world.parts], dtype=np.int64)
        self._stretch = int(np.clip(_AT_ONCE // len(world.parts), 1, MOST_PER_PARCEL))

    def parcels(self) -> Iterator[Parcel | None]:
        """Yield parcels, newest stretch first. None: the way there is still being walked, ask again."""
        kept: list[list[Moment]] = []
        small = len(self._world.parts) <= _SMALL
        moment = self._world.begin(self._begin)
        while moment.at < self._now.at:
            stretch = self._walk(moment)
            kept.append(stretch if small else stretch[:1])
            moment = self._world.advance(stretch[-1], stretch[-1].at + self._step)
            yield None
        end = self._world.advance(kept[-1][-1], self._now.at) if kept else moment
        for stretch in reversed(kept):
            moments = stretch if small else self._walk(stretch[0])
            yield from self._parcels([recounted(m, end.stations, self._now.stations) for m in moments])

    def _walk(self, moment: Moment) -> list[Moment]:
        """Return the moments of one stretch, at most up to now."""
        stretch = [moment]
        while len(stretch) < self._stretch and stretch[-1].at + self._step < self._now.at:
            stretch.append(self._world.advance(stretch[-1], stretch[-1].at + self._step))
        return stretch

    def _parcels(self, moments: Sequence[Moment]) -> Iterator[Parcel]:
        at = np.array([m.at for m in moments])
        dead = np.stack([self._world.silent(m) for m in moments])
        for place, rows in self._world.record(moments, np.arange(len(self._every))):
            due = (at % self._every[place] < self._step) & ~dead[:, place]
            told = self._world.tell(place, rows[due])
            readings = [RawReading(ts, values) for ts, values in zip(at[due].tolist(), told, strict=True)]
            name = self._world.parts[place].name
            if heard := [r for r in readings if not self._is_lost(name, r.ts or 0)]:
                yield name, heard

    def _is_lost(self, device: str, at: int) -> bool:
        """Return whether a fault of the link has swallowed it. What came late or twice has come by now, once."""
        fate = self._world.schedule.link(device, at)
        return fate.silent and not fate.keeps
