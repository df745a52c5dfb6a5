"""Explore pages: the address of the page that explores, and the answer to its form."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from application.read_models import CityCard
from presentation.console.explore import MOST_NAMES, Offered, explore_page
from presentation.console.pages import Site, in_order, language_texts, page_answer, sheet
from presentation.console.shell import Frame
from presentation.console.trend_choice import Choice, choice_of, query_of
from presentation.desk import Desk
from presentation.ports import ConsoleViews
from presentation.texts import Texts


def explore_router(site: Site, desk: Desk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/{language}/explore")
    async def explore(language: str, request: Request) -> Response:
        t, choice = language_texts(language), choice_of(request.url.query)
        city = request.query_params.get("city", "")[:63]
        added = added_to(choice, request.query_params)
        if added is not None:
            about = f"&city={city}" if city.replace("-", "").isalnum() and city.isascii() else ""
            return RedirectResponse(
                f"/{t.language}/explore{query_of(added)}{about}", 303, {"cache-control": "no-store"}
            )
        key = ("explore page", language, city, choice)
        found = await desk.ask_shared(key, lambda v: sheet(_explored(site, v, city, choice, t)))
        return page_answer(found, t.say("No city is known yet."), request)

    return router


def added_to(choice: Choice, told: Mapping[str, str]) -> Choice | None:
    """Return the choice with the series that the form of the page names; None: it names none."""
    if "device" not in told or "point" not in told:
        return None
    one = choice_of(f"series={told['device'].strip()}:{told['point']}").series
    return replace(choice, device=None, series=tuple(dict.fromkeys([*choice.series, *one])))


def _explored(site: Site, views: ConsoleViews, city: str, choice: Choice, t: Texts) -> str | None:
    cities = in_order(views.cities())
    card = _city(cities, city)
    if card is None:
        return None
    mount = site.charts.mount(site.asset)
    scripts = mount.scripts if choice.series else mount.own  # Dash fails on a page that has no place for it
    frame = Frame("/explore", card, cities, site.kinds, site.asset, scripts, place="explore",
                  city_path="/explore?city={city}")  # fmt: skip
    return explore_page(Offered(card, views.device_names(card.name, MOST_NAMES)), choice, frame, mount.entry, t)


def _city(cities: list[CityCard], name: str) -> CityCard | None:
    if name and all(c.name != name for c in cities):
        raise HTTPException(404)
    return next((c for c in cities if c.name == name or not name), None)
