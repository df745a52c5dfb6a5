"""Health: whether this process lives, and whether it can do its work."""

from collections.abc import Callable
from ipaddress import ip_address

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from application.read_models import Health
from presentation.desk import Desk, now_us
from presentation.live import Hub
from support.store import StoreDownError


class Alive(BaseModel):
    """The process answers."""

    alive: bool = True


class Ready(BaseModel):
    """Whether pages can be served, and how fresh what they show is. Ages in seconds, None: never.

    `engine` names the database server with its licence.
    """

    ready: bool
    database: str
    engine: str | None
    live_feed: str
    live_age_s: float | None
    newest_reading_age_s: float | None
    devices_reporting: int | None
    devices_active: int | None


def health_router(desk: Desk, hub: Hub, registry: CollectorRegistry, quiet_s: float) -> APIRouter:
    """Return the routes. `quiet_s`: a live feed silent for longer is called so."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> Alive:
        """Say whether the process answers."""
        return Alive()

    @router.get("/readyz", responses={503: {"model": Ready}})
    async def readyz(response: Response) -> Ready:
        """Say whether the database is reachable and the live feed connected; 503 when pages cannot be served."""
        told = await readiness(desk, hub, quiet_s)
        response.status_code = 200 if told.ready else 503
        response.headers["cache-control"] = "no-store"
        return told

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        if not _is_local(request):
            raise HTTPException(404, "Not Found")
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return router


async def readiness(desk: Desk, hub: Hub, quiet_s: float, clock: Callable[[], int] = now_us) -> Ready:
    """Return what is true now. A quiet feed does not make pages unready: they say how old their values are."""
    age = hub.age_s()
    feed = "closed" if not hub.connected else "waiting" if age is None else "quiet" if age > quiet_s else "live"
    now = clock()
    try:
        found = await desk.ask_shared("health", lambda v: v.health(now))
    except StoreDownError as err:
        return _ready(str(err), feed, age, None, None)
    newest = None if found.newest_ts is None else round(max(0.0, now / 1e6 - found.newest_ts / 1e3), 1)
    return _ready("reachable", feed, age, newest, found)


def _ready(database: str, feed: str, age: float | None, newest: float | None, found: Health | None) -> Ready:
    return Ready(
        ready=database == "reachable" and feed != "closed",
        database=database,
        engine=found.engine if found else None,
        live_feed=feed,
        live_age_s=None if age is None else round(age, 1),
        newest_reading_age_s=newest,
        devices_reporting=found.reporting if found else None,
        devices_active=found.active if found else None,
    )


def _is_local(request: Request) -> bool:
    host = request.client.host if request.client else ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
