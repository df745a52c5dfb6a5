"""Consumption: what flowed through the meters of a device, in hours, days or months of its city's clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select

from application.instants import DAY, HOUR, milliseconds, moment
from perception.sensor_kind import SensorKind
from support.tables import city, consumption, device, district, station


class Per(StrEnum):
    """How wide the buckets are."""

    HOUR = "1h"
    DAY = "1d"
    MONTH = "1mo"


_TRUNC = {Per.HOUR: "hour", Per.DAY: "day", Per.MONTH: "month"}
_US = {Per.HOUR: HOUR, Per.DAY: DAY, Per.MONTH: 30 * DAY}


@dataclass(frozen=True, slots=True)
class Consumption:
    """What flowed through one meter. Columns of equal length; buckets in which nothing was metered are left out.

    `ts`: beginnings, epoch milliseconds. `hours`: how many hours of the bucket are known. `estimated`: some of it
    was spread over a gap, or inferred. `resets`, `rollovers`, `jumps`, `bad`: what the meter did beside counting.
    """

    device: str
    point: str
    unit: str
    width: str
    zone: str
    ts: Sequence[int]
    amount: Sequence[float]
    hours: Sequence[int]
    estimated: Sequence[bool]
    resets: Sequence[int]
    rollovers: Sequence[int]
    jumps: Sequence[int]
    bad: Sequence[int]


def width_for(span: tuple[int, int], most: int, wanted: Per = Per.HOUR) -> Per:
    """Return the narrowest width, not narrower than wanted, of which a span (microseconds) has at most `most` buckets.

    Months are the widest there is.
    """
    order = list(Per)
    candidates = order[order.index(wanted) :]
    return next((p for p in candidates if (span[1] - span[0]) / _US[p] <= most), Per.MONTH)


def read(
    on: Connection, kinds: Mapping[str, SensorKind], name: str, span: tuple[int, int], most: int, wanted: Per
) -> Sequence[Consumption] | None:
    """Return what flowed through each counter of a device over [from, to) (microseconds); None: no such device.

    Never more than about `most` buckets of each: the width grows instead. The newest hour follows within minutes.
    """
    facts = (
        select(device.c.device_id, device.c.kind, func.coalesce(city.c.timezone, "UTC").label("zone"))
        .outerjoin_from(device, station, station.c.name == device.c.station)
        .outerjoin(district, district.c.name == station.c.district)
        .outerjoin(city, city.c.name == district.c.city)
        .where(device.c.name == name)
    )
    known = on.execute(facts).one_or_none()
    if known is None:
        return None
    kind, width = kinds.get(known.kind), width_for(span, most, wanted)
    points = [p for p in kind.points if p.counter] if kind is not None else []
    return [
        Consumption(name, p.name, p.unit, width.value, known.zone, **_columns(on, known, p.name, span, width))
        for p in points
    ]


def _columns(on: Connection, known: Any, point: str, span: tuple[int, int], width: Per) -> dict[str, Any]:
    c = consumption.c
    bucket = func.date_trunc(_TRUNC[width], c.bucket, known.zone).label("at")
    query = (
        select(
            bucket,
            func.sum(c.amount).label("amount"),
            func.count().label("hours"),
            func.bool_or(c.estimated).label("estimated"),
            *(func.sum(c[name]).label(name) for name in ("resets", "rollovers", "jumps", "bad")),
        )
        .where(c.device_id == known.device_id, c.point == point)
        .where(c.bucket >= moment(span[0]), c.bucket < moment(span[1]))
        .group_by(bucket)
        .order_by(bucket)
    )
    rows = on.execute(query).mappings().all()
    names = ("amount", "hours", "estimated", "resets", "rollovers", "jumps", "bad")
    return {"ts": [milliseconds(row["at"]) for row in rows], **{n: [row[n] for row in rows] for n in names}}
