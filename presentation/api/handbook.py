"""Handbook: the API's own description as a page for people. Made here: the usual viewers ask other hosts."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from presentation.console.shell import Frame, page
from presentation.markup import el
from presentation.texts import texts_for


def handbook_router(app: FastAPI, asset: Mapping[str, str]) -> APIRouter:
    """Return the route of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api", response_class=HTMLResponse)
    async def handbook() -> HTMLResponse:
        t = texts_for("en")
        rows = list(_rows(app.openapi()))
        main = [
            el("h1", "Hearthline API"),
            el("p", "Times are epoch milliseconds UTC; null is \u201ccannot tell\u201d. For programs: ",
               el("a", "openapi.json", href="/api/openapi.json")),
            el("table", el("thead", el("tr", [el("th", h, scope="col") for h in ("Resource", "What", "Parameters")])),
               el("tbody", rows), class_="plain"),
        ]  # fmt: skip
        return HTMLResponse(page(Frame("", None, (), {}, asset), t, "API", *main, class_="alone"))

    return router


def _rows(told: Mapping[str, Any]) -> Iterator[Markup]:
    for path, methods in told["paths"].items():
        for method, facts in methods.items():
            names = [p["name"] for p in facts.get("parameters", ()) if p["in"] == "query"]
            resource = el("th", el("code", f"{method.upper()} {path}"), scope="row")
            what = el("td", facts.get("description") or facts.get("summary"))
            yield el("tr", resource, what, el("td", ", ".join(names) or "\u2014"))
