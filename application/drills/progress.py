"""Progress: what the tables say of a drill, from the order that breaks something to its proof. Writes nothing.

Each step is a row of some table. A step of the civic services (notice, request, rating) joins as one more function in
`STEPS`; until there are such rows, nobody invents them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select

from application.drills.exercise import Exercise
from application.instants import microseconds, moment
from application.tuning import DRILL
from perception.readings import Readings
from support import tables
from support.orders import one

_alarm, _incident, _member = tables.alarm, tables.incident, tables.incident_alarm
_work = tables.work_order
Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a drill: `step` is its sort, `key` tells events of one sort apart.

    `at` epoch microseconds of event time; `page` is where the console shows it; `table` and `row` name the row that
    proves it, by its primary key (a time in it in epoch microseconds).
    """

    step: str
    key: str
    at: int
    says: str
    page: str
    table: str
    row: str


@dataclass(frozen=True, slots=True)
class Course:
    """A drill under way: what is broken where, since when, and what was shown before. `orders`: commands, by step."""

    exercise: Exercise
    station: str
    device: str
    device_id: int
    begins: int
    until: int
    before: Mapping[str, float]
    orders: Mapping[str, Any]
    said: Callable[[Connection, tuple[int, int]], Readings]

    @property
    def page(self) -> str:
        """The page of the station."""
        return f"stations/{self.station}"


def followed(on: Connection, course: Course, now: int) -> list[Event]:
    """Return what has happened so far, in the order of the steps."""
    return [event for step in STEPS for event in step(on, course, now)]


def _ordered(on: Connection, course: Course, now: int) -> Iterator[Event]:
    """Yield what the device was told, once it has done it."""
    del now
    for step, command_id in course.orders.items():
        row = one(on, command_id)
        done = next((a.at for a in row.answers if a.state == "done"), None) if row is not None else None
        if row is not None and done is not None:
            args = " ".join(f"{k}={v}" for k, v in row.args.items())
            says = f"{row.do} {args}".strip()
            yield Event(step, str(command_id), done * 1000, says, course.page, "command_reply", f"{command_id} done")


def _sensed(on: Connection, course: Course, now: int) -> Iterator[Event]:
    """Yield the first reading that shows it."""
    sign, readings = course.exercise.sign, course.said(on, (course.begins, now))
    column = readings.kind.bits[sign.point]
    good = readings.good()[:, column]
    for at, value in zip(readings.ts[good].tolist(), readings.values[good, column].tolist(), strict=True):
        if sign.shows(course.before, {sign.point: value}):
            was = course.before.get(sign.point)
            says = f"{sign.point} {value:g}" + ("" if was is None else f" (before: {was:g})")
            page = f"{course.page}?topic={course.exercise.topic}"
            yield Event("sensor", "", at, says, page, f"readings_{readings.kind.name}", f"{course.device_id} {at}")
            return


def alarms_of(course: Course) -> Select[Any]:
    """Return the alarms that were raised in this drill, as a query."""
    mine = (_alarm.c.device == course.device, _alarm.c.evidence.has_key(DRILL))
    span = (_alarm.c.opened_at >= moment(course.begins), _alarm.c.opened_at < moment(course.until))
    return select(_alarm).where(*mine, *span).order_by(_alarm.c.opened_at, _alarm.c.priority, _alarm.c.alarm_id)


def _raised(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(alarms_of(course)):
        explained = f", explained by {row.suppressed_by}" if row.suppressed_by else ""
        yield _alarm_event("alarm", row, microseconds(row.opened_at), f"priority {row.priority}{explained}")


def _cleared(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(alarms_of(course).where(_alarm.c.cleared_at.is_not(None))):
        yield _alarm_event("cleared", row, microseconds(row.cleared_at), "cleared by the data")


def _alarm_event(step: str, row: Found, at: int, more: str) -> Event:
    what = f"{row.rule} {row.element}".strip()
    number = str(row.alarm_id)
    return Event(step, number, at, f"{what}, {more}", f"alarms/{number}", "alarm", number)


def _incidents(course: Course) -> Select[Any]:
    alarms = alarms_of(course).with_only_columns(_alarm.c.alarm_id).order_by(None)
    members = select(_member.c.incident_id).where(_member.c.alarm_id.in_(alarms))
    # what was open before was not opened by this drill, but may have taken its alarms in
    here = or_(_incident.c.opened_at >= moment(course.begins), _incident.c.closed_at.is_(None))
    return select(_incident).where(_incident.c.incident_id.in_(members), here).order_by(_incident.c.opened_at)


def _grouped(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(_incidents(course)):
        says = f"{row.scope}: {row.cause} at {row.cause_station}"
        yield _incident_event("incident", row, microseconds(row.opened_at), says)


def _closed(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(_incidents(course).where(_incident.c.closed_at.is_not(None))):
        yield _incident_event("closed", row, microseconds(row.closed_at), f"{row.scope} is over")


def _incident_event(step: str, row: Found, at: int, says: str) -> Event:
    number = str(row.incident_id)
    return Event(step, number, at, says, f"incidents/{number}", "incident", number)


def orders_of(course: Course) -> Select[Any]:
    """Return the work orders that were opened for the alarms of this drill, as a query."""
    alarms = alarms_of(course).with_only_columns(_alarm.c.alarm_id).order_by(None)
    return select(_work).where(_work.c.alarm_id.in_(alarms)).order_by(_work.c.number)


def _put_to_work(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(orders_of(course)):
        says = f"number {row.number}, for {row.body}: {row.title_en}"
        yield _order_event("order", row, microseconds(row.opened_at), says)


def _proved(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(orders_of(course).where(_work.c.state == "verified")):
        says = f"number {row.number} by the data: what it was about has cleared"
        yield _order_event("verified", row, microseconds(row.closed_at), says)


def _withdrawn(on: Connection, course: Course, now: int) -> Iterator[Event]:
    del now
    for row in on.execute(orders_of(course).where(_work.c.state == "cancelled")):
        says = f"number {row.number}: it was raised after the mending, and is over"
        yield _order_event("withdrawn", row, microseconds(row.closed_at), says)


def _order_event(step: str, row: Found, at: int, says: str) -> Event:
    number = str(row.work_order_id)
    return Event(step, number, at, says, f"work-orders/{number}", "work_order", number)


STEPS: Sequence[Callable[[Connection, Course, int], Iterator[Event]]] = (
    _ordered,
    _sensed,
    _raised,
    _grouped,
    _put_to_work,
    _cleared,
    _closed,
    _proved,
    _withdrawn,
)
