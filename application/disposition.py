"""Disposition: what people and the logic of the plant do with alarms. Works on a Connection; who calls it commits.

The rules write the condition, this page everything else. Each act goes through the pure life of an alarm
(application.alarm), and leaves its entry in the journal and in the audit, in the same transaction. Shelving
belongs to the condition: what it raises again meanwhile is shelved too.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, Text, and_, cast, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from application.alarm import Alarm, AlarmError
from application.instants import SECOND, microseconds, moment
from support import tables

SHORTEST_ID = 6
LONGEST_COMMENT = 2_000
_MOST_NAMED = 8
_CONDITION = ("subject", "rule", "element")

Found = Row[*tuple[Any, ...]]
_alarm, _shelving, _resting = tables.alarm, tables.shelving, tables.out_of_service


class UnknownAlarmError(AlarmError):
    """No alarm, or more than one, has a number that begins so; the text says which."""


class UnknownSubjectError(AlarmError):
    """There is no such station or device, or it is not in the state that was expected; the text says which."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, when (epoch microseconds UTC), and what they say about it."""

    actor: str
    at: int
    comment: str | None = None

    def __post_init__(self) -> None:
        """Raise AlarmError for words that nobody could read later: they are kept for ever, and shown as they are."""
        words = self.comment or ""
        if len(words) > LONGEST_COMMENT:
            raise AlarmError(f"{len(words)} characters are too many: say it in {LONGEST_COMMENT}")
        if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t" for c in words):
            raise AlarmError(f"{words!a:.60} is no plain text: give words in UTF-8, without control characters")


def find(on: Connection, words: str) -> UUID:
    """Return the number of the alarm that begins with these characters, six at least. Raises UnknownAlarmError."""
    wanted = words.strip().lower()
    if len(wanted) < SHORTEST_ID or set(wanted) - set("0123456789abcdef-"):
        raise UnknownAlarmError(f"{words!r} is no number of an alarm: give the first {SHORTEST_ID} characters or more")
    query = select(_alarm.c.alarm_id).where(cast(_alarm.c.alarm_id, Text).startswith(wanted, autoescape=True))
    found = list(on.scalars(query.order_by(_alarm.c.opened_at.desc()).limit(_MOST_NAMED)))
    if not found:
        raise UnknownAlarmError(f"no alarm's number begins with {words}: `hearthline alarms list --closed` shows them")
    if len(found) > 1:
        raise UnknownAlarmError(f"{words} is the beginning of several: {', '.join(map(str, found))}")
    return UUID(str(found[0]))


def acknowledge(on: Connection, alarm_id: UUID, act: Act) -> None:
    """Say that somebody has seen it. Raises AlarmError when it is acknowledged already."""
    row = _locked(on, alarm_id)
    act = _after(row, act)
    _life(on, row, act.at).acknowledge()
    seen = {"acknowledged_at": moment(act.at), "acknowledged_by": act.actor}
    on.execute(update(_alarm).where(_alarm.c.alarm_id == alarm_id).values(seen))
    _note(on, alarm_id, "acknowledged", act)


def comment(on: Connection, alarm_id: UUID, act: Act) -> None:
    """Write something beside it. Raises AlarmError without words."""
    row = _locked(on, alarm_id)
    _worded(act, "a comment")
    _note(on, alarm_id, "commented", _after(row, act))


def reset(on: Connection, alarm_id: UUID, act: Act) -> None:
    """Let a latched alarm go, with the earlier ones of its condition that it stands for. Raises AlarmError.

    Its condition has to be gone, and it acknowledged.
    """
    row = _locked(on, alarm_id)
    if row.latched and (newer := on.scalar(_newest(row))) != alarm_id:
        raise AlarmError(f"its condition came again, as alarm {newer}: that one stands for it")
    act = _after(row, act)
    _life(on, row, act.at).reset()
    waiting = and_(_same(_alarm, row), _alarm.c.latched, _alarm.c.cleared_at.is_not(None), _alarm.c.reset_at.is_(None))
    done = update(_alarm).where(waiting).values(reset_at=moment(act.at), reset_by=act.actor)
    for each in on.scalars(done.returning(_alarm.c.alarm_id)).all():
        _note(on, each, "reset", act)


