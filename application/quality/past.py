"""Past: the bins of devices out of rollups, and out of raw readings where spans keep them out of the rollups."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Connection, Table, and_, case, func, literal, select

from application.instants import microseconds, moment
from application.quality.bins import Bins
from perception.sensor_kind import SensorKind
from support.columns import BEYOND, Width, readings_table, rollup_table

_ORIGIN = moment(946_857_600_000_000)  # 2000-01-03 00:00 UTC, where buckets are counted from
_TENTH = timedelta(minutes=10)


def bins_of(
    on: Connection, kind: SensorKind, device_ids: Sequence[int], points: Sequence[str], span: tuple[int, int]
) -> dict[int, Bins]:
    """Return by device the bins of [begin, end) from its rollups: what lies in a quality span is not in them."""
    rollup = rollup_table(kind, Width.TEN_MINUTES)
    statistics = [rollup.c[f"{p}_{s}"] for s in ("n", "min", "max", "mean") for p in points]
    query = (
        select(rollup.c.device_id, rollup.c.bucket, *statistics)
        .where(rollup.c.device_id.in_(device_ids), *_between(rollup.c.bucket, span))
        .order_by(rollup.c.device_id, rollup.c.bucket)
    )
    return _gathered(on.execute(query).all(), points)


def raw_bins_of(
    on: Connection, kind: SensorKind, device_ids: Sequence[int], points: Sequence[str], span: tuple[int, int]
) -> dict[int, Bins]:
    """Return the same from raw readings, whatever is known of their quality since their receipt."""
    readings = readings_table(kind)
    bucket = func.date_bin(_TENTH, readings.c.ts, _ORIGIN).label("bucket")
    good = {p: case((_sound(readings, kind, p), readings.c[p])) for p in points}
    statistics = [f(good[p]) for f in (func.count, func.min, func.max, func.avg) for p in points]
    query = (
        select(readings.c.device_id, bucket, *statistics)
        .where(readings.c.device_id.in_(device_ids), *_between(readings.c.ts, span))
        .group_by(readings.c.device_id, bucket)
        .order_by(readings.c.device_id, bucket)
    )
    return _gathered(on.execute(query).all(), points)


def values_of(
    on: Connection, kind: SensorKind, device_id: int, point: str, span: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the good readings of one point over [from, to): ts int64[k], values float64[k]."""
    readings = readings_table(kind)
    query = (
        select(readings.c.ts, readings.c[point])
        .where(readings.c.device_id == device_id, *_between(readings.c.ts, span))
        .where(_sound(readings, kind, point))
        .order_by(readings.c.ts)
    )
    rows: Sequence[Any] = on.execute(query).all()
    return np.array([microseconds(row[0]) for row in rows], np.int64), np.array([row[1] for row in rows], np.float64)


def _sound(readings: Table, kind: SensorKind, point: str) -> ColumnElement[bool]:
    """Good at receipt, and a number that an instrument can say: with others no mean can be told."""
    good = readings.c.quality.op("&")(literal(1 << kind.bits[point], BigInteger)) == 0
    return and_(good, func.abs(readings.c[point]) < BEYOND)


def _between(column: ColumnElement[datetime], span: tuple[int, int]) -> tuple[ColumnElement[bool], ...]:
    return column >= moment(span[0]), column < moment(span[1])


def _gathered(rows: Sequence[Any], points: Sequence[str]) -> dict[int, Bins]:
    """Return rows of device_id, bucket and n, min, max and mean of each point as bins."""
    if not rows:
        return {}
    ids = np.array([row[0] for row in rows])
    ts = np.array([microseconds(row[1]) for row in rows], np.int64)
    numbers = np.array([row[2:] for row in rows], np.float64)
    numbers[~(np.abs(numbers) < BEYOND)] = np.nan  # in rollups that somebody else has written
    k = len(points)
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    found = {}
    for begin, stop in zip(first, np.append(first[1:], len(ids)), strict=True):
        n, low, high, mean = (numbers[begin:stop, i * k : (i + 1) * k] for i in range(4))
        n = np.where(np.isnan(mean), 0.0, np.nan_to_num(n))
        found[int(ids[begin])] = Bins(tuple(points), ts[begin:stop], n, low, high, mean)
    return found
