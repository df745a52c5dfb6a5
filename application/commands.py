"""Verbs of the command line that speak for application: alarms, rules, and where a device's readings are now."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from application import alarm_commands

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.rule import Parameters, Rule
    from application.views import Views
    from application.watch import Watch
    from perception.sensor_kind import SensorKind
    from support.store import ReadingReader

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `live(city, device_id, seconds)` listens for a live frame and returns its time."""

    rules_file: Callable[[], Path]
    engine: Callable[[], Engine]
    kinds: Callable[[], Mapping[str, SensorKind]]
    live: Callable[[str, int, float], int | None]
    show: Callable[[Rows, bool], None]
    views: Callable[[], Views]
    clock: Callable[[], int]
    actor: Callable[[], str]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    alarm_commands.register(app, alarm_commands.Ports(ports.engine, ports.views, ports.clock, ports.actor, ports.show))

    @app.command()
    def rules(as_json: AsJson = False) -> None:
        """Show the rules with their parameters."""
        ports.show(rule_rows(tuned_rules(ports.rules_file())), as_json)

    @app.command("trace")
    def trace_device(
        device: Annotated[str, typer.Argument(help="Name of the device.")],
        wait: Annotated[float, typer.Option(help="Seconds to listen for a live frame.")] = 5.0,
        as_json: AsJson = False,
    ) -> None:
        """Show where a device's readings are now: last delivery, newest reading and rollup, verdicts, live frame."""
        steps = trace(ports.engine(), ports.kinds(), device, lambda city, number: ports.live(city, number, wait))
        ports.show(steps, as_json)


def tuned_rules(file: Path) -> tuple[tuple[Rule, Parameters], ...]:
    """Return every rule with the parameters of the file. Raises RuleError with every problem."""
    from application.rules import RuleError, load_rules, tuned

    try:
        return tuned(load_rules(), tomllib.loads(file.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as err:
        raise RuleError(f"{file}: {err}") from err


def watch_of(
    file: Path,
    engine: Engine,
    reader: ReadingReader,
    kinds: Mapping[str, SensorKind],
    clock: Callable[[], int],
    *,
    event_time: bool,
) -> Watch:
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


def trace(
    engine: Engine,
    kinds: Mapping[str, SensorKind],
    name: str,
    live: Callable[[str, int], int | None],
) -> Rows:
    """Say where a device's readings are now, stop by stop. `live(city, device_id)` returns the time of a live frame.

    Raises UnknownDeviceError.
    """
    from application.tracing import follow

    with engine.connect() as on:
        found = follow(on, kinds, name)
    frame = None if found.city is None else live(found.city, found.device_id)
    return [
        *found.steps,
        {"stop": "live frame", "at": _moment(frame), "detail": "" if frame else "none while we listened"},
    ]


def _moment(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds")
