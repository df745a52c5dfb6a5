"""Airway: the way of each device's readings to whoever speaks for it, with what a fault of the link does on it."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from perception.payload import RawReading, encode
from simulators.faults import SOUND_LINK, LinkFate

Fates = Callable[[str, int], LinkFate]
"""Tells what becomes of what a device sends at a time (epoch microseconds)."""

MOST_KEPT = 10_000
"""So many readings a device keeps while its link is silent, a day's and more at ten seconds; then the oldest go."""


def sound(_device: str, _at: int) -> LinkFate:
    """Return that nothing is wrong with any link."""
    return SOUND_LINK


@dataclass(frozen=True, slots=True)
class Passed:
    """A reading that has come through: its time as the device's clock told it, and its JSON object."""

    device: str
    ts: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """A device fell silent, is heard again, or has just started."""

    device: str
    online: bool
    started: bool = False


@dataclass(slots=True)
class _Link:
    """What is known of one device's link: what it keeps, and when the last reading on its way will be through."""

    silent: bool = False
    boots: int = 0
    kept: deque[Passed] = field(default_factory=deque)
    last_through: int = 0


class Airway:
    """Readings go in as they are measured and come out when they are through, each device's in their order.

    While nothing is wrong with a link, a reading is through at once. `lost` counts what nobody will hear of.
    """

    def __init__(self, fates: Fates = sound) -> None:
        self._fates = fates
        self._links: dict[str, _Link] = {}
        self._under_way: list[tuple[int, int, Passed]] = []
        self._number = count()
        self.lost = 0

    def take(self, device: str, reading: RawReading) -> Iterator[Passed | Changed]:
        """Take a reading as it is measured; yield what is through by that, and what is to be told of the link."""
        at = reading.ts or 0
        fate = self._fates(device, at)
        link = self._links.get(device)
        if link is None:
            if fate == SOUND_LINK:
                yield Passed(device, at, encode([reading]))
                return
            link = self._links[device] = _Link()
        yield from self._changes(device, link, fate)
        if fate.clock_offset_s:
            reading = replace(reading, ts=at + round(fate.clock_offset_s * 1000) * 1000)
        passed = Passed(device, reading.ts or 0, encode([reading]))
        if fate.silent:
            self._keep(link, passed, keeps=fate.keeps)
            return
        while link.kept:
            yield from self._send(link, link.kept.popleft(), fate, at)
        yield from self._send(link, passed, fate, at)
        if fate == SOUND_LINK and link.last_through <= at:
            del self._links[device]

    def through(self, now: int) -> Iterator[Passed]:
        """Yield what was under way and is through by now, in the order of its coming."""
        while self._under_way and self._under_way[0][0] <= now:
            yield heapq.heappop(self._under_way)[2]

    def _changes(self, device: str, link: _Link, fate: LinkFate) -> Iterator[Changed]:
        started = fate.boots > link.boots
        link.boots = fate.boots
        if fate.silent != link.silent or (started and not fate.silent):
            link.silent = fate.silent
            yield Changed(device, online=not fate.silent, started=started)

    def _keep(self, link: _Link, passed: Passed, *, keeps: bool) -> None:
        if not keeps:
            self.lost += 1
            return
        link.kept.append(passed)
        if len(link.kept) > MOST_KEPT:
            link.kept.popleft()
            self.lost += 1

    def _send(self, link: _Link, passed: Passed, fate: LinkFate, at: int) -> Iterator[Passed]:
        due = max(at + round(fate.delay_s * 1e6), link.last_through)
        for _ in range(1 + fate.duplicates):
            if due <= at:
                yield passed
            else:
                heapq.heappush(self._under_way, (due, next(self._number), passed))
        link.last_through = due
