"""Upkeep: what tend does with work orders by itself: opens, follows, verifies, reopens, withdraws and escalates them.

Each act is a transaction of its own that looks again under the order's lock, so that a pass may be killed anywhere
and repeated: what is done already is not done twice.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, and_, select

from application.disposition import Act
from application.instants import microseconds, moment
from application.work import due
from application.work.desk import Desk, conditions, place_of
from application.work.order import TEND, Entry, Step, WorkError, WorkState, WorkStateError
from application.work.proof import failed, proof
from application.work.store import adopt, link, locked, open_for, read, reopen, step
from support import tables

_order, _alarm, _linked = tables.work_order, tables.alarm, tables.work_order_alarm
_incident, _member = tables.incident, tables.incident_alarm
_SLICE = 20
"""So many acts follow each other; then others may have their turn."""
_LATE = ("nobody was on site by then", "it was not repaired by then")


def tended(engine: Engine, desk: Desk, now: int) -> Iterator[int]:
    """Do what is due at `now` (epoch microseconds), an order at a time; yield how much changed, after some of them."""
    with engine.begin() as on:
        yield link(on, desk)
    for find, act in _ACTS:
        with engine.connect() as on:
            found = find(on, desk, now)
        for begin in range(0, len(found), _SLICE):
            yield sum(_done(engine, act, desk, each, now) for each in found[begin : begin + _SLICE])


def _done(engine: Engine, act: Callable[..., int], desk: Desk, each: UUID, now: int) -> int:
    """Do one act in one transaction; that somebody else has done it, or something else, meanwhile is no trouble."""
    try:
        with engine.begin() as on:
            return act(on, desk, each, now)
    except WorkError:
        return 0


def _followed(on: Connection, desk: Desk, order_id: UUID, now: int) -> int:
    """Give an order the open incident that its alarm is in now, or is the cause of where that is one over an area."""
    row = locked(on, order_id)
    found = place_of(on, row.alarm_id)
    if found.incident_id in {None, row.incident_id}:
        return 0
    cause = (found.rule, found.station)
    told = select(_incident.c.cause, _incident.c.cause_station).where(_incident.c.incident_id == found.incident_id)
    if not found.scope.startswith("station:") and on.execute(told).one() != cause:
        return 0
    entry = Entry(Step.FOLLOWED, now, TEND, None, {"incident": str(found.incident_id)})
    step(on, order_id, entry, {"incident_id": found.incident_id, "scope": found.scope})
    return 1 + link(on, desk, order_id)


def _judged(on: Connection, desk: Desk, order_id: UUID, now: int) -> int:
    """Verify what the data prove, reopen what stands after all."""
    row = locked(on, order_id)
    if row.state != WorkState.DONE.value:
        return 0
    known = conditions(on, desk, order_id, now)
    told = proof(known, now)
    if told.cleared_at is not None:
        step(on, order_id, Entry(Step.VERIFIED, now, TEND, None, {"cleared_at": told.cleared_at}))
        return 1
    why = failed(read(row), known, now, desk.patience)
    if why is None:
        return 0
    reopen(on, order_id, Act(TEND, now, why))
    return 1


def _withdrawn(on: Connection, desk: Desk, order_id: UUID, now: int) -> int:
    """Cancel a new order of a station when that of an area has taken in everything that still stands of it."""
    del desk
    row = locked(on, order_id)
    by = _taken_in(on, order_id)
    if row.state != WorkState.NEW.value or by is None:
        return 0
    why = f"order {by.number} is under way for {by.scope}, which explains it"
    step(on, order_id, Entry(Step.CANCELLED, now, TEND, why))
    return 1


def _taken_in(on: Connection, order_id: UUID) -> Row[*tuple[Any, ...]] | None:
    """Return the order of an area in whose incident every condition of an order is that stands, itself or anew."""
    known = tables.alarm.alias("known")
    same = and_(*(known.c[n] == _alarm.c[n] for n in ("subject", "rule", "element")))
    mine = select(_linked.c.alarm_id).join(known, known.c.alarm_id == _linked.c.alarm_id)
    mine = mine.where(_linked.c.work_order_id == order_id, same)
    standing = select(_alarm.c.alarm_id).where(_alarm.c.cleared_at.is_(None), mine.exists()).cte("standing")
    inside = select(_member.c.alarm_id).where(_member.c.incident_id == _order.c.incident_id).correlate(_order)
    outside = select(standing.c.alarm_id).where(standing.c.alarm_id.not_in(inside)).correlate(_order).exists()
    wide = select(_order.c.number, _order.c.scope).where(due.LIVE, _order.c.scope.not_like("station:%"))
    chosen = wide.where(select(standing.c.alarm_id).exists(), ~outside).order_by(_order.c.number)
    return on.execute(chosen.limit(1)).first()


def _escalated(on: Connection, desk: Desk, order_id: UUID, now: int) -> int:
    """Note once that nobody came in time, and once that it was not repaired in time."""
    del desk
    row = locked(on, order_id)
    late = moment(now) > row.due_at
    level = 2 if late else int(moment(now) > row.respond_by and row.arrived_at is None)
    limit = row.due_at if late else row.respond_by
    why = f"{limit.isoformat(timespec='seconds')}: {_LATE[level - 1]}"
    step(on, order_id, Entry(Step.ESCALATED, now, TEND, why, {"level": level}))
    return 1


def _brought_back(on: Connection, desk: Desk, alarm_id: UUID, now: int) -> int:
    """Give an alarm to the newest order about its condition; one that was called done or verified is reopened."""
    row = due.order_of(on, desk, alarm_id, now)
    if row is None:
        return 0
    order_id, found = row.work_order_id, place_of(on, alarm_id)
    state, opened = WorkState(row.state), on.scalar(select(_alarm.c.opened_at).where(_alarm.c.alarm_id == alarm_id))
    changed = adopt(on, order_id, alarm_id)
    again = state is WorkState.VERIFIED or (state is WorkState.DONE and opened is not None and opened > row.done_at)
    if again:
        why = f"{found.rule} at {found.station} came back"
        reopen(on, order_id, Act(TEND, max(now, microseconds(row.state_at)), why), found)
        changed += 1
    return changed + link(on, desk, order_id)


def _opened(on: Connection, desk: Desk, alarm_id: UUID, now: int) -> int:
    """Open an order for an alarm that has had none and still stands."""
    still = select(_alarm.c.alarm_id).where(_alarm.c.alarm_id == alarm_id, _alarm.c.cleared_at.is_(None))
    had = select(_linked.c.alarm_id).where(_linked.c.alarm_id == alarm_id).limit(1)
    if on.scalar(still) is None or on.scalar(had) is not None:
        raise WorkStateError("it has had an order, or is over")
    open_for(on, desk, alarm_id, Act(TEND, now))
    return 1


_ACTS = (
    (due.adrift, _followed),
    (due.back, _brought_back),
    (due.called_done, _judged),
    (due.unordered, _opened),
    (due.untouched, _withdrawn),
    (due.late, _escalated),
)
"""What is found, and what is done about each of it; what comes back is seen before a new order would open for it."""
