"""Work order: the life of one piece of work on site, as a pure state machine that its journal plays again.

    new → assigned → on the way → on site → done → verified
     └──────┴────────────┴──────────┴→ rejected, cancelled

What the crew calls done the data verifies; what stands after all goes back to assigned.

WorkError
├── WorkStateError   the order is not in a state in which this can be done
├── WorkPartyError   it is for somebody else to do this
└── UnknownWorkError no order, alarm or incident is meant by what was said
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

TEND = "tend"
CREW = "crew:"
"""How the names of crews begin, as actors; whoever is neither of these speaks for the operators."""
LONGEST_MINUTES = 7 * 24 * 60
MOST_PARTS = 50
LONGEST_PART = 200


class WorkError(Exception):
    """What was asked of a work order makes no sense; the text says why, and what can be done."""


class WorkStateError(WorkError):
    """The order is in a state in which this cannot be done; the text says which."""


class WorkPartyError(WorkError):
    """It is for somebody else to do this; the text says for whom."""


class UnknownWorkError(WorkError):
    """No order, alarm or incident, or more than one, is meant by what was said; the text says which."""


class WorkState(StrEnum):
    """How far an order has come."""

    NEW = "new"
    ASSIGNED = "assigned"
    ON_THE_WAY = "on_the_way"
    ON_SITE = "on_site"
    DONE = "done"
    VERIFIED = "verified"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What can happen to an order: the word of its journal."""

    OPENED = "opened"
    ASSIGNED = "assigned"
    STARTED = "started"
    ARRIVED = "arrived"
    DONE = "done"
    VERIFIED = "verified"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REOPENED = "reopened"
    NOTED = "noted"
    ESCALATED = "escalated"
    FOLLOWED = "followed"


class Party(StrEnum):
    """Who takes part: tend by itself, the operators of the control room, the crew on site."""

    SYSTEM = "system"
    OPERATOR = "operator"
    CREW = "crew"


OVER = frozenset({WorkState.VERIFIED, WorkState.REJECTED, WorkState.CANCELLED})
OPEN_STATES = frozenset({WorkState.NEW, WorkState.ASSIGNED, WorkState.ON_THE_WAY, WorkState.ON_SITE})
"""Somebody still has to do something; done waits for the data."""
_LIVE = OPEN_STATES | {WorkState.DONE}
_EVERY = frozenset(WorkState)
_N, _A, _W, _S, _D = WorkState.NEW, WorkState.ASSIGNED, WorkState.ON_THE_WAY, WorkState.ON_SITE, WorkState.DONE


@dataclass(frozen=True, slots=True)
class _Move:
    """From which states a step leads where (None: the state stays), who may take it, and whether it needs words."""

    before: frozenset[WorkState]
    to: WorkState | None
    parties: frozenset[Party]
    worded: bool = False


