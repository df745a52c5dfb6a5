"""Desk: what opening and proving orders needs to know of rules and places. Works on a Connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, and_, select

from application.instants import SECOND, microseconds, moment
from application.rule import Family, Rule
from application.rules_file import RulesFile
from application.settings import WatchSettings
from application.work.order import UnknownWorkError
from application.work.proof import Condition, Patience
from application.work.responsibility import Place
from support import tables

_alarm, _order, _linked = tables.alarm, tables.work_order, tables.work_order_alarm
_incident, _member, _state = tables.incident, tables.incident_alarm, tables.watch_state
_station, _district, _city = tables.station, tables.district, tables.city

Calm = Callable[[str, Mapping[str, str], int], int]
"""(rule, names of city, district, station, device, now) -> the rule's off-delay there and then, in microseconds."""


@dataclass(frozen=True, slots=True)
class Desk:
    """`rules` by name, their off-delays, and how long one waits. Orders open for incidents of these `priorities`.

    An incident has `settle_us` to take its stations in before an order opens for it.
    """

    rules: Mapping[str, Rule]
    calm: Calm
    patience: Patience = field(default_factory=Patience)
    priorities: frozenset[int] = frozenset({1, 2})
    settle_us: int = 60 * SECOND

    @property
    def least_priority(self) -> int:
        """The least urgent alarms of an incident that have to clear before its order is verified."""
        return max(self.priorities, default=1)

    def family(self, rule: str) -> Family:
        """Return the family of a rule; one that is there no more has none of ours."""
        return self.rules[rule].family if rule in self.rules else Family.OWN


def calm_of(rules: Mapping[str, Rule]) -> Calm:
    """Return the off-delays of these rules: as their file has them for a place and a time, else as they come."""

    def calm(rule: str, place: Mapping[str, str], now: int) -> int:
        if rule not in rules:
            return 0
        pairs = rules.pairs if isinstance(rules, RulesFile) else ()
        tuning = next((tuning for each, tuning in pairs if each.name == rule), None)
        if tuning is None:
            return round(rules[rule].parameters.model_validate({}).off_delay_s * SECOND)
        told = tuning.usual.off_delay_s
        for each in tuning.variants:
            if place.get(each.sort) in each.names and each.start <= now < each.stop:
                told = each.values.get("off_delay_s", told)
        return round(float(told) * SECOND)

    return calm


def desk_of(rules: Mapping[str, Rule], told: WatchSettings) -> Desk:
    """Return the desk of these rules and settings."""
    patience = Patience(round(told.order_proof_s * SECOND), round(told.order_returns_s * SECOND))
    return Desk(rules, calm_of(rules), patience, frozenset(told.order_priorities), round(told.order_settle_s * SECOND))


@dataclass(frozen=True, slots=True)
class Found:
    """An alarm, where it is, and the open incident that it belongs to."""

    alarm_id: UUID
    rule: str
    station: str
    place: Place
    zone: str
    priority: int
    incident_id: UUID | None
    scope: str

    def day(self, at: int) -> date:
        """Return the day of an instant by the city's clock."""
        return moment(at).astimezone(ZoneInfo(self.zone)).date()


def place_of(on: Connection, alarm_id: UUID) -> Found:
    """Return an alarm with its place and its open incident. Raises UnknownWorkError."""
    placed = _placed(_alarm, _station.c.district, _district.c.city, _city.c.timezone)
    row = on.execute(placed.where(_alarm.c.alarm_id == alarm_id)).first()
    if row is None:
        raise UnknownWorkError(f"there is no alarm {alarm_id} at a station that is known")
    mine = and_(_member.c.alarm_id == alarm_id, _incident.c.closed_at.is_(None))
    joined = select(_incident).join(_member, _member.c.incident_id == _incident.c.incident_id).where(mine)
    incident = on.execute(joined.order_by(_incident.c.scope.like("station:%"), _incident.c.opened_at)).first()
    return Found(
        alarm_id,
        row.rule,
        row.station,
        Place(row.city, row.district),
        row.timezone,
        row.priority if incident is None else incident.priority,
        None if incident is None else incident.incident_id,
        f"station:{row.station}" if incident is None else incident.scope,
    )


def conditions(on: Connection, desk: Desk, order_id: UUID, now: int) -> list[Condition]:
    """Return what has to clear before an order is verified, as the alarms and the states of their rules say it."""
    other = tables.alarm.alias("other")
    same = [other.c[n] == _alarm.c[n] for n in ("subject", "rule", "element")]
    stands = select(other.c.alarm_id).where(*same, other.c.cleared_at.is_(None)).exists().label("stands")
    key = and_(*(_state.c[n] == _alarm.c[n] for n in ("subject", "rule", "element")))
    placed = _placed(_alarm, _station.c.district, _district.c.city, _state.c.verdict, stands)
    query = placed.join(_linked, _linked.c.alarm_id == _alarm.c.alarm_id).join(_state, key, isouter=True)
    query = query.where(_linked.c.work_order_id == order_id).order_by(_alarm.c.opened_at, _alarm.c.alarm_id)
    return [_condition(row, desk, now) for row in on.execute(query)]


def _condition(row: Row[*tuple[Any, ...]], desk: Desk, now: int) -> Condition:
    place = {"city": row.city, "district": row.district, "station": row.station, "device": row.device}
    gone = row.cleared_at is not None and not row.stands
    return Condition(
        row.rule,
        row.station,
        microseconds(row.cleared_at) if gone else None,
        desk.calm(row.rule, place, now),
        known=row.verdict != "cannot_tell",
        again=row.verdict == "raise",
    )


def _placed(*columns: Any) -> Select[Any]:
    """Return a query of alarms with their station, district and city."""
    query = select(*columns).select_from(_alarm).join(_station, _station.c.name == _alarm.c.station)
    return query.join(_district, _district.c.name == _station.c.district).join(_city, _city.c.name == _district.c.city)
