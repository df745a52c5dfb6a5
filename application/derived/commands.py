"""The verb about derived points: compute them for a past that was loaded or corrected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.derived.keeping import Room
    from perception.sensor_kind import SensorKind

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on. `room(on, kind, times)` makes room for readings where the server needs that."""

    engine: Callable[[], Engine]
    kinds: Callable[[], Mapping[str, SensorKind]]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Rows, bool], None]
    room: Room


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("derive")
    def derive(
        since: Annotated[str, typer.Option("--from", help="From when: 36h, 7d (so long ago), or an ISO time.")],
        until: Annotated[str | None, typer.Option("--to", help="Until when; now where it is left out.")] = None,
        device: Annotated[str | None, typer.Option("--device", help="Only what follows from this device.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Compute derived points over a past, as `tend` does with what comes; safe to repeat."""
        from application.derived.deriving import derive_span

        changed = sum(derive_span(ports.engine(), ports.kinds(), ports.span(since, until), ports.room, device))
        ports.show([{"readings_changed": changed}], as_json)
