"""Alarm pages: the addresses of the pages about alarms, incidents and their figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from application.read_models import CityCard
from perception.sensor_kind import SensorKind
from presentation.console.alarm import alarm_page
from presentation.console.alarm_filter import AlarmFilter, filter_of
from presentation.console.alarms import alarms_page
from presentation.console.incident import incident_page
from presentation.console.incidents import incidents_page
from presentation.console.numbers import SPANS, NumbersChoice, numbers_choice, numbers_page
from presentation.console.pages import in_order, language_texts, page_answer, sheet
from presentation.console.shell import Frame
from presentation.console.work import board_page, order_page
from presentation.desk import Desk, now_us
from presentation.markup import el
from presentation.ports import ConsoleViews
from presentation.texts import Texts

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class AlarmSite:
    """What these pages are made with. Its methods block; a desk asks them on a thread. None: there is no such thing."""

    kinds: Mapping[str, SensorKind]
    asset: Mapping[str, str]

    def alarms(self, views: ConsoleViews, wanted: AlarmFilter, t: Texts) -> str | None:
        """Return the list of a city, the first one if none is named."""
        cities = in_order(views.cities())
        city = _city(wanted.city, cities)
        view = None if city is None else views.alarms_of(city, now_us())
        if view is None or city is None:
            return None
        path = f"/alarms?{wanted.query}" if wanted.query else "/alarms"
        frame = self._frame(path, view.city, cities, "alarms", "/alarms?city={city}")
        return alarms_page(view, AlarmFilter(**{**_fields(wanted), "city": city}), frame, t)

    def alarm(self, views: ConsoleViews, alarm: UUID, t: Texts) -> str | None:
        """Return the page of an alarm."""
        story = views.alarm_story(alarm, now_us())
        if story is None:
            return None
        frame = self._frame(f"/alarms/{alarm}", story.city, in_order(views.cities()), "alarms", "/alarms?city={city}")
        return alarm_page(story, frame, t)

    def incident(self, views: ConsoleViews, incident: UUID, t: Texts) -> str | None:
        """Return the page of an incident."""
        story = views.incident_story(incident, now_us())
        if story is None:
            return None
        path = f"/incidents/{incident}"
        return incident_page(
            story, self._frame(path, story.city, in_order(views.cities()), "alarms", "/alarms?city={city}"), t
        )

    def incidents(self, views: ConsoleViews, wanted: str, t: Texts) -> str | None:
        """Return the incidents of a city, the first one if none is named."""
        cities = in_order(views.cities())
        city = _city(wanted, cities)
        view = None if city is None else views.incidents_of(city, now_us())
        if view is None:
            return None
        frame = self._frame(f"/incidents?city={city}", view.city, cities, "incidents", "/incidents?city={city}")
        return incidents_page(view, frame, t)

    def board(self, views: ConsoleViews, wanted: str, t: Texts) -> str | None:
        """Return the work orders of a city, the first one if none is named."""
        cities = in_order(views.cities())
        city = _city(wanted, cities)
        view = None if city is None else views.work(city, now_us())
        if view is None:
            return None
        return board_page(
            view, self._frame(f"/work-orders?city={city}", view.city, cities, "work", "/work-orders?city={city}"), t
        )

    def order(self, views: ConsoleViews, order: UUID, t: Texts) -> str | None:
        """Return the page of a work order."""
        story = views.work_story(order, now_us())
        if story is None:
            return None
        cities = in_order(views.cities())
        return order_page(
            story, self._frame(f"/work-orders/{order}", story.city, cities, "work", "/work-orders?city={city}"), t
        )

    def numbers(self, views: ConsoleViews, choice: NumbersChoice, t: Texts) -> str | None:
        """Return the figures of a city, the first one if none is named."""
        cities, now = in_order(views.cities()), now_us()
        city = _city(choice.city, cities)
        span = now - SPANS[choice.span] * _HOUR_US, now
        view = None if city is None else views.numbers(city, span, choice.operators)
        if view is None:
            return None
        path = f"/kpis?city={city}&span={choice.span}&operators={choice.operators}"
        return numbers_page(view, choice, self._frame(path, view.city, cities, "numbers", "/kpis?city={city}"), t)

    def _frame(self, path: str, card: CityCard, cities: list[CityCard], place: str, city_path: str) -> Frame:
        needed = {"alarms": "alarms.js", "work": "work.js"}.get(place)
        acts = None if needed is None else el("script", src=self.asset[needed], defer=True)
        return Frame(path, card, cities, self.kinds, self.asset, acts, place=place, city_path=city_path)


def _city(wanted: str, cities: list[CityCard]) -> str | None:
    """Return the city that is asked for, the first if none is named; None: there is none of this name."""
    names = [card.name for card in cities]
    return next((name for name in names if wanted in {"", name}), None)


def _fields(wanted: AlarmFilter) -> dict[str, str]:
    return {name: getattr(wanted, name) for name in AlarmFilter.__slots__}


MakePage = Callable[[ConsoleViews, UUID, Texts], str | None]


def alarm_pages_router(site: AlarmSite, desk: Desk) -> APIRouter:
    """Return the routes. Those who want the same page within a second share one."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/{language}/alarms")
    async def alarms(language: str, request: Request) -> Response:
        t, wanted = language_texts(language), filter_of(request.url.query)
        found = await desk.ask_shared(("alarms page", language, wanted), lambda v: sheet(site.alarms(v, wanted, t)))
        return page_answer(found, t.say("There is no city of this name."), request)

    async def of_one(what: str, text: str, unknown: str, make: MakePage, t: Texts, request: Request) -> Response:
        number = _number(text, unknown)
        found = await desk.ask_shared((what, t.language, number), lambda v: sheet(make(v, number, t)))
        return page_answer(found, unknown, request)

    @router.get("/{language}/alarms/{alarm}")
    async def alarm(language: str, alarm: str, request: Request) -> Response:
        t = language_texts(language)
        unknown = t.say("There is no alarm of this number.")
        return await of_one("alarm page", alarm, unknown, site.alarm, t, request)

    @router.get("/{language}/incidents")
    async def incidents(language: str, request: Request, city: str = "") -> Response:
        t = language_texts(language)
        found = await desk.ask_shared(("incidents page", language, city), lambda v: sheet(site.incidents(v, city, t)))
        return page_answer(found, t.say("There is no city of this name."), request)

    @router.get("/{language}/incidents/{incident}")
    async def incident(language: str, incident: str, request: Request) -> Response:
        t = language_texts(language)
        unknown = t.say("There is no incident of this number.")
        return await of_one("incident page", incident, unknown, site.incident, t, request)

    @router.get("/{language}/work-orders")
    async def board(language: str, request: Request, city: str = "") -> Response:
        t = language_texts(language)
        found = await desk.ask_shared(("work page", language, city), lambda v: sheet(site.board(v, city, t)))
        return page_answer(found, t.say("There is no city of this name."), request)

    @router.get("/{language}/work-orders/{order}")
    async def order(language: str, order: str, request: Request) -> Response:
        t = language_texts(language)
        unknown = t.say("There is no work order of this number.")
        return await of_one("order page", order, unknown, site.order, t, request)

    @router.get("/{language}/kpis")
    async def numbers(language: str, request: Request) -> Response:
        t, choice = language_texts(language), numbers_choice(request.url.query)
        found = await desk.ask_shared(("numbers page", language, choice), lambda v: sheet(site.numbers(v, choice, t)))
        return page_answer(found, t.say("There is no city of this name."), request)

    return router


def _number(text: str, unknown: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as err:
        raise HTTPException(404, unknown) from err
