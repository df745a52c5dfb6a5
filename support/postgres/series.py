"""Series: points of one device over a span, from raw readings or from the rollup that fits. Never more than is drawn.

Which source is read follows from three questions: are there few enough raw readings; how many buckets of each
rollup would there be; and does the source still reach back as far as the coarser ones do, for retention takes the
fine ones first. A source with a few rows too many is gathered into wider bins.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection, text

from perception.sensor_kind import SensorKind
from support.columns import SECONDS, Width, readings_name, rollup_name, widths
from support.postgres.copy_out import FLOAT8, INT8, TIMESTAMP, copy_out, epoch_us, matrix
from support.postgres.rows import moment
from support.postgres.statistics import Doubt, good, label, listed, missing
from support.store import Series

RAW_ROWS_PER_INSTANT = 20
"""Up to so many raw rows per instant asked for, bins are made from raw rows: a few milliseconds, and never behind."""
ROLLUP_ROWS_PER_INSTANT = 10
"""Up to so many buckets per instant asked for, a rollup is gathered into bins; beyond it the next wider one is read."""

TAIL_S = 3 * 86400
"""How far rollups may lag behind before the youngest part of a long span stays empty."""
ORIGIN_US = 946_857_600_000_000
"""Where buckets are counted from: 2000-01-03 00:00 UTC, a Monday."""

_BINS_S = (10, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
_DAY_S = 86_400
_SLOP_US = 2 * 3600 * 1_000_000
"""Days of a city begin an hour earlier or later when clocks change."""

Span = tuple[int, int]


class Sources(NamedTuple):
    """What there is in a span: raw rows (counted up to a limit), and the first instant of raw and of each rollup."""

    rows: int
    raw_from: int | None
    rollups_from: dict[Width, int | None]

    def reaches_back(self, first: int | None, slack_s: int) -> bool:
        """Whether a source that begins there lacks nothing that another has; rollups begin up to a bucket early."""
        earliest = min((f for f in self.rollups_from.values() if f is not None), default=None)
        if earliest is None:
            return True
        return first is not None and first <= earliest + slack_s * 1_000_000


def series(on: Connection, kind: SensorKind, device_id: int, points: Sequence[str], span: Span, most: int) -> Series:
    """Return at most about `most` instants of the span. KeyError when the kind lacks a point."""
    found = _sources(on, kind, device_id, span, most * RAW_ROWS_PER_INSTANT + 1)
    source = _Raw(kind, device_id, tuple(points), _doubts(on, device_id, points, span))
    whole = found.reaches_back(found.raw_from, 2 * _DAY_S)
    if found.rows <= most and whole:
        return _raw(on, source, span)
    if found.rows <= most * RAW_ROWS_PER_INSTANT and whole:
        width_s = bin_s(span, most)
        return _bins(on, source, span, width_s, ORIGIN_US).series(points, width_s)
    return _rolled_up(on, source, span, most, _width(kind, span, most, found))


class _Raw(NamedTuple):
    """What is read of the raw readings: whose, which points, and where they are not to be trusted."""

    kind: SensorKind
    device_id: int
    points: tuple[str, ...]
    doubts: tuple[Doubt, ...]

    def good(self, point: str) -> sql.Composed:
        return good(self.kind, point, self.doubts)


_DOUBTS = """
select point, from_at, to_at from quality_span
where device_id = :device and point = any(:points) and from_at < :stop and (to_at is null or to_at > :start)
"""


def _doubts(on: Connection, device_id: int, points: Sequence[str], span: Span) -> tuple[Doubt, ...]:
    told = {"device": device_id, "points": list(points), "start": moment(span[0]), "stop": moment(span[1])}
    return tuple(Doubt(*row) for row in on.execute(text(_DOUBTS), told))


def bin_s(span: Span, most: int, least_s: int = 1) -> int:
    """Return the width of bins, a multiple of `least_s`, of which the span has at most `most`."""
    seconds = (span[1] - span[0]) / 1_000_000
    fitting = (b for b in _BINS_S if b >= least_s and b % least_s == 0 and seconds / b <= most)
    return next(fitting, _DAY_S * max(1, -int(-seconds // (_DAY_S * most))))


def _width(kind: SensorKind, span: Span, most: int, found: Sources) -> Width:
    """Return the finest rollup that has few enough buckets and reaches back as far as any."""
    seconds = (span[1] - span[0]) / 1_000_000
    return next(
        (
            w for w in widths(kind)
            if seconds / SECONDS[w] <= ROLLUP_ROWS_PER_INSTANT * most
            and found.reaches_back(found.rollups_from[w], 2 * _DAY_S)
        ),
        Width.DAY,
    )  # fmt: skip


def _sources(on: Connection, kind: SensorKind, device_id: int, span: Span, limit: int) -> Sources:
    counted = sql.SQL(
        "select count(*), coalesce((extract(epoch from min(ts)) * 1000000)::int8, 0) from "
        "(select ts from {} where device_id = {} and ts >= {} and ts < {} order by ts limit {}) as r"
    ).format(sql.Identifier(readings_name(kind)), *_literals(device_id, span), sql.Literal(limit))
    parts = [counted]
    for width in widths(kind):
        first = sql.SQL(
            "select 0::int8, coalesce((extract(epoch from "
            "(select bucket from {} where device_id = {} and bucket >= {} and bucket < {} order by bucket limit 1)"
            ") * 1000000)::int8, 0)"
        )
        parts.append(first.format(sql.Identifier(rollup_name(kind, width)), *_literals(device_id, span)))
    rows = copy_out(on, sql.SQL(" union all ").join(parts), [], [INT8, INT8])
    firsts: list[int | None] = [int(f) or None for f in rows["f1"]]
    return Sources(int(rows["f0"][0]), firsts[0], dict(zip(widths(kind), firsts[1:], strict=True)))


def _literals(device_id: int, span: Span) -> list[sql.Literal]:
    return [sql.Literal(device_id), sql.Literal(moment(span[0])), sql.Literal(moment(span[1]))]


def _raw(on: Connection, of: _Raw, span: Span) -> Series:
    query = sql.SQL(
        "select ts, {values} from {table} where device_id = %s and ts >= %s and ts < %s order by ts"
    ).format(values=listed(missing(of.good(p)) for p in of.points), table=sql.Identifier(readings_name(of.kind)))
    rows = copy_out(on, query, [of.device_id, *map(moment, span)], [TIMESTAMP, *[FLOAT8] * len(of.points)])
    values = matrix(rows, 1, len(of.points))
    return Series(of.points, epoch_us(rows["f0"]), values, values, values, "raw")


class _Buckets(NamedTuple):
    """Buckets as they were read: ts int64[m]; n, mean, low and high float64[m, points]."""

    ts: NDArray[np.int64]
    n: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def series(self, points: Sequence[str], width_s: int) -> Series:
        return Series(tuple(points), self.ts, self.mean, self.low, self.high, label(width_s))

    def taken(self, rows: NDArray[np.bool_]) -> "_Buckets":
        return _Buckets(self.ts[rows], self.n[rows], self.mean[rows], self.low[rows], self.high[rows])

    def joined(self, tail: "_Buckets") -> "_Buckets":
        """Put a tail behind these, in place of those that it covers."""
        keep = self.ts < (tail.ts[0] if len(tail.ts) else np.iinfo(np.int64).max)
        kept = self.taken(keep)
        columns: list[Any] = [np.concatenate(pair) for pair in zip(kept, tail, strict=True)]
        return _Buckets(*columns)

    def gathered(self, width_us: int, origin: int) -> "_Buckets":
        """Gather buckets into wider ones, stamped with the first of each; means are weighed by their values."""
        bins = (self.ts - origin) // width_us
        first = np.flatnonzero(np.append(True, bins[1:] != bins[:-1])) if len(bins) else np.empty(0, np.intp)
        if not len(first):
            return self
        n = np.add.reduceat(self.n, first, axis=0)
        total = np.add.reduceat(np.where(self.n > 0, self.n * self.mean, 0.0), first, axis=0)
        mean = np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)
        low, high = np.fmin.reduceat(self.low, first, axis=0), np.fmax.reduceat(self.high, first, axis=0)
        return _Buckets(self.ts[first], n, np.clip(mean, low, high), low, high)


def _bins(on: Connection, of: _Raw, span: Span, width_s: int, origin: int) -> _Buckets:
    """Gather raw readings to bins of a width, counted from `origin` and stamped with their beginning."""
    statistics = [
        missing(sql.SQL("{}({})::float8").format(sql.SQL(function), of.good(p)))
        for function in ("count", "avg", "min", "max")
        for p in of.points
    ]
    query = sql.SQL(
        "select date_bin(%s, ts, %s) as bucket, {statistics} from {table} "
        "where device_id = %s and ts >= %s and ts < %s group by bucket order by bucket"
    ).format(statistics=listed(statistics), table=sql.Identifier(readings_name(of.kind)))
    parameters = [timedelta(seconds=width_s), moment(origin), of.device_id, *map(moment, span)]
    return _of_statistics(on, len(of.points), query, parameters)


def _rolled_up(on: Connection, of: _Raw, span: Span, most: int, width: Width) -> Series:
    """Read a rollup; what follows it comes from raw, because rollups lag behind, and so does its newest bucket.

    A bucket that ends behind the span would speak of what is not in it: while raw readings are there, they speak.
    """
    names = ("n", "mean", "min", "max")
    statistics = [missing(sql.SQL("{}::float8").format(sql.Identifier(f"{p}_{s}"))) for s in names for p in of.points]
    query = sql.SQL(
        "select bucket, {statistics} from {table} where device_id = %s and bucket >= %s and bucket < %s order by bucket"
    ).format(statistics=listed(statistics), table=sql.Identifier(rollup_name(of.kind, width)))
    old = _of_statistics(on, len(of.points), query, [of.device_id, *map(moment, span)])
    own_us = SECONDS[width] * 1_000_000
    ended = old.ts + own_us + (_SLOP_US if width is Width.DAY else 0) <= span[1]
    ended[:-2] = True
    if not ended.all():
        begins = int(old.ts[~ended][0])
        ended |= not _is_raw_there(on, of.kind, of.device_id, (begins, begins + own_us + _SLOP_US))
    newest = int(old.ts[~ended][0] if not ended.all() else old.ts[-1]) if len(old.ts) else ORIGIN_US
    old = old.taken(ended)
    start = newest + max(0, -((newest + TAIL_S * 1_000_000 - span[1]) // own_us)) * own_us
    tail = _bins(on, of, (max(start, span[0]), span[1]), SECONDS[width], newest)
    wide_s = max(SECONDS[width], bin_s(span, most, SECONDS[width]))
    found = old.joined(tail)
    if wide_s > SECONDS[width] and len(found.ts):
        origin = int(found.ts[0]) - own_us // 2 if width is Width.DAY else ORIGIN_US  # midnights move with the clocks
        found = found.gathered(wide_s * 1_000_000, origin)
    return found.series(of.points, wide_s)


def _is_raw_there(on: Connection, kind: SensorKind, device_id: int, span: Span) -> bool:
    query = sql.SQL("select 1::int8 from {} where device_id = %s and ts >= %s and ts < %s limit 1").format(
        sql.Identifier(readings_name(kind))
    )
    return len(copy_out(on, query, [device_id, *map(moment, span)], [INT8])) > 0


def _of_statistics(on: Connection, n: int, query: sql.Composed, parameters: Sequence[object]) -> _Buckets:
    rows = copy_out(on, query, parameters, [TIMESTAMP, *[FLOAT8] * (4 * n)])
    return _Buckets(epoch_us(rows["f0"]), *(matrix(rows, 1 + n * k, n) for k in range(4)))
