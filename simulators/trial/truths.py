"""Truths: what was wrong in a trial, one event per line, with everything that matching needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from simulators.faults import Fault
from simulators.trial.families import LIMIT_S, SPRING_BACK, findings_of, rules_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REACH = {"burst_primary": "branch"}
"""Kinds that befall one station and are felt in an area: a primary line that breaks lets the whole branch fall."""


class TrialFileError(Exception):
    """A file of a trial cannot be read; the text names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fault, at all the stations that it befalls. Times in epoch microseconds; `ends` None: to the end of the run.

    An alarm of `rules` at one of `stations` that opens from `begins` up to `due` is the fault's. Where the end is an
    onset as well (a counter springs back), one from `ends` up to `due_again` belongs to it too, and finds nothing.
    """

    number: int
    kind: str
    stations: frozenset[str]
    devices: tuple[str, ...]
    begins: int
    ends: int | None
    due: int
    severity: float
    findings: tuple[str, ...]
    rules: frozenset[str]
    parameters: Mapping[str, Any]
    due_again: int | None = None

    def finds(self, at: int) -> bool:
        """Return whether an alarm that opens then finds the fault."""
        return self.begins <= at <= self.due

    def owns(self, at: int) -> bool:
        """Return whether an alarm that opens then belongs to the fault."""
        again = self.due_again is not None and self.ends is not None and self.ends <= at <= self.due_again
        return again or self.finds(at)

    def told(self) -> dict[str, object]:
        """Return it as a line of truth.jsonl."""
        return {
            "number": self.number, "kind": self.kind, "stations": sorted(self.stations), "devices": list(self.devices),
            "from": iso(self.begins), "to": None if self.ends is None else iso(self.ends), "due": iso(self.due),
            "due_again": None if self.due_again is None else iso(self.due_again),
            "severity": self.severity, "family": list(self.findings), "rules": sorted(self.rules),
            "parameters": dict(self.parameters),
        }  # fmt: skip


def events_of(faults: Sequence[Fault], areas: Mapping[str, Mapping[str, Sequence[str]]], end: int) -> list[Event]:
    """Return the faults that begin before `end` as events: what befell an area as a whole is one.

    `areas` [sort][name] are the stations inside.
    """
    groups: dict[object, list[Fault]] = {}
    for fault in faults:
        if fault.begins < end:
            groups.setdefault(fault.area or fault.number, []).append(fault)
    return [_event(number, group, areas) for number, group in enumerate(groups.values(), start=1)]


def _event(number: int, group: Sequence[Fault], areas: Mapping[str, Mapping[str, Sequence[str]]]) -> Event:
    first = min(group, key=lambda f: f.begins)
    kind, stations = first.kind.name, {fault.station for fault in group}
    sort = _REACH.get(kind)
    if sort is not None:
        stations |= {s for inside in areas[sort].values() if stations & set(inside) for s in inside}
    limit = LIMIT_S[kind] * 1_000_000
    ends = None if any(f.ends is None for f in group) else max(f.ends or 0 for f in group)
    return Event(
        number, kind, frozenset(stations), tuple(sorted(f.device for f in group)), first.begins, ends,
        first.begins + limit, first.severity, findings_of(kind), frozenset(rules_of(kind)),
        first.parameters.model_dump(mode="json"),
        ends + limit if ends is not None and kind in SPRING_BACK else None,
    )  # fmt: skip


def write_lines(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as JSON Lines."""
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON Lines. Raises TrialFileError."""
    try:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as err:
        raise TrialFileError(f"{file}: {err}: `hearthline score --out` writes it") from err


def read_facts(file: Path) -> dict[str, Any]:
    """Return the facts of a run.json. Raises TrialFileError."""
    try:
        facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise TrialFileError(f"{file}: {err}: `hearthline score --out` writes it") from err
    return facts


def read_events(file: Path) -> list[Event]:
    """Return the events of a truth.jsonl. Raises TrialFileError."""
    return [
        Event(
            row["number"], row["kind"], frozenset(row["stations"]), tuple(row["devices"]), us(row["from"]),
            None if row["to"] is None else us(row["to"]), us(row["due"]), row["severity"], tuple(row["family"]),
            frozenset(row["rules"]), row["parameters"],
            None if row["due_again"] is None else us(row["due_again"]),
        )
        for row in read_lines(file)
    ]  # fmt: skip


def iso(at: int) -> str:
    """Return epoch microseconds as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat()


def us(told: str) -> int:
    """Return an ISO 8601 instant with its zone as epoch microseconds."""
    return (datetime.fromisoformat(told) - _EPOCH) // timedelta(microseconds=1)
