"""Pages: the addresses of the console. The language is the first part of every one."""

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from application.read_models import CityCard
from perception.sensor_kind import SensorKind
from presentation.console.chart_place import chart_place
from presentation.console.charts import ChartApp
from presentation.console.overview import overview_page
from presentation.console.shell import Frame, overview_path
from presentation.console.station import station_page
from presentation.console.trend_choice import Choice, choice_of
from presentation.console.trouble import trouble_page
from presentation.desk import Desk, now_us
from presentation.ports import ConsoleViews
from presentation.settings import ConsoleSettings
from presentation.static import accepts_gzip
from presentation.texts import Texts, as_language, negotiate, texts_for

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")


@dataclass(frozen=True, slots=True)
class Site:
    """What every page is made with. Its methods block; a desk asks them on a thread.

    None: there is no such city or station.
    """

    charts: ChartApp
    kinds: Mapping[str, SensorKind]
    asset: Mapping[str, str]
    settings: ConsoleSettings

    def overview(self, views: ConsoleViews, city: str, t: Texts) -> str | None:
        """Return the overview of a city."""
        view = views.overview(city, now_us())
        if view is None:
            return None
        frame = Frame(overview_path(city), view.city, in_order(views.cities()), self.kinds, self.asset)
        return overview_page(view, frame, t, self.settings.station_rows_max)

    def station(self, views: ConsoleViews, station: str, t: Texts, choice: Choice) -> str | None:
        """Return the page of a station."""
        now = now_us()
        view = views.station(station, now)
        file = views.station_file(station, choice.tab, now)
        if view is None or file is None:
            return None
        mount = self.charts.mount(self.asset)
        cities = in_order(views.cities())
        frame = Frame(f"/stations/{station}", view.city, cities, self.kinds, self.asset, mount.scripts)
        chart = chart_place(mount.entry, choice, view, self.kinds, t)
        return station_page(view, file, frame, t, now // 1000, chart, choice)


def in_order(cities: Sequence[CityCard]) -> list[CityCard]:
    """Return simulated cities first: that is where a newcomer looks."""
    return sorted(cities, key=lambda c: (not c.simulated, c.name))


def door_router() -> APIRouter:
    """Return the route of the bare address: on to the reader's language."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def door(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        return RedirectResponse(f"/{language}", 307, {"vary": "accept-language", "cache-control": "no-store"})

    return router


def pages_router(site: Site, desk: Desk) -> APIRouter:
    """Return the routes of the pages. Those who want the same page within a second share one."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/{language}")
    async def home(language: str) -> Response:
        t = language_texts(language)
        cities = in_order(await desk.ask_shared("cities", lambda v: v.cities()))
        if not cities:
            return trouble_page(t, 200, t.say("No city is known yet."), site.asset, refresh=True)
        return RedirectResponse(f"/{t.language}{overview_path(cities[0].name)}", 307, {"cache-control": "no-store"})

    @router.get("/{language}/cities/{city}")
    async def overview(language: str, city: str, request: Request) -> Response:
        t = language_texts(language)
        unknown = t.say("There is no city of this name.")
        _refuse_what_names_nothing(city, unknown)
        found = await desk.ask_shared(("overview page", language, city), lambda v: sheet(site.overview(v, city, t)))
        return page_answer(found, unknown, request)

    @router.get("/{language}/stations/{station}")
    async def station(language: str, station: str, request: Request) -> Response:
        t, choice = language_texts(language), choice_of(request.url.query)
        unknown = t.say("There is no station of this name.")
        _refuse_what_names_nothing(station, unknown)
        key = ("station page", language, station, choice)
        found = await desk.ask_shared(key, lambda v: sheet(site.station(v, station, t, choice)))
        return page_answer(found, unknown, request)

    return router


def _refuse_what_names_nothing(name: str, unknown: str) -> None:
    """Answer 404 before the database is asked: it refuses some bytes, a NUL for one, with an error."""
    if _NAME.fullmatch(name) is None:
        raise HTTPException(404, unknown)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as bytes, plain and compressed: made once for all who ask for it at this moment."""

    plain: bytes
    pressed: bytes


def sheet(text: str | None) -> Sheet | None:
    """Return a page ready to be sent. It takes some milliseconds: on the thread that made the text."""
    return None if text is None else Sheet(plain := text.encode(), gzip.compress(plain, 5))


def page_answer(found: Sheet | None, unknown: str, request: Request) -> Response:
    """Return a page as an answer that nobody keeps. Raises HTTPException 404 where there is none."""
    if found is None:
        raise HTTPException(404, unknown)
    headers = {"cache-control": "no-store", "vary": "accept-encoding"}
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        return HTMLResponse(found.pressed, headers=headers | {"content-encoding": "gzip"})
    return HTMLResponse(found.plain, headers=headers)


def language_texts(language: str) -> Texts:
    """Return the texts of the language in an address. Raises HTTPException 404 for one that is not ours."""
    known = as_language(language)
    if known is None:
        raise HTTPException(404)
    return texts_for(known)
