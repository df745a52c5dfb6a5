"""Recompute: the past of one device's point corrected in its stored rows, a day at a time, journaled.

A correction applies at receipt; what is stored is changed by this alone, and only on somebody's
word. Each slice changes its rows, marks their rollup buckets and moves the journal on in one
transaction, so an interruption loses nothing and a repeat goes on where it ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Row, Table, and_, case, func, insert, literal, select, update
from sqlalchemy.exc import DataError

from perception.sensor_kind import SensorKind
from support.columns import readings_table
from support.tables import audit, correction, recomputation, rollup_mark

_SLICE = timedelta(days=1)
_MARK_S = 600


class RecomputeError(Exception):
    """History cannot be corrected so; the text says why and what to try."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done: point = source * scale + offset for rows with from_at <= ts < to_at.

    A source other than the point is emptied, and only rows that have nothing under the point are changed.
    """

    device: str
    device_id: int
    kind: SensorKind
    point: str
    source: str
    scale: float
    offset: float
    from_at: datetime
    to_at: datetime

    def __str__(self) -> str:
        offset = f" {'+' if self.offset > 0 else '-'} {abs(self.offset):.10g}" if self.offset else ""
        return f"{self.point} = {self.source}{'' if self.scale == 1 else f' * {self.scale:.10g}'}{offset}"

    def facts(self) -> dict[str, Any]:
        """Return it as the journal keeps it."""
        names = ("device_id", "point", "source", "scale", "offset", "from_at", "to_at")
        return {"kind": self.kind.name, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True, slots=True)
class Preview:
    """How many rows would change now, and one of them: when, the value before and after."""

    rows: int
    ts: datetime | None
    before: float | None
    after: float | None


def preview(on: Connection, number: int, change: Change) -> Preview:
    """Return what `run` would do, doing nothing."""
    table = readings_table(change.kind)
    source, new = table.c[change.source], _new(table, change)
    journal = on.execute(select(recomputation).where(recomputation.c.recomputation_id == number)).one()
    meant = and_(*_meant(table, change, journal, change.to_at))
    rows = on.execute(select(func.count()).select_from(table).where(meant)).scalar_one()
    first = on.execute(select(table.c.ts, source, new).where(meant).order_by(table.c.ts).limit(1)).one_or_none()
    return Preview(rows, *(first or (None, None, None)))


def begin(on: Connection, change: Change, actor: str, *, again: bool = False) -> int:
    """Enter a change in the journal, or find it there unfinished; return its number.

    Raises RecomputeError when it was done before, or when a part of its span was: doing it twice
    would scale twice. `again` says that this is meant.
    """
    if not change.from_at < change.to_at:
        raise RecomputeError(f"an empty span: {change.from_at.isoformat()} is not before {change.to_at.isoformat()}")
    if (change.scale, change.offset) == (1.0, 0.0) and change.source == change.point:
        raise RecomputeError("nothing would change: say --scale, --offset, --unit or --source")
    on.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"recompute {change.device_id}"))))
    known = on.execute(_overlapping(change)).all()
    same = [row for row in known if all(getattr(row, name) == value for name, value in change.facts().items())]
    unfinished = [row.recomputation_id for row in same if row.finished_at is None]
    if unfinished:
        return int(unfinished[0])
    done = [row for row in known if row.done_until > row.from_at]
    if done and not again:
        raise RecomputeError(_done_before(done[-1]))
    c = recomputation.c
    row = {**change.facts(), "done_until": change.from_at, "received_until": _cut(on, change), "actor": actor}
    number = on.execute(insert(recomputation).values(row).returning(c.recomputation_id)).scalar_one()
    _audit(on, change, actor, "recompute begun", {"recomputation": number})
    return int(number)


def _cut(on: Connection, change: Change) -> datetime:
    """Return until when readings were received that need the change: those since are corrected at receipt already."""
    c = correction.c
    same = [c.device_id == change.device_id, c.point == change.point, c.valid_from < change.to_at]
    same += [c.scale == change.scale, c.offset == change.offset]
    found: datetime = on.execute(select(func.coalesce(func.min(c.created_at), func.now())).where(*same)).scalar_one()
    return found


def run(engine: Engine, number: int, change: Change, actor: str) -> Iterator[int]:
    """Do what the journal says is left, a day at a time; yield how many rows changed after each.

    Two at once take turns. Raises RecomputeError when a value leaves the range of float64.
    """
    while True:
        with engine.begin() as on:
            journal = on.execute(
                select(recomputation).where(recomputation.c.recomputation_id == number).with_for_update()
            ).one()
            if journal.finished_at is not None:
                return
            start = _next_row(on, change, journal)
            if start is None:
                _finish(on, journal, change, actor)
                return
            until = min(start + _SLICE, change.to_at)
            changed = _slice(on, change, journal, until)
        yield changed


def _next_row(on: Connection, change: Change, journal: Row[Any]) -> datetime | None:
    """Return the time of the first row that is still to be changed; whole months may hold none."""
    table = readings_table(change.kind)
    found: datetime | None = on.scalar(
        select(func.min(table.c.ts)).where(*_meant(table, change, journal, change.to_at))
    )
    return found


def _slice(on: Connection, change: Change, journal: Row[Any], until: datetime) -> int:
    table = readings_table(change.kind)
    values = {change.point: _new(table, change), "quality": _quality(table, change)}
    if change.source != change.point:
        values[change.source] = None
    statement = update(table).where(*_meant(table, change, journal, until)).values(values).returning(table.c.ts)
    try:
        times = on.scalars(statement).all()
    except DataError as err:
        raise RecomputeError(f"{change} leaves the range of numbers before {until}: {err.orig}") from err
    buckets = sorted({_bucket(ts) for ts in times})
    if buckets:
        marks = [{"kind": change.kind.name, "device_id": change.device_id, "bucket": b} for b in buckets]
        on.execute(insert(rollup_mark), marks)
    c = recomputation.c
    on.execute(
        update(recomputation)
        .where(c.recomputation_id == journal.recomputation_id)
        .values(done_until=until, rows_changed=c.rows_changed + len(times))
    )
    return len(times)


def _finish(on: Connection, journal: Row[Any], change: Change, actor: str) -> None:
    on.execute(
        update(recomputation)
        .where(recomputation.c.recomputation_id == journal.recomputation_id)
        .values(done_until=change.to_at, finished_at=func.now())
    )
    detail = {"recomputation": journal.recomputation_id, "rows": journal.rows_changed}
    _audit(on, change, actor, "recompute done", detail)


def _meant(table: Table, change: Change, journal: Row[Any], until: datetime) -> list[Any]:
    """Return which rows are left to be changed, before a time."""
    found = [table.c.device_id == change.device_id, table.c.ts >= journal.done_until, table.c.ts < until]
    found.append(table.c.received_at <= journal.received_until)
    found.append(table.c[change.source].is_not(None))
    if change.source != change.point:
        found.append(table.c[change.point].is_(None))
    return found


def _new(table: Table, change: Change) -> Any:
    return table.c[change.source] * literal(change.scale) + literal(change.offset)


def _quality(table: Table, change: Change) -> Any:
    """Return the quality word with the point's bit set anew, and that of an emptied source cleared."""
    bits, new = change.kind.bits, _new(table, change)
    bit = 1 << bits[change.point]
    cleared = table.c.quality.op("&")(literal(~(bit | 1 << bits[change.source]), BigInteger))
    point = change.kind.points[bits[change.point]]
    beyond = case((new.between(point.low, point.high), literal(0, BigInteger)), else_=literal(bit, BigInteger))
    return cleared.op("|")(beyond)


def _overlapping(change: Change) -> Any:
    c = recomputation.c
    return (
        select(recomputation)
        .where(c.device_id == change.device_id, c.kind == change.kind.name, c.point == change.point)
        .where(c.from_at < change.to_at, c.to_at > change.from_at)
        .order_by(c.recomputation_id)
    )


def _done_before(known: Row[Any]) -> str:
    state = "was done" if known.finished_at is not None else f"is done until {known.done_until.isoformat()}"
    return (
        f"number {known.recomputation_id} of the journal ({known.point} = {known.source} * {known.scale:.10g} + "
        f"{known.offset:.10g}, {known.from_at.isoformat()} to {known.to_at.isoformat()}, {known.actor}) {state} and "
        "overlaps this span. To go on with it, give its own --from and --to; to change rows a second time, say --again"
    )


def _bucket(ts: datetime) -> datetime:
    return datetime.fromtimestamp(int(ts.timestamp()) // _MARK_S * _MARK_S, UTC)


def _audit(on: Connection, change: Change, actor: str, action: str, detail: dict[str, Any]) -> None:
    told = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in change.facts().items()}
    row = {"actor": actor, "action": action, "subject": f"device:{change.device}", "detail": {**told, **detail}}
    on.execute(insert(audit).values(row))
