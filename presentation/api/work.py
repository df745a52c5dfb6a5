"""Work: work orders as JSON, and what is done to them. Writing needs a session and the proof of an own page."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from application.accounts.permission import Permission
from application.work.order import LONGEST_MINUTES, LONGEST_PART, MOST_PARTS, UnknownWorkError, WorkError
from application.work.view import OrderRow, OrderStory
from presentation.access import Door, Signed
from presentation.api.answering import act_of, writer_of
from presentation.api.places import Name, require_city
from presentation.desk import Desk, now_us

Steps = Literal[
    "assigned", "started", "arrived", "done", "verified", "rejected", "cancelled", "reopened", "noted"
]  # fmt: skip


class Opening(BaseModel):
    """For which alarm an order is opened; it serves the open incident of the alarm as well."""

    model_config = ConfigDict(extra="forbid")

    alarm: UUID
    comment: str | None = Field(default=None, max_length=2000)


class Taking(BaseModel):
    """A step of an order. `to`: to whom it is assigned; `minutes` and `parts`: what it took (done, noted)."""

    model_config = ConfigDict(extra="forbid")

    step: Steps
    comment: str | None = Field(default=None, max_length=2000)
    to: str | None = Field(default=None, max_length=80)
    minutes: int = Field(default=0, ge=0, le=LONGEST_MINUTES)
    parts: list[Annotated[str, Field(max_length=LONGEST_PART)]] = Field(default_factory=list, max_length=MOST_PARTS)


class Opened(BaseModel):
    """The id of an order."""

    work_order_id: UUID


class Stands(BaseModel):
    """The state that an order is in now."""

    state: str


def work_router(desk: Desk, door: Door) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["work"])
    Writer = Annotated[Signed, Depends(writer_of(door, Permission.WORK))]  # noqa: N806 - a type

    @router.get("/cities/{city}/work-orders")
    async def work(city: Name) -> Sequence[OrderRow]:
        """Return the work orders of a city under way, overdue first, then by priority and due time."""
        await require_city(desk, city)
        found = await desk.ask_shared(("work", city), lambda v: v.work(city, now_us()))
        return [] if found is None else found.live

    @router.get("/work-orders/{order}")
    async def order_story(order: UUID) -> OrderStory:
        """Return a work order with its journal and its alarms."""
        found = await desk.ask(lambda v: v.work_story(order, now_us()))
        if found is None:
            raise HTTPException(404, f"there is no work order {order}")
        return found.told

    @router.post("/work-orders", status_code=201)
    async def open_order(body: Opening, who: Writer) -> Opened:
        """Open a work order for an alarm."""
        try:
            found = await desk.do(lambda acts: acts.open_order(body.alarm, act_of(who, body.comment)))
        except WorkError as err:
            raise HTTPException(404 if isinstance(err, UnknownWorkError) else 409, str(err)) from err
        return Opened(work_order_id=found)

    @router.post("/work-orders/{order}/steps")
    async def take_step(order: UUID, body: Taking, who: Writer) -> Stands:
        """Take a step of a work order."""
        act = act_of(who, body.comment)
        detail: dict[str, object] = {"to": body.to} if body.to else {}
        if body.minutes or body.parts:
            detail |= {"minutes": body.minutes, "parts": body.parts}
        try:
            return Stands(state=await desk.do(lambda acts: acts.order_step(order, body.step, act, detail)))
        except WorkError as err:
            raise HTTPException(404 if isinstance(err, UnknownWorkError) else 409, str(err)) from err

    return router
