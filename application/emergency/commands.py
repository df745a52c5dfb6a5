"""Verbs about emergencies: declare one, write into its timeline, tell the public, end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from perception.point import Title

if TYPE_CHECKING:
    from sqlalchemy import Engine

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Number = Annotated[int, typer.Argument(help="Number of the emergency.")]
Chinese = Annotated[str, typer.Option("--zh", help="In Chinese.")]
English = Annotated[str, typer.Option("--en", help="In English.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on; `clock` gives epoch microseconds."""

    engine: Callable[[], Engine]
    clock: Callable[[], int]
    actor: Callable[[], str]
    show: Callable[[Sequence[Mapping[str, object]], bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    emergency = typer.Typer(help="Emergencies, and what the public is told of them.", no_args_is_help=True)
    app.add_typer(emergency, name="emergency")
    _writing(emergency, ports)
    _telling(emergency, ports)
    _reading(emergency, ports)


def _writing(emergency: typer.Typer, ports: Ports) -> None:
    @emergency.command("declare")
    def emergency_declare(
        city: Annotated[str, typer.Argument(help="Name of the city.")],
        lead: Annotated[str, typer.Option(help="The body that leads.")],
        zh: Chinese,
        en: English,
        support: Annotated[list[str] | None, typer.Option(help="A body that supports; once for each.")] = None,
        community: Annotated[list[str] | None, typer.Option(help="A community that it touches.")] = None,
        incident: Annotated[UUID | None, typer.Option(help="The incident; its communities are touched.")] = None,
    ) -> None:
        """Declare an emergency, with the body that leads and those that support it."""
        from application.emergency.book import Declaration, declare

        told = Declaration(city, Title(zh=zh, en=en), lead, tuple(support or ()), tuple(community or ()), incident)
        with ports.engine().begin() as on:
            number = declare(on, told, ports.actor(), ports.clock())
        typer.echo(
            f"emergency {number} is declared: {lead} leads; tell the public with hearthline emergency alert {number}"
        )

    @emergency.command("note")
    def emergency_note(
        number: Number,
        body: Annotated[str, typer.Option(help="The body that did or found it.")],
        zh: Chinese,
        en: English,
        public: Annotated[bool, typer.Option("--public", help="Everybody reads it on the portal.")] = False,
    ) -> None:
        """Write into the timeline that all bodies of an emergency share."""
        from application.emergency.book import note

        with ports.engine().begin() as on:
            note(on, number, body, Title(zh=zh, en=en), ports.actor(), ports.clock(), public=public)
        typer.echo(f"written into the timeline of emergency {number}{', which everybody reads' if public else ''}")

    @emergency.command("end")
    def emergency_end(number: Number) -> None:
        """End an emergency, and cancel what the public was told."""
        from application.emergency.book import end

        with ports.engine().begin() as on:
            cancelled = end(on, number, ports.actor(), ports.clock())
        typer.echo(f"emergency {number} is over" + (f"; {cancelled} cancels its alerts" if cancelled else ""))


def _telling(emergency: typer.Typer, ports: Ports) -> None:
    @emergency.command("alert")
    def emergency_alert(
        number: Number,
        zh: Annotated[str, typer.Option("--zh", help="Headline in Chinese.")],
        en: Annotated[str, typer.Option("--en", help="Headline in English.")],
        what_zh: Annotated[str, typer.Option(help="What happened, in Chinese.")],
        what_en: Annotated[str, typer.Option(help="What happened, in English.")],
        do_zh: Annotated[str, typer.Option(help="What people shall do, in Chinese.")],
        do_en: Annotated[str, typer.Option(help="What people shall do, in English.")],
        hours: Annotated[float, typer.Option(help="How long it stands.")] = 24,
    ) -> None:
        """Tell the public of an emergency, as CAP 1.2 and on the portal: an alert at first, then updates of it."""
        from application.emergency.book import Telling, alert

        told = Telling(Title(zh=zh, en=en), Title(zh=what_zh, en=what_en), Title(zh=do_zh, en=do_en), hours=hours)
        with ports.engine().begin() as on:
            identifier = alert(on, number, told, ports.actor(), ports.clock())
        typer.echo(f"{identifier} is public: the portal has it at /cap/{identifier}.xml and in /cap/feed.atom")


def _reading(emergency: typer.Typer, ports: Ports) -> None:
    @emergency.command("list")
    def emergency_list(
        over: Annotated[bool, typer.Option("--over", help="Those that have ended as well.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """List emergencies, newest first."""
        from application.emergency.book import listed

        with ports.engine().connect() as on:
            rows = listed(on, over=over)
        if not rows and not as_json:
            typer.echo("no emergency is declared", err=True)
            return
        ports.show([_plain(row) for row in rows], as_json)

    @emergency.command("show")
    def emergency_show(number: Number, as_json: AsJson = False) -> None:
        """Show the timeline of an emergency, what is not public included."""
        from application.emergency.book import timeline

        with ports.engine().begin() as on:
            rows = timeline(on, number)
        ports.show([_plain(row) for row in rows], as_json)


def _plain(row: Mapping[str, object]) -> Mapping[str, object]:
    return {
        k: v if isinstance(v, bool | int | None) else ", ".join(v) if isinstance(v, list) else str(v)
        for k, v in row.items()
    }
