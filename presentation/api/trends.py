"""Trends: series of a device, thinned to what a screen can show, as JSON."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from application.read_models import Trend
from presentation.api.places import Name
from presentation.desk import Desk, now_us

DAY_MS = 86_400_000
_MOST_POINTS = 20


def trends_router(desk: Desk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["trends"])

    @router.get("/stations/{station}/trend")
    async def station_trend(
        station: Name,
        points: Annotated[str, Query(description="names, separated by commas", max_length=800)] = "t_sec_supply",
        start: Annotated[int | None, Query(description="epoch ms; default: a day before stop", ge=0)] = None,
        stop: Annotated[int | None, Query(description="epoch ms; default: now", ge=0, le=4_102_444_800_000)] = None,
        pixels: Annotated[int, Query(description="width of the chart", ge=50, le=4000)] = 900,
    ) -> Trend:
        """Return series of a station's substation over [start, stop): mean, low and high per instant, null in gaps."""
        view = await desk.ask_shared(("station", station), lambda v: v.station(station, now_us()))
        if view is None or view.station.device is None:
            raise HTTPException(404, f"no station {station!r} with a device")
        return await _trend(desk, view.station.device, points, start, stop, pixels)

    @router.get("/devices/{device}/trend")
    async def device_trend(
        device: Name,
        points: Annotated[str, Query(description="names, separated by commas", max_length=800)],
        start: Annotated[int | None, Query(description="epoch ms; default: a day before stop", ge=0)] = None,
        stop: Annotated[int | None, Query(description="epoch ms; default: now", ge=0, le=4_102_444_800_000)] = None,
        pixels: Annotated[int, Query(description="width of the chart", ge=50, le=4000)] = 900,
    ) -> Trend:
        """Return series of any device over [start, stop)."""
        return await _trend(desk, device, points, start, stop, pixels)

    return router


async def _trend(desk: Desk, device: str, points: str, start: int | None, stop: int | None, pixels: int) -> Trend:
    until = now_us() // 1000 if stop is None else stop
    since = max(0, until - DAY_MS) if start is None else start
    if since >= until:
        raise HTTPException(422, f"start {since} must be before stop {until}")
    names = [name.strip() for name in points.split(",") if name.strip()][:_MOST_POINTS]
    found = await desk.ask(lambda v: v.trend(device, names, since * 1000, until * 1000, pixels))
    if found is None:
        raise HTTPException(404, f"no device {device!r}")
    return found
