"""Pages: the addresses of the console. The language is the first part of every one."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from application.read_models import CityCard
from perception.sensor_kind import SensorKind
from presentation.console.charts import ChartApp
from presentation.console.overview import overview_page
from presentation.console.shell import Frame, overview_path
from presentation.console.station import chart_place, station_page
from presentation.console.trend import choice_of
from presentation.console.trouble import trouble_page
from presentation.desk import Desk, now_us
from presentation.settings import ConsoleSettings
from presentation.texts import Texts, as_language, negotiate, texts_for


@dataclass(frozen=True, slots=True)
class Site:
    """What every page is made with."""

    desk: Desk
    charts: ChartApp
    kinds: Mapping[str, SensorKind]
    asset: Mapping[str, str]
    settings: ConsoleSettings

    async def cities(self) -> list[CityCard]:
        """Return every city, simulated ones first: that is where a newcomer looks."""
        known = await self.desk.ask_shared("cities", lambda v: v.cities())
        return sorted(known, key=lambda c: (not c.simulated, c.name))


def door_router() -> APIRouter:
    """Return the route of the bare address: on to the reader's language."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def door(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        return RedirectResponse(f"/{language}", 307, {"vary": "accept-language", "cache-control": "no-store"})

    return router


def pages_router(site: Site) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/{language}")
    async def home(language: str) -> Response:
        t = _texts(language)
        cities = await site.cities()
        if not cities:
            return trouble_page(t, 200, t.say("No city is known yet."), site.asset, refresh=True)
        return RedirectResponse(f"/{t.language}{overview_path(cities[0].name)}", 307, {"cache-control": "no-store"})

    @router.get("/{language}/cities/{city}")
    async def overview(language: str, city: str) -> Response:
        t = _texts(language)
        view = await site.desk.ask_shared(("overview", city), lambda v: v.overview(city, now_us()))
        if view is None:
            raise HTTPException(404, t.say("There is no city of this name."))
        frame = Frame(overview_path(city), view.city, await site.cities(), site.kinds, site.asset)
        return _page(overview_page(view, frame, t, site.settings.station_rows_max))

    @router.get("/{language}/stations/{station}")
    async def station(language: str, station: str, request: Request) -> Response:
        t = _texts(language)
        now = now_us()
        view = await site.desk.ask_shared(("station", station), lambda v: v.station(station, now))
        if view is None:
            raise HTTPException(404, t.say("There is no station of this name."))
        mount = site.charts.mount(site.asset)
        chart = chart_place(mount.entry, choice_of(request.url.query), t)
        cities = await site.cities()
        frame = Frame(f"/stations/{station}", view.city, cities, site.kinds, site.asset, mount.scripts)
        return _page(station_page(view, frame, t, now // 1000, chart))

    return router


def _page(text: str) -> Response:
    return HTMLResponse(text, headers={"cache-control": "no-store"})


def _texts(language: str) -> Texts:
    known = as_language(language)
    if known is None:
        raise HTTPException(404)
    return texts_for(known)
