"""Verbs of the command line that speak for application: alarms, rules, and where a device's readings are now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from application import alarm_commands, rule_commands

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.views import Views
    from application.watch import Watch
    from perception.readings import Readings
    from perception.roster import Roster
    from perception.sensor_kind import SensorKind
    from support.maintain import Pass
    from support.store import ReadingReader, Tenths

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `live(city, device_id, seconds)` listens for a live frame and returns its time.

    `span(since, until)` reads a stretch of time as people write it; `clock` gives epoch microseconds UTC; `actor`
    is who stands behind what is written.
    """

    rules_file: Callable[[], Path]
    engine: Callable[[], Engine]
    reader: Callable[[], ReadingReader]
    kinds: Callable[[], Mapping[str, SensorKind]]
    roster: Callable[[], Roster]
    live: Callable[[str, int, float], int | None]
    clock: Callable[[], int]
    span: Callable[[str, str | None], tuple[int, int]]
    actor: Callable[[], str]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""

    def views() -> Views:
        return views_of(ports.engine(), ports.reader(), ports.kinds(), ports.rules_file())

    def raw(device_id: int, kind: SensorKind, span: tuple[int, int]) -> Readings:
        with ports.engine().connect() as on:
            return ports.reader().span(on, kind, device_id, span)

    alarm_commands.register(
        app, alarm_commands.Ports(ports.engine, views, ports.clock, ports.actor, ports.span, ports.show)
    )

    def tenths(kind: SensorKind, points: Sequence[str], device_ids: Sequence[int], span: tuple[int, int]) -> Tenths:
        with ports.engine().connect() as on:
            return ports.reader().tenths(on, kind, points, device_ids, span)

    def zones() -> Mapping[str, tzinfo]:
        from application.slow_store import zones

        with ports.engine().connect() as on:
            return zones(on)

    rule_commands.register(
        app,
        rule_commands.Ports(ports.rules_file, ports.roster, raw, tenths, zones, ports.clock, ports.span, ports.show),
    )

    @app.command("trace")
    def trace_device(
        device: Annotated[str, typer.Argument(help="Name of the device.")],
        wait: Annotated[float, typer.Option(help="Seconds to listen for a live frame.")] = 5.0,
        as_json: AsJson = False,
    ) -> None:
        """Show where a device's readings are now: last delivery, newest reading and rollup, verdicts, live frame."""
        steps = trace(ports.engine(), ports.kinds(), device, lambda city, number: ports.live(city, number, wait))
        ports.show(steps, as_json)


def views_of(engine: Engine, reader: ReadingReader, kinds: Mapping[str, SensorKind], rules: Path) -> Views:
    """Return the read models; they follow the file of the rules."""
    from application.rules_file import RulesFile
    from application.views import Views

    return Views(engine, reader, kinds, RulesFile(rules))


def passes_of(rules: Path, engine: Engine, reader: ReadingReader, roster: Callable[[], Roster]) -> Sequence[Pass]:
    """Return what application has to do again and again, as passes of tend."""
    from application.rules_file import RulesFile
    from application.slow_tending import slow_rules
    from application.tending import passes

    return [*passes(engine, RulesFile(rules)), slow_rules(engine, reader, RulesFile(rules), roster)]


def watch_of(
    file: Path,
    engine: Engine,
    reader: ReadingReader,
    kinds: Mapping[str, SensorKind],
    clock: Callable[[], int],
    *,
    event_time: bool,
) -> Watch:
    """Return the fast rules, which begin from what the tables know and follow the file of their numbers."""
    from application.rules_file import RulesFile
    from application.watch import Watch
    from application.watch_store import remembering

    rules = RulesFile(file)
    remember = remembering(engine, reader, kinds, clock, lambda: rules.pairs)
    return Watch(rules.pairs, remember, event_time=event_time, fresh=lambda: rules.pairs if rules.changed() else None)


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
