"""Queue: what is due, one notice at a time: claimed, and then settled by how its sending went.

Works on a Connection; who calls it commits. A claim ends by itself: what was sent and not settled when tend was killed
goes out once more, under the same number.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from application.instants import HOUR, MINUTE, SECOND, microseconds, moment
from application.notify.digest import Step, Waiting, folding
from application.notify.matter import OPENED
from application.notify.plan import Plan
from application.notify.store import NAMESPACE, message_id
from application.notify.wording import digest
from support import tables
from support.delivery import LaterError, UndeliveredError
from support.tables.notices import WAITING

CLAIM_US = 2 * MINUTE
"""Longer than any sending may take."""
_FIRST_US, _LONGEST_US = 30 * SECOND, 10 * MINUTE
_MOST_DUE = 2_000
_notice = tables.notification
Found = Row[*tuple[Any, ...]]


def backoff(attempts: int) -> int:
    """Return how long to wait after so many attempts, in microseconds: 30 s, 1 min, 2 min, ... 10 min at most."""
    return min(_LONGEST_US, _FIRST_US << min(max(attempts - 1, 0), 10))


def due(on: Connection, plan: Plan, now: int, url: str | None) -> list[int]:
    """Return the numbers of the notices to be sent at `now`, the most urgent first; folds where they are too many."""
    rows = on.execute(select(_notice).where(*_is_due(now)).order_by(*_URGENCY).limit(_MOST_DUE)).all()
    groups: dict[tuple[str, str], list[Found]] = {}
    chosen: dict[int, int] = {}
    for row in rows:
        known = plan.recipient.get(row.recipient)
        if known is None or row.subject.startswith("digest:") or not plan.wants_digest(row.recipient, row.channel):
            chosen[row.notification_id] = row.priority
        else:
            groups.setdefault((row.recipient, row.channel), []).append(row)
    for (recipient, channel), mine in groups.items():
        step = _step(on, plan, recipient, channel, mine, now)
        chosen |= {row.notification_id: row.priority for row in mine if row.notification_id in step.alone}
        if step.folded:
            chosen[_fold(on, plan, [row for row in mine if row.notification_id in step.folded], now, url)] = 1
    return sorted(chosen, key=lambda number: (chosen[number], number))


def claim(on: Connection, number: int, now: int) -> Found | None:
    """Take a notice for sending, for as long as a claim lasts; None when it is not to be had any more."""
    mine = update(_notice).where(_notice.c.notification_id == number, *_is_due(now))
    taken = {"claimed_until": moment(now + CLAIM_US), "attempts": _notice.c.attempts + 1}
    return on.execute(mine.values(taken).returning(_notice)).first()


def settle_sent(on: Connection, number: int, now: int) -> None:
    """Note that the other side has it."""
    told = {"state": "sent", "sent_at": moment(now), "claimed_until": None, "last_error": None}
    on.execute(update(_notice).where(_notice.c.notification_id == number).values(told))


def settle_failed(on: Connection, row: Found, err: UndeliveredError, now: int, give_up_h: float) -> str:
    """Note that it did not arrive, and when to try again; return its state. Where the way is down, all on it wait."""
    again = now + backoff(row.attempts)
    old = now - microseconds(row.created_at) >= round(give_up_h * HOUR)
    state = "failed" if isinstance(err, LaterError) and not old else "given_up"
    told = {"state": state, "last_error": str(err)[:1000], "claimed_until": None, "next_attempt_at": moment(again)}
    on.execute(update(_notice).where(_notice.c.notification_id == row.notification_id).values(told))
    if isinstance(err, LaterError) and err.everybody:
        same = [_notice.c.channel == row.channel]
        if row.channel != "mail":
            same.append(_notice.c.recipient == row.recipient)
        on.execute(update(_notice).where(*_is_due(now), *same).values(next_attempt_at=moment(again)))
    return state


def thread_of(row: Found) -> UUID | None:
    """Return the first message about the same incident to the same recipient, None for that one itself."""
    if row.incident_id is None or row.stage == OPENED:
        return None
    return message_id(row.subject, OPENED, row.recipient, row.channel)


def retry(on: Connection, numbers: Sequence[int], now: int) -> int:
    """Make notices due at once: those of these numbers, or all that wait or were given up; return how many."""
    again = update(_notice).where(_notice.c.state.in_((*WAITING, "given_up")), *_chosen(numbers))
    # What is being sent at this moment keeps its claim: it is not to go out twice.
    told = {"state": "queued", "next_attempt_at": moment(now)}
    return on.execute(again.values(told)).rowcount


def drop(on: Connection, numbers: Sequence[int], actor: str) -> list[int]:
    """Drop notices that wait, for good: those of these numbers, or all; return their numbers. Audited."""
    mine = update(_notice).where(_notice.c.state.in_(WAITING), *_chosen(numbers))
    gone = list(on.scalars(mine.values(state="dropped", last_error=f"by {actor}").returning(_notice.c.notification_id)))
    if gone:
        row = {
            "actor": actor,
            "action": "notifications dropped",
            "subject": "notifications",
            "detail": {"notices": gone},
        }
        on.execute(insert(tables.audit).values(row))
    return gone


def _chosen(numbers: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return (_notice.c.notification_id.in_(numbers),) if numbers else ()


def _is_due(now: int) -> tuple[ColumnElement[bool], ...]:
    free = or_(_notice.c.claimed_until.is_(None), _notice.c.claimed_until < moment(now))
    return _notice.c.state.in_(WAITING), _notice.c.next_attempt_at <= moment(now), free


_URGENCY = (_notice.c.priority, _notice.c.created_at, _notice.c.notification_id)


def _step(on: Connection, plan: Plan, recipient: str, channel: str, mine: Sequence[Found], now: int) -> Step:
    since = moment(now - round(plan.digest.within_min * MINUTE))
    same = (_notice.c.recipient == recipient, _notice.c.channel == channel, _notice.c.sent_at > since)
    sent = [microseconds(at) for at in on.scalars(select(_notice.c.sent_at).where(*same)) if at is not None]
    return folding([Waiting(row.notification_id, row.priority) for row in mine], sent, now, plan.digest)


def _fold(on: Connection, plan: Plan, rows: Sequence[Found], now: int, url: str | None) -> int:
    """Put one digest in the place of notices to one recipient; return its number."""
    first = rows[0]
    numbers = sorted(row.notification_id for row in rows)
    subject = f"digest:{uuid5(NAMESPACE, '|'.join(map(str, numbers)))}"
    language = plan.recipient[first.recipient].language
    told = digest([(row.priority, str(row.content["subject"])) for row in rows], language, url)
    values: Mapping[str, object] = {
        "message_id": message_id(subject, "digest", first.recipient, first.channel),
        "subject": subject,
        "stage": "digest",
        "recipient": first.recipient,
        "channel": first.channel,
        "via": first.via,
        "priority": first.priority,
        "alarms": sorted({alarm for row in rows for alarm in row.alarms}),
        "content": {"subject": told.subject, "text": told.text, "event": told.event},
        "created_at": moment(now),
        "next_attempt_at": moment(now),
    }
    number = on.scalar(upsert(_notice).values(values).returning(_notice.c.notification_id))
    assert number is not None
    into = update(_notice).where(_notice.c.notification_id.in_(numbers)).values(state="folded", digest_id=number)
    on.execute(into)
    return int(number)
