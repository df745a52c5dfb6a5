"""View: work orders as pages and APIs show them. Times are epoch milliseconds UTC; works on a Connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Connection, Row, Select, Text, and_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from application.instants import DAY, milliseconds, milliseconds_or_none, moment
from application.places import title
from application.work.order import OPEN_STATES, OVER, WorkState
from perception.point import Title
from support import tables

CLOSED_BACK = 30 * DAY
_order, _event, _alarm, _linked = tables.work_order, tables.work_order_event, tables.alarm, tables.work_order_alarm
_station, _district, _item, _body = tables.station, tables.district, tables.responsibility, tables.body
_LIVE = _order.c.state.not_in(sorted(OVER))
_OPEN = _order.c.state.in_(sorted(OPEN_STATES))


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A work order in a list.

    `overdue`: "repair" when it is not done by `due_at`, "respond" when nobody was on site by `respond_by`, else empty.
    `standing` counts its alarms that stand; `incident_id` None: it was opened for an alarm alone. `supporting` are
    the titles of the bodies that help; `minutes` and `parts` are what it took so far.
    """

    work_order_id: str
    number: int
    state: str
    overdue: str
    priority: int
    rule: str
    title: Title
    advice: Title
    city: str
    station: str
    station_title: Title
    scope: str
    incident_id: str | None
    alarm_id: str
    responsibility: str
    responsibility_title: Title
    legal: Title
    body: str
    body_title: Title
    supporting: Sequence[Title]
    assignee: str | None
    opened_at: int
    respond_by: int
    due_at: int
    state_at: int
    arrived_at: int | None
    done_at: int | None
    closed_at: int | None
    minutes: int
    parts: Sequence[str]
    escalation: int
    returns: int
    alarms: int
    standing: int


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """One entry of an order's journal: `at` in event time, `recorded_at` in record time."""

    what: str
    at: int
    recorded_at: int
    actor: str
    comment: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderAlarm:
    """An alarm that has to clear before an order is verified; `cleared_at` None: it stands."""

    alarm_id: str
    rule: str
    station: str
    element: str
    priority: int
    opened_at: int
    cleared_at: int | None


@dataclass(frozen=True, slots=True)
class OrderStory:
    """An order with its journal, oldest first, and its alarms."""

    order: OrderRow
    journal: Sequence[OrderEntry]
    alarms: Sequence[OrderAlarm]


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """How many orders there are: by state (closed ones of the last 30 days), open, overdue, and waiting for proof."""

    by_state: Mapping[str, int]
    open: int
    overdue: int
    waiting: int


def orders(
    on: Connection,
    now: int,
    *,
    city: str | None = None,
    station: str | None = None,
    state: str | None = None,
    overdue: bool = False,
    closed: bool = False,
    most: int | None = None,
) -> Sequence[OrderRow]:
    """Return orders under way, overdue first, then by priority and due time; those that wait for proof come last.

    `closed`: also those that ended in the last 30 days, after the others.
    """
    late = _overdue(now)
    query = _listed(now).where(_shown(now) if closed or state in OVER else _LIVE)
    if state is not None:
        query = query.where(_order.c.state == state)
    if overdue:
        query = query.where(late != "")
    if station is not None:
        query = query.where(_order.c.station == station)
    if city is not None:
        query = query.where(_district.c.city == city)
    first = (_LIVE.desc(), (late != "").desc(), _OPEN.desc(), _order.c.priority, _order.c.due_at, _order.c.number)
    return [_row(row) for row in on.execute(query.order_by(*first).limit(most))]


def story(on: Connection, order_id: UUID, now: int) -> OrderStory | None:
    """Return an order with its journal and its alarms; None when there is none."""
    row = on.execute(_listed(now).where(_order.c.work_order_id == order_id)).first()
    if row is None:
        return None
    journal = select(_event).where(_event.c.work_order_id == order_id).order_by(_event.c.work_order_event_id)
    alarms = select(_alarm).join(_linked, _linked.c.alarm_id == _alarm.c.alarm_id)
    alarms = alarms.where(_linked.c.work_order_id == order_id).order_by(_alarm.c.opened_at, _alarm.c.alarm_id)
    return OrderStory(_row(row), [_entry(e) for e in on.execute(journal)], [_alarm_row(a) for a in on.execute(alarms)])


def of_incidents(on: Connection, incidents: Sequence[UUID], now: int) -> Mapping[str, OrderRow]:
    """Return the newest order of each of these incidents, by the incident's id."""
    chosen = _listed(now).where(_order.c.incident_id.in_(incidents)).order_by(_order.c.number)
    return {str(row.incident_id): _row(row) for row in on.execute(chosen)}


