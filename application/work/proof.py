"""Proof: whether the data say that the condition of an order has cleared. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from application.instants import DAY, MINUTE
from application.work.order import WorkOrder, WorkState


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one waits. After done, the condition has `proof_us` to clear; after verified, `returns_us` to return."""

    proof_us: int = 30 * MINUTE
    returns_us: int = DAY


@dataclass(frozen=True, slots=True)
class Condition:
    """One alarm of an order. `cleared` None: it stands; `calm_us` is its rule's off-delay; times in microseconds.

    `known` is false where its rule cannot tell just now: then nothing is proved, neither way. `again`: its rule
    sees the condition once more, though an alarm has not opened yet.
    """

    rule: str
    station: str
    cleared: int | None
    calm_us: int = 0
    known: bool = True
    again: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What the data say at one instant: `cleared_at` None means that they do not prove it, for the reason `why`."""

    cleared_at: int | None
    why: str = ""
    stands: bool = False


def proof(conditions: Iterable[Condition], now: int) -> Proof:
    """Return whether every condition has cleared and stayed so for its rule's off-delay at `now`."""
    every = list(conditions)
    if not every:
        return Proof(None, "no alarm of it is known, so nothing can prove it: cancel it with the reason")
    for condition in every:
        what = f"{condition.rule} at {condition.station}"
        if condition.cleared is None:
            return Proof(None, f"{what} still stands", stands=True)
        if not condition.known:
            return Proof(None, f"{what}: the rule cannot tell just now, its readings are missing or bad")
        if condition.again:
            return Proof(None, f"{what} shows itself again")
        if now < condition.cleared + condition.calm_us:
            left = (condition.cleared + condition.calm_us - now) / MINUTE
            return Proof(None, f"{what} cleared, but has to stay so for another {left:.1f} minutes")
    return Proof(max(c.cleared for c in every if c.cleared is not None))


def failed(order: WorkOrder, conditions: Iterable[Condition], now: int, p: Patience) -> str | None:
    """Return why an order that was called done was not done, None as long as one can wait or it is proved.

    A condition that stands has the time of patience, and the off-delay of its rule, to clear.
    """
    if order.state is not WorkState.DONE or order.done_at is None:
        return None
    for each in conditions:
        if each.cleared is None and now >= order.done_at + p.proof_us + each.calm_us:
            minutes = (now - order.done_at) // MINUTE
            return f"{each.rule} at {each.station} still stands {minutes} minutes after it was called done"
    return None
