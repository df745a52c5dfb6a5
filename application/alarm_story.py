"""Alarm story: one alarm with its journal, and one incident with its cause, its timeline and whom it touches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from application import incident_story, places
from application.alarm import AlarmState
from application.alarm_list import AlarmList, IncidentCard, homes_of, state_of
from application.incident_story import Reason
from application.listings import Listings
from application.read_models import AlarmRow, CityCard, CommunityCard, JournalRow
from application.rule import Rule
from application.work.view import OrderRow, of_incidents
from perception.point import Title
from support import tables

MOST_ENTRIES = 400
MOST_ALARMS = 500


@dataclass(frozen=True, slots=True)
class AlarmStory:
    """An alarm with its journal, oldest first. `respond_s`: within what time somebody has to act; None: not known."""

    city: CityCard
    at: int
    alarm: AlarmRow
    state: AlarmState
    respond_s: float | None
    incident: str | None
    journal: Sequence[JournalRow]


@dataclass(frozen=True, slots=True)
class TouchedStation:
    """A station of an incident with the communities that it heats."""

    name: str
    title: Title
    district_title: Title
    homes: int | None
    communities: Sequence[CommunityCard]


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """An incident. `alarms` with the state of each, the first to come first; `timeline` in event time, oldest first.

    `reasons`: why the cause is proposed; `hours`: until the first rooms are at 18 Cel, low to high; None: unforeseen.
    `cause` is the alarm that speaks of it, None when the journal no longer has it.
    """

    city: CityCard
    at: int
    card: IncidentCard
    cause: AlarmRow | None
    alarms: Sequence[tuple[AlarmRow, AlarmState]]
    timeline: Sequence[JournalRow]
    reasons: Sequence[Reason]
    hours: tuple[float, float | None, float | None] | None
    order: OrderRow | None
    stations: Sequence[TouchedStation]


class Stories:
    """Tells them. Words come from the rules."""

    def __init__(self, listings: Listings, alarm_list: AlarmList, rules: Mapping[str, Rule]) -> None:
        self._listings = listings
        self._list = alarm_list
        self._rules = rules

    def alarm(self, on: Connection, alarm_id: UUID, now: int) -> AlarmStory | None:
        """Return the story of an alarm; None: there is none of this number."""
        row = next(iter(self._listings.some(on, [alarm_id], now)), None)
        home = None if row is None else places.home_of(on, row.station)
        if row is None or home is None:
            return None
        rule = self._rules.get(row.rule)
        m, i = tables.incident_alarm.c, tables.incident.c
        newest = select(m.incident_id).join(tables.incident, i.incident_id == m.incident_id)
        incident = on.scalar(newest.where(m.alarm_id == alarm_id).order_by(i.opened_at.desc()).limit(1))
        return AlarmStory(
            home.card,
            now // 1000,
            row,
            state_of(row, now),
            None if rule is None else rule.respond_s,
            None if incident is None else str(incident),
            self._listings.entries(on, [alarm_id], MOST_ENTRIES),
        )

    def incident(self, on: Connection, incident_id: UUID, now: int) -> IncidentStory | None:
        """Return the story of an incident; None: there is none of this number."""
        cause_station = on.scalar(
            select(tables.incident.c.cause_station).where(tables.incident.c.incident_id == incident_id)
        )
        home = None if cause_station is None else places.home_of(on, cause_station)
        if home is None:
            return None
        cards = self._list.incidents(on, home.card.name, incident_id)
        m = tables.incident_alarm.c
        mine = list(on.scalars(select(m.alarm_id).where(m.incident_id == incident_id).limit(MOST_ALARMS)))
        rows = sorted(self._listings.some(on, mine, now), key=lambda r: (r.opened_at, r.alarm_id))
        told = incident_story.tell(on, self._rules, incident_id)
        return IncidentStory(
            home.card,
            now // 1000,
            cards[0],
            next((r for r in rows if r.rule == cards[0].rule and r.station == cause_station), None),
            [(row, state_of(row, now)) for row in rows],
            self._listings.entries(on, mine, MOST_ENTRIES),
            told.reasons,
            told.hours,
            of_incidents(on, [incident_id], now).get(str(incident_id)),
            _touched(on, home.card.name, cards[0].stations),
        )


def _touched(on: Connection, city: str, names: Sequence[str]) -> list[TouchedStation]:
    homes = homes_of(on, names)
    known = {s.name: s for s in places.stations(on, city)}
    return [
        TouchedStation(
            name, known[name].title, known[name].district_title, homes.get(name), places.communities(on, name)
        )
        for name in names
        if name in known
    ]
