"""Asking: how a verb asks something of a device: through the outbox, which ingest sends."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

EXPIRES_S = 60.0
"""Who asks at a terminal does not wait longer."""


def asker(engine: "Callable[[], Engine]", actor: Callable[[], str]) -> Callable[..., str]:
    """Return a function (device, what, **more) that puts a command into the outbox and returns its id."""

    def ask(device: str, what: str, **more: object) -> str:
        from support.outgoing import command

        with engine().begin() as on:
            return str(command(on, device, what, actor(), EXPIRES_S, more))

    return ask
