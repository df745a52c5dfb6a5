"""Incident story: what one incident was: its cause with the reasons, its timeline, and whom it touched.

The cause is proposed, by what the rules found and when; the reasons are there to be doubted. Works on a Connection.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Text, cast, func, select

from application.disposition import SHORTEST_ID
from application.incident import EXPLAINS
from application.incident_store import FIRST
from application.instants import MINUTE, microseconds
from application.listings import LATE
from application.rule import Family, Rule
from application.tuning import DRILL
from support import tables

_incident, _alarm, _event, _member = tables.incident, tables.alarm, tables.alarm_event, tables.incident_alarm
_MOST_NAMED = 8

Found = Row[*tuple[Any, ...]]


class UnknownIncidentError(Exception):
    """No incident, or more than one, has a number that begins so; the text says which."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the cause is proposed: `what` is first, explains, area, evidence or stands_above; `told` its numbers."""

    what: str
    told: Mapping[str, object]

    def __str__(self) -> str:
        """Return it in words."""
        return _WORDS[self.what].format_map(self.told)


_WORDS = {
    "first": "it came first of {alarms} alarms",
    "stands_above": "{first} came first, but a fault of the sort {family} explains one of the sort {other}",
    "explains": "it explains {alarms} others at its stations: {families}",
    "area": "{stations} of {of} stations of {scope} raised it within {minutes:.1f} minutes",
    "evidence": "at {station} it found {evidence}",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline; times in epoch microseconds, `at` in event time. `late`: recorded long after."""

    at: int
    recorded_at: int
    what: str
    rule: str
    station: str
    element: str
    alarm_id: str
    actor: str
    comment: str | None
    first_out: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Story:
    """An incident, whole. `homes` None: of no building they are known."""

    incident_id: str
    scope: str
    cause: str
    cause_station: str
    priority: int
    opened: int
    closed: int | None
    reasons: Sequence[Reason]
    timeline: Sequence[Entry]
    stations: Sequence[str]
    communities: Sequence[str]
    homes: int | None
    hours: tuple[float, float | None, float | None] | None


def find(on: Connection, words: str) -> UUID:
    """Return the number of the incident that begins so, with six characters at least. Raises UnknownIncidentError."""
    wanted = words.strip().lower()
    if len(wanted) < SHORTEST_ID or set(wanted) - set("0123456789abcdef-"):
        raise UnknownIncidentError(f"{words!r} is no number of an incident: give {SHORTEST_ID} characters or more")
    number = _incident.c.incident_id
    query = select(number).where(cast(number, Text).startswith(wanted, autoescape=True))
    found = list(on.scalars(query.order_by(_incident.c.opened_at.desc()).limit(_MOST_NAMED)))
    if not found:
        raise UnknownIncidentError(f"no incident's number begins with {words}: try `hearthline alarms incidents`")
    if len(found) > 1:
        raise UnknownIncidentError(f"{words} is the beginning of several: {', '.join(map(str, found))}")
    return UUID(str(found[0]))


def tell(on: Connection, rules: Mapping[str, Rule], incident_id: UUID) -> Story:
    """Return the story of an incident. Raises UnknownIncidentError."""
    incident = on.execute(select(_incident).where(_incident.c.incident_id == incident_id)).first()
    if incident is None:
        raise UnknownIncidentError(f"there is no incident {incident_id}")
    joined = select(_alarm).join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
    alarms = on.execute(joined.where(_member.c.incident_id == incident_id).order_by(*FIRST)).all()
    communities, homes = _touched(on, incident.stations)
    return Story(
        str(incident_id),
        incident.scope,
        incident.cause,
        incident.cause_station,
        incident.priority,
        microseconds(incident.opened_at),
        None if incident.closed_at is None else microseconds(incident.closed_at),
        list(_reasons(on, incident, alarms, rules)),
        _timeline(on, alarms),
        tuple(incident.stations),
        communities,
        homes,
        _hours(on, [a.alarm_id for a in alarms if a.cleared_at is None]),
    )


def _reasons(on: Connection, incident: Found, alarms: Sequence[Found], rules: Mapping[str, Rule]) -> Iterator[Reason]:
    of_cause = [a for a in alarms if a.rule == incident.cause and a.station == incident.cause_station]
    if not of_cause:
        return
    cause, first = of_cause[0], alarms[0]
    family = _family(rules, cause.rule)
    if cause is first and len(alarms) > 1:
        yield Reason("first", {"alarms": len(alarms)})
    elif cause is not first and _explains(family, _family(rules, first.rule)):
        other = _family(rules, first.rule)
        told = {"first": f"{first.rule} at {first.station}", "family": family.value, "other": other.value}
        yield Reason("stands_above", told)
    explained = Counter(f.value for a in alarms if _explains(family, f := _family(rules, a.rule)))
    if explained:
        families = ", ".join(f"{count} of {name}" for name, count in explained.most_common())
        yield Reason("explains", {"alarms": explained.total(), "families": families})
    if not incident.scope.startswith("station:"):
        yield _of_area(on, incident, [a for a in alarms if _family(rules, a.rule) is family])
    numbers = {name: value for name, value in cause.evidence.items() if value is not None and name != DRILL}
    shown = ", ".join(f"{name} {value:g}" for name, value in numbers.items())
    if shown:
        yield Reason("evidence", {"station": cause.station, "evidence": shown})


def _of_area(on: Connection, incident: Found, mine: Sequence[Found]) -> Reason:
    sort, _, name = incident.scope.partition(":")
    s, b = tables.station.c, tables.branch.c
    here = {"branch": s.branch == name, "district": s.district == name, "source": b.heat_source == name}
    every = select(func.count()).select_from(tables.station).join(tables.branch, b.name == s.branch).where(here[sort])
    first = {a.station: microseconds(a.opened_at) for a in reversed(mine)}
    within = (max(first.values()) - min(first.values())) / MINUTE
    told = {"stations": len(first), "of": on.scalar(every) or 0, "scope": incident.scope, "minutes": within}
    return Reason("area", told)


def _family(rules: Mapping[str, Rule], rule: str) -> Family:
    return rules[rule].family if rule in rules else Family.OWN


def _explains(cause: Family, other: Family) -> bool:
    both = cause in EXPLAINS and other in EXPLAINS
    return both and EXPLAINS.index(cause) < EXPLAINS.index(other)


def _timeline(on: Connection, alarms: Sequence[Found]) -> list[Entry]:
    by_id = {a.alarm_id: a for a in alarms}
    query = select(_event).where(_event.c.alarm_id.in_(list(by_id))).order_by(_event.c.at, _event.c.alarm_event_id)
    first = alarms[0].alarm_id if len(alarms) > 1 else None
    return [_entry(row, by_id[row.alarm_id], first) for row in on.execute(query)]


def _entry(row: Found, alarm: Found, first: UUID | None) -> Entry:
    at, recorded = microseconds(row.at), microseconds(row.recorded_at)
    return Entry(
        at,
        recorded,
        row.what,
        alarm.rule,
        alarm.station,
        alarm.element,
        str(row.alarm_id),
        row.actor,
        row.comment,
        first_out=row.what == "raised" and row.alarm_id == first,
        late=recorded - at > LATE,
    )


def _touched(on: Connection, stations: Sequence[str]) -> tuple[tuple[str, ...], int | None]:
    """Return the communities of stations, by name, and how many homes they have."""
    c, b = tables.community.c, tables.building.c
    names = on.scalars(select(c.name).where(c.station.in_(stations)).order_by(c.name)).all()
    homes = select(func.sum(b.homes)).join(tables.community, c.name == b.community).where(c.station.in_(stations))
    return tuple(names), on.scalar(homes)


def _hours(on: Connection, alarms: Sequence[UUID]) -> tuple[float, float | None, float | None] | None:
    """Return in how many hours the first rooms are cold, with the range; None: not foreseen."""
    c = tables.consequence.c
    query = select(c.hours, c.hours_low, c.hours_high).where(c.alarm_id.in_(alarms), c.hours.is_not(None))
    row = on.execute(query.order_by(c.hours).limit(1)).first()
    return None if row is None else (row.hours, row.hours_low, row.hours_high)
