"""Verbs about rights at the broker: a device's password, and the files that Mosquitto reads."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.commands.verbs import Ports

BROKER_USER = "mosquitto"
SHIPPED_ACL = Path(__file__).resolve().parents[2] / "configs" / "broker" / "hearthline.acl"


def register(app: typer.Typer, devices: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    rights = typer.Typer(help="Who may do what at the broker.", no_args_is_help=True)
    app.add_typer(rights, name="rights")

    @devices.command("credential")
    def devices_credential(name: Annotated[str, typer.Argument(help="Name of the device.")]) -> None:
        """Give a device a new password for the broker, in place of any it had; shown once."""
        typer.echo(issued(ports.engine(), name, ports.actor()))

    @rights.command("write")
    def rights_write(
        folder: Annotated[Path, typer.Argument(help="Where the broker reads them, such as /etc/mosquitto/hearthline.")],
        owner: Annotated[
            str | None, typer.Option(help="Who owns them; for root the user mosquitto, if there is one.")
        ] = None,
    ) -> None:
        """Write the password files and the access list that Mosquitto reads; safe to repeat."""
        from support.credentials import SERVICE_SECRET
        from support.postgres.household import Household

        password = Household(ports.home().root).secret(SERVICE_SECRET)
        for line in written(ports.engine(), folder, password, owner or _broker_user()):
            typer.echo(line)


def issued(engine: Engine, name: str, actor: str) -> str:
    """Give a device a new password and return the sentences that show it. Raises CatalogueError."""
    from support.credentials import issue

    with engine.begin() as on:
        password = issue(on, name, actor)
    return shown(name, password)


def shown(name: str, password: str) -> str:
    """Return what is said once about a new password."""
    return (
        f"user {name}, password {password}\n"
        "It is shown this once; only a hash of it is kept. Put it into the device, then tell the broker:\n"
        "hearthline rights write /etc/mosquitto/hearthline && systemctl reload mosquitto"
    )


def written(engine: Engine, folder: Path, password: str, owner: str | None) -> list[str]:
    """Write the files and return what to say about them. Raises RightsFileError."""
    from support.broker_files import write_rights
    from support.credentials import SERVICE_ACCOUNT, hashed, hashes

    with engine.connect() as on:
        devices = hashes(on)
    acl = SHIPPED_ACL.read_text("utf-8")
    paths = write_rights(folder, devices, {SERVICE_ACCOUNT: hashed(password)}, acl, owner)
    return [
        *(str(path) for path in paths),
        f"{len(devices)} devices and the account {SERVICE_ACCOUNT}; now: systemctl reload mosquitto",
    ]


def _broker_user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(BROKER_USER).pw_name
    except KeyError:
        return None
