"""Verbs about doubtful values: seen, said by a person, taken back, searched for in the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from perception.sensor_kind import SensorKind

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
OfDevice = Annotated[str | None, typer.Option("--device", help="Only of this device.")]
Since = Annotated[str, typer.Option("--since", "--from", help="From when: 36h, 7d (so long ago), or an ISO time.")]
Until = Annotated[str | None, typer.Option("--until", "--to", help="Until when; now where it is left out.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `clock` gives epoch microseconds UTC; `actor` is who stands behind what is written."""

    engine: Callable[[], Engine]
    kinds: Callable[[], Mapping[str, SensorKind]]
    clock: Callable[[], int]
    actor: Callable[[], str]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    quality = typer.Typer(help="Stretches of time in which a value is not to be trusted.", no_args_is_help=True)
    app.add_typer(quality, name="quality")
    _about_seeing(quality, ports)
    _about_saying(quality, ports)
    _about_searching(quality, ports)


def _about_seeing(quality: typer.Typer, ports: Ports) -> None:
    @quality.command("list")
    def quality_list(
        device: OfDevice = None, since: Since = "7d", until: Until = None, as_json: AsJson = False
    ) -> None:
        """Show doubtful stretches: of which point, from when until when (empty: it goes on), and why."""
        from application.quality.keeping import listed

        with ports.engine().connect() as on:
            rows = listed(on, device, ports.span(since, until))
        if not rows and not as_json:
            typer.echo("nothing was doubtful then: --since looks further back", err=True)
            return
        ports.show(rows, as_json)


def _about_saying(quality: typer.Typer, ports: Ports) -> None:
    @quality.command("mark")
    def quality_mark(
        device: Annotated[str, typer.Argument(help="Name of the device.")],
        point: Annotated[str, typer.Argument(help="Point of its kind.")],
        since: Since,
        until: Until = None,
    ) -> None:
        """Say that a point was not to be trusted over a stretch: rollups and charts leave it out from now on."""
        from application.quality.keeping import say

        with ports.engine().begin() as on:
            number = say(on, ports.kinds(), device, point, ports.span(since, until), ports.actor())
        typer.echo(f"kept as number {number}; `hearthline quality drop {number}` takes it back")

    @quality.command("drop")
    def quality_drop(
        number: Annotated[
            int, typer.Argument(min=1, max=2**63 - 1, help="Number of the stretch, as `quality list` shows it.")
        ],
    ) -> None:
        """Take a doubtful stretch back: what it covered counts again."""
        from application.quality.keeping import take_back

        with ports.engine().begin() as on:
            take_back(on, ports.kinds(), number, ports.actor())
        typer.echo(f"number {number} is taken back; its rollups are computed again")


def _about_searching(quality: typer.Typer, ports: Ports) -> None:
    @quality.command("search")
    def quality_search(
        since: Since = "7d",
        until: Until = None,
        device: OfDevice = None,
        as_json: AsJson = False,
    ) -> None:
        """Search the past for frozen, coded and straying temperatures, as `tend` does with what comes."""
        from application.quality.keeping import search_past

        with ports.engine().begin() as on:
            rows = search_past(on, ports.kinds(), device, ports.span(since, until))
        ports.show(rows, as_json)
