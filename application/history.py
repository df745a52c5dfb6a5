"""History: the last hour of some points of many devices, a sample per minute: the last good value of each.

A slot is the array of one minute: what a step costs depends neither on how far back it may look nor on how many
devices there are.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE
from application.versions import Undo
from perception.readings import Readings

Rows = NDArray[np.intp]

LONGEST_MIN = 60
"""Rules of tempo fast look an hour back at most."""
_UNSETTLED_MIN = 6
"""Younger minutes are still written to. Clocks of devices may be ahead by as much: they push out nothing."""


class _Settled(NamedTuple):
    """Minutes [first, end) side by side, for quick looks back: samples float64[columns, n, minutes]."""

    first: int
    end: int
    samples: NDArray[np.float64]


class History:
    """Samples of the points `columns` (places in the kind) of n devices. Slots are float64[n, columns] by minute."""

    def __init__(self, devices: int, columns: tuple[int, ...]) -> None:
        self.columns = columns
        self._devices = devices
        self._slots: dict[int, NDArray[np.float64]] = {}
        self._settled = _Settled(0, 0, np.empty((len(columns), devices, 0)))
        self._stirred: frozenset[int] = frozenset()

    def turned(self) -> None:
        """See that the slots are those of another version."""
        self._settled, self._stirred = self._settled._replace(first=0, end=0), frozenset()

    def absorb(self, rows: Rows, readings: Readings, undo: Undo) -> None:
        """Take in one reading per row, none older than what is remembered of it."""
        if not self.columns:
            return
        chosen = list(self.columns)
        values = readings.values[:, chosen]
        if readings.quality.any():
            values = np.where(readings.good()[:, chosen], values, np.nan)
        self.fill(rows, readings.ts // MINUTE, values, undo)

    def fill(self, rows: Rows, minutes: NDArray[np.int64], values: NDArray[np.float64], undo: Undo) -> None:
        """Put samples (float64[rows, columns], NaN: none) into their minutes (epoch minutes)."""
        for minute, here in _by_minute(minutes):
            told, into = values[here], rows[here]
            slot = self._writable(minute, into, undo)
            slot[into] = np.where(np.isnan(told), slot[into], told)
        self._forget(undo)

    def past(
        self, rows: Rows, minutes: NDArray[np.int64], column: int, held_min: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """float64[rows]: the sample of a point in these minutes, or the newest of `held_min` minutes before; NaN."""
        place = self.columns.index(column)
        found = np.full(len(rows), np.nan)
        for minute, here in _by_minute(minutes):
            found[here] = self._newest(rows[here], place, minute, held_min[here])
        return found

    def _newest(self, rows: Rows, place: int, minute: int, held_min: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[rows]: the newest sample of a point in this minute or so many before; nearly always its own."""
        slot = self._slots.get(minute)
        found = np.full(len(rows), np.nan) if slot is None else slot[rows, place]
        missing = np.isnan(found)
        if missing.any():
            oldest = minute - int(held_min[missing].max())
            for earlier in sorted((m for m in self._slots if oldest <= m < minute), reverse=True):
                wanted = missing & (minute - earlier <= held_min)
                found = np.where(wanted, self._slots[earlier][rows, place], found)
                missing = np.isnan(found)
                if not missing.any():
                    break
        return found

    def trace(self, rows: Rows, minutes: NDArray[np.int64], column: int, count: int) -> NDArray[np.float64]:
        """float64[rows, count]: the samples of the `count` minutes before these, oldest first; NaN for none."""
        self._settle()
        place = self.columns.index(column)
        found = np.full((len(rows), count), np.nan)
        for minute, here in _by_minute(minutes):
            self._copy(found, rows, here, place, minute - count)
        return found

    def _copy(self, found: NDArray[np.float64], rows: Rows, here: Rows | slice, place: int, begin: int) -> None:
        """Write the samples of the minutes from `begin` on into these rows of what is found."""
        known, end = self._settled, begin + found.shape[1]
        low, high = max(begin, known.first), min(end, known.end)
        if low < high:
            told = known.samples[place, rows[here], low - known.first : high - known.first]
            found[here, low - begin : high - begin] = told
        for minute in (*range(max(begin, known.end), end), *(m for m in self._stirred if begin <= m < end)):
            slot = self._slots.get(minute)
            if slot is not None:
                found[here, minute - begin] = slot[rows[here], place]

    def carried(self, old: "History", here: Rows, there: Rows) -> None:
        """Copy rows `there` of an older history to rows `here` of this new one, of the points that both have."""
        both = [(i, old.columns.index(c)) for i, c in enumerate(self.columns) if c in old.columns]
        for minute, slot in old.items():
            mine = self._writable(minute, here, Undo())
            for to, origin in both:
                mine[here, to] = slot[there, origin]

    def items(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the slots by minute."""
        yield from self._slots.items()

    def _writable(self, minute: int, rows: Rows, undo: Undo) -> NDArray[np.float64]:
        slot = self._slots.get(minute)
        if slot is None:
            undo.keep_key(self._slots, minute)
            slot = self._slots[minute] = np.full((self._devices, len(self.columns)), np.nan)
        else:
            undo.keep(slot, rows)
        if minute < self._settled.end and minute not in self._stirred:
            self._stirred |= {minute}
        return slot

    def _settle(self) -> None:
        """Lay the minutes side by side that are hardly written to any more, every few minutes."""
        newest = max(self._slots, default=0)
        if newest - self._settled.end <= 2 * _UNSETTLED_MIN:
            return
        first, end = newest - LONGEST_MIN - _UNSETTLED_MIN, newest - _UNSETTLED_MIN
        blank = np.full((self._devices, len(self.columns)), np.nan)
        minutes = [self._slots.get(minute, blank) for minute in range(first, end)]
        samples = np.ascontiguousarray(np.stack(minutes).transpose(2, 1, 0))
        self._settled, self._stirred = _Settled(first, end, samples), frozenset()

    def _forget(self, undo: Undo) -> None:
        oldest = max(self._slots, default=0) - LONGEST_MIN - _UNSETTLED_MIN
        for minute in [m for m in self._slots if m < oldest]:
            undo.keep_key(self._slots, minute)
            del self._slots[minute]


def _by_minute(minutes: NDArray[np.int64]) -> Iterator[tuple[int, Rows | slice]]:
    """Yield each minute with where it stands; as a rule there is but one."""
    if not len(minutes):
        return
    first = int(minutes[0])
    if (minutes == first).all():
        yield first, slice(None)
        return
    for minute in np.unique(minutes).tolist():
        yield minute, np.flatnonzero(minutes == minute)


class Recall:
    """What rules see of a history: that of some rows, each at its own instant."""

    def __init__(self, history: History, rows: Rows, now: NDArray[np.int64], holds: NDArray[np.int64]) -> None:
        self._history, self._rows, self._minutes = history, rows, now // MINUTE
        self._now, self._holds = now, holds

    def part(self, some: Rows) -> "Recall":
        """Return what is seen of some of the rows."""
        return Recall(self._history, self._rows[some], self._now[some], self._holds[some])

    def past(self, column: int, back: int) -> NDArray[np.float64]:
        """float64[n, 1]: the sample of so many minutes ago, or what then still held."""
        held = -(-self._holds[:, column] // MINUTE)
        return self._history.past(self._rows, self._minutes - back, column, held)[:, None]

    def trace(self, column: int, count: int) -> NDArray[np.float64]:
        """float64[n, count]: the samples of the minutes before this one, oldest first, NaN where there is none."""
        return self._history.trace(self._rows, self._minutes, column, count)
