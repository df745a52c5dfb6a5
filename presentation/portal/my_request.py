"""My request: where a report stands, for who has its link: the body, its clock, the answer, and the rating."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from application.requests.counter import Counter, CounterError, NotNowError, NotRightError, TooMuchError
from perception.point import Title
from presentation.portal.limits import Pace, form_of
from presentation.portal.render import Renderer
from presentation.portal.report import PRIVATE
from presentation.texts import Language, Texts, texts_for

ACTS: Final = frozenset({"confirmed", "reopened", "added", "rated"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal, as the reporter reads it."""

    at: int
    text: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: done, the one that has it now, or still above."""

    title: str
    hours: float
    state: str


class FollowDesk:
    """The page in all languages."""

    def __init__(self, counter: Counter, renderer: Renderer, pace: Pace) -> None:
        self._counter, self._renderer, self._pace = counter, renderer, pace

    def routes(self, language: Language) -> APIRouter:
        """Return the routes of a language."""
        router = APIRouter()

        @router.get("/my-request")
        def ask(request: Request) -> Response:
            return self._asked(request, language, "")

        @router.post("/my-request")
        async def find(request: Request) -> Response:
            form = await form_of(request)
            self._pace.require(request)
            number, word = (form.get(n, "").strip() for n in ("number", "word"))
            found = await run_in_threadpool(self._read, number, word)
            if found is None:
                return self._asked(request, language, number, 404)
            return RedirectResponse(f"/{language}/my-request/{found['number']}/{word}", 303, headers=PRIVATE)

        @router.get("/my-request/{number}/{word}")
        def follow(request: Request, number: str, word: str, new: str = "") -> Response:
            return self._page(request, language, (number, word), new=bool(new))

        @router.post("/my-request/{number}/{word}")
        async def act(request: Request, number: str, word: str) -> Response:
            form = await form_of(request)
            self._pace.require(request)
            return await run_in_threadpool(self._act, request, language, (number, word), form)

        return router

    def _act(self, request: Request, language: Language, key: tuple[str, str], form: Mapping[str, str]) -> Response:
        t, what = texts_for(language), form.get("what", "")
        told = {n: form.get(n, "").strip() for n in ("comment", "grade")}
        if self._read(*key) is None or what not in ACTS:
            raise HTTPException(404)
        try:
            self._counter.act(int(key[0]), key[1], what, told)
        except NotRightError:
            return self._page(request, language, key, problem=_what_is_missing(what, t), status=422)
        except TooMuchError:
            return self._page(
                request, language, key, problem=t.say("This is much at once. Please wait an hour."), status=429
            )
        except NotNowError:
            said = t.say("This is not possible now: the report has moved on. You see how it stands below.")
            return self._page(request, language, key, problem=said, status=409)
        except CounterError as err:
            raise HTTPException(404) from err
        return RedirectResponse(f"/{language}/my-request/{key[0]}/{key[1]}", 303, headers=PRIVATE)

    def _read(self, number: str, word: str) -> Mapping[str, Any] | None:
        wanted = number.removeprefix("#")
        known = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
        return self._counter.read(int(wanted), word) if known else None

    def _asked(self, request: Request, language: Language, number: str, status: int = 200) -> Response:
        context = {"number": number, "missing": status == 404}
        answer = self._renderer.page(request, language, "my_request.html", context, status)
        answer.headers.update(PRIVATE)
        return answer

    def _page(
        self,
        request: Request,
        language: Language,
        key: tuple[str, str],
        *,
        new: bool = False,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        told = self._read(*key)
        if told is None:
            return self._asked(request, language, key[0] if key[0].isdigit() else "", 404)
        context = request_context(told, texts_for(language)) | {"word": key[1], "new": new, "problem": problem}
        answer = self._renderer.page(request, language, "request.html", context, status)
        answer.headers.update(PRIVATE)
        return answer


def request_context(told: Mapping[str, Any], t: Texts) -> dict[str, object]:
    """Return what the page of a request shows."""
    times = {n: ms(told[n]) for n in ("opened_at", "rung_due", "due_at", "state_at")}
    closed = ms(told["closed_at"]) if told["closed_at"] else None
    return {
        "told": told,
        "zone": told["timezone"],
        "title": t.title(title(told, "title_")),
        "place": t.title(title(told, "community_")),
        "body": t.title(title(told, "body_")),
        "item": t.title(title(told, "item_")),
        "state": state_words(told["state"], t),
        "rungs": _rungs(told, t),
        "lines": [Line(ms(entry["at"]), event_words(entry, t), entry["comment"]) for entry in told["journal"]],
        "grades": grades(t),
        "can_reopen": told["mine"] and told["state"] in {"answered", "closed"},
        "can_rate": told["mine"] and told["state"] in {"answered", "closed"} and told["grade"] is None,
        "closed": closed,
        "ms": ms,
        "live": told["state"] in {"open", "accepted", "in_progress"},
        **times,
    }


def ms(iso: str) -> int:
    """Return an ISO time as epoch milliseconds."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def title(told: Mapping[str, Any], prefix: str = "") -> Title:
    """Return a title of two keys."""
    return Title(zh=told[f"{prefix}zh"], en=told[f"{prefix}en"])


