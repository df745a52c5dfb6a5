"""Store of notices: incidents with what speaks of them, what was told, and new notices in the queue.

Works on a Connection; who calls it commits. The database holds one notice per (incident, stage, recipient, channel).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Row,
    Text,
    Uuid,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from application.instants import DAY, microseconds, moment
from application.notify.matter import CLEARED, Matter, Notice, Speaking, Told
from application.rule import Family, Rule
from support import tables
from support.tables.notices import WAITING

NAMESPACE: Final = UUID("0b7c9d3e-8f41-5c52-9d77-41f0a6f3c2e9")
"""Names messages; never to be changed, or a message that is sent again would have another number."""
_LOOK_BACK = DAY
"""An incident that closed longer ago is told to nobody any more."""

_incident, _alarm, _member, _notice = tables.incident, tables.alarm, tables.incident_alarm, tables.notification
_shelving, _resting = tables.shelving, tables.out_of_service


def message_id(subject: str, stage: str, recipient: str, channel: str) -> UUID:
    """Return the number of a message: always the same one for the same notice."""
    return uuid5(NAMESPACE, f"{subject}|{stage}|{recipient}|{channel}")


def matters(on: Connection, rules: Mapping[str, Rule], now: int, live_min: float) -> list[Matter]:
    """Return the incidents that somebody may have to be told of: those that are open, and told ones that closed."""
    ours = select(_notice.c.notification_id).where(_notice.c.incident_id == _incident.c.incident_id)
    closed = and_(_incident.c.closed_at > moment(now - _LOOK_BACK), ours.exists())
    rows = on.execute(select(_incident).where(or_(_incident.c.closed_at.is_(None), closed))).all()
    if not rows:
        return []
    speaking = _speaking(on, rules, [r.incident_id for r in rows if r.closed_at is None], now, live_min)
    closed_ones = [r.incident_id for r in rows if r.closed_at is not None and r.scope.startswith("station:")]
    moved = _still_open(on, closed_ones)
    seen = _seen(on, [r.incident_id for r in rows if r.closed_at is None])
    places = _places(on, {station for r in rows for station in r.stations})
    return [_matter(row, speaking.get(row.incident_id, []), moved, seen, places) for row in rows]


def _matter(
    row: Row[*tuple[Any, ...]],
    speaking: Sequence[Speaking],
    moved: Collection[UUID],
    seen: Collection[UUID],
    places: Mapping[str, tuple[str, str]],
) -> Matter:
    known = [places[station] for station in row.stations if station in places]
    return Matter(
        incident_id=row.incident_id,
        scope=row.scope,
        stations=frozenset(row.stations),
        districts=frozenset(district for district, _ in known),
        cities=frozenset(city for _, city in known),
        speaking=tuple(speaking),
        over=row.closed_at is not None and row.incident_id not in moved,
        moved=row.incident_id in moved,
        seen=row.incident_id in seen,
    )


def _speaking(
    on: Connection, rules: Mapping[str, Rule], incidents: Sequence[UUID], now: int, live_min: float
) -> Mapping[UUID, list[Speaking]]:
    same = and_(*(_shelving.c[name] == _alarm.c[name] for name in ("subject", "rule", "element")))
    ended = select(_shelving.c.shelving_id, _shelving.c.ended_at).where(
        same, _shelving.c.ended_by == "tend", _shelving.c.until > _alarm.c.opened_at
    )
    back = ended.order_by(_shelving.c.ended_at.desc()).limit(1).lateral("back")
    query = (
        select(
            *(_alarm.c[n] for n in ("alarm_id", "rule", "priority", "opened_at", "recorded_at", "acknowledged_at")),
            *(_member.c.incident_id, back.c.shelving_id, back.c.ended_at),
        )
        .join(_member, _member.c.alarm_id == _alarm.c.alarm_id)
        .join(back, true(), isouter=True)
        .where(
            _member.c.incident_id.in_(_each(incidents)),
            _alarm.c.cleared_at.is_(None),
            _alarm.c.suppressed_by.is_(None),
            _alarm.c.recorded_at - _alarm.c.opened_at <= func.make_interval(0, 0, 0, 0, 0, live_min),
            ~exists().where(same, _shelving.c.ended_at.is_(None), _shelving.c.until > moment(now)),
            ~_rests(now),
        )
    )
    found: dict[UUID, list[Speaking]] = {}
    for row in on.execute(query):
        found.setdefault(row.incident_id, []).append(
            Speaking(
                alarm_id=row.alarm_id,
                rule=row.rule,
                family=rules[row.rule].family if row.rule in rules else Family.OWN,
                priority=row.priority,
                opened=microseconds(row.opened_at),
                recorded=microseconds(row.recorded_at),
                acknowledged=row.acknowledged_at is not None,
                back=None if row.shelving_id is None else (row.shelving_id, microseconds(row.ended_at)),
            )
        )
    return found


def _rests(now: int) -> ColumnElement[bool]:
    subjects = (_alarm.c.subject, "station:" + _alarm.c.station, "device:" + _alarm.c.device)
    until = or_(_resting.c.until.is_(None), _resting.c.until > moment(now))
    return exists().where(_resting.c.ended_at.is_(None), until, _resting.c.subject.in_(subjects))


def _still_open(on: Connection, incidents: Sequence[UUID]) -> set[UUID]:
    """Return those of which an alarm is still open: it belongs to another incident now."""
    query = select(_member.c.incident_id).join(_alarm, _alarm.c.alarm_id == _member.c.alarm_id)
    return set(on.scalars(query.where(_member.c.incident_id.in_(_each(incidents)), _alarm.c.cleared_at.is_(None))))


def _seen(on: Connection, incidents: Sequence[UUID]) -> set[UUID]:
    """Return those of which somebody has acknowledged an alarm."""
    query = select(_member.c.incident_id).join(_alarm, _alarm.c.alarm_id == _member.c.alarm_id).distinct()
    chosen = _member.c.incident_id.in_(_each(incidents))
    return set(on.scalars(query.where(chosen, _alarm.c.acknowledged_at.is_not(None))))


def _places(on: Connection, stations: Iterable[str]) -> Mapping[str, tuple[str, str]]:
    s, d = tables.station, tables.district
    query = select(s.c.name, s.c.district, d.c.city).join(d, d.c.name == s.c.district)
    chosen = select(func.unnest(cast(sorted(stations), ARRAY(Text))))
    return {row.name: (row.district, row.city) for row in on.execute(query.where(s.c.name.in_(chosen)))}


def told(on: Connection, incidents: Sequence[UUID]) -> Mapping[UUID, list[Told]]:
    """Return what was told, or is on its way, of each incident. What was withdrawn was told to nobody."""
    found: dict[UUID, list[Told]] = {}
    columns = ("incident_id", "stage", "recipient", "channel", "via", "priority", "alarms", "created_at", "state")
    query = select(*(_notice.c[name] for name in columns)).where(_notice.c.incident_id.in_(_each(incidents)))
    for row in on.execute(query.where(_notice.c.state != "withdrawn")):
        found.setdefault(row.incident_id, []).append(
            Told(
                row.stage,
                row.recipient,
                row.channel,
                row.via,
                row.priority,
                frozenset(row.alarms),
                microseconds(row.created_at),
                row.state in {"sent", "folded"},
            )
        )
    return found


def enqueue(on: Connection, notice: Notice, content: Mapping[str, object], now: int, not_before: int) -> bool:
    """Put a notice into the queue; False when it is there already. One that was withdrawn comes back."""
    subject = f"incident:{notice.incident_id}"
    row = {
        "message_id": message_id(subject, notice.stage, notice.recipient, notice.channel),
        "subject": subject,
        "incident_id": notice.incident_id,
        "stage": notice.stage,
        "recipient": notice.recipient,
        "channel": notice.channel,
        "via": notice.via,
        "priority": notice.priority,
        "alarms": list(notice.alarms),
        "content": dict(content),
        "created_at": moment(now),
        "next_attempt_at": moment(not_before),
    }
    new = upsert(_notice).values(row)
    again = {**{name: new.excluded[name] for name in row}, "state": "queued", "attempts": 0, "last_error": None}
    back = new.on_conflict_do_update(
        constraint="uq_notification_subject_stage_recipient_channel",
        set_=again,
        where=_notice.c.state == "withdrawn",
    )
    return on.scalar(back.returning(_notice.c.notification_id)) is not None


def withdraw_pointless(on: Connection, every: Sequence[Matter], now: int) -> int:
    """Withdraw notices that wait although nothing that they speak of speaks any more; return how many.

    Over, explained by another alarm, shelved or out of service; an escalation also when it was acknowledged.
    """
    speaking = {m.incident_id: {a.alarm_id for a in m.speaking} for m in every}
    unseen = {m.incident_id: {a.alarm_id for a in m.speaking if not a.acknowledged} for m in every}
    idle = or_(_notice.c.claimed_until.is_(None), _notice.c.claimed_until < moment(now))
    waiting = select(_notice.c.notification_id, _notice.c.incident_id, _notice.c.stage, _notice.c.alarms)
    rows = on.execute(waiting.where(_notice.c.state.in_(WAITING), _notice.c.incident_id.is_not(None))).all()
    gone = [
        row.notification_id
        for row in rows
        if row.stage != CLEARED
        and not set(row.alarms)
        & (unseen if row.stage.startswith("escalation") else speaking).get(row.incident_id, set())
    ]
    if not gone:
        return 0
    mine = (_notice.c.notification_id.in_(gone), _notice.c.state.in_(WAITING), idle)
    put = update(_notice).where(*mine).values(state="withdrawn", last_error="over, or seen, before it was sent")
    return on.execute(put).rowcount


def forget(on: Connection, before: int) -> int:
    """Delete what was queued before an instant and waits no more; return how many."""
    old = (_notice.c.created_at < moment(before), _notice.c.state.not_in(WAITING))
    return on.execute(delete(_notice).where(*old)).rowcount


def listed(on: Connection, state: str | None, recipient: str | None, most: int) -> Sequence[Mapping[str, object]]:
    """Return notices, those that wait first, then the newest."""
    query = select(_notice)
    if state is not None:
        query = query.where(_notice.c.state == state)
    if recipient is not None:
        query = query.where(_notice.c.recipient == recipient)
    first = case((_notice.c.state.in_(WAITING), 0), else_=1)
    rows = on.execute(query.order_by(first, _notice.c.created_at.desc(), _notice.c.notification_id.desc()).limit(most))
    return [
        {
            "notice": row.notification_id,
            "state": row.state.replace("_", " "),
            "priority": row.priority,
            "recipient": row.recipient,
            "channel": row.channel,
            "stage": row.stage.partition(":")[0],
            "incident": None if row.incident_id is None else str(row.incident_id)[:8],
            "subject": row.content.get("subject"),
            "attempts": row.attempts,
            "created": row.created_at,
            "next": row.next_attempt_at if row.state in WAITING else None,
            "sent": row.sent_at,
            "error": row.last_error,
        }
        for row in rows
    ]


def _each(ids: Sequence[UUID]) -> Any:
    """Return numbers as one parameter, however many there are."""
    return select(func.unnest(cast(list(ids), ARRAY(Uuid))))
