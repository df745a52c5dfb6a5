"""Verbs of the command line that speak for application: the rules, and where a device's readings are now."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from application.rule import Parameters, Rule
from application.rules import RuleError, load_rules, tuned

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.watch import Watch
    from perception.sensor_kind import SensorKind
    from support.store import ReadingReader

Rows = Sequence[Mapping[str, object]]


def tuned_rules(file: Path) -> tuple[tuple[Rule, Parameters], ...]:
    """Return every rule with the parameters of the file. Raises RuleError with every problem."""
    try:
        return tuned(load_rules(), tomllib.loads(file.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as err:
        raise RuleError(f"{file}: {err}") from err


def watch_of(
    file: Path,
    engine: "Engine",
    reader: "ReadingReader",
    kinds: "Mapping[str, SensorKind]",
    clock: Callable[[], int],
    *,
    event_time: bool,
) -> "Watch":
    """Return the fast rules, which begin from what the tables know."""
    from application.watch import Watch
    from application.watch_store import remembering

    return Watch(tuned_rules(file), remembering(engine, reader, kinds, clock), event_time=event_time)


def rule_rows(pairs: Sequence[tuple[Rule, Parameters]]) -> Rows:
    """Return the rules with their words and numbers."""
    return [
        {
            "name": rule.name,
            "title": rule.title.en,
            "title_zh": rule.title.zh,
            "priority": rule.priority,
            "needs": ", ".join(rule.needs),
            "parameters": ", ".join(f"{name}={value}" for name, value in parameters),
            "tempo": rule.tempo,
            "subject": rule.subject,
        }
        for rule, parameters in pairs
    ]
