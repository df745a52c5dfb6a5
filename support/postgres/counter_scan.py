"""Counter scan: the counters of a device followed through its readings, from one state that is kept to another.

What is written anew begins where nothing that is read here can change what was before, and ends where the
state is the one that was kept and nothing that follows can say anything about what was.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection, delete, insert, select

from perception.counter import HOUR_US, Event, Flow, Limits, State, follow, settled, spread
from perception.point import Point
from perception.readings import quality_mask
from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.postgres.copy_out import FLOAT8, INT8, TIMESTAMP, copy_out, epoch_us, matrix
from support.postgres.rows import moment
from support.tables import consumption

_CHUNK_ROWS = 20_000
_GAP_INTERVALS = 3
_COLUMNS = {Event.RESET: "resets", Event.ROLLOVER: "rollovers", Event.JUMP: "jumps", Event.BAD: "bad"}
_EMPTY: dict[str, Any] = {
    "amount": 0.0, "estimated": False, "resets": 0, "rollovers": 0, "jumps": 0, "bad": 0, "state": None,
}  # fmt: skip
_EPOCH = moment(0)


def counters(kind: SensorKind) -> tuple[Point, ...]:
    """Return the points of a kind that only count up."""
    return tuple(p for p in kind.points if p.counter)


def follow_device(on: Connection, kind: SensorKind, known: Any, span: tuple[int, int], horizon: int) -> None:
    """Make the consumption of a device's counters right that readings of the span (microseconds, inclusive) touch.

    `known`: its device_id, interval_s, manifest and timezone.
    """
    phase = _phase(known.timezone, span[0])
    scans = [_scan(on, kind, p, known, phase, span, horizon) for p in counters(kind)]
    if not scans:
        return
    after = min(scan.start for scan in scans)
    while not all(scan.done for scan in scans):
        ts, values = _read(on, kind, known.device_id, after)
        for place, scan in enumerate(scans):
            scan.feed(on, ts, values[:, place])
        if len(ts) < _CHUNK_ROWS:
            break
        after = int(ts[-1]) + 1
    for scan in scans:
        scan.write(on)


def _phase(zone: str | None, at: int) -> int:
    """Return by how much the hours of a zone's clock begin after those of UTC (microseconds)."""
    offset = moment(at).astimezone(ZoneInfo(zone)).utcoffset() if zone else None
    return 0 if offset is None else -int(offset.total_seconds()) * 1_000_000 % HOUR_US


