"""Portal: the citizens' application. Server-rendered pages, open data, and nothing that needs a script."""

from importlib.metadata import PackageNotFoundError, version

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from application.answer import Limits
from application.public import PublicViews
from application.requests.counter import Counter
from presentation.portal.api import api
from presentation.portal.guard import Guard
from presentation.portal.pages import pages
from presentation.portal.render import Renderer
from presentation.portal.request_pages import request_pages
from presentation.portal.trouble import add_trouble
from presentation.settings import PortalSettings
from support.store import StoreDownError

log = structlog.get_logger(__name__)

ABOUT_API = "What the portal of a Hearthline heat network shows, for programs. Times are UTC; null is not known."


class Portal(FastAPI):
    """A FastAPI application whose every response, error pages included, passes the guard."""

    def build_middleware_stack(self) -> Guard:
        """Wrap the stack from outside: the page of a fault is made by its outermost layer."""
        return Guard(super().build_middleware_stack())


def create_portal(views: PublicViews, settings: PortalSettings, counter: Counter | None = None) -> FastAPI:
    """Return the portal over the read models of the public projection. Does no I/O but reading its templates.

    `counter`: where visitors report and follow; None: nothing can be sent to this portal.
    """
    limits = Limits(stale_after_s=settings.stale_after_s, near_target_k=settings.near_target_k)
    renderer = Renderer()
    app = Portal(
        title="Hearthline portal",
        version=_version(),
        description=ABOUT_API,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.add_middleware(GZipMiddleware, minimum_size=700, compresslevel=6)
    add_trouble(app, renderer)
    _add_state(app, views)
    _add_assets(app, renderer)
    app.include_router(api(views, limits))
    app.include_router(pages(views, renderer, limits))
    if counter is not None:
        app.include_router(request_pages(views, counter, renderer))
    return app


def _add_state(app: FastAPI, views: PublicViews) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> Response:
        try:
            views.check()
        except StoreDownError as err:
            log.warning("the portal is not ready", error=str(err))
            return JSONResponse({"status": "unavailable", "reason": "the public projection cannot be read"}, 503)
        return JSONResponse({"status": "ok"})


def _add_assets(app: FastAPI, renderer: Renderer) -> None:
    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        found = renderer.asset(f"/assets/{name}")
        if found is None:
            raise HTTPException(404)
        return found


def _version() -> str:
    try:
        return version("hearthline")
    except PackageNotFoundError:
        return "0"
