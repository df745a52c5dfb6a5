"""Memory: what the watch remembers of the devices of one kind, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from application.history import History, Recall
from application.hold import hold_us
from application.rule import Window
from application.sight import Sight
from application.versions import Undo
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
    that was not good. odd_last int64[n]: the newest of odd_ts. `history`: the last hour of the points that rules
    look back at.
    """

    watermark: NDArray[np.int64]
    joined: NDArray[np.int64]
    held: NDArray[np.float64]
    held_ts: NDArray[np.int64]
    odd: NDArray[np.float64]
    odd_ts: NDArray[np.int64]
    odd_last: NDArray[np.int64]
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
            np.full(devices, NEVER),
            History(devices, history),
        )

    def carry(self, old: "Memory", here: Rows, there: Rows) -> None:
        """Copy rows `there` of an older memory to the rows `here` of this one."""
        for field in fields(self):
            if field.name != "history":
                getattr(self, field.name)[here] = getattr(old, field.name)[there]
        self.history.carried(old.history, here, there)

    def absorb(self, rows: Rows, readings: Readings, undo: Undo) -> None:
        """Take in one reading per row, not older than what is remembered of it."""
        for array in (self.watermark, self.held, self.held_ts):
            undo.keep(array, rows)
        self.watermark[rows] = np.maximum(self.watermark[rows], readings.ts)
        self.history.absorb(rows, readings, undo)
        partial = ~_complete(readings)
        whole = rows[~partial]
        self.held[whole] = readings.values[~partial]
        self.held_ts[whole] = readings.ts[~partial, None]
        if partial.any():
            self._absorb_partial(rows[partial], readings.take(partial), undo)

    def _absorb_partial(self, rows: Rows, readings: Readings, undo: Undo) -> None:
        good = readings.good()
        columns = np.flatnonzero(good.any(axis=0))
        if good[:, columns].all():  # all of them name the same points, as nearly always
            self.held[rows[:, None], columns] = readings.values[:, columns]
            self.held_ts[rows[:, None], columns] = readings.ts[:, None]
        else:
            which, point = np.nonzero(good)
            self.held[rows[which], point] = readings.values[which, point]
            self.held_ts[rows[which], point] = readings.ts[which]
        if readings.quality.any():
            for array in (self.odd, self.odd_ts, self.odd_last):
                undo.keep(array, rows)
            which, point = np.nonzero(~np.isnan(readings.values) & ~good)
            self.odd[rows[which], point] = readings.values[which, point]
            self.odd_ts[rows[which], point] = readings.ts[which]
            self.odd_last[rows[which]] = np.maximum(self.odd_last[rows[which]], readings.ts[which])

    def window(self, facts: Facts, rows: Rows, at: NDArray[np.int64], attended: int) -> Window:
        """Return what rules see of these rows at these instants (int64[n], epoch microseconds).

        It is to be looked at before anything more is absorbed.
        """
        return Window(
            kind=facts.kind,
            now=at,
            last_ts=self.watermark[rows],
            attended_since=np.maximum(self.joined[rows], attended),
            raised=np.zeros((len(rows), 1), np.bool_),
            static_head_mpa=facts.static_head_mpa[rows],
            interval_s=facts.interval_s[rows],
            sight=Sight(self, facts.holds, rows, at),
            recall=Recall(self.history, rows, at, facts.holds[rows]),
        )


def _complete(readings: Readings) -> NDArray[np.bool_]:
    """bool[n]: every point is present and good."""
    complete: NDArray[np.bool_] = (readings.quality == 0) & ~np.isnan(readings.values.sum(axis=1))
    return complete
