"""Statistics: the pieces of SQL of which reads of readings and rollups are made, and the names of widths."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import sql

from perception.sensor_kind import SensorKind
from support.columns import SECONDS


class Doubt(NamedTuple):
    """A point of a device that is not to be trusted over [from_at, to_at); `to_at` None: it goes on."""

    point: str
    from_at: datetime
    to_at: datetime | None


def good(kind: SensorKind, point: str, doubts: Sequence[Doubt] = ()) -> sql.Composed:
    """Return a point's column where it is good, else null. KeyError when the kind lacks the point.

    Good is what was so at receipt and lies in none of the doubts.
    """
    bit = sql.Literal(1 << kind.bits[point])
    outside = (_outside(doubt) for doubt in doubts if doubt.point == point)
    good_there = sql.SQL(" and ").join([sql.SQL("quality & {} = 0").format(bit), *outside])
    return sql.SQL("case when {} then {} end").format(good_there, sql.Identifier(point))


def _outside(doubt: Doubt) -> sql.Composed:
    before = sql.SQL("ts < {}").format(sql.Literal(doubt.from_at))
    if doubt.to_at is None:
        return sql.SQL("({})").format(before)
    return sql.SQL("({} or ts >= {})").format(before, sql.Literal(doubt.to_at))


def missing(column: sql.Composable) -> sql.Composed:
    """Return a column with NaN in place of null, as it goes over the wire."""
    return sql.SQL("coalesce({}, 'NaN')").format(column)


def listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    """Return parts with commas between them."""
    return sql.SQL(", ").join(parts)


def label(width_s: int) -> str:
    """Return a width as pages read it: 30s, 10m, 6h, 7d."""
    named = {seconds: width.value for width, seconds in SECONDS.items()}
    if width_s in named:
        return named[width_s]
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        if width_s % seconds == 0:
            return f"{width_s // seconds}{unit}"
    return f"{width_s}s"
