"""Verbs about service: record a measurement on site, and show what citizens are owed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `span(since, until)` reads moments as people write them; `clock`: epoch µs."""

    engine: Callable[[], Engine]
    clock: Callable[[], int]
    actor: Callable[[], str]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Sequence[Mapping[str, object]], bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    measure = typer.Typer(help="Room temperatures measured on site.", no_args_is_help=True)
    app.add_typer(measure, name="measure")

    @measure.command("add")
    def measure_add(
        community: Annotated[str, typer.Argument(help="Name of the community.")],
        temperature_c: Annotated[float, typer.Argument(help="What was measured, in degrees Celsius.")],
        noticed: Annotated[str, typer.Option(help="When the complaint came in, such as 2h or 2026-11-25T08:00+08:00.")],
        taken: Annotated[str, typer.Option(help="When it was measured; 0s: now.")] = "0s",
        request: Annotated[str | None, typer.Option(help="Number of the citizen's request, if there is one.")] = None,
    ) -> None:
        """Record the temperature of a room that was measured on site. Which home it was is not asked and not kept."""
        from application.service.book import Measurement, record

        now = ports.clock()
        times = [now if word == "0s" else ports.span(word, None)[0] for word in (noticed, taken)]
        told = Measurement(community, times[1], temperature_c, times[0], request)
        with ports.engine().begin() as on:
            number = record(on, told, ports.actor(), now)
        typer.echo(f"measurement {number} of {community}: {temperature_c} degrees; the days are counted anew by tend")

    @app.command("service")
    def service(
        community: Annotated[str | None, typer.Option(help="Only this community.")] = None,
        most: Annotated[int, typer.Option(min=1, max=10_000, help="How many days.")] = 30,
        as_json: AsJson = False,
    ) -> None:
        """Show the days of communities, newest first: rooms, degree-hours below target, and the refund that is due."""
        from sqlalchemy import select

        from support.tables import service_day as days

        wanted = select(days).order_by(days.c.day.desc(), days.c.community).limit(most)
        if community is not None:
            wanted = wanted.where(days.c.community == community)
        with ports.engine().connect() as on:
            rows = on.execute(wanted).mappings().all()
        if not rows and not as_json:
            typer.echo(
                "no day has been counted yet: tend counts them every ten minutes, once rooms were measured", err=True
            )
            return
        ports.show([{k: _plain(v) for k, v in row.items()} for row in rows], as_json)


def _plain(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value if isinstance(value, int | None) else str(value)
