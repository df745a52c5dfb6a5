"""Places: cities, stations and devices as JSON."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path

from application.read_models import CityCard, DeviceRow, Overview, StationRow, StationView
from presentation.desk import Desk, now_us

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")]


def places_router(desk: Desk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["places"])

    @router.get("/cities")
    async def cities() -> Sequence[CityCard]:
        """Return every city."""
        return await desk.ask_shared("cities", lambda v: v.cities())

    @router.get("/cities/{city}/overview")
    async def overview(city: Name) -> Overview:
        """Return everything that the overview of a city shows. Times are epoch milliseconds UTC."""
        return await _overview(desk, city)

    @router.get("/cities/{city}/stations")
    async def stations(city: Name) -> Sequence[StationRow]:
        """Return the stations of a city with their newest values."""
        return (await _overview(desk, city)).stations

    @router.get("/cities/{city}/devices")
    async def devices(city: Name) -> Sequence[DeviceRow]:
        """Return the devices of a city."""
        await require_city(desk, city)
        return await desk.ask_shared(("devices", city), lambda v: v.devices(city, now_us()))

    @router.get("/cities/{city}/snapshot")
    async def snapshot(city: Name) -> Sequence[dict[str, Any]]:
        """Return the newest reading of every device, one live frame per kind, with `seq` 0: for after a gap."""
        await require_city(desk, city)
        frames = await desk.ask_shared(("snapshot", city), lambda v: v.snapshot(city, now_us()))
        return [dict(frame) for frame in frames]

    return router


def stations_router(desk: Desk) -> APIRouter:
    """Return the route of one station."""
    router = APIRouter(prefix="/api/v1", tags=["places"])

    @router.get("/stations/{station}")
    async def station(station: Name) -> StationView:
        """Return everything about a station but its trends."""
        found = await desk.ask_shared(("station", station), lambda v: v.station(station, now_us()))
        if found is None:
            raise HTTPException(404, f"no station {station!r}")
        return found

    return router


async def _overview(desk: Desk, city: str) -> Overview:
    found = await desk.ask_shared(("overview", city), lambda v: v.overview(city, now_us()))
    if found is None:
        raise HTTPException(404, f"no city {city!r}")
    return found


async def require_city(desk: Desk, city: str) -> None:
    """Raise a 404 for a city that is not known."""
    cities = await desk.ask_shared("cities", lambda v: v.cities())
    if city not in {c.name for c in cities}:
        raise HTTPException(404, f"no city {city!r}")
