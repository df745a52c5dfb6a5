"""App: the spine. Views in; pages, API and live feed out, in one ASGI application."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from dash.exceptions import DependencyException
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException as AnyHTTPError
from starlette.middleware.gzip import GZipMiddleware

from perception.sensor_kind import SensorKind
from presentation.access import Door, Sessions
from presentation.alarm_metrics import AlarmMetrics
from presentation.api.alarms import alarms_router
from presentation.api.answering import answering_router
from presentation.api.districts import districts_router
from presentation.api.handbook import handbook_router
from presentation.api.health import health_router
from presentation.api.kinds import describe_kinds, kinds_router
from presentation.api.measurements import measurements_router
from presentation.api.orders import orders_router
from presentation.api.places import places_router, stations_router
from presentation.api.session import session_router
from presentation.api.takeout import takeout_router
from presentation.api.trends import trends_router
from presentation.api.work import work_router
from presentation.console.alarm_pages import AlarmSite, alarm_pages_router
from presentation.console.charts import create_charts
from presentation.console.explore_pages import explore_router
from presentation.console.pages import Site, door_router, pages_router
from presentation.console.trouble import trouble_page
from presentation.desk import Desk
from presentation.live import Hub, live_router
from presentation.ports import ConsoleActs, ConsoleViews, LiveFrames
from presentation.pulse import beat
from presentation.security import BodyLimit, SecurityHeaders, content_policy
from presentation.settings import ConsoleSettings
from presentation.static import PressedBundles, Shelf
from presentation.texts import Language, as_language, negotiate, texts_for
from support.store import StoreDownError


def create_console(
    views: ConsoleViews,
    settings: ConsoleSettings,
    live: LiveFrames,
    kinds: Mapping[str, SensorKind],
    writing: tuple[ConsoleActs, Sessions] | None = None,
) -> FastAPI:
    """Return the console. `live` is read from start to stop of the application, and belongs to it.

    `writing`: what may be done, and who may do it; None: the console is read only for everybody. Blocking work goes
    to threads; the views' engine stays the caller's to close.
    """
    registry = CollectorRegistry()
    hub = Hub(registry, time.monotonic, settings.viewers_max)
    acts, sessions = writing or (None, None)
    desk, shelf, door = Desk(views, acts), Shelf(), Door(sessions, secure=settings.behind_proxy)
    app = FastAPI(
        title="Hearthline console", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
        lifespan=_fed(hub, live, desk, AlarmMetrics(registry)),
    )  # fmt: skip
    app.include_router(live_router(hub))
    app.include_router(health_router(desk, hub, registry, settings.live_quiet_s))
    for make in (places_router, stations_router, trends_router, districts_router, alarms_router, orders_router):
        app.include_router(make(desk))
    app.include_router(session_router(door))
    app.include_router(answering_router(desk, door))
    app.include_router(work_router(desk, door))
    app.include_router(measurements_router(desk, door))
    app.include_router(kinds_router(desk, kinds))
    app.include_router(takeout_router(desk, kinds))
    describe_kinds(app, kinds)
    app.include_router(handbook_router(app, shelf.urls))
    _answer_unknown_api(app)
    app.include_router(shelf.router())
    app.include_router(door_router())  # before Dash, which would claim the bare address
    charts = create_charts(app, desk, kinds)
    site = Site(charts, kinds, shelf.urls, settings)
    app.include_router(explore_router(site, desk))
    app.include_router(pages_router(site, desk))
    app.include_router(alarm_pages_router(AlarmSite(kinds, shelf.urls), desk))
    _answer_unknown_pages(app)
    _answer_trouble(app, shelf.urls)
    app.add_middleware(PressedBundles)  # inside of the next, which passes on what is compressed already
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, policy=content_policy(charts.csp_hashes()))
    return app


def _fed(
    hub: Hub, live: LiveFrames, desk: Desk, metrics: AlarmMetrics
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(hub.run(live)), asyncio.create_task(beat(desk, hub, metrics))]
        for task in running:
            task.add_done_callback(_tell_of_a_bug)
        try:
            yield
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    return lifespan


def _tell_of_a_bug(task: asyncio.Task[None]) -> None:
    """Let a task that ended by a bug say so at once, not when the application ends."""
    if not task.cancelled() and (err := task.exception()) is not None:
        told = {"message": "a task of the console ended", "exception": err, "task": task}
        asyncio.get_running_loop().call_exception_handler(told)


def _answer_unknown_api(app: FastAPI) -> None:
    @app.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def unknown(path: str) -> Response:
        raise HTTPException(404, f"no such resource: /api/{path}")


def _answer_unknown_pages(app: FastAPI) -> None:
    """Take what is left, before Dash's own catch-all can answer 200 to any address."""

    @app.get("/{path:path}", include_in_schema=False)
    async def unknown(path: str) -> Response:
        if path.endswith("/"):
            return RedirectResponse(f"/{path.strip('/')}", 307)
        raise HTTPException(404)


def _answer_trouble(app: FastAPI, asset: Mapping[str, str]) -> None:
    async def http(request: Request, err: Exception) -> Response:
        assert isinstance(err, AnyHTTPError)
        if not _wants_page(request):
            return JSONResponse({"detail": err.detail}, err.status_code, err.headers)
        t = texts_for(_language(request))
        told = err.detail if err.detail != "Not Found" else t.say("There is nothing at this address.")
        return trouble_page(t, err.status_code, told, asset)

    async def store_down(request: Request, err: Exception) -> Response:
        if not _wants_page(request):
            return JSONResponse({"detail": str(err)}, 503, {"retry-after": "3"})
        t = texts_for(_language(request))
        what = t.say("The database cannot be reached at the moment.")
        return trouble_page(t, 503, what, asset, detail=str(err), refresh=True)

    async def no_bundle(_request: Request, err: Exception) -> Response:
        return JSONResponse({"detail": str(err)}, 404)

    async def bad_request(_request: Request, err: Exception) -> Response:
        assert isinstance(err, RequestValidationError)
        return JSONResponse({"detail": [{k: e[k] for k in ("loc", "msg", "type")} for e in err.errors()]}, 422)

    app.add_exception_handler(AnyHTTPError, http)
    app.add_exception_handler(StoreDownError, store_down)
    app.add_exception_handler(DependencyException, no_bundle)
    app.add_exception_handler(RequestValidationError, bad_request)


def _wants_page(request: Request) -> bool:
    path = request.url.path
    return not path.startswith(("/api/", "/assets/", "/_dash")) and "text/html" in request.headers.get("accept", "")


def _language(request: Request) -> Language:
    first = request.url.path.strip("/").partition("/")[0]
    return as_language(first) or negotiate(request.headers.get("accept-language"))
