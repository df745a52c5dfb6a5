"""Orders: what devices were told and what they answered, as JSON. Read only: telling them needs an account."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query

from presentation.api.places import Name
from presentation.desk import Desk
from support.orders import OrderRow


def orders_router(desk: Desk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["commands"])

    @router.get("/devices/{device}/commands")
    async def commands_of(device: Name, most: Annotated[int, Query(ge=1, le=1000)] = 50) -> Sequence[OrderRow]:
        """Return what a device was told, newest first, with its answers. Times are epoch milliseconds UTC."""
        found = await desk.ask(lambda v: v.commands(device, most))
        if found is None:
            raise HTTPException(404, f"no device {device!r}")
        return found

    @router.get("/commands/{command_id}")
    async def command(command_id: UUID) -> OrderRow:
        """Return one command, how far it has come, and every answer of its device."""
        found = await desk.ask(lambda v: v.command(command_id))
        if found is None:
            raise HTTPException(404, f"no command {command_id}")
        return found

    return router
