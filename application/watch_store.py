"""Watch store: reads from the tables what a new run of the watch has to know of the last one."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import InterfaceError, OperationalError

from application.history import LONGEST_MIN
from application.hold import hold_us
from application.instants import MINUTE, microseconds
from application.journal import Condition
from application.judging import looked_back_at
from application.newest import last_of_each_point
from application.recollection import OpenAlarm, Recollection, StateRow, in_order_of_receipt
from application.rule import Rule, Verdict
from application.tuning import Tuning
from perception.readings import Readings
from perception.sensor_kind import SensorKind
from support import tables
from support.store import ReadingReader, StoreDownError, late_after_us

Rules = Sequence[tuple[Rule, Tuning]]
RECENT = 3 * MINUTE
"""So far back every reading is read again; of older ones only those that still hold for a point."""


def remembering(
    engine: Engine,
    reader: ReadingReader,
    kinds: Mapping[str, SensorKind],
    clock: Callable[[], int],
    rules: Callable[[], Rules] = tuple,
) -> Callable[[], Recollection]:
    """Return what Watch calls to begin from the tables. It raises StoreDownError when they cannot be reached.

    `rules` are those that will watch: what they look back at is read as well.
    """

    def remember() -> Recollection:
        try:
            with engine.connect().execution_options(postgresql_readonly=True) as on:
                return recollection(on, reader, kinds, clock(), rules())
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err

    return remember


def recollection(
    on: Connection, reader: ReadingReader, kinds: Mapping[str, SensorKind], now: int, rules: Rules = ()
) -> Recollection:
    """Read open alarms, states of conditions, and what still holds or is looked back at, at `now` (microseconds)."""
    intervals = _intervals(on, kinds)
    recent = {name: _holding(on, reader, kind, intervals.get(name, {}), now) for name, kind in kinds.items()}
    points = {name: looked_back_at(rules, kind) for name, kind in kinds.items() if name in intervals}
    minutes = {
        name: reader.minutes(on, kinds[name], chosen, _late(intervals[name]), now - (LONGEST_MIN + 1) * MINUTE)
        for name, chosen in points.items()
        if chosen
    }
    return Recollection(open_alarms(on), kept_states(on), recent, minutes)


def _late(intervals: Mapping[int, float]) -> dict[int, int]:
    """Return by device when a reading is late, in microseconds."""
    limits = late_after_us(np.array(list(intervals.values()), np.float64))
    return dict(zip(intervals, limits.tolist(), strict=True))


def _intervals(on: Connection, kinds: Mapping[str, SensorKind]) -> Mapping[str, Mapping[int, float]]:
    """Return the interval of each active device, by kind and number."""
    device = tables.device
    query = select(device.c.kind, device.c.device_id, device.c.interval_s).where(device.c.status == "active")
    found: dict[str, dict[int, float]] = {}
    for row in on.execute(query):
        if row.kind in kinds:
            found.setdefault(row.kind, {})[row.device_id] = row.interval_s or kinds[row.kind].interval_s
    return found


def _holding(
    on: Connection, reader: ReadingReader, kind: SensorKind, intervals: Mapping[int, float], now: int
) -> Readings:
    """Return the readings that fill the windows of a kind, in the order of their receipt."""
    if not intervals:
        return Readings.empty(kind)
    recent = reader.recent(on, kind, now - RECENT)
    ids = np.array(sorted(intervals), np.int32)
    holds = hold_us(kind, np.array([intervals[i] for i in ids.tolist()]))
    told = np.zeros(holds.shape, np.bool_)
    place = np.minimum(np.searchsorted(ids, recent.device_id), len(ids) - 1)
    known = ids[place] == recent.device_id
    np.logical_or.at(told, place[known], recent.good()[known])
    partial = ~told.all(axis=1)
    if not partial.any():
        return in_order_of_receipt(recent)
    before = (now - RECENT) if len(recent) else now
    older = last_of_each_point(on, kind, ids[partial], ~told[partial], (now - int(holds[partial].max()), before))
    return in_order_of_receipt(Readings.concat([older, recent]))


def open_alarms(on: Connection) -> tuple[OpenAlarm, ...]:
    """Return the alarms whose condition is active, the oldest first."""
    alarm = tables.alarm
    return tuple(
        OpenAlarm(
            Condition(row.subject, row.rule, row.element, row.priority, row.station, row.device),
            microseconds(row.opened_at),
        )
        for row in on.execute(select(alarm).where(alarm.c.cleared_at.is_(None)).order_by(alarm.c.opened_at))
    )


def kept_states(on: Connection) -> tuple[StateRow, ...]:
    """Return how far each condition had come."""
    return tuple(
        StateRow(
            row.subject,
            row.rule,
            row.element,
            Verdict[row.verdict.upper()],
            None if row.pending_since is None else microseconds(row.pending_since),
            None if row.watermark is None else microseconds(row.watermark),
        )
        for row in on.execute(select(tables.watch_state))
    )
