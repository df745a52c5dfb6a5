"""Counter scan: the counters of a device followed through its readings, from one state that is kept to another.

What is written anew begins where nothing that is read here can change what was before, and ends where the
state is the one that was kept and nothing that follows can say anything about what was.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection, select

from perception.counter import HOUR_US, Event, Flow, Limits, State, follow, settled, spread
from perception.point import Point
from perception.readings import quality_mask
from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.postgres.copy_out import FLOAT8, INT8, TIMESTAMP, copy_out, epoch_us, matrix
from support.postgres.rows import moment
from support.postgres.transact import driver
from support.tables import consumption

_FIRST_ROWS, _CHUNK_ROWS = 4000, 20_000
_FOR_EVER = 4_102_444_800_000_000
"""The year 2100: later than any reading."""
_GAP_INTERVALS = 3
_COLUMNS = {Event.RESET: "resets", Event.ROLLOVER: "rollovers", Event.JUMP: "jumps", Event.BAD: "bad"}
_EMPTY: dict[str, Any] = {
    "amount": 0.0, "estimated": False, "resets": 0, "rollovers": 0, "jumps": 0, "bad": 0, "state": None,
}  # fmt: skip
_EPOCH = moment(0)


def counters(kind: SensorKind) -> tuple[Point, ...]:
    """Return the points of a kind that only count up."""
    return tuple(p for p in kind.points if p.counter)


def follow_devices(
    on: Connection, kind: SensorKind, devices: Sequence[tuple[Any, tuple[int, int]]], horizon: int
) -> None:
    """Make the consumption right of devices whose readings of a span each (microseconds, inclusive) were touched.

    A device is known by its device_id, interval_s, manifest and timezone. Few statements, whatever their number.
    """
    of_device = {
        place: [_scan(kind, p, known, span) for p in counters(kind)] for place, (known, span) in enumerate(devices)
    }
    scans = [scan for mine in of_device.values() for scan in mine]
    if not scans:
        return
    _begin(on, scans, horizon)
    _foresee(on, scans)
    starts = [min(scan.start for scan in mine) for mine in of_device.values()]
    wanted = list(zip([known.device_id for known, _ in devices], starts, strict=True))
    places, ts, values = _read(on, kind, wanted, _FIRST_ROWS)
    for place, mine in of_device.items():
        _follow(on, kind, mine, ts[places == place], values[places == place])
    _write(on, scans)


def _follow(
    on: Connection, kind: SensorKind, scans: Sequence["_Scan"], ts: NDArray[np.int64], values: NDArray[np.float64]
) -> None:
    """Go through the first readings of a device, and on while they do not settle it."""
    most = _FIRST_ROWS
    while True:
        for place, scan in enumerate(scans):
            scan.feed(on, ts, values[:, place])
        if len(ts) < most or all(scan.done for scan in scans):
            return
        most = _CHUNK_ROWS
        _, ts, values = _read(on, kind, [(scans[0].device_id, int(ts[-1]) + 1)], most)


def _phase(zone: str | None, at: int) -> int:
    """Return by how much the hours of a zone's clock begin after those of UTC (microseconds)."""
    offset = moment(at).astimezone(ZoneInfo(zone)).utcoffset() if zone else None
    return 0 if offset is None else -int(offset.total_seconds()) * 1_000_000 % HOUR_US


_READ = """
select d.place - 1, r.* from unnest(%s::int4[], %s::timestamptz[]) with ordinality as d(device_id, after, place)
cross join lateral (
    select ts, {values}, quality from {table} as s
    where s.device_id = d.device_id and s.ts >= d.after and s.ts >= {earliest} and ({any}) order by s.ts limit {most}
) as r
"""
"""`earliest` says the same as `after`, but to the planner: partitions before it are left alone."""


