"""Alarms: what is wrong now, and the journal of what has happened, as JSON."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from application.incident_list import IncidentLine
from application.read_models import AlarmRow, JournalRow, RejectRow
from presentation.api.places import Name, require_city
from presentation.desk import Desk, now_us

Most = Annotated[int, Query(description="at most so many", ge=1, le=1000)]


def alarms_router(desk: Desk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["alarms"])

    @router.get("/cities/{city}/alarms")
    async def alarms(city: Name, *, closed: bool = False, most: Most = 100) -> Sequence[AlarmRow]:
        """Return open alarms, worst first; with `closed` the cleared ones of the last 30 days as well."""
        await require_city(desk, city)
        return await desk.ask(lambda v: v.alarms(city, now_us(), closed=closed, most=most))

    @router.get("/cities/{city}/incidents")
    async def incidents(city: Name) -> Sequence[IncidentLine]:
        """Return the incidents of a city: open ones, most urgent first, then those that ended within a week."""
        await require_city(desk, city)
        found = await desk.ask_shared(("incidents", city), lambda v: v.incidents_of(city, now_us()))
        return [] if found is None else [*found.standing, *found.over]

    @router.get("/cities/{city}/journal")
    async def journal(city: Name, most: Most = 100) -> Sequence[JournalRow]:
        """Return the alarm journal of the last 30 days, newest first."""
        await require_city(desk, city)
        return await desk.ask(lambda v: v.journal(city, now_us(), most=most))

    @router.get("/rejects")
    async def rejects(most: Most = 100) -> Sequence[RejectRow]:
        """Return what could not be taken in during the last 7 days, newest first, with the reason."""
        return await desk.ask(lambda v: v.rejects(now_us(), most=most))

    return router
