"""The verb that lets somebody into the console: a one-time address."""

import getpass
import re
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from support.home import Home

SIGN_IN = "#sign-in="
"""The word stands in the fragment of the address: browsers do not send it, and no log keeps it."""


def register(app: typer.Typer, home: Callable[[], Home], addresses: Callable[[bool], Mapping[str, str]]) -> None:
    """Put the verb on the command line."""

    @app.command("sign-in")
    def sign_in(
        name: Annotated[str | None, typer.Option(help="By which name; that of the system user if left out.")] = None,
    ) -> None:
        """Print an address of the console that lets one person acknowledge and shelve: once, within the hour."""
        typer.echo(invited(home(), addresses(False)["console"], name))


def invited(home: Home, console: str, name: str | None = None) -> str:
    """Return the address of the console with a new invitation. Raises InvitationError."""
    from support.invitations import Invitations

    return f"{console}{SIGN_IN}{Invitations(home.run).invite(name or _system_user())}"


def _system_user() -> str:
    """Return the name of the system user as far as it is one here; in some containers there is none."""
    try:
        return re.sub(r"[^\w.-]", "-", getpass.getuser())[:40] or "operator"
    except (OSError, KeyError):
        return "operator"