_PEOPLE = frozenset({Party.OPERATOR, Party.CREW})
_OFFICE = frozenset({Party.OPERATOR, Party.SYSTEM})
_SYSTEM = frozenset({Party.SYSTEM})
_MOVES: Mapping[Step, _Move] = {
    Step.ASSIGNED: _Move(frozenset({_N, _A, _W, _S}), _A, frozenset({Party.OPERATOR})),
    Step.STARTED: _Move(frozenset({_A}), _W, _PEOPLE),
    Step.ARRIVED: _Move(frozenset({_A, _W}), _S, _PEOPLE),
    Step.DONE: _Move(frozenset({_A, _W, _S}), _D, _PEOPLE),
    Step.VERIFIED: _Move(frozenset({_D}), WorkState.VERIFIED, _OFFICE),
    Step.REJECTED: _Move(OPEN_STATES, WorkState.REJECTED, _PEOPLE, worded=True),
    Step.CANCELLED: _Move(_LIVE, WorkState.CANCELLED, _OFFICE, worded=True),
    Step.REOPENED: _Move(frozenset({_D, WorkState.VERIFIED}), _A, _OFFICE, worded=True),
    Step.NOTED: _Move(_EVERY, None, _PEOPLE, worded=True),
    Step.ESCALATED: _Move(OPEN_STATES, None, _SYSTEM),
    Step.FOLLOWED: _Move(_LIVE, None, _SYSTEM),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal: what happened, when (event time, epoch microseconds), who did it and said what.

    `detail` carries what the step needs: `to` (assigned: to whom), `minutes` and `parts` (done, noted),
    `cleared_at` (verified: when the last of its alarms cleared), `level` (escalated).
    """

    what: Step
    at: int
    actor: str
    comment: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def party(self) -> Party:
        """Whom the actor speaks for."""
        if self.actor == TEND:
            return Party.SYSTEM
        return Party.CREW if self.actor.startswith(CREW) else Party.OPERATOR


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One order as it stands; `since` it is in its state. Times in epoch microseconds, None: not yet."""

    state: WorkState
    since: int
    assignee: str | None = None
    minutes: int = 0
    parts: tuple[str, ...] = ()
    escalation: int = 0
    returns: int = 0
    arrived_at: int | None = None
    done_at: int | None = None
    closed_at: int | None = None

    @property
    def live(self) -> bool:
        """Whether it is under way: neither verified, nor rejected, nor cancelled."""
        return self.state not in OVER

    def after(self, entry: Entry) -> "WorkOrder":
        """Return the order after an entry of the journal. Raises WorkError."""
        move = self._move(entry)
        _require_plain(entry)
        told = self._told(entry)
        if move.to is None:
            return told
        if entry.at < self.since:
            raise WorkStateError(f"it is {words(self.state)} since later than that: give a time after it")
        return _entered(told, self.state, move.to, entry)

    def _move(self, entry: Entry) -> _Move:
        move = _MOVES.get(entry.what)
        if move is None:
            raise WorkStateError("it is open already: an order is opened once")
        if self.state not in move.before:
            raise WorkStateError(f"it is {words(self.state)}{_hint(self, entry.what)}")
        if entry.party not in move.parties:
            allowed = " or ".join(sorted(move.parties))
            raise WorkPartyError(f"{entry.actor} cannot have it {words(entry.what)}: that is for the {allowed}")
        if move.worded and not (entry.comment or "").strip() and not _spent(entry):
            raise WorkError(f"say in words why it is {words(entry.what)}")
        return move

    def _told(self, entry: Entry) -> "WorkOrder":
        """Take what an entry says beside its step."""
        if entry.what is Step.ASSIGNED:
            to = str(entry.detail.get("to") or "").strip()
            if not to:
                raise WorkError("say to whom it is assigned")
            return replace(self, assignee=to)
        if entry.what is Step.ESCALATED:
            level = int(entry.detail.get("level", 0))
            if not self.escalation < level <= 2:
                raise WorkStateError("it has been escalated so far already")
            return replace(self, escalation=level)
        if entry.what is Step.VERIFIED and not isinstance(entry.detail.get("cleared_at"), int):
            raise WorkStateError("its condition has not cleared: nothing is verified before the data say so")
        minutes, parts = _counted(entry)
        return replace(self, minutes=self.minutes + minutes, parts=(*self.parts, *parts))


def opened(at: int) -> WorkOrder:
    """Return an order that is opened at an instant."""
    return WorkOrder(WorkState.NEW, at)


def replay(journal: Iterable[Entry]) -> WorkOrder:
    """Return the order that a journal tells of, entry by entry. Raises WorkError when it tells of none."""
    order: WorkOrder | None = None
    for entry in journal:
        if order is None and entry.what is Step.OPENED:
            order = opened(entry.at)
        elif order is None:
            raise WorkStateError("the journal does not begin with its opening")
        else:
            order = order.after(entry)
    if order is None:
        raise WorkStateError("the journal is empty")
    return order


def words(word: WorkState | Step) -> str:
    """Return a state or a step as people read it."""
    return word.value.replace("_", " ")


def _entered(order: WorkOrder, before: WorkState, state: WorkState, entry: Entry) -> WorkOrder:
    """Let an order enter a state at the time of an entry."""
    moved = replace(order, state=state, since=entry.at, closed_at=entry.at if state in OVER else None)
    if state is WorkState.ON_SITE:
        return replace(moved, arrived_at=entry.at)
    if state is WorkState.DONE:
        return replace(moved, done_at=entry.at)
    if entry.what is Step.REOPENED:
        again = replace(
            moved, returns=order.returns + 1, done_at=None
        )  # who was called out then has been there in time
        return replace(again, escalation=0, arrived_at=None) if before is WorkState.VERIFIED else again
    return moved


def _hint(order: WorkOrder, what: Step) -> str:
    """Return what can be done instead of a step that the state of an order does not allow."""
    if not order.live:
        return ": a note is all that can be added to it"
    if order.state is WorkState.NEW and what in {Step.STARTED, Step.ARRIVED, Step.DONE}:
        return ": assign it to somebody first"
    return ": only what is done can be verified" if what is Step.VERIFIED else ""


def _spent(entry: Entry) -> bool:
    """Return whether an entry tells of time or parts, which speak for themselves."""
    return entry.what is Step.NOTED and any(entry.detail.get(k) for k in ("minutes", "parts"))


def _require_plain(entry: Entry) -> None:
    """Raise WorkError for names that no table can hold, or that would speak to the terminal that shows them."""
    for told in (entry.detail.get("to"), *(entry.detail.get("parts") or ())):
        if isinstance(told, str) and any(unicodedata.category(c) in {"Cc", "Cs"} for c in told):
            raise WorkError(f"{told!a:.60} is no name: give one line of text, without control characters")


def _counted(entry: Entry) -> tuple[int, tuple[str, ...]]:
    """Return the minutes spent and the parts used that an entry tells of. Raises WorkError."""
    minutes, parts = entry.detail.get("minutes") or 0, tuple(entry.detail.get("parts") or ())
    if not isinstance(minutes, int) or not 0 <= minutes <= LONGEST_MINUTES:
        raise WorkError(f"minutes are a whole number up to {LONGEST_MINUTES}, which is a week, not {minutes!r}")
    if len(parts) > MOST_PARTS or not all(isinstance(p, str) and 0 < len(p.strip()) <= LONGEST_PART for p in parts):
        raise WorkError(f"parts are at most {MOST_PARTS} names of at most {LONGEST_PART} characters each")
    return minutes, parts
