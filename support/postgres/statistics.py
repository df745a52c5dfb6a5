"""Statistics: the pieces of SQL of which reads of readings and rollups are made, and the names of widths."""

from collections.abc import Iterable

from psycopg import sql

from perception.sensor_kind import SensorKind
from support.columns import SECONDS


def good(kind: SensorKind, point: str) -> sql.Composed:
    """Return a point's column where it is good, else null. KeyError when the kind lacks the point."""
    bit = sql.Literal(1 << kind.bits[point])
    return sql.SQL("case when quality & {} = 0 then {} end").format(bit, sql.Identifier(point))


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
