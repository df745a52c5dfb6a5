"""Verbs about citizens' requests: keys of programs that send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

Rows = Sequence[Mapping[str, object]]
Name = Annotated[str, typer.Argument(help="Name of the program.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on; `actor` is who stands behind what is written."""

    engine: Callable[[], Engine]
    actor: Callable[[], str]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    requests = typer.Typer(help="Citizens' requests: keys of programs that send them.", no_args_is_help=True)
    app.add_typer(requests, name="requests")

    @requests.command("key")
    def key(name: Name) -> None:
        """Make a key with which a program sends requests by Open311, and print it: it is shown once."""
        from application.requests.keys import make_key

        with ports.engine().begin() as on:
            made = make_key(on, name, ports.actor())
        typer.echo(made)

    @requests.command("keys")
    def listed(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
        """Show the keys of programs, those that were revoked as well."""
        from application.requests.keys import keys

        with ports.engine().connect() as on:
            ports.show(keys(on), as_json)

    @requests.command("revoke")
    def revoke(name: Name) -> None:
        """Let a key open nothing any more."""
        from application.requests.keys import revoke_key

        with ports.engine().begin() as on:
            revoke_key(on, name, ports.actor())
        typer.echo(f"the key {name} opens nothing any more")
