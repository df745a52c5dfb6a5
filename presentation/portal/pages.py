"""Pages: what citizens see, one function per page."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from application.answer import Limits, Verdict, Why, answer
from application.public import Availability, CommunityNow, DistrictCard, History, PublicCity, PublicViews
from application.service.rules import read_service
from perception.point import Title
from presentation.portal.chart import gaps, patience, trend
from presentation.portal.homes import home_context
from presentation.portal.render import Renderer
from presentation.portal.wording import endpoint_words, near_words, short, summary, words
from presentation.texts import LANGUAGES, Language, Texts, negotiate, texts_for

ROWS_PER_PAGE = 100
LISTED_AT_ONCE = 120
"""A network with more communities than this shows its districts first."""
TREND_HOURS = 24
REFRESH_S = 60


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A community in the list."""

    name: str
    title: str
    verdict: Verdict
    short: str


@dataclass(frozen=True, slots=True)
class DistrictGroup:
    """A district of the list. Without rows it is a link to them; `count` says how many there are."""

    name: str
    title: Title
    rows: Sequence[PlaceRow]
    count: int


@dataclass(frozen=True, slots=True)
class CityGroup:
    """A city of the list."""

    city: PublicCity
    districts: Sequence[DistrictGroup]


@dataclass(frozen=True, slots=True)
class Hour:
    """A row of the table that stands for the chart: means of one hour."""

    label: str
    supply: float | None
    target: float | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of the API, what it gives, and the questions that it takes."""

    path: str
    summary: str
    questions: Sequence[str]


def pages(views: PublicViews, renderer: Renderer, limits: Limits) -> APIRouter:
    """Return the routes of the pages: each page once in each language, and the entrance that chooses one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def entrance(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        return RedirectResponse(f"/{language}/", 302, headers={"Vary": "Accept-Language", "Cache-Control": "no-cache"})

    for language in LANGUAGES:
        router.include_router(_pages_in(language, views, renderer, limits), prefix=f"/{language}")
    return router


def _pages_in(language: Language, views: PublicViews, renderer: Renderer, limits: Limits) -> APIRouter:
    router, t, rules = APIRouter(), texts_for(language), read_service()

    @router.get("/")
    def choose(request: Request, q: str = "", district: str = "", page: str = "1") -> Response:
        context = choice(views, limits, t, q.strip(), district, _page_number(page))
        return renderer.page(request, language, "choose.html", context)

    @router.get("/community/{name}")
    def community(request: Request, name: str) -> Response:
        now = views.community(name)
        if now is None:
            raise HTTPException(404)
        context = {
            **community_context(now, views.history(name, TREND_HOURS), limits, t),
            **home_context(views, now, rules, t),
        }
        return renderer.page(request, language, "community.html", context)

    @router.get("/about")
    def about(request: Request) -> Response:
        return renderer.page(request, language, "about.html", about_context(views, limits, t))

    @router.get("/data")
    def programs(request: Request) -> Response:
        return renderer.page(request, language, "data.html", {"endpoints": endpoints(request.app.openapi(), t)})

    return router


def about_context(views: PublicViews, limits: Limits, t: Texts) -> dict[str, object]:
    """Return what the page about the data shows."""
    return {
        "cities": views.cities(),
        "shares": views.availability(),
        "percent": _percent,
        "short": {verdict.value: short(verdict, t) for verdict in Verdict},
        "near": near_words(limits, t),
        "minutes": t.number(limits.stale_after_s / 60),
    }


def choice(views: PublicViews, limits: Limits, t: Texts, sought: str, district: str, page: int) -> dict[str, object]:
    """Return what the page of choice shows: everything, or districts first where that is too much."""
    narrowed = bool(sought or district)
    found = views.communities(
        words=sought,
        district=district or None,
        most=ROWS_PER_PAGE if narrowed else LISTED_AT_ONCE,
        start=(page - 1) * ROWS_PER_PAGE if narrowed else 0,
    )
    whole = narrowed or found.total <= LISTED_AT_ONCE
    asked = {"q": sought, "district": district}
    return {
        "words": sought,
        "narrowed": narrowed,
        "total": found.total,
        "groups": _groups(found.rows, limits, t) if whole else _districts_only(views.districts()),
        "page": page,
        "pages": ceil(found.total / ROWS_PER_PAGE) if narrowed else 1,
        "query": lambda n: urlencode({**{k: v for k, v in asked.items() if v}, "page": n}),
    }


def _groups(rows: Sequence[CommunityNow], limits: Limits, t: Texts) -> list[CityGroup]:
    cities: dict[str, tuple[PublicCity, dict[str, tuple[Title, list[PlaceRow]]]]] = {}
    for now in rows:
        place = now.community
        _, districts = cities.setdefault(place.city.name, (place.city, {}))
        _, places = districts.setdefault(place.district, (place.district_title, []))
        verdict = answer(now.water, now.notices, now.at, limits).verdict
        places.append(PlaceRow(place.name, t.title(place.title), verdict, short(verdict, t)))
    return [
        CityGroup(city, [DistrictGroup(name, title, rows, len(rows)) for name, (title, rows) in districts.items()])
        for city, districts in cities.values()
    ]


def _districts_only(districts: Sequence[DistrictCard]) -> list[CityGroup]:
    cities: dict[str, tuple[PublicCity, list[DistrictGroup]]] = {}
    for card in districts:
        _, groups = cities.setdefault(card.city.name, (card.city, []))
        groups.append(DistrictGroup(card.name, card.title, [], card.communities))
    return [CityGroup(city, groups) for city, groups in cities.values()]


def community_context(now: CommunityNow, history: History, limits: Limits, t: Texts) -> dict[str, object]:
    """Return what the page of one community shows."""
    found, zone = answer(now.water, now.notices, now.at, limits), now.community.city.timezone
    patient = patience(now.water.interval_s if now.water else None)
    return {
        "community": now.community,
        "city": now.community.city,
        "water": now.water,
        "at": now.at,
        "found": found,
        "aged": found.why is Why.TOO_OLD,
        "words": words(now, found, limits, t),
        "chart": trend(history, zone, t, summary(history, zone, t), patient),
        "gaps": bool(gaps(history.supply, patient)),
        "hours": hourly(history, zone, t),
        "refresh_s": REFRESH_S,
    }


def hourly(history: History, zone: str, t: Texts) -> list[Hour]:
    """Return the history by hours of the city's clock, newest first."""
    groups: dict[str, list[int]] = {}
    for i, at in enumerate(history.at):
        groups.setdefault(t.moment(at, zone, t.say("d MMM, HH:00")), []).append(i)
    return [
        Hour(label, _mean([history.supply[i] for i in steps]), _mean([history.target[i] for i in steps]))
        for label, steps in reversed(groups.items())
    ]


def endpoints(schema: dict[str, Any], t: Texts) -> list[Endpoint]:
    """Return the addresses of an OpenAPI description as a page shows them."""
    duties = endpoint_words(t)
    return [
        Endpoint(path, duties[path], [p["name"] for p in of["get"].get("parameters", []) if p["in"] == "query"])
        for path, of in schema["paths"].items()
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _percent(row: Availability) -> float | None:
    return None if row.share is None else 100 * row.share


def _page_number(text: str) -> int:
    return min(max(int(text), 1), 10_000) if text.isascii() and text.isdigit() and len(text) < 6 else 1
