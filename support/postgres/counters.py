"""Counters: the pass of tend that keeps consumption in step with the readings of counters, late ones included.

A mark names a device and an hour whose rollups were made anew. The hour is followed again from what is
kept of the state before it, and on until the counter stands as it stood before, which is an hour later as a
rule: what late readings change is made right, and no more is read than that takes.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, delete, func, select, text

from perception.counter import HOUR_US
from perception.sensor_kind import SensorKind
from support.postgres.counter_scan import follow_devices
from support.postgres.transact import transaction
from support.settings import TendSettings
from support.tables import city, counter_mark, device, district, station

EVERY_S = 20.0
"""An hour that has ended is looked at within so many seconds of its rollups."""
MOST_S = 5.0
"""A pass works so long at most, then rollups have their turn; what waited longest comes first."""
OPEN_EVERY_S = 900.0
"""An hour that still fills has its turn so often: counters report every quarter of an hour."""

_TOGETHER = timedelta(hours=6)
"""Marked hours of a device that are no further apart are followed in one go."""
_SLICE_RUNS = 50
_GENTLY = "set local synchronous_commit = off; set local max_parallel_workers_per_gather = 0; set local jit = off"

_FACTS = (
    select(device.c.device_id, device.c.interval_s, device.c.manifest, city.c.timezone)
    .outerjoin_from(device, station, station.c.name == device.c.station)
    .outerjoin(district, district.c.name == station.c.district)
    .outerjoin(city, city.c.name == district.c.city)
)


class Run(NamedTuple):
    """Marked hours of a device close to each other, with the marks that were seen on them."""

    kind: str
    device_id: int
    first: datetime
    last: datetime
    marks: list[int]


class Counters:
    """Keeps consumption in step with readings. `drain` is a pass of tend."""

    def __init__(self, engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> None:
        self._engine, self._kinds, self._settings = engine, kinds, settings
        self._open_until = 0

    def drain(self, now: int) -> Iterator[int]:
        """Follow counters through marked hours; yield how many marks after each slice, when nothing is held."""
        due, busy = now, 0.0
        if now >= self._open_until:
            self._open_until = now + int(OPEN_EVERY_S * 1_000_000)
            due += 2 * HOUR_US  # hours that still fill, and clocks that are a little ahead
        runs = self._runs(_moment(due) - timedelta(hours=1))
        horizon = self._settings.horizon(now)
        for start in range(0, len(runs), _SLICE_RUNS):
            portion, began = runs[start : start + _SLICE_RUNS], time.monotonic()
            with transaction(self._engine) as on:
                on.execute(text(_GENTLY))
                recompute(on, self._kinds, portion, horizon)
            busy += time.monotonic() - began
            yield sum(len(run.marks) for run in portion)
            if busy >= MOST_S:
                return

    def _runs(self, until: datetime) -> list[Run]:
        c = counter_mark.c
        query = (
            select(c.kind, c.device_id, c.hour, func.array_agg(c.mark_id))
            .where(c.hour <= until)
            .group_by(c.kind, c.device_id, c.hour)
            .order_by(func.min(c.mark_id))
            .limit(self._settings.most_buckets)
        )
        with transaction(self._engine) as on:
            rows: Sequence[Any] = on.execute(query).all()
        by_device = sorted(rows, key=lambda row: (row.kind, row.device_id, row.hour))
        return sorted(_joined(by_device), key=lambda run: min(run.marks))


def _joined(rows: Sequence[Any]) -> Iterator[Run]:
    run: Run | None = None
    for kind, device_id, hour, marks in rows:
        if run is not None and (run.kind, run.device_id) == (kind, device_id) and hour - run.last <= _TOGETHER:
            run = run._replace(last=hour, marks=run.marks + marks)
            continue
        if run is not None:
            yield run
        run = Run(kind, device_id, hour, hour, list(marks))
    if run is not None:
        yield run


def recompute(on: Connection, kinds: Mapping[str, SensorKind], runs: Sequence[Run], horizon: int) -> None:
    """Delete the marks that were seen on these hours, then follow the counters through them.

    `horizon` (epoch microseconds): what is older is never followed again, because its readings may be gone.
    """
    seen = [mark for run in runs for mark in run.marks]
    on.execute(delete(counter_mark).where(counter_mark.c.mark_id == func.any(seen)))
    ids = sorted({run.device_id for run in runs})
    facts = {row.device_id: row for row in on.execute(_FACTS.where(device.c.device_id == func.any(ids)))}
    by_kind: dict[str, list[tuple[Any, tuple[int, int]]]] = {}
    for run in runs:
        span = max(_us(run.first), horizon), _us(run.last) + HOUR_US - 1
        if run.kind in kinds and run.device_id in facts and span[0] <= span[1]:
            by_kind.setdefault(run.kind, []).append((facts[run.device_id], span))
    for name, devices in by_kind.items():
        for portion in _apart(devices):
            follow_devices(on, kinds[name], portion, horizon)


def _apart(devices: Sequence[tuple[Any, tuple[int, int]]]) -> Iterator[list[tuple[Any, tuple[int, int]]]]:
    """Yield portions in which no device comes twice: what one run changes, the next begins from."""
    left = list(devices)
    while left:
        seen: dict[int, tuple[Any, tuple[int, int]]] = {}
        later = [each for each in left if seen.setdefault(each[0].device_id, each) is not each]
        yield list(seen.values())
        left = later


def _moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def _us(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
