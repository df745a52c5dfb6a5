"""Measurements: room temperatures that staff measured on site, as JSON. Needs the permission to measure."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from application.accounts.permission import Permission
from application.instants import microseconds
from application.service.book import Measurement, MeasurementError
from presentation.access import Door, Signed
from presentation.api.answering import act_of, writer_of
from presentation.desk import Desk


class MeasuredIn(BaseModel):
    """What was measured, where and when; without `taken_at` now. Times have a zone, temperatures are in Celsius.

    `noticed_at`: when the complaint came in; `request`: its number, if there is one. Which home it was is not asked.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    community: str = Field(max_length=63)
    temperature_c: float
    noticed_at: AwareDatetime
    taken_at: AwareDatetime | None = None
    request: str | None = Field(default=None, max_length=40)


class MeasuredOut(BaseModel):
    """The number under which it is kept."""

    measurement: int


def measurements_router(desk: Desk, door: Door) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/api/v1", tags=["service"])
    Writer = Annotated[Signed, Depends(writer_of(door, Permission.MEASURE))]  # noqa: N806 - a type

    @router.post("/measurements", status_code=201)
    async def measure(body: MeasuredIn, who: Writer) -> MeasuredOut:
        """Record a room temperature that was measured on site."""
        act = act_of(who, None)
        taken = act.at if body.taken_at is None else microseconds(body.taken_at)
        told = Measurement(body.community, taken, body.temperature_c, microseconds(body.noticed_at), body.request)
        try:
            return MeasuredOut(measurement=await desk.do(lambda acts: acts.measure(told, act)))
        except MeasurementError as err:
            raise HTTPException(404 if str(err).startswith("there is no") else 422, str(err)) from err

    return router
