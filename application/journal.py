"""Journal: alarm transitions as what is announced and as rows of the tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from application.instants import moment
from application.rule import Verdict
from support.store import Row

NAMESPACE = UUID("6d0c1c0e-5a3f-5b0e-9f1b-3c2a7e4d8b61")
"""Names alarms; never to be changed, or a repeated batch would make a second alarm of the same key."""

ENGINE = "watch"
"""The actor of what the rules find."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The key of what one rule judges, and where it belongs."""

    subject: str
    rule: str
    element: str
    priority: int
    station: str
    device: str

    def alarm_id(self, opened_at: int) -> UUID:
        """Return the number of the alarm that opened at an instant (epoch microseconds): always the same one."""
        return uuid5(NAMESPACE, f"{self.subject}|{self.rule}|{self.element}|{opened_at}")


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm was raised or cleared. Times in epoch microseconds of event time."""

    condition: Condition
    what: str
    at: int
    opened_at: int
    evidence: Mapping[str, float | None]

    def announced(self) -> Mapping[str, object]:
        """Return it as live frames and logs carry it."""
        condition = self.condition
        return {
            "what": self.what,
            "alarm_id": str(condition.alarm_id(self.opened_at)),
            "subject": condition.subject,
            "rule": condition.rule,
            "element": condition.element,
            "at": self.at,
            "opened_at": self.opened_at,
            "priority": condition.priority,
            "station": condition.station,
            "device": condition.device,
            "evidence": self.evidence,
        }

    def rows(self) -> Iterator[Row]:
        """Yield the alarm as it stands now, then its entry in the journal."""
        condition = self.condition
        alarm_id = condition.alarm_id(self.opened_at)
        alarm: dict[str, object] = {
            "alarm_id": alarm_id,
            "subject": condition.subject,
            "rule": condition.rule,
            "element": condition.element,
            "opened_at": moment(self.opened_at),
            "cleared_at": moment(self.at) if self.what == "cleared" else None,
            "priority": condition.priority,
            "station": condition.station,
            "device": condition.device,
        }
        if self.what == "raised":
            alarm["evidence"] = dict(self.evidence)
        yield Row("alarm", alarm)
        event = {"alarm_id": alarm_id, "what": self.what, "at": moment(self.at), "actor": ENGINE}
        yield Row("alarm_event", {**event, "evidence": dict(self.evidence)})


def state_row(condition: Condition, verdict: int, pending_since: int | None, watermark: int | None) -> Row:
    """Return the row that lets a restart go on where the watch stood."""
    return Row(
        "watch_state",
        {
            "subject": condition.subject,
            "rule": condition.rule,
            "element": condition.element,
            "verdict": Verdict(verdict).name.lower(),
            "pending_since": None if pending_since is None else moment(pending_since),
            "watermark": None if watermark is None else moment(watermark),
        },
    )


def written(transitions: Sequence[Transition]) -> Iterator[Row]:
    """Yield the rows of transitions in their order."""
    for transition in transitions:
        yield from transition.rows()
