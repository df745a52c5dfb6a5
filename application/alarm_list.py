"""Alarm list: what the page of alarms chooses from.

Each alarm has its state in the words of ISA-18.2, what it touches and where it belongs; those that a cause explains
stand under it. Listed are open alarms, and those of a week that went by themselves and that nobody has acknowledged.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, or_, select

from application import places
from application.alarm import Alarm, AlarmState
from application.instants import milliseconds, moment
from application.listings import Listings
from application.read_models import AlarmRow, CityCard
from application.rule import Family, Rule
from perception.point import Title
from support import tables

LATCHED = (AlarmState.LATCHED_UNACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED)
ATTENTION = (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED, *LATCHED)
"""The states of what operators have to look at."""
KEPT = (AlarmState.SUPPRESSED, AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)
"""The states that keep an alarm from their lists."""

_incident, _member, _alarm = tables.incident, tables.incident_alarm, tables.alarm


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """An alarm in the list. `homes` None: not known. `explains` are alarms that it is the cause of."""

    alarm: AlarmRow
    state: AlarmState
    family: Family
    district: str
    district_title: Title
    homes: int | None
    explains: tuple["AlarmLine", ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """An incident in a list. Times in epoch milliseconds; `homes` None: not known; `rule_title` speaks of its cause."""

    incident_id: str
    scope: str
    scope_title: Title
    family: str
    rule: str
    rule_title: Title
    cause_station: str
    cause_station_title: Title
    priority: int
    opened_at: int
    closed_at: int | None
    stations: Sequence[str]
    alarms: int
    homes: int | None


@dataclass(frozen=True, slots=True)
class AlarmsView:
    """Everything that the page of alarms of a city shows. `lines`: most urgent first, explained ones under their cause.

    `incidents`: open ones of more than one alarm. `districts`: name and title of each.
    """

    city: CityCard
    at: int
    lines: Sequence[AlarmLine]
    incidents: Sequence[IncidentCard]
    districts: Mapping[str, Title] = field(default_factory=dict)


class AlarmList:
    """Makes the list. Titles come from the rules."""

    def __init__(self, listings: Listings, rules: Mapping[str, Rule]) -> None:
        self._listings = listings
        self._rules = rules

    def of_city(self, on: Connection, card: CityCard, now: int) -> AlarmsView:
        """Return the list of a city at an instant (epoch microseconds)."""
        rows = self._listings.alarms(on, card.name, now, returned=True)
        stations = {s.name: s for s in places.stations(on, card.name)}
        homes, members = homes_of(on, stations), _memberships(on)
        lines = [
            AlarmLine(
                row,
                state_of(row, now),
                self._family(row.rule),
                stations[row.station].district,
                stations[row.station].district_title,
                homes.get(row.station),
            )
            for row in rows
        ]
        return AlarmsView(
            card,
            now // 1000,
            ranked(folded(lines, members)),
            [c for c in self.incidents(on, card.name) if c.alarms > 1],
            {s.district: s.district_title for s in stations.values()},
        )

    def incidents(
        self, on: Connection, city: str, incident: UUID | None = None, since: int | None = None
    ) -> list[IncidentCard]:
        """Return the open incidents of a city, most urgent first; or the one of that number, open or not.

        `since` (epoch microseconds): with those that ended later than that.
        """
        count = select(func.count()).where(_member.c.incident_id == _incident.c.incident_id).scalar_subquery()
        query = select(_incident, count.label("alarms"))
        if incident is not None:
            query = query.where(_incident.c.incident_id == incident)
        elif since is not None:
            query = query.where(or_(_incident.c.closed_at.is_(None), _incident.c.closed_at >= moment(since)))
        else:
            query = query.where(_incident.c.closed_at.is_(None))
        rows = on.execute(query.order_by(_incident.c.priority, _incident.c.opened_at.desc())).all()
        stations = {s.name: s.title for s in places.stations(on, city)}
        homes, areas = homes_of(on, stations), _areas(on)
        return [self._card(row, stations, homes, areas) for row in rows if row.cause_station in stations]

    def _card(
        self,
        row: Row[*tuple[Any, ...]],
        stations: Mapping[str, Title],
        homes: Mapping[str, int],
        areas: Mapping[str, Title],
    ) -> IncidentCard:
        known = [homes[s] for s in row.stations if s in homes]
        where = stations[row.cause_station]
        return IncidentCard(
            incident_id=str(row.incident_id),
            scope=row.scope,
            scope_title=areas.get(row.scope, where),
            family=row.family,
            rule=row.cause,
            rule_title=self._title(row.cause),
            cause_station=row.cause_station,
            cause_station_title=where,
            priority=row.priority,
            opened_at=milliseconds(row.opened_at),
            closed_at=None if row.closed_at is None else milliseconds(row.closed_at),
            stations=tuple(row.stations),
            alarms=row.alarms,
            homes=sum(known) if known else None,
        )

    def _family(self, rule: str) -> Family:
        return self._rules[rule].family if rule in self._rules else Family.OWN

    def _title(self, rule: str) -> Title:
        return self._rules[rule].title if rule in self._rules else Title(zh=rule, en=rule)


def state_of(row: AlarmRow, now: int) -> AlarmState:
    """Return the state of an alarm at an instant (epoch microseconds)."""
    until = None if row.shelved_until is None else row.shelved_until * 1000
    by = "its cause" if row.suppressed else None
    life = Alarm(row.cleared_at is None, row.acknowledged, until, by, in_service=not row.out_of_service)
    return replace(life, latched=row.latched).state(now)


def homes_of(on: Connection, stations: Iterable[str]) -> Mapping[str, int]:
    """Return how many homes each of these stations heats; those of which it is not known are left out."""
    b, c = tables.building.c, tables.community.c
    query = (
        select(c.station, func.sum(b.homes).label("homes"))
        .join(tables.community, c.name == b.community)
        .where(c.station.in_(list(stations)))
        .group_by(c.station)
    )
    return {row.station: int(row.homes) for row in on.execute(query) if row.homes is not None}


Membership = Row[*tuple[Any, ...]]


def _memberships(on: Connection) -> Mapping[str, Membership]:
    """Return by alarm: its open incident, where that has its cause, and what suppresses the alarm."""
    query = (
        select(
            _alarm.c.alarm_id,
            _alarm.c.station,
            _alarm.c.rule,
            _alarm.c.suppressed_by,
            _member.c.incident_id,
            _incident.c.cause_station,
        )
        .join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
        .join(_incident, _incident.c.incident_id == _member.c.incident_id)
        .where(_incident.c.closed_at.is_(None))
    )
    return {str(row.alarm_id): row for row in on.execute(query)}


def folded(lines: Sequence[AlarmLine], members: Mapping[str, Membership]) -> list[AlarmLine]:
    """Return the lines with what a cause explains under the cause, where that is in the list itself."""
    causes: dict[tuple[str, str, str], str] = {}
    for alarm_id, member in members.items():
        if member.suppressed_by is None:
            causes.setdefault((str(member.incident_id), member.rule, member.station), alarm_id)
    under: dict[str, list[AlarmLine]] = {}
    left: list[AlarmLine] = []
    known = {line.alarm.alarm_id for line in lines}
    for line in lines:
        mine = members.get(line.alarm.alarm_id)
        cause = None if mine is None or line.state is not AlarmState.SUPPRESSED else _cause_of(mine, causes)
        if cause is not None and cause in known:
            under.setdefault(cause, []).append(line)
        else:
            left.append(line)
    return [
        replace(line, explains=tuple(ranked(under[line.alarm.alarm_id]))) if line.alarm.alarm_id in under else line
        for line in left
    ]


def _cause_of(member: Membership, causes: Mapping[tuple[str, str, str], str]) -> str | None:
    """Return the alarm that explains one: at its own station, or where its incident has its cause."""
    for station in (member.station, member.cause_station):
        found = causes.get((str(member.incident_id), member.suppressed_by, station))
        if found is not None:
            return found
    return None


def ranked(lines: Iterable[AlarmLine]) -> list[AlarmLine]:
    """Return the lines: what is active first, then what returned, then what is kept from the lists.

    Within each by priority, then by when homes are cold, then by how many there are, then the newest.
    """
    return sorted(lines, key=_rank)


def _rank(line: AlarmLine) -> tuple[int, int, float, int, int, str]:
    group = 2 if line.state in KEPT else 1 if line.alarm.cleared_at is not None else 0
    outlook = line.alarm.consequence
    hours = math.inf if outlook is None or outlook.hours is None else outlook.hours
    return group, line.alarm.priority, hours, -(line.homes or 0), -line.alarm.opened_at, line.alarm.alarm_id


def _areas(on: Connection) -> Mapping[str, Title]:
    """Return the titles of the areas that an incident may have as its scope."""
    sorts = {"branch": tables.branch, "district": tables.district, "source": tables.heat_source}
    return {
        f"{sort}:{row.name}": Title(zh=row.title_zh, en=row.title_en)
        for sort, table in sorts.items()
        for row in on.execute(select(table.c.name, table.c.title_zh, table.c.title_en))
    }
