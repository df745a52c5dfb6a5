"""Store: requests in the tables, each step through their pure life. Works on a Connection; who calls it commits.

A step locks its request and leaves its entry in the journal and in the audit. Who acts for a body acts only on what
lies with that body, in the own area.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from application.instants import microseconds, moment
from application.requests.kind import due
from application.requests.kind_store import kind_of
from application.requests.request import (
    LONGEST_WORDS,
    MOVING,
    Entry,
    Request,
    RequestError,
    RequestPartyError,
    RequestState,
    RequestStateError,
    Step,
    UnknownRequestError,
)
from support import tables

_request, _event, _mend = tables.request, tables.request_event, tables.rectification
_TIMES = ("accepted_at", "answered_at", "closed_at")
OF_BODIES = frozenset(
    {Step.ACCEPTED, Step.STARTED, Step.ANSWERED, Step.HANDED_UP, Step.HANDED_OVER, Step.TOLD, Step.NOTED,
     Step.CALLED_BACK, Step.RECTIFIED}
)  # fmt: skip
"""What a body does with a request that lies with it."""
TEND = "tend"


@dataclass(frozen=True, slots=True)
class Party:
    """Who acts: for which body (None: the operator's own house, for any) and where (empty: everywhere)."""

    actor: str
    body: str | None = None
    area: str = ""

    def covers(self, city: str, district: str) -> bool:
        """Return whether a place lies in the area."""
        return self.area in {"", f"city:{city}", f"district:{district}"}


HOUSE = Party(TEND)


def enter(on: Connection, told: Mapping[str, Any], word: str, party: Party) -> int:
    """Enter a request that a clerk was told of; return its number. Raises RequestError, RequestPartyError."""
    where = select(tables.district.c.name, tables.district.c.city)
    where = where.join(tables.station, tables.station.c.district == tables.district.c.name)
    where = where.join(tables.community, tables.community.c.station == tables.station.c.name)
    place = on.execute(where.where(tables.community.c.name == str(told.get("community", "")))).first()
    if place is not None and not party.covers(place.city, place.name):
        raise RequestPartyError(f"{place.name} is outside of your area, {party.area}")
    sent = json.dumps({**told, "channel": "clerk", "actor": party.actor})
    query = text("select counter.open_request(cast(:told as jsonb), :word)")
    number = int(on.scalar(query, {"told": sent, "word": word}) or 0)
    _audit(on, number, party.actor, "opened", {})
    return number


def step(on: Connection, number: int, entry: Entry, party: Party) -> Request:
    """Take a step of a request and return it as it stands then. Raises RequestError."""
    row = locked(on, number)
    if len(entry.comment or "") > LONGEST_WORDS:
        raise RequestError(f"request {number}: say it in {LONGEST_WORDS} characters")
    require_party(row, party)
    if entry.what in MOVING and "to" in entry.detail and entry.detail["to"] == row.body:
        raise RequestStateError(f"request {number} lies with {row.body} already")
    entry = _directed(on, row, entry)
    try:
        after = read(row).after(entry)
    except RequestError as err:
        raise type(err)(f"request {number}: {err}") from None
    _keep(on, row, after, entry)
    if entry.what in {Step.CALLED_BACK, Step.RECTIFIED}:
        _mended(on, number, entry)
    note(on, number, entry)
    return after


def order_mending(on: Connection, number: int, entry: Entry, party: Party) -> None:
    """Order rectification as a supervisor. Raises RequestError when it is ordered already."""
    row = locked(on, number)
    if not party.covers(row.city, row.district):
        raise RequestPartyError(f"request {number} is outside of your area, {party.area}")
    read(row).after(entry)
    days = select(func.counter.working_days(moment(entry.at), 3), func.counter.working_days(moment(entry.at), 15))
    call, limit = on.execute(days).one()
    ordered = upsert(_mend).values(
        number=number,
        opened_at=moment(entry.at),
        opened_by=entry.actor,
        body=row.body,
        call_back_due=call,
        due_at=limit,
    )
    if on.scalar(ordered.on_conflict_do_nothing().returning(_mend.c.number)) is None:
        raise RequestStateError(f"request {number}: rectification is ordered already")
    note(on, number, entry)


def locked(on: Connection, number: int) -> Row[*tuple[Any, ...]]:
    """Return the row of a request, which is ours until the transaction ends. Raises UnknownRequestError."""
    row = on.execute(select(_request).where(_request.c.number == number).with_for_update()).first()
    if row is None:
        raise UnknownRequestError(f"there is no request {number}")
    return row


def require_party(row: Row[*tuple[Any, ...]], party: Party) -> None:
    """Raise RequestPartyError unless a request lies with the body, in the area, of who acts."""
    if not party.covers(row.city, row.district):
        raise RequestPartyError(f"request {row.number} is outside of your area, {party.area}")
    if party.body is not None and party.body != row.body:
        raise RequestPartyError(f"request {row.number} lies with {row.body}, not with {party.body}")


def read(row: Row[*tuple[Any, ...]]) -> Request:
    """Return the life of a request from its row."""
    times: dict[str, Any] = {n: None if (t := getattr(row, n)) is None else microseconds(t) for n in _TIMES}
    plain = {n: getattr(row, n) for n in ("answer", "reopened", "bounces", "escalations")}
    since, rung_since = microseconds(row.state_at), microseconds(row.rung_since)
    return Request(RequestState(row.state), since, row.body, row.rung, rung_since, **times, **plain)


def journal(on: Connection, number: int) -> list[Entry]:
    """Return the journal of a request, in the order in which it was written."""
    query = select(_event).where(_event.c.number == number).order_by(_event.c.request_event_id)
    return [Entry(Step(e.what), microseconds(e.at), e.actor, e.comment, e.detail) for e in on.execute(query)]


def note(on: Connection, number: int, entry: Entry) -> None:
    """Write an entry into the journal and into the audit."""
    told = {"number": number, "what": entry.what.value, "at": moment(entry.at), "comment": entry.comment}
    on.execute(insert(_event).values(**told, actor=entry.actor, detail=dict(entry.detail)))
    _audit(on, number, entry.actor, entry.what.value, {**entry.detail, "at": entry.at})


def _audit(on: Connection, number: int, actor: str, what: str, detail: Mapping[str, Any]) -> None:
    told = {"actor": actor, "action": f"request {what}", "subject": f"request:{number}", "detail": dict(detail)}
    on.execute(insert(tables.audit).values(told))


def _directed(on: Connection, row: Row[*tuple[Any, ...]], entry: Entry) -> Entry:
    """Return an entry that moves a request with the rung that it leads to. Raises RequestError above the last rung."""
    kind = kind_of(on, row.kind, row.kind_from)
    if entry.what in {Step.HANDED_UP, Step.ESCALATED}:
        rung = kind.rung(row.rung + 1)
        if rung is None:
            raise RequestStateError(f"request {row.number} lies with the last rung, {row.body}: nobody is above it")
        return Entry(
            entry.what, entry.at, entry.actor, entry.comment, {"to": rung.body, "rung": row.rung + 1, "from": row.body}
        )
    if entry.what is Step.HANDED_OVER:
        to = str(entry.detail.get("to", ""))
        number = kind.rung_of(to)
        if number is None:
            bodies = ", ".join(r.body for r in kind.ladder)
            raise RequestError(f"request {row.number}: {to!r:.40} is not on its ladder: use one of {bodies}")
        return Entry(entry.what, entry.at, entry.actor, entry.comment, {"to": to, "rung": number, "from": row.body})
    return entry


def _keep(on: Connection, row: Row[*tuple[Any, ...]], after: Request, entry: Entry) -> None:
    values: dict[str, Any] = {
        "state": after.state.value,
        "state_at": moment(after.since),
        "body": after.body,
        "rung": after.rung,
        "rung_since": moment(after.rung_since),
        "answer": after.answer,
        "reopened": after.reopened,
        "bounces": after.bounces,
        "escalations": after.escalations,
        **{n: None if (t := getattr(after, n)) is None else moment(t) for n in _TIMES},
        "updated_at": moment(entry.at),
    }
    if entry.what in MOVING:
        rung = kind_of(on, row.kind, row.kind_from).ladder[after.rung]
        values["rung_due"] = moment(due(rung, entry.at))
    on.execute(update(_request).where(_request.c.number == row.number).values(values))


def _mended(on: Connection, number: int, entry: Entry) -> None:
    """Keep that the reporter was called back, or that it was put right. Raises RequestStateError without an order."""
    mine = update(_mend).where(_mend.c.number == number)
    if entry.what is Step.CALLED_BACK:
        mine = mine.where(_mend.c.called_back_at.is_(None))
        mine = mine.values(called_back_at=moment(entry.at), called_back_by=entry.actor)
    else:
        mine = mine.where(_mend.c.done_at.is_(None), _mend.c.called_back_at.is_not(None))
        mine = mine.values(done_at=moment(entry.at), done_by=entry.actor, outcome=entry.comment)
    if on.scalar(mine.returning(_mend.c.number)) is None:
        raise RequestStateError(
            f"request {number}: there is nothing to rectify, or the reporter has to be called back first, and once"
        )
