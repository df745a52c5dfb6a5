"""Districts and consumption: what stations say together, and what flowed through a device's meters, as JSON."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from application.districts import DistrictNow, DistrictTrend
from application.metering.consumption import Consumption, Per
from presentation.api.places import Name, require_city
from presentation.desk import Desk, now_us

DAY_MS = 86_400_000
Instant = Annotated[int | None, Query(description="epoch ms", ge=0, le=4_102_444_800_000)]


def districts_router(desk: Desk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["districts"])

    @router.get("/cities/{city}/districts")
    async def districts(city: Name) -> Sequence[DistrictNow]:
        """Return each district of a city: heat output, and mean, lowest and highest of the key points, now."""
        await require_city(desk, city)
        return await desk.ask_shared(("districts", city), lambda v: v.districts(city, now_us()))

    @router.get("/districts/{district}/trend")
    async def district_trend(
        district: Name,
        point: Annotated[str, Query(max_length=40)] = "heat_power",
        start: Instant = None,
        stop: Instant = None,
        pixels: Annotated[int, Query(description="width of the chart", ge=50, le=4000)] = 900,
    ) -> DistrictTrend:
        """Return a point over a district's stations: mean, lowest, highest and sum per bucket; a day if left out."""
        since, until = _span(start, stop)
        ask = since * 1000, until * 1000, pixels
        found = await desk.ask(lambda v: v.district_trend(district, point, *ask))
        if found is None:
            raise HTTPException(404, f"no district {district!r}, or no point {point!r}")
        return found

    @router.get("/devices/{device}/consumption")
    async def consumption(
        device: Name,
        start: Instant = None,
        stop: Instant = None,
        width: Per = Per.HOUR,
        most: Annotated[int, Query(description="buckets at most; wider ones come instead", ge=1, le=10_000)] = 1000,
    ) -> Sequence[Consumption]:
        """Return what flowed through each meter of a device over [start, stop), in the city's hours, days or months."""
        since, until = _span(start, stop)
        found = await desk.ask(lambda v: v.consumption(device, since * 1000, until * 1000, most, width))
        if found is None:
            raise HTTPException(404, f"no device {device!r}")
        return found

    return router


def _span(start: int | None, stop: int | None) -> tuple[int, int]:
    until = now_us() // 1000 if stop is None else stop
    since = max(0, until - DAY_MS) if start is None else start
    if since >= until:
        raise HTTPException(422, f"start {since} must be before stop {until}")
    return since, until
