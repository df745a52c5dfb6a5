"""Schedule: every fault of one world, past and to come; asked at each step what acts now.

Written to from one thread, the fleet's: `add` and `clear` while it runs, at a fault command.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from simulators.faults.fate import SOUND_LINK, LinkFate, joined
from simulators.faults.fault import Fault


class Schedule:
    """The faults of one world, in order of their beginning."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = [replace(f, number=k) for k, f in enumerate(sorted(faults, key=_order))]
        self._next = len(self._faults)
        self._edges: list[int] = []
        self._from = self._until = 0
        self._now: tuple[Fault, ...] = ()
        self._links: dict[str, list[Fault]] = {}
        self._index()

    @property
    def faults(self) -> Sequence[Fault]:
        """Every fault, those that were cleared included."""
        return tuple(self._faults)

    def add(self, fault: Fault) -> Fault:
        """Take one more fault; return it as it is kept."""
        kept = replace(fault, number=self._next)
        self._next += 1
        self._faults.append(kept)
        self._index()
        return kept

    def clear(self, device: str, at: int, kind: str | None = None) -> int:
        """End what acts on a device at that time, of one kind or all; return how many faults that were."""
        ended = {f.number for f in self.at(at) if f.device == device and kind in {None, f.kind.name}}
        self._faults = [replace(f, ends=at) if f.number in ended else f for f in self._faults]
        self._index()
        return len(ended)

    def at(self, at: int) -> tuple[Fault, ...]:
        """Return what acts at that time (epoch microseconds). Cheap when asked in order of time."""
        if not self._from <= at < self._until:
            k = bisect_right(self._edges, at)
            self._from = self._edges[k - 1] if k else -(2**63)
            self._until = self._edges[k] if k < len(self._edges) else 2**63
            self._now = tuple(f for f in self._faults if f.is_on(at))
            self._links = {}
            for fault in self._now:
                if fault.kind.link is not None:
                    self._links.setdefault(fault.device, []).append(fault)
        return self._now

    def link(self, device: str, at: int) -> LinkFate:
        """Return what becomes of what this device sends at that time."""
        self.at(at)
        fate = SOUND_LINK
        for fault in self._links.get(device, ()):
            if fault.kind.link is not None:
                fate = joined(fate, fault.kind.link(fault.parameters, (at - fault.begins) / 1e6))
        return fate

    def _index(self) -> None:
        self._edges = sorted(set(_edges(self._faults)))
        self._from = self._until = 0


def _order(fault: Fault) -> tuple[int, str, str]:
    return fault.begins, fault.device, fault.kind.name


def _edges(faults: Iterable[Fault]) -> Iterator[int]:
    for fault in faults:
        yield fault.begins
        if fault.ends is not None:
            yield fault.ends
