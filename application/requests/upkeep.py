"""Upkeep: what tend does with requests: up the ladder when a clock ran out, closed when nobody contradicts, linked.

Each change is a step through the pure life, with its entry in the journal; safe to repeat.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Integer, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import InterfaceError, OperationalError

from application.instants import moment
from application.requests.request import CONFIRM_WITHIN, LIVE, Entry, RequestError, Step
from application.requests.store import HOUSE, TEND, note, step
from application.work.order import OVER
from support import tables
from support.maintain import Pass
from support.store import StoreDownError

_EVERY_S = 5.0
_MOST = 500
_request, _kind = tables.request, tables.request_kind
_alarm, _member, _incident, _order = tables.alarm, tables.incident_alarm, tables.incident, tables.work_order
_LIVE = _request.c.state.in_(sorted(LIVE))


def requests_pass(engine: Engine) -> Pass:
    """Return the pass of tend."""

    def run(now: int) -> Iterator[int]:
        for work in (escalated, expired, linked):
            with _reached(engine) as on:
                done = work(on, now)
            yield done

    return Pass("requests", _EVERY_S, run, "changes to requests")


def escalated(on: Connection, now: int) -> int:
    """Hand up what a body has not answered in time; return how many. The last rung keeps it, overdue for all to see."""
    kind = and_(_kind.c.code == _request.c.kind, _kind.c.valid_from == _request.c.kind_from)
    last = func.jsonb_array_length(_kind.c.ladder, type_=Integer) - 1
    late = select(_request.c.number).join(_kind, kind)
    late = late.where(_LIVE, _request.c.rung_due < moment(now), _request.c.rung < last)
    return _each(on, late, lambda number: step(on, number, Entry(Step.ESCALATED, now, TEND), HOUSE))


def expired(on: Connection, now: int) -> int:
    """Close what was answered and not contradicted for a time; return how many."""
    old = _request.c.answered_at < moment(now - CONFIRM_WITHIN)
    silent = select(_request.c.number).where(_request.c.state == "answered", old)
    return _each(on, silent, lambda number: step(on, number, Entry(Step.EXPIRED, now, TEND), HOUSE))


def linked(on: Connection, now: int) -> int:
    """Link live requests to the incident at their station, and to the work order for it; return how many."""
    kind = and_(_kind.c.code == _request.c.kind, _kind.c.valid_from == _request.c.kind_from)
    here = and_(_alarm.c.station == _request.c.station, _alarm.c.rule == func.any(_kind.c.rules))
    incidents = (
        select(_request.c.number, _incident.c.incident_id)
        .join(_kind, kind)
        .join(_alarm, here)
        .join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
        .join(_incident, _incident.c.incident_id == _member.c.incident_id)
        .where(_LIVE, _request.c.incident_id.is_(None), _incident.c.closed_at.is_(None), _alarm.c.cleared_at.is_(None))
        .ext(distinct_on(_request.c.number))
        .order_by(_request.c.number, _incident.c.scope.like("station:%"), _incident.c.opened_at)
        .limit(_MOST)
    )
    found = on.execute(incidents).all()
    for number, incident in found:
        on.execute(update(_request).where(_request.c.number == number).values(incident_id=incident))
        note(on, number, Entry(Step.LINKED, now, TEND, None, {"incident": str(incident)}))
    under_way = and_(_order.c.incident_id == _request.c.incident_id, _order.c.state.not_in(sorted(OVER)))
    orders = select(_request.c.number, _order.c.work_order_id, _order.c.number.label("order_number"))
    orders = orders.join(_order, under_way).where(_LIVE, _request.c.work_order_id.is_(None)).limit(_MOST)
    ordered = on.execute(orders).all()
    for number, order, order_number in ordered:
        on.execute(update(_request).where(_request.c.number == number).values(work_order_id=order))
        note(on, number, Entry(Step.LINKED, now, TEND, None, {"order": order_number}))
    return len(found) + len(ordered)


def _each(on: Connection, chosen: Select[int], act: Callable[[int], object]) -> int:
    """Do it to each; what somebody else has changed meanwhile is left as it is."""
    done = 0
    for number in on.scalars(chosen.order_by(_request.c.number).limit(_MOST).with_for_update(of=_request)):
        try:
            with on.begin_nested():
                act(number)
        except RequestError:
            continue
        done += 1
    return done


@contextmanager
def _reached(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as on:
            yield on
    except (OperationalError, InterfaceError) as err:
        raise StoreDownError(f"the database cannot be reached: {err.orig}") from err