def _read(
    on: Connection, kind: SensorKind, device_id: int, after: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the next readings that carry any counter, at or after a time; NaN where a counter is not good."""
    points = counters(kind)
    names = [sql.Identifier(p.name) for p in points]
    query = sql.SQL(
        "select ts, {values}, quality from {table} where device_id = %s and ts >= %s and ({any}) order by ts limit %s"
    ).format(
        values=sql.SQL(", ").join(sql.SQL("coalesce({}, 'NaN')").format(n) for n in names),
        table=sql.Identifier(readings_name(kind)),
        any=sql.SQL(" or ").join(sql.SQL("{} is not null").format(n) for n in names),
    )
    wire = [TIMESTAMP, *[FLOAT8] * len(points), INT8]
    rows = copy_out(on, query, [device_id, moment(after), _CHUNK_ROWS], wire)
    values = matrix(rows, 1, len(points))
    words = rows[f"f{1 + len(points)}"].astype(np.int64)
    values[quality_mask(words, len(kind.points))[:, [kind.bits[p.name] for p in points]]] = np.nan
    return epoch_us(rows["f0"]), values


def _scan(
    on: Connection, kind: SensorKind, point: Point, known: Any, phase: int, span: tuple[int, int], horizon: int
) -> "_Scan":
    """Find where to begin: behind a kept state before which nothing can change any more."""
    first, last = (_floor(at, phase) for at in span)
    limits = Limits.of(point, _own_register(known.manifest, point.name))
    interval_s = max(known.interval_s or kind.interval_s, point.interval_s or 0)
    gap = max(int(_GAP_INTERVALS * interval_s * 1_000_000), HOUR_US)
    scan = _Scan(known.device_id, point.name, limits, phase, gap, last)
    near = _kept(on, known.device_id, point.name, first)
    if near is None:
        scan.start = first
        return scan
    reach = near[1].reach
    touchable = _floor(near[0] if reach is None else min(reach, near[0]), phase)
    anchor = _kept(on, known.device_id, point.name, max(touchable, _floor(horizon, phase) + HOUR_US))
    scan.start = touchable if anchor is None else anchor[0] + HOUR_US
    scan.state = State() if anchor is None else anchor[1]
    return scan


def _floor(at: int, phase: int) -> int:
    return (at - phase) // HOUR_US * HOUR_US + phase


def _own_register(manifest: object, point: str) -> float | None:
    """Return where the device said at its birth that its register begins again: {"rolls_over_at": {point: value}}."""
    stated = manifest.get("rolls_over_at") if isinstance(manifest, dict) else None
    value = stated.get(point) if isinstance(stated, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return None
    return float(value)


def _kept(on: Connection, device_id: int, point: str, before: int) -> tuple[int, State] | None:
    """Return the newest bucket (microseconds) before a time that keeps a state, and that state."""
    c = consumption.c
    mine = (c.device_id == device_id) & (c.point == point) & (c.bucket < moment(before)) & c.state.is_not(None)
    row = on.execute(select(c.bucket, c.state).where(mine).order_by(c.bucket.desc()).limit(1)).one_or_none()
    return None if row is None else (_us(row.bucket), State.unpacked(row.state))


@dataclass(slots=True)
class _Scan:
    """One counter on its way: begins at `start` with `state`; must go through the bucket `last` at least."""

    device_id: int
    point: str
    limits: Limits
    phase: int
    gap_us: int
    last: int
    start: int = 0
    state: State = field(default_factory=State)
    settled: int | None = None
    done: bool = False
    flow: Flow = field(default_factory=Flow)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def feed(self, on: Connection, ts: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take the next readings."""
        usable = (values >= 0) & (ts >= self.start)
        ts, values = ts[usable], values[usable]
        if self.done or not len(ts):
            return
        buckets = (ts - self.phase) // HOUR_US * HOUR_US + self.phase
        kept = self._kept_states(on, int(buckets[0]), int(buckets[-1]))
        edges = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist(), len(ts)]
        for begin, end in pairwise(edges):
            if self._bucket(int(buckets[begin]), ts[begin:end], values[begin:end], kept):
                self.done = True
                break
        self._book()

    def _bucket(
        self, bucket: int, ts: NDArray[np.int64], values: NDArray[np.float64], kept: Mapping[int, State]
    ) -> bool:
        """Follow the readings of one bucket; True when nothing that comes later matters any more."""
        flow, self.state = follow(self.state, ts, values, self.limits)
        self.flow.extend(flow)
        if self.settled is None:
            self._row(bucket)["state"] = self.state.packed()
            if bucket >= self.last and kept.get(bucket) == self.state:
                self.settled = bucket
            return False
        return self.state.reach is not None and self.state.reach >= self.settled + HOUR_US

    def _kept_states(self, on: Connection, first: int, last: int) -> dict[int, State]:
        if self.settled is not None:
            return {}
        c = consumption.c
        span = c.bucket >= moment(max(first, self.last)), c.bucket <= moment(last)
        query = select(c.bucket, c.state).where(c.device_id == self.device_id, c.point == self.point, *span)
        return {_us(row.bucket): State.unpacked(row.state) for row in on.execute(query) if row.state is not None}

    def write(self, on: Connection) -> None:
        """Put what was found in the place of what stood there."""
        c = consumption.c
        mine = [c.device_id == self.device_id, c.point == self.point, c.bucket >= moment(self.start)]
        if self.settled is not None:
            mine.append(c.bucket <= moment(self.settled))
        on.execute(delete(consumption).where(*mine))
        until = math.inf if self.settled is None else self.settled
        mine_too = {"device_id": self.device_id, "point": self.point}
        rows = [
            {**mine_too, **row, "bucket": moment(bucket), "amount": settled(row["amount"])}
            for bucket, row in sorted(self.rows.items())
            if self.start <= bucket <= until
        ]
        if rows:
            on.execute(insert(consumption), rows)

    def _book(self) -> None:
        """Put what has flowed so far into the rows: a long history is not held as single readings."""
        shares = spread(self.flow, HOUR_US, self.gap_us, self.phase)
        for bucket, amount, estimated in zip(*(column.tolist() for column in shares), strict=True):
            row = self._row(bucket)
            row["amount"] += amount
            row["estimated"] |= estimated
        for event, at, count in self.flow.events:
            self._row(_floor(at, self.phase))[_COLUMNS[event]] += count
        self.flow = Flow()

    def _row(self, bucket: int) -> dict[str, Any]:
        return self.rows.setdefault(bucket, dict(_EMPTY))


def _us(when: datetime) -> int:
    return round((when - _EPOCH).total_seconds() * 1_000_000)
