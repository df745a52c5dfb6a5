"""Open311: GeoReport v2 for programs that report and follow requests, in JSON and XML.

Reading needs no key and shows what everybody may see: no description, no contact, no place finer than the community.
Sending needs a key (`hearthline requests key`). The answer to a report has the link with which its author follows it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from application.requests.counter import Counter, CounterError, NotThereError, TooMuchError
from presentation.portal import open311_answers as give
from presentation.portal.limits import Pace, form_of
from presentation.portal.open311_answers import ROOT
from presentation.portal.open311_asked import Asked
from presentation.portal.open311_format import FORMATS, Open311Error, Value, answer, refusal
from support.store import StoreDownError

Make = Callable[[Asked], Value]


def open311_router(counter: Counter, pace: Pace) -> APIRouter:
    """Return the routes; every one ends in .json or .xml."""
    router = APIRouter(include_in_schema=False)
    reads: Mapping[str, tuple[str, Make]] = {
        "/open311/discovery.{fmt}": ("discovery", give.discovery),
        ROOT + "/discovery.{fmt}": ("discovery", give.discovery),
        ROOT + "/services.{fmt}": ("services", give.services),
        ROOT + "/services/{code}.{fmt}": ("service_definition", give.definition),
        ROOT + "/requests.{fmt}": ("service_requests", give.requests),
        ROOT + "/requests/{number}.{fmt}": ("service_requests", give.single),
        ROOT + "/tokens/{number}.{fmt}": ("service_requests", give.token),
        ROOT + "/servicerequestupdates.{fmt}": ("request_updates", give.updates),
    }
    writes: Mapping[str, tuple[str, Make]] = {
        ROOT + "/requests.{fmt}": ("service_requests", give.report),
        ROOT + "/servicerequestupdates.{fmt}": ("request_updates", give.update),
    }
    for path, (root, make) in reads.items():
        router.add_api_route(path, _reading(counter, root, make), methods=["GET"])
    for path, (root, make) in writes.items():
        router.add_api_route(path, _writing(counter, pace, root, make), methods=["POST"])
    return router


def _reading(counter: Counter, root: str, make: Make) -> Callable[..., Any]:
    async def read(request: Request) -> Response:
        asked = Asked(counter, request, dict(request.query_params))
        return await run_in_threadpool(_answered, request, root, lambda: make(asked))

    return read


def _writing(counter: Counter, pace: Pace, root: str, make: Make) -> Callable[..., Any]:
    async def write(request: Request) -> Response:
        fmt = request.path_params["fmt"]
        try:
            form = await form_of(request)
            pace.require(request)
        except HTTPException as err:
            return refusal(fmt if fmt in FORMATS else "json", err.status_code, str(err.detail))
        asked = Asked(counter, request, {**request.query_params, **form})
        return await run_in_threadpool(_answered, request, root, lambda: make(asked))

    return write


def _answered(request: Request, root: str, make: Callable[[], Value]) -> Response:
    fmt = request.path_params["fmt"]
    if fmt not in FORMATS:
        return refusal("json", 404, f"there is no format {fmt!r:.20}: use json or xml")
    try:
        return answer(fmt, root, make())
    except Open311Error as err:
        status, told = err.status, str(err)
    except CounterError as err:
        status = 404 if isinstance(err, NotThereError) else 429 if isinstance(err, TooMuchError) else 400
        told = str(err)
    except StoreDownError:
        status, told = 503, "the database cannot be reached at the moment: try again in a minute"
    return refusal(fmt, status, told)