def ask_again(on: Connection, now: int) -> int:
    """Let acknowledged alarms that stand still after their time want attention again; return how many."""
    length = _alarm.c.realarm_s * literal(timedelta(seconds=1))
    due = and_(_alarm.c.cleared_at.is_(None), _alarm.c.realarm_s > 0, _alarm.c.acknowledged_at + length <= moment(now))
    rows = on.execute(select(_alarm).where(due).order_by(_alarm.c.alarm_id).with_for_update(skip_locked=True)).all()
    for row in rows:
        _life(on, row, now).realarm()
        again = update(_alarm).where(_alarm.c.alarm_id == row.alarm_id)
        on.execute(again.values(acknowledged_at=None, acknowledged_by=None))
        at = microseconds(row.acknowledged_at) + round(row.realarm_s * SECOND)
        _journal(on, row.alarm_id, "realarmed", Act("tend", at))
    return len(rows)


def shelve(on: Connection, alarm_id: UUID, until: int, act: Act) -> None:
    """Put its condition aside until a time, 24 hours ahead at most; `act.comment` is the reason. Raises AlarmError.

    What is shelved already is shelved anew, until the new time.
    """
    row = _locked(on, alarm_id)
    reason = _worded(act, "shelving")
    _life(on, row, act.at).shelve(act.at, until)
    _end_shelving(on, row, act.actor, act.at)
    condition = {name: getattr(row, name) for name in _CONDITION}
    times = {"since": moment(act.at), "until": moment(until)}
    new = insert(_shelving).values(**condition, **times, actor=act.actor, reason=reason)
    if not on.scalar(new.on_conflict_do_nothing().returning(_shelving.c.shelving_id)):
        raise AlarmError("somebody else has just shelved its condition: `hearthline alarms kept` shows until when")
    _note(on, alarm_id, "shelved", _after(row, act), {"until": moment(until).isoformat()})


def unshelve(on: Connection, alarm_id: UUID, act: Act) -> None:
    """Bring its condition back before its time. Raises AlarmError when it is not shelved."""
    row = _locked(on, alarm_id)
    _life(on, row, act.at).unshelve()
    _end_shelving(on, row, act.actor, act.at)
    _note(on, alarm_id, "unshelved", _after(row, act))


def end_expired(on: Connection, now: int) -> int:
    """End shelving and maintenance whose time is over, with an entry in the journal; return how many ended."""
    over = update(_shelving).where(_shelving.c.ended_at.is_(None), _shelving.c.until <= moment(now))
    ended = on.execute(over.values(ended_at=_shelving.c.until, ended_by="tend").returning(_shelving)).all()
    for row in ended:
        newest = on.execute(_newest(row)).first()
        if newest is not None:
            _journal(on, newest.alarm_id, "unshelved", _after(newest, Act("tend", microseconds(row.until))))
    rested = update(_resting).where(_resting.c.ended_at.is_(None), _resting.c.until <= moment(now))
    back = on.execute(rested.values(ended_at=_resting.c.until, ended_by="tend").returning(_resting)).all()
    for row in back:
        _tell_alarms(on, row.subject, "in_service", Act("tend", microseconds(row.until)))
    return len(ended) + len(back)


def take_out(on: Connection, subject: str, until: int | None, act: Act) -> None:
    """Keep the alarms of `station:<name>` or `device:<name>` from the lists, for maintenance; None: until told.

    Raises UnknownSubjectError, AlarmError without a reason or with a time that is over.
    """
    reason = _worded(act, "taking out of service")
    _require(on, subject)
    if until is not None and until <= act.at:
        raise AlarmError("out of service until a time that is over already")
    end_expired(on, act.at)  # what is over is no reason to refuse
    row = {"subject": subject, "since": moment(act.at), "actor": act.actor, "reason": reason}
    new = insert(_resting).values(**row, until=None if until is None else moment(until))
    if not on.scalar(new.on_conflict_do_nothing().returning(_resting.c.out_of_service_id)):
        raise UnknownSubjectError(f"{subject} is out of service already: `hearthline alarms kept` shows since when")
    _tell_alarms(on, subject, "out_of_service", act)
    _audit(on, "alarms out of service", subject, act, {"until": None if until is None else moment(until).isoformat()})


def bring_back(on: Connection, subject: str, act: Act) -> None:
    """End maintenance. Raises UnknownSubjectError when it is not out of service."""
    mine = and_(_resting.c.subject == subject, _resting.c.ended_at.is_(None))
    done = update(_resting).where(mine).values(ended_at=moment(act.at), ended_by=act.actor)
    if not on.execute(done.returning(_resting.c.subject)).all():
        raise UnknownSubjectError(f"{subject} is not out of service: `hearthline alarms kept` shows what is")
    _tell_alarms(on, subject, "in_service", act)
    _audit(on, "alarms back in service", subject, act, {})


def _locked(on: Connection, alarm_id: UUID) -> Found:
    row = on.execute(select(_alarm).where(_alarm.c.alarm_id == alarm_id).with_for_update()).first()
    if row is None:
        raise UnknownAlarmError(f"there is no alarm {alarm_id}")
    return row


