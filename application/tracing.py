"""Tracing: what the tables know of one device, at each stop on the way from its message to the page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from perception.sensor_kind import SensorKind
from support.columns import readings_table, rollup_table, widths
from support.tables import alarm, device, district, ledger, reject, rollup_mark, rollup_touch, station, watch_state

LOOK_BACK = timedelta(days=30)
"""Every read has a lower time bound; what is older is not looked for."""

STORED_BACK = timedelta(days=10 * 366)
"""The same for readings and rollups: as far back as readings are accepted, so that a recording is found."""

Step = Mapping[str, object]


class UnknownDeviceError(Exception):
    """No device has this name: see `hearthline devices list`."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What was found, and where to listen for the live frame."""

    device_id: int
    city: str | None
    steps: tuple[Step, ...]


def follow(on: Connection, kinds: Mapping[str, SensorKind], name: str) -> Trail:
    """Return the trail of a device. Raises UnknownDeviceError."""
    query = (
        select(device, district.c.city)
        .outerjoin_from(device, station, station.c.name == device.c.station)
        .outerjoin(district, district.c.name == station.c.district)
        .where(device.c.name == name)
    )
    found = on.execute(query).one_or_none()
    if found is None:
        raise UnknownDeviceError(f"no device is named {name}: see `hearthline devices list`")
    now = datetime.now(UTC)
    since = now - LOOK_BACK
    kind = kinds.get(found.kind)
    stored = () if kind is None else _stored(on, kind, found.device_id, now - STORED_BACK)
    return Trail(
        found.device_id, found.city, (_known(found), *_delivered(on, name, since), *stored, *_judged(on, found, since))
    )


def _known(found: Row[Any]) -> Step:
    online = {None: "never said whether it is online", True: "online", False: "offline"}[found.online]
    where = found.station or "no station yet"
    return _step("catalogue", found.state_at, f"{found.status}, {found.kind} at {where}, {online}")


def _delivered(on: Connection, name: str, since: datetime) -> Iterator[Step]:
    hour = on.execute(
        select(ledger).where(ledger.c.device == name, ledger.c.hour >= since).order_by(ledger.c.hour.desc()).limit(1)
    ).one_or_none()
    fates = ("received", "stored", "duplicate", "merged", "conflict", "rejected")
    counts = "" if hour is None else ", ".join(f"{fate} {getattr(hour, fate)}" for fate in fates)
    yield _step(
        "deliveries of the last hour with any", None if hour is None else hour.hour, counts or "none in 30 days"
    )
    last = on.execute(
        select(reject)
        .where(reject.c.device == name, reject.c.received_at >= since)
        .order_by(reject.c.received_at.desc())
        .limit(1)
    ).one_or_none()
    yield _step(
        "last reject",
        None if last is None else last.received_at,
        "none" if last is None else f"{last.reason}: {last.detail}",
    )


def _stored(on: Connection, kind: SensorKind, device_id: int, since: datetime) -> Iterator[Step]:
    t = readings_table(kind)
    newest = on.execute(
        select(t).where(t.c.device_id == device_id, t.c.ts >= since).order_by(t.c.ts.desc()).limit(1)
    ).one_or_none()
    yield _step("last delivery stored", None if newest is None else newest.received_at, "" if newest else "none")
    yield _step(
        "newest reading", None if newest is None else newest.ts, "" if newest is None else _values(kind, newest)
    )
    for width in widths(kind):
        r = rollup_table(kind, width)
        bucket = on.execute(
            select(func.max(r.c.bucket)).where(r.c.device_id == device_id, r.c.bucket >= since)
        ).scalar()
        yield _step(f"newest rollup {width}", bucket, "")
    marked = select(rollup_mark.c.bucket).where(rollup_mark.c.kind == kind.name, rollup_mark.c.device_id == device_id)
    touched = select(rollup_touch.c.bucket).where(
        rollup_touch.c.kind == kind.name, rollup_touch.c.device_ids.contains([device_id])
    )
    buckets = marked.union(touched).subquery()
    waiting = on.execute(select(func.count(), func.min(buckets.c.bucket))).one()
    yield _step("buckets waiting for tend", waiting[1], str(waiting[0]))


def _values(kind: SensorKind, row: Row[Any]) -> str:
    told = [n for n in kind.names if getattr(row, n) is not None]
    bad = [n for bit, n in enumerate(kind.names) if row.quality >> bit & 1]
    shown = ", ".join(f"{n}={getattr(row, n):g}" for n in kind.key_points if getattr(row, n) is not None)
    return f"{len(told)} values{f', not good: {chr(44).join(bad)}' if bad else ''}; {shown}"


def _judged(on: Connection, found: Row[Any], since: datetime) -> Iterator[Step]:
    subjects = [f"device:{found.name}", *([f"station:{found.station}"] if found.station else [])]
    states = on.execute(
        select(watch_state)
        .where(watch_state.c.subject.in_(subjects))
        .order_by(watch_state.c.rule, watch_state.c.element)
    )
    for s in states:
        yield _step(f"verdict {s.rule} {s.element}".rstrip(), s.watermark, s.verdict)
    rows = on.execute(
        select(alarm)
        .where(alarm.c.device == found.name, or_(alarm.c.cleared_at.is_(None), alarm.c.opened_at >= since))
        .order_by(alarm.c.opened_at.desc())
        .limit(5)
    )
    for a in rows:
        yield _step(f"alarm {a.rule} {a.element}".rstrip(), a.opened_at, "open" if a.cleared_at is None else "cleared")


def _step(stop: str, at: datetime | None, detail: str) -> Step:
    return {"stop": stop, "at": None if at is None else at.isoformat(timespec="milliseconds"), "detail": detail}
