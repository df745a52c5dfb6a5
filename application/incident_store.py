"""Incident store: groups what is open into incidents, in the tables. Works on a Connection; who calls it commits."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, Connection, Row, Uuid, any_, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from application.incident import Areas, Found, Grouping, Raised, incidents
from application.instants import microseconds, moment
from application.journal import NAMESPACE
from application.rule import Family, Rule
from support import tables

_incident, _alarm, _member = tables.incident, tables.alarm, tables.incident_alarm
TEND = "tend"


def group(on: Connection, rules: Mapping[str, Rule], now: int, p: Grouping | None = None) -> int:
    """Open, extend and close incidents, and say which alarms are explained; return how many rows changed."""
    raised, suppressed = _raised(on, rules)
    open_ = {
        (row.scope, row.family): row for row in on.execute(select(_incident).where(_incident.c.closed_at.is_(None)))
    }
    found = incidents(raised, _areas(on), open_, p, _over(on, rules, now, p or Grouping()))
    changed = 0
    for each in found:
        changed += _keep(on, each, open_.get((each.scope, each.family)))
    over = [row for key, row in open_.items() if key not in {(f.scope, f.family) for f in found}]
    for row in over:
        on.execute(update(_incident).where(_incident.c.incident_id == row.incident_id).values(closed_at=moment(now)))
    explained = {alarm: by for each in found for alarm, by in each.explained.items()}
    return changed + len(over) + _suppress(on, suppressed, explained, now)


def _raised(on: Connection, rules: Mapping[str, Rule]) -> tuple[list[Raised], dict[str, str | None]]:
    rows = on.execute(select(_alarm).where(_alarm.c.cleared_at.is_(None))).all()
    raised = [
        Raised(
            str(row.alarm_id),
            row.rule,
            rules[row.rule].family if row.rule in rules else Family.OWN,
            row.priority,
            row.station,
            microseconds(row.opened_at),
        )
        for row in rows
    ]
    return raised, {str(row.alarm_id): row.suppressed_by for row in rows}


def _over(on: Connection, rules: Mapping[str, Rule], now: int, p: Grouping) -> list[Raised]:
    """Return the alarms that cleared not long ago: for a while they explain what they have left behind."""
    recent = select(_alarm).where(_alarm.c.cleared_at > moment(now - p.recovery_us))
    return [
        Raised(
            str(row.alarm_id),
            row.rule,
            rules[row.rule].family if row.rule in rules else Family.OWN,
            row.priority,
            row.station,
            microseconds(row.opened_at),
        )
        for row in on.execute(recent)
    ]


def _areas(on: Connection) -> Areas:
    s, b = tables.station.c, tables.branch.c
    rows = on.execute(select(s.name, s.branch, s.district, b.heat_source).join(tables.branch, b.name == s.branch)).all()
    of_station = {r.name: (f"branch:{r.branch}", f"district:{r.district}", f"source:{r.heat_source}") for r in rows}
    stations: dict[str, set[str]] = {}
    for name, areas in of_station.items():
        for area in areas:
            stations.setdefault(area, set()).add(name)
    return Areas(of_station, {area: frozenset(names) for area, names in stations.items()})


def _keep(on: Connection, found: Found, before: object) -> int:
    """Write an incident as it stands; return 1 when anything of it is new."""
    known = getattr(before, "incident_id", None)
    incident_id = known or uuid5(NAMESPACE, f"incident|{found.scope}|{found.family}|{found.opened}")
    told = {
        "cause": found.cause.rule,
        "cause_station": found.cause.station,
        "priority": found.priority,
        "stations": list(found.stations),
    }
    fresh = [UUID(alarm.alarm_id) for alarm in found.alarms]
    if known is None:
        opened = {"incident_id": incident_id, "scope": found.scope, "family": found.family}
        on.execute(insert(_incident).values(**opened, **told, opened_at=moment(found.opened)))
    else:
        same = all(getattr(before, name) == value for name, value in told.items())
        if not same:
            on.execute(update(_incident).where(_incident.c.incident_id == incident_id).values(**told))
    each = select(literal(incident_id), func.unnest(cast(fresh, ARRAY(Uuid))))  # one parameter, however many there are
    told_apart = upsert(_member).from_select(["incident_id", "alarm_id"], each).on_conflict_do_nothing()
    joined = on.execute(told_apart.returning(_member.c.alarm_id)).all()
    return int(known is None or bool(joined))


def _suppress(on: Connection, suppressed: Mapping[str, str | None], explained: Mapping[str, str], now: int) -> int:
    """Suppress what is explained, and end the suppression of what is not any more; both stand in the journal."""
    moved: dict[str | None, list[UUID]] = {}
    for alarm, by in suppressed.items():
        if explained.get(alarm) != by:
            moved.setdefault(explained.get(alarm), []).append(UUID(alarm))
    told: list[dict[str, object]] = []
    for reason, alarms in moved.items():
        still_open = (
            _alarm.c.alarm_id.in_(select(func.unnest(cast(alarms, ARRAY(Uuid))))),
            _alarm.c.cleared_at.is_(None),
        )
        done = on.scalars(update(_alarm).where(*still_open).values(suppressed_by=reason).returning(_alarm.c.alarm_id))
        entry = {
            "what": "suppressed" if reason else "unsuppressed",
            "at": moment(now),
            "actor": TEND,
            "comment": reason,
        }
        told += [{"alarm_id": alarm_id, **entry} for alarm_id in done]
    if told:
        on.execute(insert(tables.alarm_event), told)
    return len(told)


def listed(on: Connection, city: str | None, *, closed: bool, most: int) -> Sequence[Mapping[str, object]]:
    """Return incidents, open ones first, the most urgent first, with how many alarms and homes they touch."""
    b, c, s, d = tables.building.c, tables.community.c, tables.station.c, tables.district.c
    touched = _incident.c.stations
    homes = select(func.sum(b.homes)).join(tables.community, c.name == b.community).where(c.station == any_(touched))
    alarms = select(func.count()).where(_member.c.incident_id == _incident.c.incident_id)
    query = select(_incident, alarms.scalar_subquery().label("alarms"), homes.scalar_subquery().label("homes"))
    if not closed:
        query = query.where(_incident.c.closed_at.is_(None))
    if city is not None:
        here = select(s.name).join(tables.district, d.name == s.district).where(s.name == any_(touched), d.city == city)
        query = query.where(here.exists())
    order = (_incident.c.closed_at.is_not(None), _incident.c.priority, _incident.c.opened_at.desc())
    return [_told(row) for row in on.execute(query.order_by(*order).limit(most))]


def _told(row: Row[*tuple[Any, ...]]) -> Mapping[str, object]:
    return {
        "incident": str(row.incident_id)[:8],
        "priority": row.priority,
        "scope": row.scope,
        "cause": row.cause,
        "at": row.cause_station,
        "stations": len(row.stations),
        "alarms": row.alarms,
        "homes": row.homes,
        "opened": row.opened_at,
        "closed": row.closed_at,
    }
