"""Trouble: the pages for what is not there and for a database that is away."""

from collections.abc import Mapping

from fastapi.responses import HTMLResponse

from presentation.console.shell import Frame, page
from presentation.markup import el
from presentation.texts import Texts


def trouble_page(
    t: Texts, status: int, what: str, asset: Mapping[str, str], *, detail: str = "", refresh: bool = False
) -> HTMLResponse:
    """Return a page that says what is wrong and where to go. `refresh`: it tries again by itself every 3 s."""
    main = el(
        "div",
        el("h1", what),
        el("p", detail) if detail else None,
        el("p", t.say("This page tries again by itself every few seconds.")) if refresh else None,
        el("p", el("a", t.say("To the overview"), href=f"/{t.language}")),
        class_="panel trouble",
    )
    headers = {"cache-control": "no-store", **({"refresh": "3"} if refresh else {})}
    text = page(Frame("", None, (), {}, asset), t, what, main, class_="alone")
    return HTMLResponse(text, status_code=status, headers=headers)