def grades(t: Texts) -> Sequence[tuple[int, str]]:
    """Return the five grades, the best first."""
    return [
        (5, t.say("Very satisfied")),
        (4, t.say("Satisfied")),
        (3, t.say("Fairly satisfied")),
        (2, t.say("Dissatisfied")),
        (1, t.say("Very dissatisfied")),
    ]


def state_words(state: str, t: Texts) -> str:
    """Say a state in plain words."""
    return {
        "open": t.say("Waiting to be taken up"),
        "accepted": t.say("Taken up"),
        "in_progress": t.say("Being worked on"),
        "answered": t.say("Answered: please say whether it is solved"),
        "closed": t.say("Closed"),
    }[state]


def event_words(entry: Mapping[str, Any], t: Texts) -> str:
    """Say what happened in plain words."""
    to = t.title(title(entry)) if entry["zh"] else ""
    detail = entry["detail"]
    said = {
        "opened": t.say("Reported. It lies with: {body}", body=to),
        "matched": t.say("Our sensors show a fault at the station of your community."),
        "accepted": t.say("Taken up"),
        "started": t.say("Work has begun"),
        "answered": t.say("Answer"),
        "handed_up": t.say("Beyond their means: handed up to {body}", body=to),
        "handed_over": t.say("Not their duty: handed over to {body}", body=to),
        "escalated": t.say("Time ran out: it went up to {body}", body=to),
        "told": t.say("Message to you"),
        "added": t.say("You added"),
        "joined": t.say("One more person has the same trouble"),
        "confirmed": t.say("You confirmed that it is solved"),
        "expired": t.say("Closed, since nobody contradicted for 7 days"),
        "reopened": t.say("Opened again by the reporter"),
        "ordered": t.say("The supervisor ordered that it be put right"),
        "rectified": t.say("Put right"),
        "linked": t.say("Work order {n} is under way for it", n=detail["order"])
        if "order" in detail
        else t.say("It belongs to a known fault that is being looked after"),
    }
    return said.get(str(entry["what"]), str(entry["what"]))


def _rungs(told: Mapping[str, Any], t: Texts) -> Sequence[Rung]:
    def state(number: int) -> str:
        return "here" if number == told["rung"] else "passed" if number < told["rung"] else "above"

    return [Rung(t.title(title(rung)), float(rung["hours"]), state(n)) for n, rung in enumerate(told["ladder"])]


def _what_is_missing(what: str, t: Texts) -> str:
    if what == "rated":
        return t.say("Choose one of the five grades.")
    return t.say("Say in a few words what is still wrong, or what there is to add.")
