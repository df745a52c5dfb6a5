"""Kinds: what can be sensed, and the newest of every device of a kind, each kind with a schema of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field, create_model

from application.read_models import DeviceNow
from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from presentation.api.places import Name, require_city
from presentation.desk import Desk, now_us


class PointCard(BaseModel):
    """A point of a kind: its unit is UCUM, a value beyond `low`..`high` is stored and not good."""

    name: str
    title: Title
    unit: str
    low: float
    high: float
    event: bool
    counter: bool


class KindCard(BaseModel):
    """A sensor kind; the order of its points is that of their quality bits."""

    name: str
    version: int
    title: Title
    interval_s: float
    key_points: Sequence[str]
    points: Sequence[PointCard]


def kinds_router(desk: Desk, kinds: Mapping[str, SensorKind]) -> APIRouter:
    """Return the routes. Kinds may join while they are served: `described` states the schema of each."""
    router = APIRouter(prefix="/api/v1", tags=["kinds"])

    @router.get("/kinds")
    async def every_kind() -> Sequence[KindCard]:
        """Return every sensor kind with its points."""
        return [_card(kind) for kind in kinds.values()]

    @router.get("/cities/{city}/newest/{kind}", include_in_schema=False)
    async def newest(city: Name, kind: str) -> Sequence[dict[str, Any]]:
        if kind not in kinds:
            raise HTTPException(404, f"no kind {kind!r}: there are {', '.join(kinds)}")
        await require_city(desk, city)
        found = await desk.ask_shared(("newest", city, kind), lambda v: v.newest(city, kind, now_us()))
        return [_row(now, kinds[kind]) for now in found]

    return router


def describe_kinds(app: FastAPI, kinds: Mapping[str, SensorKind]) -> None:
    """Let the application's schema have a path and models for each kind that there is when it is asked for."""
    told: dict[tuple[str, ...], dict[str, Any]] = {}

    def schema() -> dict[str, Any]:
        names = tuple(kinds)
        if names not in told:
            told.clear()
            routes = [*app.routes, *_described(kinds).routes]
            told[names] = get_openapi(title=app.title, version=app.version, routes=routes)
        return told[names]

    app.openapi = schema  # type: ignore[method-assign]  # FastAPI's own way to say it otherwise


def _described(kinds: Mapping[str, SensorKind]) -> APIRouter:
    """Return a route per kind that nobody serves: what `newest` answers for it."""
    router = APIRouter(prefix="/api/v1", tags=["kinds"])

    async def newest(city: Name) -> None:
        """Stand for the route that answers."""

    for kind in kinds.values():
        router.add_api_route(
            f"/cities/{{city}}/newest/{kind.name}",
            newest,
            response_model=Sequence[_model_of(kind)],  # type: ignore[misc]  # made from the manifest
            operation_id=f"newest_{kind.name}",
            summary=f"{kind.title.en}: newest of every device",
            description=f"{kind.title.zh} · the newest of every device of kind {kind.name}; times in epoch ms UTC.",
        )
    return router


def _model_of(kind: SensorKind) -> type[BaseModel]:
    """Return the schema of a device's newest: a field per point with its title, unit and limits."""
    camel = "".join(part.capitalize() for part in kind.name.split("_"))
    fields: dict[str, Any] = {p.name: (float | None, _field(p)) for p in kind.points}
    values = create_model(f"{camel}Values", __doc__=f"Values of a device of kind {kind.name}.", **fields)
    return create_model(
        f"{camel}Now",
        __doc__=f"The newest of one device of kind {kind.name}: {kind.title.en}, {kind.title.zh}.",
        device=(str, ...),
        station=(str, ...),
        ts=(int, Field(description="epoch ms UTC of the newest reading")),
        values=(values, ...),
        bad=(list[str], Field(description="points whose newest value is not good")),
    )


def _field(point: Point) -> Any:
    limits: dict[str, Any] = {"x-unit": point.unit, "x-low": point.low, "x-high": point.high}
    said = f"{point.title.zh}. {point.unit}, physical limits {point.low:g} to {point.high:g}"
    return Field(default=None, title=point.title.en, description=said, json_schema_extra=limits)


def _row(now: DeviceNow, kind: SensorKind) -> dict[str, Any]:
    values = {name: now.values.get(name) for name in kind.names}
    return {"device": now.device, "station": now.station, "ts": now.ts, "values": values, "bad": list(now.bad)}


def _card(kind: SensorKind) -> KindCard:
    points = [
        PointCard(name=p.name, title=p.title, unit=p.unit, low=p.low, high=p.high, event=p.event, counter=p.counter)
        for p in kind.points
    ]
    return KindCard(
        name=kind.name, version=kind.version, title=kind.title, interval_s=kind.interval_s,
        key_points=kind.key_points, points=points,
    )  # fmt: skip
