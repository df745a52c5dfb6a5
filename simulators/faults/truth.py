"""Truth: what was wrong, as JSON Lines beside the readings, so that detection can be scored.

One object per fault: `number`, `device`, `station`, `kind`, `from`, `to` (ISO 8601 in UTC; `to` null: until further
notice), `severity`, `parameters`, `family` (the findings that it should lead to), `area` (or null).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from simulators.faults.fault import Fault
from simulators.faults.schedule import Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TruthError(Exception):
    """A file of truth cannot be read; the text names file, line and what was expected."""


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One fault as the file tells it. Times are epoch microseconds UTC; `ends` None: until further notice."""

    number: int
    device: str
    station: str
    kind: str
    begins: int
    ends: int | None
    severity: float
    parameters: Mapping[str, Any]
    family: tuple[str, ...]
    area: str | None


def write_truth(path: Path, *schedules: Schedule) -> int:
    """Write every fault of these schedules, replacing the file as a whole; return how many there are."""
    faults = [fault for schedule in schedules for fault in schedule.faults]
    lines = [json.dumps(_told(k, fault), ensure_ascii=False) for k, fault in enumerate(faults)]
    beside = path.with_name(path.name + ".new")
    beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    beside.replace(path)
    return len(faults)


def read_truth(path: Path) -> tuple[TruthRow, ...]:
    """Return the faults that a file tells. Raises TruthError with every line that cannot be read."""
    rows: list[TruthRow] = []
    problems: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            problems.append(f"{path}, line {number}: {type(err).__name__}: {err}; write it with `--truth`")
    if problems:
        raise TruthError("; ".join(problems))
    return tuple(rows)


def rows_of(faults: Iterable[Fault]) -> tuple[TruthRow, ...]:
    """Return faults as a file would tell them."""
    return tuple(_row(json.loads(json.dumps(_told(k, fault)))) for k, fault in enumerate(faults))


def _told(number: int, fault: Fault) -> dict[str, Any]:
    return {
        "number": number,
        "device": fault.device,
        "station": fault.station,
        "kind": fault.kind.name,
        "from": _iso(fault.begins),
        "to": None if fault.ends is None else _iso(fault.ends),
        "severity": fault.severity,
        "parameters": fault.parameters.model_dump(mode="json"),
        "family": list(fault.kind.family),
        "area": fault.area,
    }


def _row(told: Mapping[str, Any]) -> TruthRow:
    return TruthRow(
        number=told["number"],
        device=told["device"],
        station=told["station"],
        kind=told["kind"],
        begins=_us(told["from"]),
        ends=None if told["to"] is None else _us(told["to"]),
        severity=told["severity"],
        parameters=dict(told["parameters"]),
        family=tuple(told["family"]),
        area=told["area"],
    )


def _iso(at: int) -> str:
    return (_EPOCH + timedelta(microseconds=at)).isoformat()


def _us(told: str) -> int:
    moment = datetime.fromisoformat(told)
    if moment.tzinfo is None:
        raise ValueError(f"{told} has no zone")
    return (moment - _EPOCH) // timedelta(microseconds=1)
