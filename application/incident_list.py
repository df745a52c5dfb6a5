"""Incident list: the incidents of a city, those that stand and those that ended a short while ago."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select

from application.alarm_list import AlarmList, IncidentCard
from application.incident_store import drilled, outlooks
from application.instants import HOUR
from application.read_models import CityCard
from support import tables

RECENT_US = 7 * 24 * HOUR
"""So long an incident that is over stays in the list."""
Hours = tuple[float, float | None, float | None]
"""Hours until the first rooms reach 18 degC, with the least and the most of them; the most None: open behind."""


class OrderOf(NamedTuple):
    """The newest work order of an incident."""

    work_order_id: str
    number: int
    state: str


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident in the list. `hours` None: none are foreseen, or nobody can tell; `drill`: it was an exercise."""

    card: IncidentCard
    hours: Hours | None
    order: OrderOf | None
    drill: bool


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """What the page of incidents shows. `standing` are open, most urgent first; `over` ended within a week."""

    city: CityCard
    at: int
    standing: Sequence[IncidentLine]
    over: Sequence[IncidentLine]


def of_city(on: Connection, alarms: AlarmList, card: CityCard, now: int, most: int = 200) -> IncidentsView:
    """Return the incidents of a city at an instant (epoch microseconds), at most so many that are over."""
    cards = alarms.incidents(on, card.name, since=now - RECENT_US)
    ids = [UUID(each.incident_id) for each in cards]
    hours, orders, exercises = outlooks(on, ids), _orders(on, ids), drilled(on, ids)
    lines = [
        IncidentLine(each, hours.get(number), orders.get(number), number in exercises)
        for each, number in zip(cards, ids, strict=True)
    ]
    over = [line for line in lines if line.card.closed_at is not None]
    return IncidentsView(
        card,
        now // 1000,
        sorted((line for line in lines if line.card.closed_at is None), key=_urgency),
        sorted(over, key=lambda line: -(line.card.closed_at or 0))[:most],
    )


def _urgency(line: IncidentLine) -> tuple[int, float, int, int, str]:
    """Order by priority, then by when homes are cold, then by how many there are, then the newest."""
    hours = float("inf") if line.hours is None else line.hours[0]
    return line.card.priority, hours, -(line.card.homes or 0), -line.card.opened_at, line.card.incident_id


def _orders(on: Connection, incidents: Sequence[UUID]) -> Mapping[UUID, OrderOf]:
    w = tables.work_order.c
    query = select(w.incident_id, w.work_order_id, w.number, w.state).where(w.incident_id.in_(incidents))
    return {
        row.incident_id: OrderOf(str(row.work_order_id), row.number, row.state)
        for row in on.execute(query.order_by(w.number))
    }
