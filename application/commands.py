"""Verbs of the command line that speak for application: alarms, rules, notices, and where a device's readings are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from application import alarm_commands, notify_commands, rule_commands
from application.derived import commands as derived_commands
from application.emergency import commands as emergency_commands
from application.quality import commands as quality_commands
from application.requests import commands as request_commands
from application.service import commands as service_commands
from application.work import commands as work_commands

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.derived.keeping import Room
    from application.notify.desk import Desk
    from application.rule import Rule
    from application.settings import WatchSettings
    from application.views import Views
    from perception.readings import Readings
    from perception.roster import Roster
    from perception.sensor_kind import SensorKind
    from support.store import ReadingReader, Tenths

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `live(city, device_id, seconds)` listens for a live frame and returns its time.

    `span(since, until)` reads a stretch of time as people write it; `clock` gives epoch microseconds UTC; `actor`
    is who stands behind what is written; `watch` are the settings of the watch. `room(on, kind, times)` makes room for
    readings where the server needs that.
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
    watch: Callable[[], WatchSettings]
    desk: Callable[[], Desk]
    room: Room


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""

    def views() -> Views:
        from application.assembly import views_of

        return views_of(ports.engine(), ports.reader(), ports.kinds(), ports.rules_file())

    def raw(device_id: int, kind: SensorKind, span: tuple[int, int]) -> Readings:
        with ports.engine().connect() as on:
            return ports.reader().span(on, kind, device_id, span)

    def rules() -> Mapping[str, Rule]:
        from application.rules_file import RulesFile

        return RulesFile(ports.rules_file())

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
    work_commands.register(
        app, work_commands.Ports(ports.engine, rules, ports.watch, ports.clock, ports.actor, ports.span, ports.show)
    )

    request_commands.register(app, request_commands.Ports(ports.engine, ports.actor, ports.show))
    notify_commands.register(
        app, notify_commands.Ports(ports.engine, ports.desk, ports.rules_file, ports.clock, ports.actor, ports.show)
    )
    quality_commands.register(
        app,
        quality_commands.Ports(ports.engine, ports.kinds, ports.clock, ports.actor, ports.span, ports.show),
    )

    derived_commands.register(
        app, derived_commands.Ports(ports.engine, ports.kinds, ports.span, ports.show, ports.room)
    )

    emergency_commands.register(app, emergency_commands.Ports(ports.engine, ports.clock, ports.actor, ports.show))
    service_commands.register(
        app, service_commands.Ports(ports.engine, ports.clock, ports.actor, ports.span, ports.show)
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
