"""Orders: commands to devices, from somebody's wish to what the device did. Works on a Connection; who calls commits.

A command is checked against the kind of its device before it goes into the outbox; the device checks it again and knows
more: where it stands, and what would be dangerous just now.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from network.orders import FINAL, State
from perception.catalogue import DeviceStatus
from perception.command import Command, CommandError, Why
from perception.sensor_kind import SensorKind
from support import tables
from support.outgoing import EXPIRES_S, command

LONGEST_HOLD_S = 366 * 86_400.0
_outbox, _reply, _device = tables.outbox, tables.command_reply, tables.device
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stand(StrEnum):
    """How far a command has come. After `accepted` the device is at it; the last four are final."""

    PENDING = "pending"
    SENT = "sent"
    ACCEPTED = "accepted"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"


ENDED = frozenset({Stand.DONE, Stand.REJECTED, Stand.FAILED, Stand.EXPIRED})


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a device. `hold_s`: after so long the controller has it back; None: until further notice.

    `expires_s`: what the device has not begun by then is not done at all.
    """

    device: str
    do: str
    args: Mapping[str, object] = field(default_factory=dict)
    hold_s: float | None = None
    expires_s: float = EXPIRES_S


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of a device; `at` is the epoch millisecond of its receipt."""

    state: str
    at: int
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A command and what became of it. Times are epoch milliseconds UTC; `why` says in words why it is not done."""

    command_id: str
    device: str
    do: str
    args: Mapping[str, object]
    actor: str
    status: str
    created_at: int
    sent_at: int | None
    expires_at: int | None
    until: int | None
    reason: str | None
    why: str | None
    answers: Sequence[Step]


def give(on: Connection, kinds: Mapping[str, SensorKind], wish: Wish, actor: str) -> UUID:
    """Check a wish and put it into the outbox, with its entry in the audit; return the id of the command.

    Raises CommandError when the device cannot be told this, and says what it can be told.
    """
    _check(on, kinds, wish)
    more: dict[str, object] = {"args": dict(wish.args), "by": actor}
    now = datetime.now(UTC)
    more["expires_at"] = _ms(now + timedelta(seconds=wish.expires_s))
    if wish.hold_s is not None:
        more["until"] = _ms(now + timedelta(seconds=wish.hold_s))
    return command(on, wish.device, wish.do, actor, wish.expires_s, more)


def _check(on: Connection, kinds: Mapping[str, SensorKind], wish: Wish) -> None:
    row = on.execute(_PLACED.where(_device.c.name == wish.device)).one_or_none()
    if row is None:
        raise CommandError(Why.UNKNOWN, f"no device is named {wish.device}: see `hearthline devices list`")
    if row.status != DeviceStatus.ACTIVE.value:
        raise CommandError(Why.UNKNOWN, f"device {wish.device} is {row.status}: only an active one is told anything")
    if row.kind in kinds and kinds[row.kind].derived:
        raise CommandError(Why.UNKNOWN, f"{wish.device} is no device one can talk to: its readings are computed here")
    told = _word(kinds, row.kind, wish)
    if told.simulated and not (row.simulated and row.pretend):
        detail = f"{told.name} is for simulated devices; {wish.device} is a real one, or stands in a real city"
        raise CommandError(Why.NOT_SIMULATED, detail)
    told.check(wish.args)
    if wish.hold_s is not None and not (told.releases or told.simulated):
        raise CommandError(Why.MALFORMED, f"{told.name} cannot be given for a time: nothing goes back afterwards")
    if wish.hold_s is not None and not 0 < wish.hold_s <= LONGEST_HOLD_S:
        raise CommandError(Why.LIMITS, "a command holds for at most a year")
    if not abs(wish.expires_s) <= LONGEST_HOLD_S:  # so that NaN is refused too
        raise CommandError(Why.LIMITS, "a command waits for at most a year to be begun")


def _word(kinds: Mapping[str, SensorKind], kind: str, wish: Wish) -> Command:
    known = kinds[kind].command_words if kind in kinds else {}
    if wish.do not in known:
        raise CommandError(
            Why.UNKNOWN,
            f"{wish.device} ({kind}) cannot be told {wish.do!r:.60}; it knows {', '.join(known) or 'nothing'}",
        )
    return known[wish.do]


def given(on: Connection, device: str | None = None, most: int = 100) -> Sequence[OrderRow]:
    """Return commands, newest first: of one device or of all."""
    query = select(_outbox).where(_outbox.c.command_id.is_not(None))
    if device is not None:
        query = query.where(_outbox.c.device == device)
    return _rows(on, on.execute(query.order_by(_outbox.c.outbox_id.desc()).limit(most)).all())


def one(on: Connection, command_id: UUID) -> OrderRow | None:
    """Return one command."""
    found = on.execute(select(_outbox).where(_outbox.c.command_id == command_id)).all()
    return next(iter(_rows(on, found)), None)


def _rows(on: Connection, letters: Sequence[Row[Any]]) -> list[OrderRow]:
    ids = [letter.command_id for letter in letters]
    said: dict[UUID, list[Row[Any]]] = {}
    query = select(_reply).where(_reply.c.command_id.in_(ids)).order_by(_reply.c.replied_at, _reply.c.state)
    for reply in on.execute(query) if ids else ():
        said.setdefault(reply.command_id, []).append(reply)
    now = datetime.now(UTC)
    return [_row(letter, said.get(letter.command_id, ()), now) for letter in letters]


def _row(letter: Row[Any], replies: Sequence[Row[Any]], now: datetime) -> OrderRow:
    body = json.loads(bytes(letter.payload))
    last = next((r for r in replies if State(r.state) in FINAL), None) or next(iter(replies), None)
    status = Stand(last.state) if last is not None else _unanswered(letter, now)
    until = body.get("until")
    return OrderRow(
        command_id=str(letter.command_id),
        device=letter.device,
        do=str(body.get("do", "")),
        args=body.get("args") or {k: v for k, v in body.items() if k not in _ENVELOPE},
        actor=letter.actor,
        status=status,
        created_at=_ms(letter.created_at),
        sent_at=None if letter.sent_at is None else _ms(letter.sent_at),
        expires_at=None if letter.expires_at is None else _ms(letter.expires_at),
        until=until if isinstance(until, int) else None,
        reason=last.reason if last is not None else "expired" if status is Stand.EXPIRED else None,
        why=(last.detail if last is not None else letter.refused),
        answers=[Step(r.state, _ms(r.replied_at), r.reason, r.detail) for r in replies],
    )


_ENVELOPE = {"id", "do", "args", "by", "expires_at", "until"}


def _unanswered(letter: Row[Any], now: datetime) -> Stand:
    """Return how a command stands that was not answered: what is sent and too late was not begun either."""
    if letter.refused is not None or (letter.expires_at is not None and letter.expires_at <= now):
        return Stand.EXPIRED
    return Stand.PENDING if letter.sent_at is None else Stand.SENT


_PLACED = (
    select(_device.c.kind, _device.c.status, _device.c.simulated, tables.city.c.simulated.label("pretend"))
    .outerjoin_from(_device, tables.station, tables.station.c.name == _device.c.station)
    .outerjoin(tables.district, tables.district.c.name == tables.station.c.district)
    .outerjoin(tables.city, tables.city.c.name == tables.district.c.city)
)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
