"""Past: the ten-minute means of some points of many devices over a day and a bit.

A slot is the array of one bucket. It is shared between states and never written to: what is filled in is a new slot.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE

Rows = NDArray[np.intp]

TENTH = 10 * MINUTE
"""A bucket, in microseconds."""
LONGEST_H = 24
"""Slow rules look so far back at most, bucket by bucket; what is older they read from the diary, day by day."""
KEPT = (LONGEST_H + 2) * 6
"""Slots that are kept: two hours more, for what comes late."""


class Past:
    """Slots float32[points, n] by number of their bucket (begin / 10 min since the epoch); NaN: nothing good came."""

    def __init__(
        self, points: tuple[str, ...], devices: int, slots: Mapping[int, NDArray[np.float32]] | None = None
    ) -> None:
        self.points = points
        self.places = {point: place for place, point in enumerate(points)}
        self.devices = devices
        self.slots = dict(slots or {})

    def filled(self, number: int, rows: Rows, values: NDArray[np.float32]) -> "Past":
        """Return a past in which these rows have these values (float32[points, rows]) in a bucket."""
        before = self.slots.get(number)
        blank = np.full((len(self.points), self.devices), np.nan, np.float32)
        slot = blank if before is None else before.copy()
        slot[:, rows] = values
        return Past(self.points, self.devices, {**self.slots, number: slot})

    def since(self, oldest: int) -> "Past":
        """Return a past without the buckets before a number."""
        if not any(number < oldest for number in self.slots):
            return self
        return Past(self.points, self.devices, {n: slot for n, slot in self.slots.items() if n >= oldest})

    def trace(self, point: str, last: int, count: int) -> NDArray[np.float64]:
        """float64[n, count]: the means of a point in the buckets up to `last`, oldest first; NaN for none.

        A point that this past does not hold is nowhere known.
        """
        place = self.places.get(point)
        nothing = np.full(self.devices, np.nan, np.float32)
        columns = [
            nothing if place is None or n not in self.slots else self.slots[n][place]
            for n in range(last - count + 1, last + 1)
        ]
        return np.stack(columns).T.astype(np.float64)

    def carried(self, old: "Past", here: Rows, there: Rows) -> "Past":
        """Return this past with rows `there` of an older one in its rows `here`, of the points that both have."""
        if self.points == old.points and same(here, there, self.devices, old.devices):
            return old
        both = [(place, old.places[p]) for p, place in self.places.items() if p in old.places]
        slots = {}
        for number, slot in old.slots.items():
            mine = np.full((len(self.points), self.devices), np.nan, np.float32)
            for to, origin in both:
                mine[to, here] = slot[origin, there]
            slots[number] = mine
        return Past(self.points, self.devices, slots)


def same(here: Rows, there: Rows, devices: int, before: int) -> bool:
    """Return whether rows stay where they were, all of them."""
    return devices == before == len(here) and bool((here == there).all())
