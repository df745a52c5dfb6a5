"""Report: the page on which a citizen says what is wrong. Four fields, no account, no script needed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import RowMapping
from starlette.concurrency import run_in_threadpool

from application.public import PublicCommunity, PublicViews
from application.requests.counter import Counter, CounterError, NotRightError, TooMuchError
from perception.point import Title
from presentation.portal.limits import Pace, form_of
from presentation.portal.render import Renderer
from presentation.texts import Language, Texts, texts_for

PRIVATE: Final = {"Cache-Control": "no-store"}
_MOST_CHOICES = 20
_LISTED = 300
"""So many communities are offered while typing; with more one types a part of the name."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form, and what is wrong with it by field. `choices`: communities that may be meant."""

    kind: str = ""
    where: str = ""
    description: str = ""
    contact: str = ""
    community: PublicCommunity | None = None
    choices: Sequence[PublicCommunity] = ()
    problems: Mapping[str, str] | None = None
    similar: Sequence[RowMapping] = ()

    def told(self, language: Language) -> dict[str, object]:
        """Return it as the counter takes it."""
        assert self.community is not None
        contact = {"email" if "@" in self.contact else "phone": self.contact}
        return {"kind": self.kind, "community": self.community.name, "description": self.description,
                "language": language, "channel": "portal", **contact}  # fmt: skip


class ReportDesk:
    """The page in all languages."""

    def __init__(self, views: PublicViews, counter: Counter, renderer: Renderer, pace: Pace) -> None:
        self._views, self._counter, self._renderer, self._pace = views, counter, renderer, pace

    def routes(self, language: Language) -> APIRouter:
        """Return the routes of a language."""
        router = APIRouter()

        @router.get("/report")
        def blank(request: Request, kind: str = "", community: str = "") -> Response:
            return self._page(request, language, Draft(kind, community, community=self._named(community)))

        @router.post("/report")
        async def send(request: Request) -> Response:
            form = await form_of(request)
            self._pace.require(request)
            return await run_in_threadpool(self._send, request, language, form)

        @router.post("/report/similar")
        async def similar(request: Request) -> Response:
            form = await form_of(request)
            return await run_in_threadpool(self._similar, request, language, form)

        return router

    def _send(self, request: Request, language: Language, form: Mapping[str, str]) -> Response:
        t = texts_for(language)
        draft = self._checked(self._drafted(form), t)
        if draft.problems or draft.community is None:
            return self._page(request, language, draft, 422)
        try:
            return self._sent(request, language, draft, form)
        except TooMuchError:
            field, status = "description", 429
            told = t.say("Very many people of your community have reported within the last hour. Please telephone.")
        except NotRightError as err:
            field, status = "contact" if err.field == "contact" else "description", 422
            told = _not_right(field, t)
        except CounterError:
            field, status = "description", 409
            told = t.say("This could not be taken. Please try again, or telephone.")
        return self._page(request, language, replace(draft, problems={field: told}), status)

    def _sent(self, request: Request, language: Language, draft: Draft, form: Mapping[str, str]) -> Response:
        """Join, ask whether it is one of those that there are, or open a new one. Raises CounterError."""
        assert draft.community is not None
        if form.get("join", "").isascii() and form.get("join", "").isdigit():
            number = int(form["join"][:18])
            return _followed(language, number, self._counter.join(number, draft.told(language)))
        if "anyway" not in form:
            found = self._counter.similar(draft.kind, draft.community.name, draft.description)
            if found:
                return self._page(request, language, replace(draft, similar=found))
        return _followed(language, *self._counter.submit(draft.told(language)))

    def _similar(self, request: Request, language: Language, form: Mapping[str, str]) -> Response:
        draft = self._drafted(form)
        found = (
            []
            if draft.community is None
            else self._counter.similar(draft.kind, draft.community.name, draft.description)
        )
        return self._renderer.page(
            request, language, "similar.html", self._context(replace(draft, similar=found), language)
        )

    def _drafted(self, form: Mapping[str, str]) -> Draft:
        words = {n: " ".join(form.get(n, "").split()) for n in ("kind", "where", "contact")}
        lines = form.get("description", "").replace("\r\n", "\n").strip()
        draft = Draft(words["kind"], words["where"], lines, words["contact"])
        named = self._named(form.get("community", "")) or self._named(draft.where)
        if named is not None or not draft.where:
            return replace(draft, community=named)
        found = [row.community for row in self._views.communities(words=draft.where, most=_MOST_CHOICES).rows]
        same = [c for c in found if draft.where in {c.title.zh, c.title.en}] or found
        return replace(draft, community=same[0] if len(same) == 1 else None, choices=same if len(same) > 1 else ())

    def _checked(self, draft: Draft, t: Texts) -> Draft:
        problems: dict[str, str] = {}
        if draft.kind not in {row["code"] for row in self._counter.kinds()}:
            problems["kind"] = t.say("Choose what it is about.")
        if draft.community is None:
            several = t.say("Several communities have such a name: choose yours.")
            none = t.say("We know no community of this name. Type a part of it, or the name of the district.")
            problems["where"] = several if draft.choices else none
        if not 4 <= len(draft.description) <= 2000:
            problems["description"] = _not_right("description", t)
        if len(draft.contact) > (254 if "@" in draft.contact else 40):
            problems["contact"] = _not_right("contact", t)
        return replace(draft, problems=problems)

    def _named(self, name: str) -> PublicCommunity | None:
        found = self._views.community(name) if name else None
        return None if found is None else found.community

    def _page(self, request: Request, language: Language, draft: Draft, status: int = 200) -> Response:
        answer = self._renderer.page(request, language, "report.html", self._context(draft, language), status)
        answer.headers.update(PRIVATE)
        return answer

    def _context(self, draft: Draft, language: Language) -> dict[str, object]:
        t = texts_for(language)
        kinds = [
            {"code": row["code"], "title": t.title(both(row, "title")), "hint": t.title(both(row, "hint"))}
            for row in self._counter.kinds()
        ]
        offered = () if draft.community or draft.choices else self._views.communities(most=_LISTED).rows
        titles = {str(kind["code"]): str(kind["title"]) for kind in kinds}
        problems = defaultdict(str, draft.problems or {})
        return {"draft": draft, "problems": problems, "kinds": kinds, "kind_titles": titles,
                "offered": [row.community for row in offered], "ms": ms_of}  # fmt: skip


def both(row: RowMapping, name: str) -> Title:
    """Return a title of two columns."""
    return Title(zh=row[f"{name}_zh"], en=row[f"{name}_en"])


def ms_of(when: datetime) -> int:
    """Return a moment as epoch milliseconds."""
    return round(when.timestamp() * 1000)


def _followed(language: Language, number: int, word: str) -> Response:
    return RedirectResponse(f"/{language}/my-request/{number}/{word}?new=1", 303, headers=PRIVATE)


def _not_right(field: str, t: Texts) -> str:
    if field == "contact":
        return t.say("Write one telephone number or one e-mail address, or leave it empty.")
    return t.say("Say what is wrong in a few words: 4 characters at least, 2,000 at most.")
