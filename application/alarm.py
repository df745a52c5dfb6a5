"""Alarm: the life of one alarm in the words of ISA-18.2, as a pure state machine.

Two halves that different people write. The condition (active or not) belongs to the rules; the
disposition (acknowledged, shelved, suppressed, out of service) to operators and to the logic of the
plant. What operators see follows from both.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

LONGEST_SHELVING_S = 24 * 3600
"""Shelving is for a shift, not for good: after a day at most the alarm shows itself again."""


class AlarmState(StrEnum):
    """What an alarm is to its operators."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


class AlarmError(Exception):
    """What was asked makes no sense in the state that the alarm is in; the text says why."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm's condition and disposition. `shelved_until` in epoch microseconds; `suppressed_by` names the cause.

    `latches`: its rule wants it to stay after the condition went, until somebody resets it; `latched`: it does.
    """

    active: bool = False
    acknowledged: bool = True
    shelved_until: int | None = None
    suppressed_by: str | None = None
    in_service: bool = True
    latches: bool = False
    latched: bool = False

    def state(self, now: int) -> AlarmState:
        """Return what operators see at `now`: what hides an alarm goes before what it says."""
        if not self.in_service:
            return AlarmState.OUT_OF_SERVICE
        if self.suppressed_by is not None:
            return AlarmState.SUPPRESSED
        if self.shelved_until is not None and now < self.shelved_until:
            return AlarmState.SHELVED
        if self.active:
            return AlarmState.ACKNOWLEDGED if self.acknowledged else AlarmState.UNACKNOWLEDGED
        if self.latched:
            return AlarmState.LATCHED_ACKNOWLEDGED if self.acknowledged else AlarmState.LATCHED_UNACKNOWLEDGED
        return AlarmState.NORMAL if self.acknowledged else AlarmState.RETURNED_UNACKNOWLEDGED

    def needs_attention(self, now: int) -> bool:
        """Whether it belongs on the list of what operators have to look at."""
        return self.state(now) in {
            AlarmState.UNACKNOWLEDGED,
            AlarmState.ACKNOWLEDGED,
            AlarmState.RETURNED_UNACKNOWLEDGED,
            AlarmState.LATCHED_UNACKNOWLEDGED,
            AlarmState.LATCHED_ACKNOWLEDGED,
        }

    def raised(self) -> "Alarm":
        """Note that the condition came: it wants to be acknowledged, whatever was acknowledged before."""
        return self if self.active else replace(self, active=True, acknowledged=False, latched=False)

    def cleared(self) -> "Alarm":
        """Note that the condition went. What nobody acknowledged stays to be acknowledged, what latches to be reset."""
        return replace(self, active=False, latched=self.latches) if self.active else self

    def acknowledge(self) -> "Alarm":
        """Somebody has seen it."""
        if self.acknowledged:
            raise AlarmError("there is nothing to acknowledge: it is acknowledged already")
        return replace(self, acknowledged=True)

    def reset(self) -> "Alarm":
        """Let a latched alarm go: its condition went, somebody has seen it, and now says that it is over."""
        if self.active:
            raise AlarmError("its condition still stands: it can be reset when that is gone")
        if not self.latched:
            raise AlarmError("it is not latched: there is nothing to reset")
        if not self.acknowledged:
            raise AlarmError("nobody has acknowledged it: acknowledge it first, then reset it")
        return replace(self, latched=False)

    def realarm(self) -> "Alarm":
        """Ask for attention again: it was acknowledged long ago, and stands still."""
        if not (self.active and self.acknowledged):
            raise AlarmError("only an acknowledged alarm whose condition stands asks again")
        return replace(self, acknowledged=False)

    def shelve(self, now: int, until: int) -> "Alarm":
        """Put it aside for a time, 24 hours at most; it comes back by itself."""
        if not now < until <= now + LONGEST_SHELVING_S * 1_000_000:
            raise AlarmError("an alarm is shelved until a time that is ahead, by 24 hours at most")
        return replace(self, shelved_until=until)

    def unshelve(self) -> "Alarm":
        """Bring it back before its time."""
        if self.shelved_until is None:
            raise AlarmError("it is not shelved")
        return replace(self, shelved_until=None)

    def suppress(self, by: str) -> "Alarm":
        """Hide it by design, because `by` (its parent) explains it."""
        return replace(self, suppressed_by=by)

    def unsuppress(self) -> "Alarm":
        """End suppression."""
        return replace(self, suppressed_by=None)

    def take_out_of_service(self) -> "Alarm":
        """Hide it for maintenance, under a permit."""
        return replace(self, in_service=False)

    def return_to_service(self) -> "Alarm":
        """End maintenance."""
        return replace(self, in_service=True)
