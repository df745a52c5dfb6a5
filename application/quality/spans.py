"""Spans: what is kept of doubtful values, in the table quality_span. Works on a Connection; who calls it commits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select, text, update

from application.instants import microseconds, moment
from application.quality.finding import Finding, Reason
from perception.sensor_kind import SensorKind
from support import tables
from support.columns import Width, rollup_table

_span = tables.quality_span
ALWAYS = -62_135_596_800_000_000
"""The year 1, epoch microseconds: since ever."""


class Span(NamedTuple):
    """A stretch of time in which a point of a device was not to be trusted: [from_at, to_at), microseconds."""

    span_id: int
    device_id: int
    point: str
    from_at: int
    to_at: int | None
    reason: str


class Change(NamedTuple):
    """What becomes of one kept span, or (`span_id` None) a new one. `to_at` and `from_at` as in Span."""

    span_id: int | None
    point: str
    from_at: int
    to_at: int | None
    reason: Reason


def kept(on: Connection, device_ids: Sequence[int], since: int, until: int | None = None) -> list[Span]:
    """Return the spans of some devices that reach into [since, until), in the order of time."""
    query = select(_span).where(
        _span.c.device_id.in_(device_ids), or_(_span.c.to_at.is_(None), _span.c.to_at > moment(since))
    )
    if until is not None:
        query = query.where(_span.c.from_at < moment(until))
    rows = on.execute(query.order_by(_span.c.from_at, _span.c.quality_span_id))
    return [
        Span(
            row.quality_span_id,
            row.device_id,
            row.point,
            microseconds(row.from_at),
            None if row.to_at is None else microseconds(row.to_at),
            row.reason,
        )
        for row in rows
    ]


def changes(known: Sequence[Span], found: Sequence[Finding], heard: Mapping[str, Sequence[int]]) -> list[Change]:
    """Return what has to change so that what is kept of one device agrees with what was found in its past. Pure.

    `known`: its spans that reach into the stretch that was looked at. `heard`: by point the instants of that stretch
    at which it said something, in order. What is kept grows and ends; nothing that ended is taken back: what lies
    before the stretch was judged when it was seen whole.
    """
    told: list[Change] = []
    for finding in found:
        mine = [s for s in known if (s.point, s.reason) == (finding.point, finding.reason) and _meet(s, finding)]
        if not mine:
            told.append(Change(None, *finding))
            continue
        first = mine[0]
        from_at = min(first.from_at, finding.from_at)
        to_at = None if finding.to_at is None else max(finding.to_at, first.to_at or finding.to_at)
        if (from_at, to_at) != (first.from_at, first.to_at):
            told.append(Change(first.span_id, finding.point, from_at, to_at, finding.reason))
    goes_on = {(f.point, f.reason) for f in found if f.to_at is None}
    ended = {c.span_id for c in told if c.to_at is not None}
    for span in known:
        if span.to_at is None and span.span_id not in ended and (span.point, span.reason) not in goes_on:
            since = [at for at in heard.get(span.point, ()) if at >= span.from_at]
            if since:  # it spoke, and nothing is wrong with it any more
                told.append(Change(span.span_id, span.point, span.from_at, since[0], Reason(span.reason)))
    return told


def _meet(span: Span, finding: Finding) -> bool:
    return (finding.to_at is None or span.from_at <= finding.to_at) and (
        span.to_at is None or span.to_at >= finding.from_at
    )


def write(on: Connection, kind: SensorKind, device_id: int, known: Iterable[Span], told: Sequence[Change]) -> int:
    """Keep changes of one device, and mark the rollups that they touch; return how many there were."""
    before = {span.span_id: span for span in known}
    for change in told:
        to_at = None if change.to_at is None else moment(change.to_at)
        values = {"from_at": moment(change.from_at), "to_at": to_at}
        if change.span_id is None:
            told_of = {"device_id": device_id, "point": change.point, "reason": change.reason.value}
            on.execute(insert(_span).values(**told_of, **values))
            mark(on, kind, device_id, change.from_at, change.to_at)
            continue
        was = before[change.span_id]
        on.execute(update(_span).where(_span.c.quality_span_id == change.span_id).values(**values))
        if change.from_at < was.from_at:
            mark(on, kind, device_id, change.from_at, was.from_at)
        ends = [end for end in (was.to_at, change.to_at) if end is not None]
        if was.to_at != change.to_at:
            mark(on, kind, device_id, min(ends), max(ends) if len(ends) == 2 else None)
    return len(told)


def drop(on: Connection, kind: SensorKind, span: Span) -> None:
    """Forget a span: what it covered counts again."""
    on.execute(delete(_span).where(_span.c.quality_span_id == span.span_id))
    mark(on, kind, span.device_id, span.from_at, span.to_at)


_MARK = """
insert into rollup_mark (kind, device_id, bucket)
select :kind, device_id, bucket from {rollup}
where device_id = :device and bucket > :start - interval '10 minutes'
and bucket < coalesce(cast(:stop as timestamptz), 'infinity')
"""


def mark(on: Connection, kind: SensorKind, device_id: int, start: int, stop: int | None) -> None:
    """Have the rollups of a device computed again over [start, stop), as far as there are any."""
    statement = text(_MARK.format(rollup=rollup_table(kind, Width.TEN_MINUTES).name))
    stop_at = None if stop is None else moment(stop)
    told = {"kind": kind.name, "device": device_id, "start": moment(start), "stop": stop_at}
    on.execute(statement.bindparams(**told))