def _after(row: Found, act: Act) -> Act:
    """Return the act not before what it is about: clocks of devices run ahead, and ours may be set back."""
    return replace(act, at=max(act.at, microseconds(row.cleared_at or row.opened_at)))


def _life(on: Connection, row: Found, now: int) -> Alarm:
    until = on.scalar(select(_shelving.c.until).where(_same(_shelving, row), _shelving.c.ended_at.is_(None)))
    shelved = None if until is None or microseconds(until) <= now else microseconds(until)
    active, latches = row.cleared_at is None, row.latched
    kept = {"latches": latches, "latched": latches and not active and row.reset_at is None}
    return Alarm(active, row.acknowledged_at is not None, shelved, row.suppressed_by, **kept)


def _end_shelving(on: Connection, row: Found, actor: str, at: int) -> None:
    mine = and_(_same(_shelving, row), _shelving.c.ended_at.is_(None))
    on.execute(update(_shelving).where(mine).values(ended_at=moment(at), ended_by=actor))


def _same(table: Table, row: Found) -> ColumnElement[bool]:
    """Return that a row of the table speaks of the same condition."""
    return and_(*(table.c[name] == getattr(row, name) for name in _CONDITION))


def _newest(row: Found) -> Select[Any]:
    """Return the query for the newest alarm of a condition."""
    return select(_alarm).where(_same(_alarm, row)).order_by(_alarm.c.opened_at.desc()).limit(1)


def _tell_alarms(on: Connection, subject: str, what: str, act: Act) -> None:
    """Write into the journal of every alarm on the lists that its subject was taken out of service, or is back."""
    sort, _, name = subject.partition(":")
    mine = _alarm.c.station == name if sort == "station" else _alarm.c.device == name
    listed = or_(_alarm.c.cleared_at.is_(None), and_(_alarm.c.latched, _alarm.c.reset_at.is_(None)))
    for row in on.execute(select(_alarm).where(mine, listed).order_by(_alarm.c.alarm_id)).all():
        _journal(on, row.alarm_id, what, _after(row, act))


def _require(on: Connection, subject: str) -> None:
    sort, _, name = subject.partition(":")
    table = {"station": tables.station, "device": tables.device}.get(sort)
    if table is None:
        raise UnknownSubjectError(
            f"{subject!r} is neither station:<name> nor device:<name>: try station:{subject} or device:{subject}"
            if sort == subject
            else f"{subject!r} is neither station:<name> nor device:<name>"
        )
    if on.scalar(select(table.c.name).where(table.c.name == name)) is None:
        raise UnknownSubjectError(f"there is no {sort} {name!r}: `hearthline devices list` shows both")


def _worded(act: Act, what: str) -> str:
    words = (act.comment or "").strip()
    if not words:
        raise AlarmError(f"{what} needs a reason in words: say why")
    return words


def _note(on: Connection, alarm_id: UUID, what: str, act: Act, more: Mapping[str, object] | None = None) -> None:
    _journal(on, alarm_id, what, act)
    _audit(on, f"alarm {what}", f"alarm:{alarm_id}", act, more or {})


def _journal(on: Connection, alarm_id: UUID, what: str, act: Act) -> None:
    row = {"alarm_id": alarm_id, "what": what, "at": moment(act.at), "actor": act.actor, "comment": act.comment}
    on.execute(insert(tables.alarm_event).values(row).on_conflict_do_nothing())


def _audit(on: Connection, action: str, subject: str, act: Act, more: Mapping[str, object]) -> None:
    detail = {"comment": act.comment, **more}
    on.execute(insert(tables.audit).values(actor=act.actor, action=action, subject=subject, detail=detail))


def kept(on: Connection, now: int) -> list[Mapping[str, object]]:
    """Return what is kept from the lists at `now`, by whom, why and until when: shelved and out of service."""
    open_ended = or_(_resting.c.until.is_(None), _resting.c.until > moment(now))
    shelved = select(_shelving).where(_shelving.c.ended_at.is_(None), _shelving.c.until > moment(now))
    resting = select(_resting).where(_resting.c.ended_at.is_(None), open_ended)
    return [
        *(_kept("shelved", row, row.rule, row.element) for row in on.execute(shelved.order_by(_shelving.c.until))),
        *(_kept("out of service", row) for row in on.execute(resting.order_by(_resting.c.since))),
    ]


def _kept(how: str, row: Found, rule: str = "", element: str = "") -> Mapping[str, object]:
    return {
        "how": how,
        "subject": row.subject,
        "rule": rule,
        "element": element,
        "since": row.since,
        "until": row.until,
        "actor": row.actor,
        "reason": row.reason,
    }
