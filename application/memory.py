"""Memory: what the watch remembers of the devices of one kind, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from application.history import History, Recall
from application.hold import hold_us
from application.rule import Window
from perception.readings import Readings
from perception.roster import Member
from perception.sensor_kind import SensorKind
from support.store import late_after_us

NEVER = int(np.iinfo(np.int64).min)
"""An instant that has not come."""

DEAF = int(np.iinfo(np.int64).max)
"""Attended since the end of time: we do not listen at present."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the roster says of n devices of one kind; row i of everything is members[i].

    rows intp[largest device_id + 2]: row by device_id, -1 for strangers. interval_s and
    static_head_mpa float64[n]; late_us int64[n]; holds int64[n, points], microseconds.
    """

    kind: SensorKind
    members: tuple[Member, ...]
    rows: Rows
    interval_s: NDArray[np.float64]
    static_head_mpa: NDArray[np.float64]
    late_us: NDArray[np.int64]
    holds: NDArray[np.int64]

    @classmethod
    def of(cls, kind: SensorKind, members: Sequence[Member]) -> Self:
        """Lay out members of a kind in the order of their numbers."""
        ordered = tuple(sorted(members, key=lambda m: m.device_id))
        ids = np.array([m.device_id for m in ordered], np.intp)
        rows = np.full(int(ids.max(initial=0)) + 2, -1, np.intp)
        rows[ids] = np.arange(len(ids))
        interval_s = np.array([m.interval_s for m in ordered], np.float64)
        heads = np.array([np.nan if m.static_head_mpa is None else m.static_head_mpa for m in ordered], np.float64)
        return cls(kind, ordered, rows, interval_s, heads, late_after_us(interval_s), hold_us(kind, interval_s))

    def find(self, device_id: NDArray[np.int32]) -> Rows:
        """Return the row of each device, -1 for strangers."""
        found: Rows = self.rows[np.clip(device_id, -1, len(self.rows) - 1)]
        return found


@dataclass(frozen=True, slots=True)
class Memory:
    """The newest of every point of n devices.

    watermark int64[n]: newest reading taken in; joined int64[n]: since when the device is on the
    roster. held float64[n, points] with held_ts: the last good value; odd with odd_ts: the last
    that was not good. `history`: the last hour of the points that rules look back at.
    """

    watermark: NDArray[np.int64]
    joined: NDArray[np.int64]
    held: NDArray[np.float64]
    held_ts: NDArray[np.int64]
    odd: NDArray[np.float64]
    odd_ts: NDArray[np.int64]
    history: History

    @classmethod
    def blank(cls, devices: int, points: int, joined: int, history: tuple[int, ...] = ()) -> Self:
        """Return the memory of devices that have said nothing yet; `history` are the points whose last hour is kept."""
        shape = devices, points
        return cls(
            np.full(devices, NEVER),
            np.full(devices, joined),
            np.full(shape, np.nan),
            np.full(shape, NEVER),
            np.full(shape, np.nan),
            np.full(shape, NEVER),
            History(devices, history),
        )

    def own(self, *, odd: bool) -> Self:
        """Return a memory that may be written to. Its odd values stay shared unless `odd`: they rarely change."""
        return replace(
            self,
            watermark=self.watermark.copy(),
            held=self.held.copy(),
            held_ts=self.held_ts.copy(),
            odd=self.odd.copy() if odd else self.odd,
            odd_ts=self.odd_ts.copy() if odd else self.odd_ts,
            history=self.history.own(),
        )

    def carry(self, old: "Memory", here: Rows, there: Rows) -> None:
        """Copy rows `there` of an older memory to the rows `here` of this one."""
        for field in fields(self):
            if field.name != "history":
                getattr(self, field.name)[here] = getattr(old, field.name)[there]
        self.history.carried(old.history, here, there)

    def absorb(self, rows: Rows, readings: Readings) -> None:
        """Take in one reading per row, not older than what is remembered of it. Writes to this memory."""
        self.watermark[rows] = np.maximum(self.watermark[rows], readings.ts)
        self.history.absorb(rows, readings)
        partial = ~_complete(readings)
        whole = rows[~partial]
        self.held[whole] = readings.values[~partial]
        self.held_ts[whole] = readings.ts[~partial, None]
        if partial.any():
            self._absorb_partial(rows[partial], readings.take(partial))

    def _absorb_partial(self, rows: Rows, readings: Readings) -> None:
        ts, good = readings.ts[:, None], readings.good()
        self.held[rows] = np.where(good, readings.values, self.held[rows])
        self.held_ts[rows] = np.where(good, ts, self.held_ts[rows])
        if readings.quality.any():
            bad = ~np.isnan(readings.values) & ~good
            self.odd[rows] = np.where(bad, readings.values, self.odd[rows])
            self.odd_ts[rows] = np.where(bad, ts, self.odd_ts[rows])

    def window_of(self, facts: Facts, rows: Rows, readings: Readings, attended: int) -> Window:
        """Return what rules see at readings that were just absorbed, one per row.

        The same as `window` at their instants; a complete reading hides everything older, so that
        only what is missing has to be looked up.
        """
        partial = np.flatnonzero(~_complete(readings))
        if len(partial) == len(rows):
            return self.window(facts, rows, readings.ts, attended)
        shape = readings.values.shape
        bad, present = np.zeros(shape, np.bool_), np.ones(shape, np.bool_)
        values = newest = readings.values
        if len(partial):
            part = self.window(facts, rows[partial], readings.ts[partial], attended)
            values, newest = values.copy(), newest.copy()
            values[partial], newest[partial] = part.values, part.newest
            bad[partial], present[partial] = part.bad, part.present
        return self._seen(facts, rows, readings.ts, attended, (values, bad, present, newest))

    def window(self, facts: Facts, rows: Rows, at: NDArray[np.int64], attended: int) -> Window:
        """Return what rules see of these rows at these instants (int64[n], epoch microseconds)."""
        oldest = at[:, None] - facts.holds[rows]
        held_ts, odd_ts = self.held_ts[rows], self.odd_ts[rows]
        holds = held_ts >= oldest
        values = np.where(holds, self.held[rows], np.nan)
        bad = (odd_ts >= oldest) & (odd_ts > held_ts)
        newest = np.where(bad, self.odd[rows], values)
        return self._seen(facts, rows, at, attended, (values, bad, holds | bad, newest))

    def bare_window(self, facts: Facts, rows: Rows, at: NDArray[np.int64], attended: int) -> Window:
        """Return a window without values, for rules that look at the clock alone: it costs next to nothing."""
        shape = len(rows), len(facts.kind.points)
        blank = np.broadcast_to(np.float64(np.nan), shape)
        no = np.broadcast_to(np.False_, shape)
        return self._seen(facts, rows, at, attended, (blank, no, no, blank))

    def _seen(
        self,
        facts: Facts,
        rows: Rows,
        at: NDArray[np.int64],
        attended: int,
        columns: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]],
    ) -> Window:
        values, bad, present, newest = columns
        return Window(
            kind=facts.kind,
            now=at,
            last_ts=self.watermark[rows],
            attended_since=np.maximum(self.joined[rows], attended),
            values=values,
            bad=bad,
            present=present,
            newest=newest,
            raised=np.zeros((len(rows), 1), np.bool_),
            static_head_mpa=facts.static_head_mpa[rows],
            interval_s=facts.interval_s[rows],
            recall=Recall(self.history, rows, at, facts.holds[rows]),
        )


def _complete(readings: Readings) -> NDArray[np.bool_]:
    """bool[n]: every point is present and good."""
    complete: NDArray[np.bool_] = (readings.quality == 0) & ~np.isnan(readings.values.sum(axis=1))
    return complete
