"""Outgoing: put commands and notifications into the outbox. Works on a Connection; who calls it commits.

Every letter carries an actor and leaves its entry in the audit, in the same transaction. Ingest
sends it within about a second of the commit, and again after a crash: a device may get a command
twice and knows it by its id.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert, select

from network.topics import Channel, Topic, notify
from support.tables import audit, outbox

EXPIRES_S = 300.0
"""A command that could not be sent for so long is not sent any more: it was meant for then."""


def command(
    on: Connection,
    device: str,
    what: str,
    actor: str,
    expires_s: float = EXPIRES_S,
    more: Mapping[str, object] = MappingProxyType({}),
) -> UUID:
    """Put a command for a device into the outbox; return its id, which the device repeats in its reply.

    The payload is `{"id": ..., "do": what}` and what `more` adds.
    """
    command_id = uuid4()
    row = {
        "topic": str(Topic(device, Channel.COMMAND)),
        "payload": json.dumps({"id": str(command_id), "do": what, **more}).encode(),
        "actor": actor,
        "device": device,
        "command_id": command_id,
        "expires_at": datetime.now(UTC) + timedelta(seconds=expires_s),
    }
    on.execute(insert(outbox).values(**row))
    _audit(on, actor, f"command {what}", f"device:{device}", {"id": str(command_id), **more})
    return command_id


def notification(on: Connection, city: str, payload: Mapping[str, object], actor: str) -> None:
    """Put a notification for the machines that listen to a city into the outbox."""
    on.execute(insert(outbox).values(topic=notify(city), payload=json.dumps(payload).encode(), actor=actor))
    _audit(on, actor, "notification", f"city:{city}", {})


def replied(on: Connection, command_id: UUID) -> object | None:
    """Return what a device replied to a command, None while it has not."""
    return on.execute(select(outbox.c.reply).where(outbox.c.command_id == command_id)).scalar_one_or_none()


def _audit(on: Connection, actor: str, action: str, subject: str, detail: Mapping[str, object]) -> None:
    on.execute(insert(audit).values(actor=actor, action=action, subject=subject, detail=dict(detail)))
