"""Correction store: what is done to a device's points at receipt, as rows. Works on a Connection; who calls it commits.

Every write carries an actor and leaves its entry in the audit, in the same transaction; ingest heeds it
with its next look at the roster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from perception.corrections import Correction
from perception.point import Point
from perception.sensor_kind import SensorKind
from perception.units import canonical, conversion
from support.tables import audit, correction, device

MOST_ALIAS = 120
"""Characters of a name that a device may use; the roster holds them all."""


class CorrectionError(Exception):
    """A correction cannot be made so; the text says what there is and what to try."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be done to a point; what is None stays as it was. `unit` stands for scale and offset."""

    alias: str | None = None
    scale: float | None = None
    offset: float | None = None
    unit: str | None = None


def device_id_and_kind(on: Connection, name: str, kinds: Mapping[str, SensorKind]) -> tuple[int, SensorKind]:
    """Return a device's id and kind. Raises CorrectionError when it is unknown or its kind is not installed."""
    row = on.execute(select(device.c.device_id, device.c.kind).where(device.c.name == name)).one_or_none()
    if row is None:
        near = get_close_matches(name, on.scalars(select(device.c.name)).all(), n=3)
        meant = f" Did you mean {' or '.join(near)}?" if near else " See `hearthline devices list`"
        raise CorrectionError(f"no device is named {name!r}.{meant}")
    if row.kind not in kinds:
        raise CorrectionError(f"device {name} is of the kind {row.kind}, which is not installed here")
    return int(row.device_id), kinds[row.kind]


def point_of(kind: SensorKind, name: str) -> Point:
    """Return a point by its name. Raises CorrectionError."""
    if name not in kind.bits:
        near = get_close_matches(name, kind.names, n=3, cutoff=0.4)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise CorrectionError(f"the kind {kind.name} has no point {name!r}.{meant} See `hearthline kinds {kind.name}`")
    return kind.points[kind.bits[name]]


def correct(
    on: Connection,
    name: str,
    kind_of: Mapping[str, SensorKind],
    point: str,
    wish: Wish,
    valid_from: datetime,
    actor: str,
) -> Correction:
    """Correct a point from an event time on, and return what is then done to it.

    What the wish leaves out stays as it is at that time. Raises CorrectionError, or UnitError
    when a unit is unknown or measures something else.
    """
    device_id, kind = device_id_and_kind(on, name, kind_of)
    wanted = point_of(kind, point)
    if wish == Wish():
        raise CorrectionError("nothing to correct: say --alias, --scale, --offset or --unit, or --end")
    if wish.unit is not None and (wish.scale is not None or wish.offset is not None):
        raise CorrectionError("say --unit, or --scale and --offset: a unit is a scale and an offset")
    at = round(valid_from.timestamp() * 1_000_000)
    before = _in_force(on, device_id, point, valid_from)
    after = _changed(before, wanted, wish, at)
    _refuse_taken_alias(on, device_id, kind, after, valid_from)
    unit = None if wish.unit is None else canonical(wish.unit)
    _write(on, device_id, name, after, valid_from, unit, actor, "device corrected")
    return after


def end(
    on: Connection, name: str, kinds: Mapping[str, SensorKind], point: str, valid_from: datetime, actor: str
) -> None:  # fmt: skip
    """Take a point as the device sends it from an event time on. Raises CorrectionError."""
    device_id, kind = device_id_and_kind(on, name, kinds)
    point_of(kind, point)
    if _in_force(on, device_id, point, valid_from) == Correction(point):
        raise CorrectionError(f"no correction of {point} is in force at {name} then: hearthline devices corrections")
    _write(on, device_id, name, Correction(point), valid_from, None, actor, "correction ended")


def remove(on: Connection, name: str, correction_id: int, actor: str) -> None:
    """Take a correction back as if it had never been made. Raises CorrectionError."""
    device_id = select(device.c.device_id).where(device.c.name == name).scalar_subquery()
    c = correction.c
    gone = on.execute(
        delete(correction).where(c.correction_id == correction_id, c.device_id == device_id).returning(*correction.c)
    ).one_or_none()
    if gone is None:
        raise CorrectionError(f"{name} has no correction {correction_id}: see `hearthline devices corrections {name}`")
    detail = {"point": gone.point, "alias": gone.alias, "scale": gone.scale, "offset": gone.offset, "unit": gone.unit}
    _audit(on, actor, "correction removed", name, {**detail, "valid_from": gone.valid_from.isoformat()})


def corrections(on: Connection, name: str | None) -> Sequence[Row[Any]]:
    """Return every correction, or those of a device, by device, point and the time from which it holds."""
    query = select(correction, device.c.name.label("device")).join(device)
    if name is not None:
        query = query.where(device.c.name == name)
    c = correction.c
    return on.execute(query.order_by(device.c.name, c.point, c.valid_from, c.correction_id)).all()


def _in_force(on: Connection, device_id: int, point: str, at: datetime) -> Correction:
    """Return what is done to a point at an event time."""
    c = correction.c
    row = on.execute(
        select(c.alias, c.scale, c.offset)
        .where(c.device_id == device_id, c.point == point, c.valid_from <= at)
        .order_by(c.valid_from.desc(), c.correction_id.desc())
        .limit(1)
    ).one_or_none()
    return Correction(point) if row is None else Correction(point, row.alias, row.scale, row.offset)


def _changed(before: Correction, point: Point, wish: Wish, at: int) -> Correction:
    scale, offset = wish.scale, wish.offset
    if wish.unit is not None:
        scale, offset = conversion(wish.unit, point.unit)
    if scale == 0:
        raise CorrectionError("a scale of 0 would make every value the same")
    if wish.alias is not None and not 0 < len(wish.alias) <= MOST_ALIAS:
        raise CorrectionError(f"an alias has 1 to {MOST_ALIAS} characters")
    return replace(
        before,
        alias=before.alias if wish.alias is None else wish.alias,
        scale=before.scale if scale is None else scale,
        offset=before.offset if offset is None else offset,
        valid_from=at,
    )


def _refuse_taken_alias(on: Connection, device_id: int, kind: SensorKind, wanted: Correction, at: datetime) -> None:
    """One name cannot mean two points at one time."""
    if wanted.alias is None:
        return
    if wanted.alias == wanted.point:
        raise CorrectionError(f"{wanted.alias} is the point's own name: it needs no alias")
    for other in kind.names:
        if other != wanted.point and _in_force(on, device_id, other, at).alias == wanted.alias:
            raise CorrectionError(f"{wanted.alias!r} is the alias of {other} already: end that first")


def _write(
    on: Connection,
    device_id: int,
    name: str,
    made: Correction,
    valid_from: datetime,
    unit: str | None,
    actor: str,
    action: str,
) -> None:
    facts = {"point": made.point, "alias": made.alias, "scale": made.scale, "offset": made.offset, "unit": unit}
    row = {**facts, "device_id": device_id, "valid_from": valid_from, "actor": actor}
    on.execute(insert(correction).values(row))
    _audit(on, actor, action, name, {**facts, "valid_from": valid_from.isoformat()})


def _audit(on: Connection, actor: str, action: str, name: str, detail: Mapping[str, object]) -> None:
    on.execute(insert(audit).values(actor=actor, action=action, subject=f"device:{name}", detail=dict(detail)))
