"""Trouble: what people and programs are told when something is not there or does not work."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from presentation.portal.render import Renderer, language_of
from presentation.texts import Texts, texts_for
from support.store import StoreDownError

log = structlog.get_logger(__name__)

API = "/api/"
RETRY_S = 30


def add_trouble(app: FastAPI, renderer: Renderer) -> None:
    """Give an application its own answers to errors: JSON below /api, pages in the visitor's language elsewhere."""

    async def not_served(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        detail = error.detail if isinstance(error, HTTPException) else "there is nothing at this address"
        return _answer(renderer, request, status, detail)

    async def not_valid(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(API) and isinstance(error, RequestValidationError):
            problems = [{"where": list(e["loc"]), "what": e["msg"]} for e in error.errors()]
            return JSONResponse({"detail": problems}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _answer(renderer, request, HTTPStatus.NOT_FOUND, "there is nothing at this address")

    async def store_down(request: Request, error: Exception) -> Response:
        log.warning("the portal cannot read its projection", path=request.url.path, error=str(error))
        response = _answer(renderer, request, HTTPStatus.SERVICE_UNAVAILABLE, "the data cannot be read at the moment")
        response.headers["Retry-After"] = str(RETRY_S)
        return response

    async def broken(request: Request, error: Exception) -> Response:
        log.error("a request failed", path=request.url.path, error=repr(error))
        return _answer(renderer, request, HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of ours; it was logged")

    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: not_served,
        RequestValidationError: not_valid,
        StoreDownError: store_down,
        Exception: broken,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


def _answer(renderer: Renderer, request: Request, status: int, detail: str) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"detail": detail}, status)
    language = language_of(request)
    title, *texts = _words(status, texts_for(language))
    return renderer.page(request, language, "trouble.html", {"title": title, "texts": texts}, status)


def _words(status: int, t: Texts) -> list[str]:
    match status:
        case HTTPStatus.NOT_FOUND:
            return [
                t.say("This page does not exist"),
                t.say("Check the address. The community may have been renamed, or its station taken off the network."),
            ]
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return [
                t.say("We cannot read our data at the moment"),
                t.say("This says nothing about your heating. Please try again in a minute."),
            ]
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return [t.say("This page can only be read"), t.say("Nothing can be sent to this address.")]
        case _:
            return [
                t.say("Something went wrong on our side"),
                t.say("The fault is ours and has been logged. This says nothing about your heating."),
                t.say("Please try again in a minute."),
            ]
