"""Matter: an incident as those see it who decide whom to tell of it, and what was told already."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.notify.plan import Channel, Plan
from application.rule import Family

OPENED, CLEARED = "opened", "cleared"
MORE, BACK, ESCALATION = "more", "back", "escalation"
"""What is told. `more:<alarm>`: an alarm has joined; `back:<shelving>`: its shelving ended; `escalation-<rung>`."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """An alarm that wants to be told: open, neither suppressed, shelved nor out of service, and no history.

    Times in epoch microseconds; `recorded`: when we learned of it. `back`: the shelving that ended by itself, and when.
    """

    alarm_id: UUID
    rule: str
    family: Family
    priority: int
    opened: int
    recorded: int
    acknowledged: bool
    back: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """An incident. `over`: it is closed, and not because its alarms belong to another one now (`moved`).

    `seen`: somebody has acknowledged one of its alarms, which may be over. For an area that is enough: what speaks for
    it is one alarm after another, as its stations come back.
    """

    incident_id: UUID
    scope: str
    stations: frozenset[str]
    districts: frozenset[str]
    cities: frozenset[str]
    speaking: tuple[Speaking, ...]
    over: bool = False
    moved: bool = False
    seen: bool = False

    @property
    def area(self) -> bool:
        """Whether it is more than one station's."""
        return not self.scope.startswith("station:")


@dataclass(frozen=True, slots=True)
class Told:
    """A notice of an incident that is queued or was sent. `created` in epoch microseconds; `sent`: it went out."""

    stage: str
    recipient: str
    channel: Channel
    via: str
    priority: int
    alarms: frozenset[UUID]
    created: int
    sent: bool

    @property
    def rung(self) -> int:
        """Which rung of a rota it went to: 0 but for escalations."""
        head = self.stage.partition(":")[0]
        return int(head.removeprefix(f"{ESCALATION}-")) if head.startswith(ESCALATION) else 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told to a recipient over a channel."""

    incident_id: UUID
    stage: str
    recipient: str
    channel: Channel
    via: str
    priority: int
    alarms: tuple[UUID, ...]


def notices(
    plan: Plan, matter: Matter, stage: str, to: Sequence[str], via: str, about: Sequence[Speaking]
) -> list[Notice]:
    """Return a notice for each channel of each recipient."""
    alarms, priority = tuple(sorted(a.alarm_id for a in about)), min(a.priority for a in about)
    return [
        Notice(matter.incident_id, stage, name, channel, via, priority, alarms)
        for name in to
        for channel in plan.recipient[name].channels
    ]
