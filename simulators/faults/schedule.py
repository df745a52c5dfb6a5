"""Schedule: every fault of one world, past and to come; asked at each step what acts now.

Written to from one thread, the fleet's: `add` and `clear` while it runs, at a fault command.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from perception.sensor_kind import SensorKind
from simulators.faults.acting import Seats, bend, interventions, seated
from simulators.faults.fate import SOUND_LINK, LinkFate, joined
from simulators.faults.fault import Fault, FaultError, Sky
from simulators.heat.design import Design
from simulators.heat.interventions import Interventions

Floats = NDArray[np.float64]


class Schedule:
    """The faults of one world, in order of their beginning."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = [replace(f, number=k) for k, f in enumerate(sorted(faults, key=_order))]
        self._next = len(self._faults)
        self._edges: list[int] = []
        self._from = self._until = 0
        self._now: tuple[Fault, ...] = ()
        self._links: dict[str, list[Fault]] = {}
        self._held: dict[int, Floats] = {}
        self._seats: Seats | None = None
        self._done: Interventions | None = None
        self._index()

    def settle(self, places: Mapping[str, int], design: Design, sky: Sky) -> None:
        """Say on what the faults act: the place of each substation in the design, the sky above. A World does so."""
        self._seats = seated(places, design, sky)

    @property
    def faults(self) -> Sequence[Fault]:
        """Every fault, those that were cleared under way included."""
        return tuple(self._faults)

    def add(self, fault: Fault) -> Fault:
        """Take one more fault; return it as it is kept."""
        kept = replace(fault, number=self._next)
        self._next += 1
        self._faults.append(kept)
        self._index()
        return kept

    def clear(self, device: str, at: int, kind: str | None = None) -> int:
        """End what acts on a device at that time, of one kind or all; return how many faults that were.

        What would end as it begins has never been.
        """
        ended = {f.number for f in self.at(at) if f.device == device and kind in {None, f.kind.name}}
        kept = (f for f in self._faults if f.number not in ended or f.begins < at)
        self._faults = [replace(f, ends=at) if f.number in ended else f for f in kept]
        self._index()
        return len(ended)

    def at(self, at: int) -> tuple[Fault, ...]:
        """Return what acts at that time (epoch microseconds). Cheap when asked in order of time."""
        if not self._from <= at < self._until:
            k = bisect_right(self._edges, at)
            self._from = self._edges[k - 1] if k else -(2**63)
            self._until = self._edges[k] if k < len(self._edges) else 2**63
            self._now = tuple(f for f in self._faults if f.is_on(at))
            self._done = None
            self._links = {}
            for fault in self._now:
                if fault.kind.link is not None:
                    self._links.setdefault(fault.device, []).append(fault)
        return self._now

    def interventions(self, at: int) -> Interventions:
        """Return what acts on the plants at that time. Not to be written to: it is handed out again."""
        acting = [f for f in self.at(at) if f.kind.plant is not None]
        if self._done is None or any(f.kind.changes for f in acting):
            self._done = interventions(acting, self._seated(), at)
        return self._done

    def instrument(self, device: str, kind: SensorKind, at: NDArray[np.int64], values: Floats) -> bool:
        """Bend what the meters of a device show: values [n, points] at these times, in place. Return whether any was.

        Times are epoch microseconds, in order. A fault that holds on to what was shown when it began, and was not
        seen to begin (`hold`), holds on to the first of these values that it finds.
        """
        if device not in self._metered:
            return False
        mine = [f for f in self._metered[device] if f.begins <= at[-1] and (f.ends is None or f.ends > at[0])]
        for fault in mine:
            first = int(np.searchsorted(at, fault.begins))
            if first < len(at):
                self._held.setdefault(fault.number, values[first].copy())
        bend(mine, kind, at, values, self._held, self._seated().sky)
        return bool(mine)

    def starting(self, after: int, until: int) -> tuple[Fault, ...]:
        """Return the faults of meters that begin between two times (the first excluded) and hold nothing yet."""
        first, last = bisect_right(self._meter_begins, after), bisect_right(self._meter_begins, until)
        return tuple(f for f in self._meter_faults[first:last] if f.number not in self._held)

    def hold(self, fault: Fault, shown: Floats) -> None:
        """Keep what the meters showed [points] when a fault began."""
        self._held.setdefault(fault.number, shown)

    def link(self, device: str, at: int) -> LinkFate:
        """Return what becomes of what this device sends at that time."""
        self.at(at)
        fate = SOUND_LINK
        for fault in self._links.get(device, ()):
            if fault.kind.link is not None:
                fate = joined(fate, fault.kind.link(fault.parameters, (at - fault.begins) / 1e6, at))
        return fate

    def _index(self) -> None:
        self._edges = sorted(set(_edges(self._faults)))
        self._from = self._until = 0
        self._done = None
        self._meter_faults = sorted((f for f in self._faults if f.kind.meters is not None), key=_order)
        self._meter_begins = [f.begins for f in self._meter_faults]
        self._metered: dict[str, list[Fault]] = {}
        for fault in self._meter_faults:
            self._metered.setdefault(fault.device, []).append(fault)

    def _seated(self) -> Seats:
        if self._seats is None:
            raise FaultError("the schedule does not know its plants yet: a World settles it")
        return self._seats


def _order(fault: Fault) -> tuple[int, str, str]:
    return fault.begins, fault.device, fault.kind.name


def _edges(faults: Iterable[Fault]) -> Iterator[int]:
    for fault in faults:
        yield fault.begins
        if fault.ends is not None:
            yield fault.ends
