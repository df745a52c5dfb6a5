"""Facts: what is known of an incident, for the words of a notice: read when it is queued, and kept with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from application.instants import microseconds
from application.rule import Rule
from application.tuning import DRILL
from perception.point import Point, Title
from support import tables

_MOST_STATIONS = 20
_OUTLOOK = tables.consequence
_ALARMS = select(tables.alarm, _OUTLOOK.c.hours, _OUTLOOK.c.hours_low, _OUTLOOK.c.hours_high).outerjoin(
    _OUTLOOK, _OUTLOOK.c.alarm_id == tables.alarm.c.alarm_id
)
_AREAS = {"branch": tables.branch, "district": tables.district, "source": tables.heat_source, "city": tables.city}


@dataclass(frozen=True, slots=True)
class Cold:
    """In how many hours rooms reach 18 Cel, as was foreseen, with the range; `high` None: no end is seen."""

    hours: float
    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One alarm of an incident. `opened` in epoch microseconds; `element`: the point that it is about, None: none.

    `drill`: it was raised in a drill. `cold`: when rooms are at 18 Cel, None: not foreseen.
    """

    alarm_id: UUID
    rule: str
    title: Title
    advice: Title | None
    priority: int
    station: str
    device: str
    element: Point | None
    opened: int
    evidence: Mapping[str, float | None]
    drill: bool = False
    cold: Cold | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to say of an incident. `homes` None: unknown; `zone`: the clock of its city; `alarms`: worst first.

    `place` names the station or the area; `stations` are the first twenty of `count`.
    """

    incident_id: UUID
    scope: str
    place: Title
    city: str
    zone: str
    stations: Sequence[tuple[str, Title]]
    count: int
    homes: int | None
    alarms: Sequence[Fact]

    @property
    def worst(self) -> Fact:
        """The alarm that the notice is headed by."""
        return self.alarms[0]

    @property
    def area(self) -> bool:
        """Whether it is more than one station's."""
        return not self.scope.startswith("station:")

    @property
    def drill(self) -> bool:
        """Whether nothing but a drill is told of: one real alarm makes it real."""
        return all(alarm.drill for alarm in self.alarms)

    @property
    def cold(self) -> Cold | None:
        """When the first rooms are cold; None: of no alarm is it foreseen."""
        return min((a.cold for a in self.alarms if a.cold is not None), key=lambda cold: cold.hours, default=None)


def facts(
    on: Connection, incident_id: UUID, alarms: Sequence[UUID], rules: Mapping[str, Rule], points: Mapping[str, Point]
) -> Facts:
    """Return what is known now of an incident and of these of its alarms, one at least."""
    incident = on.execute(select(tables.incident).where(tables.incident.c.incident_id == incident_id)).one()
    s, d, c, b = tables.station, tables.district, tables.community, tables.building
    where = s.c.name.in_(incident.stations)
    places = on.execute(select(s.c.name, s.c.title_zh, s.c.title_en).where(where).order_by(s.c.name)).all()
    homes = select(func.sum(b.c.homes)).join(c, c.c.name == b.c.community).where(c.c.station.in_(incident.stations))
    cities = select(tables.city.c.name, tables.city.c.timezone).join(d, d.c.city == tables.city.c.name)
    city = on.execute(
        cities.join(s, s.c.district == d.c.name).where(where).order_by(tables.city.c.name).limit(1)
    ).first()
    rows = on.execute(_ALARMS.where(tables.alarm.c.alarm_id.in_(alarms))).all()
    told = sorted((_fact(row, rules, points) for row in rows), key=lambda f: (f.priority, f.opened, f.alarm_id))
    return Facts(
        incident_id=incident_id,
        scope=incident.scope,
        place=_place(on, incident.scope),
        city="" if city is None else city.name,
        zone="UTC" if city is None else city.timezone,
        stations=[(row.name, _title(row)) for row in places[:_MOST_STATIONS]],
        count=len(incident.stations),
        homes=on.scalar(homes),
        alarms=told,
    )


def _fact(row: Row[*tuple[Any, ...]], rules: Mapping[str, Rule], points: Mapping[str, Point]) -> Fact:
    rule = rules.get(row.rule)
    return Fact(
        alarm_id=row.alarm_id,
        rule=row.rule,
        title=Title(zh=row.rule, en=row.rule) if rule is None else rule.title,
        advice=None if rule is None else rule.advice,
        priority=row.priority,
        station=row.station,
        device=row.device,
        element=points.get(row.element.rpartition("/")[2]),
        opened=microseconds(row.opened_at),
        evidence={name: value for name, value in row.evidence.items() if name != DRILL},
        drill=DRILL in row.evidence,
        cold=None if row.hours is None else Cold(row.hours, row.hours_low or 0.0, row.hours_high),
    )


def _place(on: Connection, scope: str) -> Title:
    sort, _, name = scope.partition(":")
    table = tables.station if sort == "station" else _AREAS.get(sort)
    row = None if table is None else on.execute(select(table).where(table.c.name == name)).first()
    return Title(zh=name or scope, en=name or scope) if row is None else _title(row)


def _title(row: Row[*tuple[Any, ...]]) -> Title:
    return Title(zh=row.title_zh, en=row.title_en)