def counts(on: Connection, now: int, city: str | None = None) -> OrderCounts:
    """Return how many orders there are, everywhere or in a city."""
    late = func.count().filter(_overdue(now) != "").label("late")
    query = select(_order.c.state, func.count().label("n"), late).where(_shown(now)).group_by(_order.c.state)
    if city is not None:
        query = query.join(_station, _station.c.name == _order.c.station)
        query = query.join(_district, _district.c.name == _station.c.district).where(_district.c.city == city)
    rows = on.execute(query).all()
    by_state = {state.value: 0 for state in WorkState} | {row.state: row.n for row in rows}
    opened = sum(by_state[state] for state in OPEN_STATES)
    return OrderCounts(by_state, opened, sum(row.late for row in rows), by_state[WorkState.DONE])


def _shown(now: int) -> ColumnElement[bool]:
    return or_(_LIVE, _order.c.closed_at >= moment(now - CLOSED_BACK))


def _overdue(now: int) -> ColumnElement[str]:
    unrepaired = and_(_OPEN, _order.c.due_at < moment(now))
    unseen = and_(_OPEN, _order.c.respond_by < moment(now), _order.c.arrived_at.is_(None))
    return case((unrepaired, literal("repair")), (unseen, literal("respond")), else_=literal(""))


def _listed(now: int) -> Select[Any]:
    mine = select(func.count()).select_from(_linked).join(_alarm, _alarm.c.alarm_id == _linked.c.alarm_id)
    mine = mine.where(_linked.c.work_order_id == _order.c.work_order_id)
    helper = tables.body.alias("helper")
    zh = func.array_agg(aggregate_order_by(helper.c.title_zh, helper.c.code), type_=ARRAY(Text))
    en = func.array_agg(aggregate_order_by(helper.c.title_en, helper.c.code), type_=ARRAY(Text))
    helpers = (select(part).where(helper.c.code == _item.c.supporting.any_()).scalar_subquery() for part in (zh, en))
    chosen = select(
        _order,
        _overdue(now).label("overdue"),
        *(c.label(f"{name}_{c.name[-2:]}") for name, t in _TITLED for c in (t.c.title_zh, t.c.title_en)),
        _item.c.legal_zh,
        _item.c.legal_en,
        _district.c.city,
        mine.scalar_subquery().label("alarms"),
        mine.where(_alarm.c.cleared_at.is_(None)).scalar_subquery().label("standing"),
        *(part.label(name) for part, name in zip(helpers, ("helpers_zh", "helpers_en"), strict=True)),
    )
    item = and_(_item.c.code == _order.c.responsibility, _item.c.valid_from == _order.c.responsibility_from)
    return (
        chosen.join(_station, _station.c.name == _order.c.station)
        .join(_district, _district.c.name == _station.c.district)
        .join(_item, item)
        .join(_body, _body.c.code == _order.c.body)
    )


_TITLED = (("station", _station), ("item", _item), ("body", _body))


def _row(row: Row[*tuple[Any, ...]]) -> OrderRow:
    plain = ("number", "state", "overdue", "priority", "rule", "city", "station", "scope", "responsibility", "body",
             "assignee", "minutes", "escalation", "returns", "alarms", "standing")  # fmt: skip
    return OrderRow(
        work_order_id=str(row.work_order_id),
        title=Title(zh=row.title_zh, en=row.title_en),
        advice=Title(zh=row.advice_zh, en=row.advice_en),
        station_title=title(row, "station"),
        incident_id=None if row.incident_id is None else str(row.incident_id),
        alarm_id=str(row.alarm_id),
        responsibility_title=title(row, "item"),
        legal=Title(zh=row.legal_zh, en=row.legal_en),
        body_title=title(row, "body"),
        supporting=[Title(zh=zh, en=en) for zh, en in zip(row.helpers_zh or (), row.helpers_en or (), strict=True)],
        opened_at=milliseconds(row.opened_at),
        respond_by=milliseconds(row.respond_by),
        due_at=milliseconds(row.due_at),
        state_at=milliseconds(row.state_at),
        arrived_at=milliseconds_or_none(row.arrived_at),
        done_at=milliseconds_or_none(row.done_at),
        closed_at=milliseconds_or_none(row.closed_at),
        parts=tuple(row.parts),
        **{name: getattr(row, name) for name in plain},
    )


def _entry(row: Row[*tuple[Any, ...]]) -> OrderEntry:
    at, recorded = milliseconds(row.at), milliseconds(row.recorded_at)
    return OrderEntry(row.what, at, recorded, row.actor, row.comment, row.detail)


def _alarm_row(row: Row[*tuple[Any, ...]]) -> OrderAlarm:
    return OrderAlarm(
        str(row.alarm_id),
        row.rule,
        row.station,
        row.element,
        row.priority,
        milliseconds(row.opened_at),
        milliseconds_or_none(row.cleared_at),
    )
