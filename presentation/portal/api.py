"""API: the same figures for programs, below /api/v1. JSON, and CSV for a history."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from application.answer import Category, Limits, Verdict, Why, answer
from application.public import Availability, CommunityNow, History, PublicCity, PublicViews
from perception.point import Title
from presentation.portal.render import iso

MOST_HOURS = 48

Name = Annotated[str, Path(description="Name of a community, as the list gives it", max_length=63)]
Hours = Annotated[int, Query(ge=1, le=MOST_HOURS, description="How many hours back")]


class CityOut(BaseModel):
    """A city. `simulated`: it does not exist and its readings are calculated.

    `season` says which weather it lives in, or, of a real city, that its readings are played back.
    """

    name: str
    title: Title
    timezone: str
    simulated: bool
    season: Title | None
    attribution: str | None


class NoticeOut(BaseModel):
    """A fault that is reported. `confirmed`: a person of the control room has seen it."""

    category: Category
    since: datetime
    confirmed: bool


class CommunityOut(BaseModel):
    """A community at the instant `at`. Temperatures in degrees Celsius; null is "not known"."""

    name: str
    title: Title
    district: str
    district_title: Title
    city: str
    simulated: bool
    season: Title | None
    station_title: Title
    at: datetime
    verdict: Verdict
    why: Why
    t_supply: float | None = Field(description="Temperature of the heating water, newest reliable reading")
    t_target: float | None
    t_outdoor: float | None
    read_at: datetime | None = Field(description="When t_supply was measured")
    age_s: float | None
    heard_at: datetime | None = Field(description="Newest message of the station")
    notices: list[NoticeOut]


class CommunitiesOut(BaseModel):
    """A part of the list; `total` counts all that match."""

    total: int
    communities: list[CommunityOut]


class StepOut(BaseModel):
    """Ten minutes that begin at `at`: mean, least and greatest temperature; null without a reliable reading."""

    at: datetime
    t_supply: float | None
    t_supply_low: float | None
    t_supply_high: float | None
    t_target: float | None


class HistoryOut(BaseModel):
    """The history of a community in steps of ten minutes, gaps included."""

    community: str
    simulated: bool
    season: Title | None
    attribution: str | None
    steps: list[StepOut]


class AvailabilityOut(BaseModel):
    """Of all intervals of the last 24 hours, in how many there was a reliable temperature.

    An interval is 10 minutes, or longer where a station reads more slowly.
    """

    city: str
    simulated: bool
    communities: int
    intervals: int
    with_data: int
    share: float | None


class DetailOut(BaseModel):
    """What went wrong."""

    detail: str


MISSING: dict[int | str, dict[str, object]] = {404: {"model": DetailOut}}
DOWN: dict[int | str, dict[str, object]] = {503: {"model": DetailOut}}


def api(views: PublicViews, limits: Limits) -> APIRouter:
    """Return the routes of the API."""
    router = APIRouter(prefix="/api/v1", responses=DOWN)

    @router.get("/cities", summary="Cities, with time zone, season and attribution")
    def cities() -> list[CityOut]:
        return [_city(city) for city in views.cities()]

    @router.get("/communities", summary="Communities as they are now, by name, district or city")
    def communities(
        q: Annotated[str, Query(max_length=80, description="Part of a name, in Chinese or English")] = "",
        city: str | None = None,
        district: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> CommunitiesOut:
        found = views.communities(city=city, district=district, words=q, most=limit, start=offset)
        return CommunitiesOut(total=found.total, communities=[_community(now, limits) for now in found.rows])

    @router.get("/communities/{name}", summary="One community as it is now", responses=MISSING)
    def community(name: Name) -> CommunityOut:
        return _community(_found(views, name), limits)

    _add_history(router, views)

    @router.get("/availability", summary="How complete the data of each city are")
    def availability() -> list[AvailabilityOut]:
        return [_share(row) for row in views.availability()]

    return router


def _add_history(router: APIRouter, views: PublicViews) -> None:
    @router.get("/communities/{name}/history", summary="Its last hours in steps of ten minutes", responses=MISSING)
    def history(name: Name, hours: Hours = 24) -> HistoryOut:
        return _history(_found(views, name), views.history(name, hours))

    @router.get(
        "/communities/{name}/history.csv",
        summary="The same as CSV",
        responses={**MISSING, 200: {"content": {"text/csv": {}}}},
        response_class=Response,
    )
    def history_csv(name: Name, hours: Hours = 24) -> Response:
        _found(views, name)
        disposition = f'attachment; filename="{name}.csv"'
        lines = [",".join(_COLUMNS), *_csv(views.history(name, hours))]
        return Response("\r\n".join((*lines, "")), media_type="text/csv", headers={"Content-Disposition": disposition})


_COLUMNS = ("at", "t_supply", "t_supply_low", "t_supply_high", "t_target")


def _found(views: PublicViews, name: str) -> CommunityNow:
    now = views.community(name)
    if now is None:
        raise HTTPException(404, "there is no community of this name; /api/v1/communities lists them")
    return now


def _when(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _city(city: PublicCity) -> CityOut:
    return CityOut(
        name=city.name,
        title=city.title,
        timezone=city.timezone,
        simulated=city.simulated,
        season=city.season,
        attribution=city.attribution,
    )


def _community(now: CommunityNow, limits: Limits) -> CommunityOut:
    place, water, found = now.community, now.water, answer(now.water, now.notices, now.at, limits)
    return CommunityOut(
        name=place.name,
        title=place.title,
        district=place.district,
        district_title=place.district_title,
        city=place.city.name,
        simulated=place.city.simulated,
        season=place.city.season,
        station_title=place.station_title,
        at=datetime.fromtimestamp(now.at / 1000, UTC),
        verdict=found.verdict,
        why=found.why,
        t_supply=water.supply_c if water else None,
        t_target=water.target_c if water else None,
        t_outdoor=water.outdoor_c if water else None,
        read_at=_when(water.read_at) if water else None,
        age_s=found.age_s,
        heard_at=_when(water.heard_at) if water else None,
        notices=[
            NoticeOut(category=n.category, since=datetime.fromtimestamp(n.since / 1000, UTC), confirmed=n.confirmed)
            for n in now.notices
        ],
    )


def _history(now: CommunityNow, history: History) -> HistoryOut:
    city = now.community.city
    return HistoryOut(
        community=now.community.name,
        simulated=city.simulated,
        season=city.season,
        attribution=city.attribution,
        steps=[StepOut(**row) for row in _steps(history)],
    )


def _steps(history: History) -> Iterator[dict[str, Any]]:
    columns = (map(_when, history.at), history.supply, history.low, history.high, history.target)
    return (dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True))


def _csv(history: History) -> Iterator[str]:
    columns: tuple[Sequence[object], ...] = (
        [iso(at) for at in history.at], history.supply, history.low, history.high, history.target,
    )  # fmt: skip
    return (",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns, strict=True))


def _share(row: Availability) -> AvailabilityOut:
    return AvailabilityOut(
        city=row.city.name,
        simulated=row.city.simulated,
        communities=row.communities,
        intervals=row.intervals,
        with_data=row.with_data,
        share=row.share,
    )
