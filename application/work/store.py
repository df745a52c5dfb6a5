"""Work store: orders in the tables, each step through their pure life. Works on a Connection; who calls it commits.

A step locks its order, leaves its entry in the journal and in the audit, and all of it is one transaction: of two
who want the same at once, the second is told how far the order has come.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Row, Text, cast, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from application.disposition import SHORTEST_ID, Act
from application.instants import microseconds, moment
from application.journal import NAMESPACE
from application.work.desk import Desk, Found, conditions, place_of
from application.work.order import (
    OVER,
    Entry,
    Step,
    UnknownWorkError,
    WorkError,
    WorkOrder,
    WorkState,
    WorkStateError,
    opened,
    words,
)
from application.work.proof import proof
from application.work.responsibility_store import load
from support import tables

_order, _alarm, _event = tables.work_order, tables.alarm, tables.work_order_event
_incident, _member, _linked = tables.incident, tables.incident_alarm, tables.work_order_alarm
_MOST_NAMED = 8


def find(on: Connection, told: str) -> UUID:
    """Return the order that a number (17 or #17), or the beginning of an id, means. Raises UnknownWorkError."""
    wanted = told.strip().lower().removeprefix("#")
    if wanted.isdecimal() and len(wanted) < 19:
        numbered = on.scalar(select(_order.c.work_order_id).where(_order.c.number == int(wanted)))
        if numbered is not None:
            return UUID(str(numbered))
    if len(wanted) < SHORTEST_ID or set(wanted) - set("0123456789abcdef-"):
        raise UnknownWorkError(f"there is no work order {told!r:.40}: `hearthline work list --closed` shows them")
    return _begins_so(on, tables.work_order, _order.c.work_order_id, wanted, "work order", "work list --closed")


def find_incident(on: Connection, told: str) -> UUID:
    """Return the incident whose number begins with these characters. Raises UnknownWorkError."""
    wanted = told.strip().lower()
    if len(wanted) < SHORTEST_ID or set(wanted) - set("0123456789abcdef-"):
        raise UnknownWorkError(f"{told!r:.40} is no number of an incident: `hearthline alarms incidents` shows them")
    return _begins_so(on, _incident, _incident.c.incident_id, wanted, "incident", "alarms incidents --closed")


def _begins_so(on: Connection, table: Any, column: Any, wanted: str, what: str, verb: str) -> UUID:
    query = select(column).select_from(table).where(cast(column, Text).startswith(wanted, autoescape=True))
    found = list(on.scalars(query.limit(_MOST_NAMED)))
    if not found:
        raise UnknownWorkError(f"no {what}'s number begins with {wanted}: `hearthline {verb}` shows them")
    if len(found) > 1:
        raise UnknownWorkError(f"{wanted} is the beginning of several: {', '.join(map(str, found))}")
    return UUID(str(found[0]))


def cause_of(on: Connection, incident_id: UUID) -> UUID:
    """Return the alarm that an incident is about: its cause, open before cleared, the earliest first."""
    cause = (_alarm.c.rule == _incident.c.cause) & (_alarm.c.station == _incident.c.cause_station)
    query = select(_alarm.c.alarm_id).join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
    query = query.join(_incident, _incident.c.incident_id == _member.c.incident_id)
    query = query.where(_incident.c.incident_id == incident_id)
    first = (_alarm.c.cleared_at.is_not(None), cause.desc(), _alarm.c.priority, _alarm.c.opened_at, _alarm.c.alarm_id)
    found = on.scalar(query.order_by(*first).limit(1))
    if found is None:
        raise UnknownWorkError(f"the incident {incident_id} has no alarm: `hearthline alarms incidents` shows them")
    return UUID(str(found))


def open_for(on: Connection, desk: Desk, alarm_id: UUID, act: Act) -> UUID:
    """Open an order for an alarm, and for the open incident that it belongs to; return its id.

    Raises WorkStateError when an order is under way for either, WorkError when nobody answers for it.
    """
    found = place_of(on, alarm_id)
    order_id, row = _drafted(on, desk, found, act)
    _hold(on, found)
    number = on.scalar(upsert(_order).values(row).on_conflict_do_nothing().returning(_order.c.number))
    if number is None:
        raise WorkStateError(_why_taken(on, found, order_id))
    link(on, desk, order_id)
    entry = Entry(Step.OPENED, act.at, act.actor, act.comment, {"alarm": str(alarm_id), "rule": found.rule})
    _note(on, order_id, entry)
    return order_id


def _hold(on: Connection, found: Found) -> None:
    """Hold the alarms that an order will refer to, in the order in which whoever answers several of them locks them."""
    mine = select(_member.c.alarm_id).where(_member.c.incident_id == found.incident_id)
    chosen = select(_alarm.c.alarm_id).where(or_(_alarm.c.alarm_id == found.alarm_id, _alarm.c.alarm_id.in_(mine)))
    on.execute(chosen.order_by(_alarm.c.alarm_id).with_for_update(read=True, key_share=True))


def _drafted(on: Connection, desk: Desk, found: Found, act: Act) -> tuple[UUID, Mapping[str, Any]]:
    """Return an order as it is opened. Its id follows from the alarm and from how many orders that has had."""
    rule = desk.rules.get(found.rule)
    item = load(on).item(found.rule, desk.family(found.rule), found.place, found.day(act.at))
    if item is None:
        raise WorkError(
            f"nobody answers for {found.rule} in {found.place.district}: the responsibility list covers it nowhere; "
            "`hearthline seed` brings in configs/responsibilities.toml"
        )
    before = on.scalar(select(func.count()).where(_order.c.alarm_id == found.alarm_id))
    order_id = uuid5(NAMESPACE, f"work_order|{found.alarm_id}|{before}")
    respond_by, due_at = item.limits(found.priority, act.at)
    fresh = opened(act.at)
    return order_id, {
        "work_order_id": order_id,
        "incident_id": found.incident_id,
        "alarm_id": found.alarm_id,
        "scope": found.scope,
        "station": found.station,
        "rule": found.rule,
        "priority": found.priority,
        "title_zh": rule.title.zh if rule else found.rule,
        "title_en": rule.title.en if rule else found.rule,
        "advice_zh": rule.advice.zh if rule else "",
        "advice_en": rule.advice.en if rule else "",
        "responsibility": item.code,
        "responsibility_from": item.valid_from,
        "body": item.body,
        "opened_at": moment(act.at),
        "respond_by": moment(respond_by),
        "due_at": moment(due_at),
        "state": fresh.state.value,
        "state_at": moment(fresh.since),
    }


def _why_taken(on: Connection, found: Found, order_id: UUID) -> str:
    same = or_(_order.c.alarm_id == found.alarm_id, _order.c.incident_id == found.incident_id)
    other = on.execute(
        select(_order.c.number, _order.c.state)
        .where(or_(same, _order.c.work_order_id == order_id))
        .order_by(_order.c.number.desc())
    ).first()
    if other is None:
        return "an order for it was opened at this moment: look again"
    state = words(WorkState(other.state))
    return f"order {other.number} is under way for it already ({state}): `hearthline work show {other.number}`"


def link(on: Connection, desk: Desk, order_id: UUID | None = None) -> int:
    """Take in what belongs to an order, or to all that are under way; return how many alarms are new to them.

    Its own alarm belongs to an order, and of its incident those that are urgent enough and stood since it was opened.
    """
    mine = _order.c.state.not_in(sorted(OVER)) if order_id is None else _order.c.work_order_id == order_id
    own = select(_order.c.work_order_id, _order.c.alarm_id).where(mine)
    theirs = (
        select(_order.c.work_order_id, _alarm.c.alarm_id)
        .join(_member, _member.c.incident_id == _order.c.incident_id)
        .join(_alarm, _alarm.c.alarm_id == _member.c.alarm_id)
        .where(mine, _alarm.c.priority <= func.greatest(_order.c.priority, desk.least_priority))
        .where(or_(_alarm.c.cleared_at.is_(None), _alarm.c.cleared_at >= _order.c.opened_at))
    )
    in_order = own.union(theirs).order_by("alarm_id")  # as whoever answers several alarms locks them
    chosen = upsert(_linked).from_select(["work_order_id", "alarm_id"], in_order).on_conflict_do_nothing()
    return len(on.execute(chosen.returning(_linked.c.alarm_id)).all())


def adopt(on: Connection, order_id: UUID, alarm_id: UUID) -> int:
    """Let an alarm be one that has to clear before an order is verified; return 1 when that is new."""
    row = upsert(_linked).values(work_order_id=order_id, alarm_id=alarm_id).on_conflict_do_nothing()
    return len(on.execute(row.returning(_linked.c.alarm_id)).all())


def step(on: Connection, order_id: UUID, entry: Entry, more: Mapping[str, Any] | None = None) -> WorkOrder:
    """Take a step of an order and return it as it stands then; `more` are columns beside its life. Raises WorkError."""
    row = locked(on, order_id)
    try:
        after = read(row).after(entry)
    except WorkError as err:
        raise type(err)(f"work order {row.number}: {err}") from None
    keep(on, order_id, after, more or {}, row.number)
    _note(on, order_id, entry)
    return after


def verify(on: Connection, desk: Desk, order_id: UUID, act: Act) -> WorkOrder:
    """Close an order as verified, if the data prove it. Raises WorkStateError that says what still stands."""
    row = locked(on, order_id)
    if read(row).state is WorkState.DONE:
        link(on, desk, order_id)
        told = proof(conditions(on, desk, order_id, act.at), act.at)
        if told.cleared_at is None:
            raise WorkStateError(f"work order {row.number} cannot be verified: {told.why}")
        return step(on, order_id, Entry(Step.VERIFIED, act.at, act.actor, act.comment, {"cleared_at": told.cleared_at}))
    return step(on, order_id, Entry(Step.VERIFIED, act.at, act.actor, act.comment))


def reopen(on: Connection, order_id: UUID, act: Act, returned: Found | None = None) -> WorkOrder:
    """Bring an order back to who had it: what was called done is not, or came back as the alarm `returned`.

    One that was verified has its time limits anew. Raises WorkError, also when another order is under way for it.
    """
    row = locked(on, order_id)
    more: dict[str, Any] = {}
    if returned is not None and returned.incident_id is not None:
        more = {"incident_id": returned.incident_id, "scope": returned.scope}
    if row.state in OVER:
        more |= {n: moment(act.at) + (getattr(row, n) - row.opened_at) for n in ("respond_by", "due_at")}
    detail = {} if returned is None else {"alarm": str(returned.alarm_id)}
    return step(on, order_id, Entry(Step.REOPENED, act.at, act.actor, act.comment, detail), more)


def locked(on: Connection, order_id: UUID) -> Row[*tuple[Any, ...]]:
    """Return the row of an order, which is ours until the transaction ends. Raises UnknownWorkError."""
    row = on.execute(select(_order).where(_order.c.work_order_id == order_id).with_for_update()).first()
    if row is None:
        raise UnknownWorkError(f"there is no work order {order_id}")
    return row


def keep(on: Connection, order_id: UUID, order: WorkOrder, more: Mapping[str, Any], number: int) -> None:
    """Write an order as it stands. Raises WorkStateError when another one is under way for its incident or alarm."""
    values = {
        "state": order.state.value,
        "state_at": moment(order.since),
        "assignee": order.assignee,
        "minutes": order.minutes,
        "parts": list(order.parts),
        "escalation": order.escalation,
        "returns": order.returns,
        **{n: None if (t := getattr(order, n)) is None else moment(t) for n in ("arrived_at", "done_at", "closed_at")},
        **more,
    }
    try:
        with on.begin_nested():
            on.execute(update(_order).where(_order.c.work_order_id == order_id).values(values))
    except IntegrityError as err:
        raise WorkStateError(
            f"work order {number}: another order is under way for its incident: `hearthline work list`"
        ) from err


def read(row: Row[*tuple[Any, ...]]) -> WorkOrder:
    """Return the life of an order from its row."""
    times = {
        n: None if (t := getattr(row, n)) is None else microseconds(t) for n in ("arrived_at", "done_at", "closed_at")
    }
    return WorkOrder(
        WorkState(row.state),
        microseconds(row.state_at),
        row.assignee,
        row.minutes,
        tuple(row.parts),
        row.escalation,
        row.returns,
        **times,
    )


def journal(on: Connection, order_id: UUID) -> list[Entry]:
    """Return the journal of an order, in the order in which it was written."""
    query = select(_event).where(_event.c.work_order_id == order_id).order_by(_event.c.work_order_event_id)
    return [
        Entry(Step(row.what), microseconds(row.at), row.actor, row.comment, row.detail) for row in on.execute(query)
    ]


def _note(on: Connection, order_id: UUID, entry: Entry) -> None:
    """Write an entry into the journal and into the audit."""
    told = {"actor": entry.actor, "detail": dict(entry.detail)}
    written = {"work_order_id": order_id, "what": entry.what.value, "at": moment(entry.at), "comment": entry.comment}
    on.execute(insert(_event).values(**written, **told))
    audited = {"action": f"work order {entry.what.value}", "subject": f"work_order:{order_id}"}
    on.execute(
        insert(tables.audit).values(
            **audited, actor=entry.actor, detail={**entry.detail, "comment": entry.comment, "at": entry.at}
        )
    )
