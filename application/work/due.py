"""Due: which orders and alarms tend has to look after now. It only reads: whoever acts looks again."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, or_, select

from application.instants import moment
from application.work.desk import Desk, place_of
from application.work.order import OPEN_STATES, OVER, WorkState
from application.work.responsibility_store import load
from support import tables

_order, _alarm, _linked = tables.work_order, tables.alarm, tables.work_order_alarm
_incident, _member = tables.incident, tables.incident_alarm
_shelving, _resting = tables.shelving, tables.out_of_service
_cured = tables.alarm.alias("cured")
LIVE = _order.c.state.not_in([s.value for s in OVER])
_OPEN = _order.c.state.in_([s.value for s in OPEN_STATES])
SAME = and_(
    *(_cured.c[n] == _alarm.c[n] for n in ("subject", "rule", "element")), _cured.c.alarm_id != _alarm.c.alarm_id
)
"""The alarm `cured` was of the same condition as the alarm."""


def adrift(on: Connection, desk: Desk, now: int) -> list[UUID]:
    """Return live orders that have no incident, or one that is over, while their alarm is in another one."""
    del desk, now
    over = select(_incident.c.incident_id).where(
        _incident.c.incident_id == _order.c.incident_id, _incident.c.closed_at.is_not(None)
    )
    elsewhere = _open_incident_of(_order.c.alarm_id).correlate(_order)
    return _orders(on, LIVE, or_(_order.c.incident_id.is_(None), over.exists()), elsewhere.exists())


def called_done(on: Connection, desk: Desk, now: int) -> list[UUID]:
    """Return orders called done of which the data may have more to say: nothing stands, or it has for too long."""
    standing = select(_linked.c.alarm_id).join(_alarm, _alarm.c.alarm_id == _linked.c.alarm_id)
    standing = standing.where(_linked.c.work_order_id == _order.c.work_order_id, _alarm.c.cleared_at.is_(None))
    impatient = _order.c.done_at <= moment(now - desk.patience.proof_us)
    return _orders(on, _order.c.state == WorkState.DONE.value, or_(~standing.exists(), impatient))


def untouched(on: Connection, desk: Desk, now: int) -> list[UUID]:
    """Return new orders of single stations, if an order of an area is under way."""
    del desk, now
    area = tables.work_order.alias("area")
    wide = select(area.c.number).where(area.c.scope.not_like("station:%"), area.c.closed_at.is_(None))
    return _orders(on, _order.c.state == WorkState.NEW.value, _order.c.scope.like("station:%"), wide.exists())


def late(on: Connection, desk: Desk, now: int) -> list[UUID]:
    """Return orders beyond a time limit that is not noted yet."""
    del desk
    unrepaired = and_(_order.c.due_at < moment(now), _order.c.escalation < 2)
    unseen = and_(_order.c.respond_by < moment(now), _order.c.arrived_at.is_(None), _order.c.escalation < 1)
    return _orders(on, _OPEN, or_(unrepaired, unseen))


def back(on: Connection, desk: Desk, now: int) -> list[UUID]:
    """Return open alarms whose condition an order is about, or had cured a short time before, without them."""
    query = _about(select(_alarm.c.alarm_id), desk, now).where(attended(now))
    return list(dict.fromkeys(on.scalars(query.order_by(_alarm.c.alarm_id))))


def order_of(on: Connection, desk: Desk, alarm_id: UUID, now: int) -> Row[*tuple[Any, ...]] | None:
    """Return the newest order that an alarm belongs to in that way, locked, as a row."""
    query = _about(select(_order), desk, now).where(_alarm.c.alarm_id == alarm_id)
    return on.execute(query.order_by(_order.c.number.desc()).limit(1).with_for_update(of=_order)).first()


def _about(chosen: Select[Any], desk: Desk, now: int) -> Select[Any]:
    """Join open alarms to the orders of their condition, live or verified lately, unless an order knows of them.

    One that was verified is meant by an incident of its own scope alone: that a single station falls again, hours after
    its area was cured, is another matter, and so is the other way round.
    """
    lately = moment(now - desk.patience.returns_us)
    again = _open_incident_of(_alarm.c.alarm_id).where(_incident.c.scope == _order.c.scope).correlate(_alarm, _order)
    cured = and_(_order.c.state == WorkState.VERIFIED.value, _order.c.closed_at >= lately, again.exists())
    within = or_(LIVE, cured)
    other = _order.alias("other")
    known = (
        select(_linked.c.alarm_id)
        .join(other, other.c.work_order_id == _linked.c.work_order_id)
        .where(_linked.c.alarm_id == _alarm.c.alarm_id)
        .where(or_(other.c.work_order_id == _order.c.work_order_id, other.c.closed_at.is_(None)))
    )
    after_all = and_(_order.c.state == WorkState.DONE.value, _alarm.c.opened_at > _order.c.done_at)
    cure = _linked.alias("cure")
    joined = (
        chosen.select_from(_alarm)
        .join(_cured, SAME)
        .join(cure, cure.c.alarm_id == _cured.c.alarm_id)
        .join(_order, _order.c.work_order_id == cure.c.work_order_id)
    )
    open_ = (_alarm.c.cleared_at.is_(None), _alarm.c.suppressed_by.is_(None))
    return joined.where(*open_, within, or_(~known.correlate(_order, _alarm).exists(), after_all))


def unordered(on: Connection, desk: Desk, now: int) -> list[UUID]:
    """Return, of each open incident that needs an order, the alarm to open it for: settled, attended, never ordered.

    It is the incident's cause, or the most urgent that nothing explains, and it takes somebody on site.
    """
    known = case((_alarm.c.recorded_at <= moment(now), func.greatest(_alarm.c.recorded_at, _alarm.c.opened_at)))
    settled = func.coalesce(known, _alarm.c.opened_at) <= moment(now - desk.settle_us)
    cause = and_(_alarm.c.rule == _incident.c.cause, _alarm.c.station == _incident.c.cause_station)
    urgent = sorted(desk.priorities)
    under_way = select(_order.c.number).where(_order.c.incident_id == _incident.c.incident_id, LIVE)
    ordered = select(_linked.c.alarm_id).where(_linked.c.alarm_id == _alarm.c.alarm_id)
    query = (
        select(_alarm.c.alarm_id, _incident.c.incident_id)
        .join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
        .join(_incident, _incident.c.incident_id == _member.c.incident_id)
        .join(tables.station, tables.station.c.name == _alarm.c.station)  # elsewhere nobody answers for it
        .where(_incident.c.closed_at.is_(None), _incident.c.priority.in_(urgent), ~under_way.exists())
        .where(_alarm.c.cleared_at.is_(None), _alarm.c.suppressed_by.is_(None), settled, attended(now))
        .where(~ordered.exists(), or_(_alarm.c.priority.in_(urgent), cause))
        .order_by(_incident.c.opened_at, _incident.c.incident_id, cause.desc(), _alarm.c.priority, _alarm.c.opened_at)
    )
    chosen: dict[UUID, UUID] = {}
    rows = on.execute(query).all()
    told = load(on) if rows else None
    for row in rows:
        if told is None or row.incident_id in chosen:
            continue
        found = place_of(on, row.alarm_id)
        item = told.item(found.rule, desk.family(found.rule), found.place, found.day(now))
        if item is not None and item.visit:
            chosen[row.incident_id] = row.alarm_id
    return list(chosen.values())


def _open_incident_of(alarm: ColumnElement[UUID]) -> Select[Any]:
    mine = select(_incident.c.incident_id).join(_member, _member.c.incident_id == _incident.c.incident_id)
    return mine.where(_member.c.alarm_id == alarm, _incident.c.closed_at.is_(None))


def attended(now: int) -> ColumnElement[bool]:
    """Return that neither shelving nor maintenance keeps an alarm from the operators' lists."""
    same = and_(*(_shelving.c[n] == _alarm.c[n] for n in ("subject", "rule", "element")))
    aside = select(_shelving.c.shelving_id).where(same, _shelving.c.ended_at.is_(None), _shelving.c.until > moment(now))
    subjects = (_alarm.c.subject, "station:" + _alarm.c.station, "device:" + _alarm.c.device)
    lasting = or_(_resting.c.until.is_(None), _resting.c.until > moment(now))
    resting = select(_resting.c.subject).where(_resting.c.ended_at.is_(None), lasting, _resting.c.subject.in_(subjects))
    return and_(~aside.exists(), ~resting.exists())


def _orders(on: Connection, *conditions: ColumnElement[bool]) -> list[UUID]:
    return list(on.scalars(select(_order.c.work_order_id).where(*conditions).order_by(_order.c.number)))
