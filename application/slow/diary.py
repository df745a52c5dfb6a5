"""Diary: what each day said of each station, as a few numbers: that is what experience is made of.

A day ends at 00:00 UTC. It is a day of ten-minute means that become one column of numbers, kept for four weeks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from application.rule import Family
from application.slow.past import Rows, same
from application.slow.window import Floats, SlowWindow
from perception.sensor_kind import SensorKind

DAYS = 28
"""So many days are kept."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that a day says of a device: `of(window)` float64[n, 1] at the end of the day, NaN: it says nothing.

    A day with an alarm of one of the families `spoilt_by` says nothing: what is wrong is not to be learned as usual.
    """

    name: str
    needs: tuple[str, ...]
    of: Callable[[SlowWindow], Floats]
    spoilt_by: frozenset[Family] = frozenset()

    def fits(self, kind: SensorKind) -> bool:
        """Return whether devices of a kind have the points."""
        return set(self.needs) <= set(kind.names)


class Diary:
    """Days float32[facts, n] by number since the epoch. Shared between states, never written to."""

    def __init__(
        self, facts: Sequence[Fact], devices: int, days: Mapping[int, NDArray[np.float32]] | None = None
    ) -> None:
        self.facts = tuple(facts)
        self.places = {fact.name: place for place, fact in enumerate(self.facts)}
        self.devices = devices
        self.days = dict(days or {})

    def written(self, day: int, values: NDArray[np.float32]) -> "Diary":
        """Return a diary with one more day, float32[facts, n], without those that are too old."""
        kept = {d: column for d, column in self.days.items() if d > day - DAYS}
        return Diary(self.facts, self.devices, {**kept, day: values})

    def last(self, fact: str, day: int, count: int) -> Floats:
        """float64[n, count]: a fact of the days up to `day`, oldest first."""
        place = self.places.get(fact)
        nothing = np.full(self.devices, np.nan, np.float32)
        columns = [
            nothing if place is None or d not in self.days else self.days[d][place]
            for d in range(day - count + 1, day + 1)
        ]
        return np.stack(columns, axis=1).astype(np.float64)

    def carried(self, old: "Diary", here: Rows, there: Rows) -> "Diary":
        """Return this diary with rows `there` of an older one in its rows `here`."""
        if self.places == old.places and same(here, there, self.devices, old.devices):
            return old
        both = [(place, old.places[n]) for n, place in self.places.items() if n in old.places]
        days = {}
        for day, column in old.days.items():
            mine = np.full((len(self.facts), self.devices), np.nan, np.float32)
            for to, origin in both:
                mine[to, here] = column[origin, there]
            days[day] = mine
        return Diary(self.facts, self.devices, days)
