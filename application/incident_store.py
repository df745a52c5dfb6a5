"""Incident store: groups what is open into incidents, in the tables. Works on a Connection; who calls it commits."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, Connection, Row, Select, Uuid, and_, any_, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from application.incident import Areas, Found, Grouping, Raised, gone, incidents, is_patient, root
from application.instants import microseconds, moment
from application.journal import NAMESPACE
from application.rule import Family, Rule, Verdict
from application.tuning import DRILL
from support import tables

_incident, _alarm, _member = tables.incident, tables.alarm, tables.incident_alarm
FIRST = (_alarm.c.opened_at, _alarm.c.priority, _alarm.c.alarm_id)
"""First-out: the order in which alarms of an incident came, in event time."""
TEND = "tend"


def group(on: Connection, rules: Mapping[str, Rule], now: int, p: Grouping | None = None) -> int:
    """Open, extend and close incidents, and say which alarms are explained; return how many rows changed."""
    p = p or Grouping()
    raised, suppressed = _raised(on, rules, p)
    open_ = {
        (row.scope, row.family): row for row in on.execute(select(_incident).where(_incident.c.closed_at.is_(None)))
    }
    found = incidents(raised, _areas(on), open_, p, _past(on, rules, now, p))
    changed = 0
    for each in found:
        changed += _keep(on, each, open_.get((each.scope, each.family)))
    over = [row for key, row in open_.items() if key not in {(f.scope, f.family) for f in found}]
    for row in over:
        closed = max(moment(now), row.opened_at)  # clocks of devices run ahead
        told = {"closed_at": closed, "cause": _root(on, row, rules, p)}
        on.execute(update(_incident).where(_incident.c.incident_id == row.incident_id).values(told))
    explained = {alarm: by for each in found for alarm, by in each.explained.items()}
    return changed + len(over) + _suppress(on, suppressed, explained, now)


def _root(on: Connection, incident: Row[Any], rules: Mapping[str, Rule], p: Grouping) -> str:
    """Return the rule that an incident goes back to, now that it is over; that of an area keeps its own."""
    query = select(_alarm).join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
    query = query.where(_member.c.incident_id == incident.incident_id, _alarm.c.station == incident.cause_station)
    alarms = [] if incident.family else [_seen(row, rules, p) for row in on.execute(query.order_by(*FIRST))]
    last = next((alarm for alarm in alarms if alarm.rule == incident.cause), None)
    return str(incident.cause) if last is None else root(last, alarms, p).rule


def _raised(on: Connection, rules: Mapping[str, Rule], p: Grouping) -> tuple[list[Raised], dict[str, str | None]]:
    rows = on.execute(_STANDING).all()
    raised = [_seen(row, rules, p, waning=row.verdict == _CLEAR) for row in rows]
    return raised, {str(row.alarm_id): row.suppressed_by for row in rows}


def _past(on: Connection, rules: Mapping[str, Rule], now: int, p: Grouping) -> list[Raised]:
    """Return the alarms of open incidents that cleared a short while ago."""
    query = select(_alarm).join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
    query = query.join(_incident, _incident.c.incident_id == _member.c.incident_id)
    query = query.where(_incident.c.closed_at.is_(None), _alarm.c.cleared_at >= moment(now - p.wanes_us)).distinct()
    return [gone(_seen(row, rules, p), microseconds(row.cleared_at), now, p) for row in on.execute(query)]


def _seen(row: Row[*tuple[Any, ...]], rules: Mapping[str, Rule], p: Grouping, *, waning: bool = False) -> Raised:
    rule = rules.get(row.rule)
    return Raised(
        str(row.alarm_id),
        row.rule,
        Family.OWN if rule is None else rule.family,
        row.priority,
        row.station,
        microseconds(row.opened_at),
        waning,
        patient=rule is not None and is_patient(rule.respond_s, p),
        element=row.element,
        needs=frozenset() if rule is None else frozenset(rule.needs),
        follows=frozenset() if rule is None else rule.follows,
    )


_state = tables.watch_state
_CLEAR = Verdict.CLEAR.name.lower()
_STANDING = (
    select(_alarm, _state.c.verdict)
    .outerjoin(_state, and_(*(_state.c[name] == _alarm.c[name] for name in ("subject", "rule", "element"))))
    .where(_alarm.c.cleared_at.is_(None))
    .order_by(_alarm.c.alarm_id)
)
"""Open alarms, with what their rules say of them just now."""


def _areas(on: Connection) -> Areas:
    s, b, d = tables.station.c, tables.branch.c, tables.district.c
    query = select(s.name, s.branch, s.district, b.heat_source, d.city)
    rows = on.execute(query.join(tables.branch, b.name == s.branch).join(tables.district, d.name == s.district)).all()
    of_station = {
        r.name: (f"branch:{r.branch}", f"district:{r.district}", f"source:{r.heat_source}", f"city:{r.city}")
        for r in rows
    }
    return Areas.around(of_station)


def _keep(on: Connection, found: Found, before: object) -> int:
    """Write an incident as it stands; return 1 when anything of it is new."""
    known = getattr(before, "incident_id", None)
    incident_id = known or uuid5(NAMESPACE, f"incident|{found.scope}|{found.family}|{found.opened}")
    told = {
        "cause": found.cause.rule,
        "cause_station": found.cause.station,
        "priority": found.priority,
        "stations": sorted({*found.stations, *getattr(before, "stations", ())}),  # all that it ever touched
    }
    fresh = [UUID(alarm.alarm_id) for alarm in found.alarms]
    if known is None:
        opened = {"incident_id": incident_id, "scope": found.scope, "family": found.family}
        new = upsert(_incident).values(**opened, **told, opened_at=moment(found.opened))
        # An alarm that an incident of its area had taken in comes back to that of its station: it goes on.
        on.execute(new.on_conflict_do_update(index_elements=["incident_id"], set_={**told, "closed_at": None}))
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
    moving_ids = [UUID(alarm) for alarm, by in suppressed.items() if explained.get(alarm) != by]
    locked = select(_alarm.c.alarm_id).where(_alarm.c.alarm_id.in_(_unnested(moving_ids)))
    on.execute(locked.order_by(_alarm.c.alarm_id).with_for_update())  # in the order in which everybody locks
    for alarm, by in suppressed.items():
        if explained.get(alarm) != by:
            moved.setdefault(explained.get(alarm), []).append(UUID(alarm))
    told: list[dict[str, object]] = []
    for reason, alarms in moved.items():
        still_open = (_alarm.c.alarm_id.in_(_unnested(alarms)), _alarm.c.cleared_at.is_(None))
        moving = update(_alarm).where(*still_open).values(suppressed_by=reason)
        entry = {"what": "suppressed" if reason else "unsuppressed", "actor": TEND, "comment": reason}
        told += [
            {"alarm_id": row.alarm_id, "at": max(moment(now), row.opened_at), **entry}
            for row in on.execute(moving.returning(_alarm.c.alarm_id, _alarm.c.opened_at))
        ]
    if told:
        on.execute(insert(tables.alarm_event), told)
    return len(told)


class Belonging(NamedTuple):
    """The newest incident that an alarm belongs to, and whether it came first of several there."""

    incident_id: UUID
    first_out: bool


def belongings(on: Connection, alarms: Sequence[UUID]) -> Mapping[UUID, Belonging]:
    """Return where these alarms belong, as far as they do. First is who opened first in event time."""
    mine = select(_member.c.incident_id).where(_member.c.alarm_id.in_(_unnested(alarms)))
    query = (
        select(_member.c.incident_id, _member.c.alarm_id)
        .join(_alarm, _alarm.c.alarm_id == _member.c.alarm_id)
        .join(_incident, _incident.c.incident_id == _member.c.incident_id)
        .where(_member.c.incident_id.in_(mine))
        .order_by(_incident.c.opened_at, _incident.c.incident_id, *FIRST)
    )
    members: dict[UUID, list[UUID]] = {}
    for row in on.execute(query):
        members.setdefault(row.incident_id, []).append(row.alarm_id)
    return {
        alarm: Belonging(incident, first_out=len(inside) > 1 and alarm == inside[0])
        for incident, inside in members.items()
        for alarm in inside
    }


def _unnested(alarms: Sequence[UUID]) -> Select[Any]:
    """Return numbers as a query: one parameter, however many there are."""
    return select(func.unnest(cast(list(alarms), ARRAY(Uuid))))


def listed(on: Connection, city: str | None, *, closed: bool, most: int) -> Sequence[Mapping[str, object]]:
    """Return incidents, open ones first, the most urgent first, with how many alarms and homes they touch."""
    b, c, s, d = tables.building.c, tables.community.c, tables.station.c, tables.district.c
    touched = _incident.c.stations
    homes = select(func.sum(b.homes)).join(tables.community, c.name == b.community).where(c.station == any_(touched))
    alarms = select(func.count()).where(_member.c.incident_id == _incident.c.incident_id)
    chosen = alarms.scalar_subquery().label("alarms"), homes.scalar_subquery().label("homes")
    first, soonest = _first().lateral(), _soonest().lateral()
    query = select(_incident, *chosen, first.c.first, *(soonest.c[n] for n in ("hours", "hours_low", "hours_high")))
    query = query.outerjoin_from(_incident, first, literal(True)).outerjoin(soonest, literal(True))  # noqa: FBT003
    if not closed:
        query = query.where(_incident.c.closed_at.is_(None))
    query = query.add_columns(_drilled().exists().label("drill"))
    if city is not None:
        here = select(s.name).join(tables.district, d.name == s.district).where(s.name == any_(touched), d.city == city)
        query = query.where(here.exists())
    urgency = _incident.c.priority, soonest.c.hours.asc().nulls_last(), _incident.c.opened_at.desc()
    return [_told(row) for row in on.execute(query.order_by(_incident.c.closed_at.is_not(None), *urgency).limit(most))]


def _first() -> Select[Any]:
    """Return the query for the alarm that came first of an incident."""
    told = (_alarm.c.rule + literal(" at ") + _alarm.c.station).label("first")
    mine = select(told).join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
    return mine.where(_member.c.incident_id == _incident.c.incident_id).order_by(*FIRST).limit(1)


def _soonest() -> Select[Any]:
    """Return the query for what is foreseen of an incident: the soonest of its open alarms."""
    c = tables.consequence.c
    mine = select(c.hours, c.hours_low, c.hours_high).join(_member, _member.c.alarm_id == c.alarm_id)
    mine = mine.join(_alarm, _alarm.c.alarm_id == c.alarm_id).where(_alarm.c.cleared_at.is_(None))
    return mine.where(_member.c.incident_id == _incident.c.incident_id, c.hours.is_not(None)).order_by(c.hours).limit(1)


def outlooks(on: Connection, incidents_: Sequence[UUID]) -> Mapping[UUID, tuple[float, float | None, float | None]]:
    """Return by incident the hours until its first rooms are cold, with the least and the most, where foreseen."""
    soonest = _soonest().lateral()
    hours = (soonest.c[n] for n in ("hours", "hours_low", "hours_high"))
    query = select(_incident.c.incident_id, *hours).join_from(_incident, soonest, literal(True))  # noqa: FBT003
    rows = on.execute(query.where(_incident.c.incident_id.in_(_unnested(incidents_))))
    return {row.incident_id: (row.hours, row.hours_low, row.hours_high) for row in rows}


def drilled(on: Connection, incidents_: Sequence[UUID]) -> set[UUID]:
    """Return which of these incidents have an alarm that was raised in a drill."""
    mine = _incident.c.incident_id.in_(_unnested(incidents_))
    return set(on.scalars(select(_incident.c.incident_id).where(mine, _drilled().exists())))


def ranged(low: float | None, high: float | None) -> str:
    """Return the range of hours in words; no end: open behind."""
    if low is None:
        return ""
    return f"{low:.1f} to {high:.1f}" if high is not None else f"{low:.1f} or more"


def _drilled() -> Select[Any]:
    """Return the query for the alarms of an incident that were raised in a drill."""
    mine = select(_alarm.c.alarm_id).join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
    return mine.where(_member.c.incident_id == _incident.c.incident_id, _alarm.c.evidence.has_key(DRILL))


def _told(row: Row[*tuple[Any, ...]]) -> Mapping[str, object]:
    return {
        "incident": str(row.incident_id)[:8],
        "priority": row.priority,
        "scope": row.scope,
        "drill": row.drill,
        "cause": row.cause,
        "at": row.cause_station,
        "stations": len(row.stations),
        "alarms": row.alarms,
        "homes": row.homes,
        "hours_to_18": row.hours,
        "range": ranged(row.hours_low, row.hours_high),
        "first": row.first if row.alarms > 1 else "",
        "opened": row.opened_at,
        "closed": row.closed_at,
    }
