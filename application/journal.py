"""Journal: alarm transitions as what is announced and as rows of the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from application.instants import moment
from application.rule import Verdict
from support.store import Row

NAMESPACE = UUID("6d0c1c0e-5a3f-5b0e-9f1b-3c2a7e4d8b61")
"""Names alarms; never to be changed, or a repeated batch would make a second alarm of the same key."""

ENGINE = "watch"
"""The actor of what the rules find."""


_VERDICTS = {int(verdict): verdict.name.lower() for verdict in Verdict}

RAISED = "raised"
CLEARED = "cleared"


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
    """An alarm was raised or cleared. Times in epoch microseconds of event time.

    `latched` and `realarm_s` are what the rule's parameters said when it was raised.
    """

    condition: Condition
    what: str
    at: int
    opened_at: int
    evidence: Mapping[str, float | None]
    latched: bool = False
    realarm_s: float = 0.0

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

    def alarm(self) -> dict[str, object]:
        """Return the alarm as it stands now, as a row. Evidence and way of life are said when it is raised."""
        condition = self.condition
        row: dict[str, object] = {
            "alarm_id": condition.alarm_id(self.opened_at),
            "subject": condition.subject,
            "rule": condition.rule,
            "element": condition.element,
            "opened_at": moment(self.opened_at),
            "cleared_at": moment(self.at) if self.what == CLEARED else None,
            "priority": condition.priority,
            "station": condition.station,
            "device": condition.device,
        }
        if self.what != RAISED:
            return row
        return {**row, "evidence": dict(self.evidence), "latched": self.latched, "realarm_s": self.realarm_s}

    def event(self) -> dict[str, object]:
        """Return its entry in the journal, as a row."""
        return {
            "alarm_id": self.condition.alarm_id(self.opened_at),
            "what": self.what,
            "at": moment(self.at),
            "actor": ENGINE,
            "evidence": dict(self.evidence),
        }


def written(transitions: Sequence[Transition]) -> list[Row]:
    """Return the rows of transitions: each alarm once, as it stands after all of them, then the journal.

    Alarms that are closed come before those that are open, so that a condition that came back in
    one step never has two open alarms. Of a sort they come in the order of their numbers, in which everybody locks.
    """
    alarms: dict[object, dict[str, object]] = {}
    for transition in transitions:
        row = transition.alarm()
        alarms[row["alarm_id"]] = {**alarms.get(row["alarm_id"], {}), **row}
    ordered = sorted(
        alarms.values(), key=lambda row: (row["cleared_at"] is None, "evidence" in row, str(row["alarm_id"]))
    )
    return [*(Row("alarm", row) for row in ordered), *(Row("alarm_event", t.event()) for t in transitions)]


def state_row(condition: Condition, verdict: int, pending_since: int | None, watermark: int | None) -> Row:
    """Return the row that lets a restart go on where the watch stood."""
    return Row(
        "watch_state",
        {
            "subject": condition.subject,
            "rule": condition.rule,
            "element": condition.element,
            "verdict": _VERDICTS[verdict],
            "pending_since": None if pending_since is None else moment(pending_since),
            "watermark": None if watermark is None else moment(watermark),
        },
    )
