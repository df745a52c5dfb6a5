"""Board: the work orders of a city as operators move them along. Works on a Connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from application import places
from application.read_models import CityCard
from application.rule import Rule
from application.work.order import OVER, WorkState
from application.work.view import OrderCounts, OrderRow, OrderStory, counts, orders, story
from perception.point import Title

MOST_ORDERS = 500
COLUMNS = (WorkState.NEW, WorkState.ASSIGNED, WorkState.ON_THE_WAY, WorkState.ON_SITE, WorkState.DONE)
"""The columns of the board, in the order of an order's life; what is over stands below."""


@dataclass(frozen=True, slots=True)
class WorkView:
    """The orders of a city at an instant (epoch milliseconds): those under way, and those that ended in 30 days."""

    city: CityCard
    at: int
    live: Sequence[OrderRow]
    over: Sequence[OrderRow]
    counts: OrderCounts


@dataclass(frozen=True, slots=True)
class WorkStory:
    """One order, with the city in which it is done, and the titles of its alarms' rules and stations by name."""

    city: CityCard
    at: int
    told: OrderStory
    rules: Mapping[str, Title]
    stations: Mapping[str, Title]


def of_city(on: Connection, card: CityCard, now: int) -> WorkView:
    """Return the board of a city; `now` in epoch microseconds."""
    rows = orders(on, now, city=card.name, closed=True, most=MOST_ORDERS)
    live = [row for row in rows if WorkState(row.state) not in OVER]
    over = sorted((row for row in rows if WorkState(row.state) in OVER), key=lambda row: -(row.closed_at or 0))
    return WorkView(card, now // 1000, live, over, counts(on, now, card.name))


def of_order(on: Connection, order_id: UUID, now: int, rules: Mapping[str, Rule]) -> WorkStory | None:
    """Return one order; None: there is none of this id."""
    told = story(on, order_id, now)
    card = None if told is None else places.city(on, told.order.city)
    if told is None or card is None:
        return None
    named = {alarm.rule: rules[alarm.rule].title for alarm in told.alarms if alarm.rule in rules}
    return WorkStory(card, now // 1000, told, named, {s.name: s.title for s in places.stations(on, card.name)})
