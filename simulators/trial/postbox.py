"""Postbox: what becomes of the readings of devices whose link is not sound, row by row, in the order of their coming.

As in simulators/airway.py, for columns: copies that arrive twice are left out, as no store takes them.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.faults import SOUND_LINK, LinkFate

MOST_KEPT = 10_000
"""So many readings a device keeps while its link is silent; then the oldest go."""


class Letter(NamedTuple):
    """A reading on its way: `ts` as the device's clock told it, epoch microseconds; values float64[points]."""

    place: int
    ts: int
    received_at: int
    values: NDArray[np.float64]


@dataclass(slots=True)
class _Link:
    kept: deque[Letter] = field(default_factory=deque)
    through: int = 0
    """When the last one on its way will be through."""


class Postbox:
    """Links by place. A place whose link is sound again, and has nothing on its way, needs no letters."""

    def __init__(self, fate: Callable[[int, int], LinkFate]) -> None:
        self._fate = fate
        self._links: dict[int, _Link] = {}
        self._under_way: list[tuple[int, int, Letter]] = []
        self._number = count()

    def busy(self) -> frozenset[int]:
        """Return the places that still have something on its way, or kept."""
        return frozenset(self._links)

    def post(self, place: int, at: int, values: NDArray[np.float64]) -> Iterator[Letter]:
        """Take what a device measured; yield what comes through by that."""
        fate = self._fate(place, at)
        link = self._links.setdefault(place, _Link())
        letter = Letter(place, at + round(fate.clock_offset_s * 1000) * 1000, at, values)
        if fate.silent:
            if fate.keeps:
                link.kept.append(letter)
                if len(link.kept) > MOST_KEPT:
                    link.kept.popleft()
            return
        while link.kept:
            yield from self._send(link, link.kept.popleft(), fate, at)
        yield from self._send(link, letter, fate, at)
        if fate == SOUND_LINK and link.through <= at:
            del self._links[place]

    def through(self, now: int) -> Iterator[Letter]:
        """Yield what was under way and is through by now, in the order of its coming."""
        while self._under_way and self._under_way[0][0] <= now:
            due, _, letter = heapq.heappop(self._under_way)
            yield letter._replace(received_at=due)

    def _send(self, link: _Link, letter: Letter, fate: LinkFate, at: int) -> Iterator[Letter]:
        due = max(at + round(fate.delay_s * 1e6), link.through)
        if due <= at:
            yield letter._replace(received_at=at)
        else:
            heapq.heappush(self._under_way, (due, next(self._number), letter))
        link.through = due