def _read(
    on: Connection, kind: SensorKind, wanted: Sequence[tuple[int, int]], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the next readings that carry any counter, of devices at or after a time each, so many of each at most.

    First the place in `wanted` that a reading is of. NaN where a counter is not good.
    """
    points = counters(kind)
    names = [sql.Identifier(p.name) for p in points]
    query = sql.SQL(_READ).format(
        values=sql.SQL(", ").join(sql.SQL("coalesce({0}, 'NaN') as {0}").format(n) for n in names),
        table=sql.Identifier(readings_name(kind)),
        any=sql.SQL(" or ").join(sql.SQL("{} is not null").format(n) for n in names),
        earliest=sql.Literal(moment(min(after for _, after in wanted))),
        most=sql.Literal(most),
    )
    wire = [INT8, TIMESTAMP, *[FLOAT8] * len(points), INT8]
    rows = copy_out(on, query, [[device for device, _ in wanted], [moment(after) for _, after in wanted]], wire)
    values = matrix(rows, 2, len(points))
    words = rows[f"f{2 + len(points)}"].astype(np.int64)
    values[quality_mask(words, len(kind.points))[:, [kind.bits[p.name] for p in points]]] = np.nan
    return rows["f0"].astype(np.int64), epoch_us(rows["f1"]), values


def _scan(kind: SensorKind, point: Point, known: Any, span: tuple[int, int]) -> "_Scan":
    phase = _phase(known.timezone, span[0])
    first, last = (_floor(at, phase) for at in span)
    limits = Limits.of(point, _own_register(known.manifest, point.name))
    interval_s = max(known.interval_s or kind.interval_s, point.interval_s or 0)
    gap = max(int(_GAP_INTERVALS * interval_s * 1_000_000), HOUR_US)
    return _Scan(known.device_id, point.name, limits, phase, gap, last, start=first)


def _begin(on: Connection, scans: Sequence["_Scan"], horizon: int) -> None:
    """Find where to begin: behind a kept state before which nothing can change any more."""
    near = _kept_before(on, [(scan, scan.start) for scan in scans])
    touchable = []
    for scan, found in zip(scans, near, strict=True):
        if found is not None:
            at, state = found
            scan.start = _floor(at if state.reach is None else min(state.reach, at), scan.phase)
            touchable.append((scan, max(scan.start, _floor(horizon, scan.phase) + HOUR_US)))
    for (scan, _), found in zip(touchable, _kept_before(on, touchable), strict=True):
        if found is not None:
            scan.start, scan.state = found[0] + HOUR_US, found[1]


_KEPT_BEFORE = """
select d.place, c.bucket, c.state
from unnest(%s::int4[], %s::text[], %s::timestamptz[]) with ordinality as d(device_id, point, before, place)
cross join lateral (
    select bucket, state from consumption as c
    where c.device_id = d.device_id and c.point = d.point and c.bucket < d.before and c.state is not null
    order by c.bucket desc limit 1
) as c
"""


def _kept_before(on: Connection, asked: Sequence[tuple["_Scan", int]]) -> list[tuple[int, State] | None]:
    """Return the newest bucket (microseconds) before a time each that keeps a state, and that state."""
    found: list[tuple[int, State] | None] = [None] * len(asked)
    arrays = _arrays([scan for scan, _ in asked], [before for _, before in asked])
    for place, bucket, state in driver(on).execute(_KEPT_BEFORE, arrays) if asked else ():
        found[place - 1] = _us(bucket), State.unpacked(state)
    return found


_FORESEEN = """
select d.place, c.bucket, c.state
from unnest(%s::int4[], %s::text[], %s::timestamptz[]) with ordinality as d(device_id, point, first, place)
cross join lateral (
    select bucket, state from consumption as c
    where c.device_id = d.device_id and c.point = d.point and c.bucket >= d.first and c.state is not null
    order by c.bucket limit %s
) as c order by 1, 2
"""
_FORESIGHT = 4


def _foresee(on: Connection, scans: Sequence["_Scan"]) -> None:
    """Tell each scan the next states that are kept from its last bucket on: most settle on one of them."""
    arrays = _arrays(scans, [scan.last for scan in scans])
    for place, bucket, state in driver(on).execute(_FORESEEN, [*arrays, _FORESIGHT]):
        scans[place - 1].kept[_us(bucket)] = State.unpacked(state)
    for scan in scans:
        scan.foreseen = max(scan.kept) if len(scan.kept) == _FORESIGHT else _FOR_EVER


def _arrays(scans: Sequence["_Scan"], times: Sequence[int]) -> list[object]:
    return [[s.device_id for s in scans], [s.point for s in scans], [moment(at) for at in times]]


_CLEAR = """
delete from consumption as c using unnest(%s::int4[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    as d(device_id, point, first, last)
where c.device_id = d.device_id and c.point = d.point and c.bucket >= d.first and c.bucket <= d.last
"""
_PUT = """
insert into consumption (device_id, point, bucket, amount, estimated, resets, rollovers, jumps, bad, state)
select d.device_id, d.point, d.bucket, d.amount, d.estimated, d.resets, d.rollovers, d.jumps, d.bad, d.state::float8[]
from unnest(%s::int4[], %s::text[], %s::timestamptz[], %s::float8[], %s::bool[], %s::int4[], %s::int4[], %s::int4[],
    %s::int4[], %s::text[])
    as d(device_id, point, bucket, amount, estimated, resets, rollovers, jumps, bad, state)
"""


def _write(on: Connection, scans: Sequence["_Scan"]) -> None:
    """Put what was found in the place of what stood there."""
    until = [_FOR_EVER if scan.settled is None else scan.settled for scan in scans]
    driver(on).execute(_CLEAR, [*_arrays(scans, [scan.start for scan in scans]), [moment(at) for at in until]])
    rows = [row for scan in scans for row in scan.found()]
    if rows:
        driver(on).execute(_PUT, [list(column) for column in zip(*rows, strict=True)])


def _floor(at: int, phase: int) -> int:
    return (at - phase) // HOUR_US * HOUR_US + phase


def _own_register(manifest: object, point: str) -> float | None:
    """Return where the device said at its birth that its register begins again: {"rolls_over_at": {point: value}}."""
    stated = manifest.get("rolls_over_at") if isinstance(manifest, dict) else None
    value = stated.get(point) if isinstance(stated, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return None
    return float(value)


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
    kept: dict[int, State] = field(default_factory=dict)
    foreseen: int = 0

    def feed(self, on: Connection, ts: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take the next readings."""
        usable = (values >= 0) & (ts >= self.start)
        ts, values = ts[usable], values[usable]
        if self.done or not len(ts):
            return
        buckets = (ts - self.phase) // HOUR_US * HOUR_US + self.phase
        if self.settled is None and buckets[-1] > self.foreseen:
            self._look_up(on, int(buckets[0]), int(buckets[-1]))
        edges = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist(), len(ts)]
        for begin, end in pairwise(edges):
            if self._bucket(int(buckets[begin]), ts[begin:end], values[begin:end]):
                self.done = True
                break
        self._book()

    def _bucket(self, bucket: int, ts: NDArray[np.int64], values: NDArray[np.float64]) -> bool:
        """Follow the readings of one bucket; True when nothing that comes later matters any more."""
        flow, self.state = follow(self.state, ts, values, self.limits)
        self.flow.extend(flow)
        if self.settled is None:
            self._row(bucket)["state"] = self.state.packed()
            if bucket >= self.last and self.kept.get(bucket) == self.state:
                self.settled = bucket
            return False
        return self.state.reach is not None and self.state.reach >= self.settled + HOUR_US

    def _look_up(self, on: Connection, first: int, last: int) -> None:
        """Learn the states that are kept in these buckets: the scan goes on for longer than was foreseen."""
        c = consumption.c
        span = c.bucket >= moment(max(first, self.last)), c.bucket <= moment(last)
        query = select(c.bucket, c.state).where(c.device_id == self.device_id, c.point == self.point, *span)
        rows = on.execute(query.where(c.state.is_not(None)))
        self.kept = {_us(row.bucket): State.unpacked(row.state) for row in rows}

    def found(self) -> Iterator[tuple[object, ...]]:
        """Yield the rows to be written, in the order of the statement that does so."""
        until = _FOR_EVER if self.settled is None else self.settled
        for bucket, row in sorted(self.rows.items()):
            if self.start <= bucket <= until:
                state = row["state"] and "{" + ",".join(map(repr, row["state"])) + "}"
                counts = (row[name] for name in _COLUMNS.values())
                amount = settled(row["amount"])
                yield self.device_id, self.point, moment(bucket), amount, row["estimated"], *counts, state

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
