"""Request: the life of what a citizen asks, as a pure state machine that its journal plays again.

    open → accepted → in progress → answered → closed
      ↑________________________________|_________|   reopened by the reporter

It lies with exactly one body at any time: a rung of the ladder of its kind. It goes up when its clock runs out or when
a body says that it exceeds its means, and to another rung when a body says that it is not theirs, which is counted.
Closed is what the reporter confirmed, or did not contradict for a time.

RequestError
├── RequestStateError   the request is not in a state in which this can be done
├── RequestPartyError   it lies with another body, in another area, or is for somebody else to do
└── UnknownRequestError there is no request of this number
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from application.instants import DAY

CONFIRM_WITHIN = 7 * DAY
"""So long the reporter has to contradict an answer before the request is closed; microseconds."""
LONGEST_WORDS = 2000


class RequestError(Exception):
    """What was asked of a request makes no sense; the text says why, and what can be done."""


class RequestStateError(RequestError):
    """The request is in a state in which this cannot be done; the text says which."""


class RequestPartyError(RequestError):
    """It is for somebody else to do this; the text says for whom."""


class UnknownRequestError(RequestError):
    """There is no request of this number."""


class RequestState(StrEnum):
    """How far a request has come."""

    OPEN = "open"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    CLOSED = "closed"


class Step(StrEnum):
    """What can happen to a request: the word of its journal."""

    OPENED = "opened"
    MATCHED = "matched"
    """Alarms stand at the station of the reporter's home."""
    ACCEPTED = "accepted"
    STARTED = "started"
    ANSWERED = "answered"
    HANDED_UP = "handed_up"
    """Beyond the body's means: to the next rung."""
    HANDED_OVER = "handed_over"
    """Not theirs: to another body of the ladder."""
    ESCALATED = "escalated"
    """The clock of the rung ran out."""
    TOLD = "told"
    """Words of a body for the reporter."""
    NOTED = "noted"
    """Words of a body that stay inside."""
    ADDED = "added"
    """Words of the reporter."""
    JOINED = "joined"
    LINKED = "linked"
    """A work order, or an incident, is about it."""
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    REOPENED = "reopened"
    RATED = "rated"
    ORDERED = "ordered"
    """A supervisor orders rectification."""
    CALLED_BACK = "called_back"
    RECTIFIED = "rectified"


LIVE = frozenset({RequestState.OPEN, RequestState.ACCEPTED, RequestState.IN_PROGRESS})
"""Somebody still has to do something."""
_EVERY = frozenset(RequestState)
_ENDED = frozenset({RequestState.ANSWERED, RequestState.CLOSED})
_S = RequestState


@dataclass(frozen=True, slots=True)
class _Move:
    """From which states a step leads where (None: the state stays), and whether it needs words."""

    before: frozenset[RequestState]
    to: RequestState | None = None
    worded: bool = False


_MOVES: Mapping[Step, _Move] = {
    Step.MATCHED: _Move(_EVERY),
    Step.ACCEPTED: _Move(frozenset({_S.OPEN}), _S.ACCEPTED),
    Step.STARTED: _Move(frozenset({_S.OPEN, _S.ACCEPTED}), _S.IN_PROGRESS),
    Step.ANSWERED: _Move(LIVE, _S.ANSWERED, worded=True),
    Step.HANDED_UP: _Move(LIVE, _S.OPEN, worded=True),
    Step.HANDED_OVER: _Move(LIVE, _S.OPEN, worded=True),
    Step.ESCALATED: _Move(LIVE, _S.OPEN),
    Step.TOLD: _Move(_EVERY, worded=True),
    Step.NOTED: _Move(_EVERY, worded=True),
    Step.ADDED: _Move(_EVERY - {_S.CLOSED}, worded=True),
    Step.JOINED: _Move(_EVERY - {_S.CLOSED}),
    Step.LINKED: _Move(_EVERY),
    Step.CONFIRMED: _Move(frozenset({_S.ANSWERED}), _S.CLOSED),
    Step.EXPIRED: _Move(frozenset({_S.ANSWERED}), _S.CLOSED),
    Step.REOPENED: _Move(_ENDED, _S.OPEN, worded=True),
    Step.RATED: _Move(_ENDED),
    Step.ORDERED: _Move(_EVERY, worded=True),
    Step.CALLED_BACK: _Move(_EVERY),
    Step.RECTIFIED: _Move(_EVERY, worded=True),
}
MOVING = frozenset({Step.OPENED, Step.HANDED_UP, Step.HANDED_OVER, Step.ESCALATED, Step.REOPENED})
"""Steps that say with whom a request lies now, and start that body's clock: `detail` has `to` and `rung`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal: what happened, when (event time, epoch microseconds), who did it and said what."""

    what: Step
    at: int
    actor: str
    comment: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands. Times are epoch microseconds; `body` is on `rung` of the ladder since `rung_since`."""

    state: RequestState
    since: int
    body: str
    rung: int
    rung_since: int
    accepted_at: int | None = None
    answered_at: int | None = None
    closed_at: int | None = None
    answer: str | None = None
    reopened: int = 0
    bounces: int = 0
    escalations: int = 0

    def after(self, entry: Entry) -> "Request":
        """Return the request after an entry. Raises RequestStateError, RequestError without the words that it needs."""
        move = _MOVES.get(entry.what)
        if move is None or self.state not in move.before:
            raise RequestStateError(f"it is {words(self.state)}: {words(entry.what)} makes no sense now")
        if move.worded and not (entry.comment or "").strip():
            raise RequestError(f"{words(entry.what)}: say in words why")
        after = self
        if move.to is not None:
            after = replace(after, state=move.to, since=entry.at, closed_at=None)
        if entry.what in MOVING:
            after = replace(
                after,
                body=str(entry.detail["to"]),
                rung=int(entry.detail["rung"]),
                rung_since=entry.at,
                answered_at=None,
            )
        return _counted(after, entry)


def opened(entry: Entry) -> Request:
    """Return a request as it is opened."""
    return Request(RequestState.OPEN, entry.at, str(entry.detail["to"]), int(entry.detail["rung"]), entry.at)


def replayed(entries: Iterable[Entry]) -> Request:
    """Return the request that a journal tells of, from its opening on. Raises RequestError for one that breaks it."""
    first, *others = entries
    request = opened(first)
    for entry in others:
        request = request.after(entry)
    return request


def _counted(request: Request, entry: Entry) -> Request:
    """Return it with what each step keeps beside the state."""
    kept: dict[str, Any] = {}
    match entry.what:
        case Step.ACCEPTED | Step.STARTED if request.accepted_at is None:
            kept = {"accepted_at": entry.at}
        case Step.ANSWERED:
            accepted = entry.at if request.accepted_at is None else request.accepted_at
            kept = {"answered_at": entry.at, "accepted_at": accepted, "answer": entry.comment}
        case Step.CONFIRMED | Step.EXPIRED:
            kept = {"closed_at": entry.at}
        case Step.REOPENED:
            kept = {"reopened": request.reopened + 1}
        case Step.HANDED_OVER:
            kept = {"bounces": request.bounces + 1}
        case Step.ESCALATED:
            kept = {"escalations": request.escalations + 1}
    return replace(request, **kept)


def words(of: RequestState | Step) -> str:
    """Return a state or a step as one reads it."""
    return of.value.replace("_", " ")
