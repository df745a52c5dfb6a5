"""The verbs that take a whole database out into a file, and back in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from support.commands.progress import bar
from support.home import Home, is_owned, open_home, owned

if TYPE_CHECKING:
    from support.postgres.archive import Contents


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `embedded`: whether the database is ours to start when nothing runs."""

    home: Callable[[], Home]
    url: Callable[[], str]
    embedded: Callable[[], bool]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(help="Where to write; it is made at the end, at once.")],
        force: Annotated[bool, typer.Option("--force", help="Take the place of a file that is there.")] = False,
    ) -> None:
        """Write the whole database into one file, while everything goes on; the file is listed before it counts."""
        from support.postgres.archive import back_up, tables_to_come

        with _running(ports) as url, bar("backup", tables_to_come(url), "tables") as forward:
            found = back_up(url, file.resolve(), lambda _: forward(1), force=force)
        typer.echo(f"{file}: {_told(found)}, {file.stat().st_size / 2**20:.1f} MiB")

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
        into: Annotated[str, typer.Option(help="An empty database (postgresql://...), or the folder of a new home.")],
    ) -> None:
        """Bring a backup into an empty database or a new home; refuses where there is anything already."""
        from support.postgres.archive import contents, restore

        found = contents(file)
        with _target(into) as url, bar("restore", len(found.tables), "tables") as forward:
            restore(url, file.resolve(), lambda _: forward(1))
        typer.echo(f"{_told(found)} restored from {file}. {_next(into)}")


def _told(found: Contents) -> str:
    engine = " of TimescaleDB" if found.timescale else ""
    return f"{len(found.tables)} tables{engine}"


def _next(into: str) -> str:
    if _is_address(into):
        return "Run with HEARTHLINE_DATABASE__URL set to it; the first start rebuilds the public projection."
    return f"Run it with HEARTHLINE_HOME={into} hearthline run"


def _is_address(into: str) -> bool:
    return into.startswith(("postgresql://", "postgres://"))


@contextmanager
def _running(ports: Ports) -> Iterator[str]:
    """Yield the address of the database; our own is started for the length of the block when nothing runs."""
    if not ports.embedded() or is_owned(ports.home()):
        yield ports.url()
        return
    from support.postgres.server import EmbeddedServer

    with owned(ports.home()), EmbeddedServer(ports.home().root) as server:
        yield server.url


@contextmanager
def _target(into: str) -> Iterator[str]:
    """Yield the address of where a backup is to go; a home is opened, and its server started for the length of it."""
    if _is_address(into):
        yield into
        return
    from support.postgres.server import EmbeddedServer

    home = open_home(Path(into).expanduser().resolve())
    with owned(home), EmbeddedServer(home.root) as server:
        yield server.url
