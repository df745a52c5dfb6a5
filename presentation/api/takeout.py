"""Takeout: series of any devices as CSV, as fine as a chart shows them. Streamed, device by device.

One row for each instant of each point: `time` in ISO 8601 UTC, device, point, unit, mean, low, high, resolution.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from application.explored import SeriesPlace
from application.read_models import Trend
from perception.point import POINT_NAME
from perception.sensor_kind import SensorKind
from presentation.desk import Desk, now_us

DAY_MS = 86_400_000
MOST_SERIES = 12
HEADS = ("time", "device", "point", "unit", "mean", "low", "high", "resolution")
_ROWS_AT_ONCE = 500
_SERIES = re.compile(rf"([a-z0-9][a-z0-9-]{{2,62}}):({POINT_NAME.strip('^$')})")


def takeout_router(desk: Desk, kinds: Mapping[str, SensorKind]) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/api/v1", tags=["trends"])

    @router.get("/trend.csv", response_class=StreamingResponse)
    async def trend_csv(
        series: Annotated[str, Query(description="device:point, separated by commas", max_length=1500)],
        start: Annotated[int | None, Query(description="epoch ms; default: a day before stop", ge=0)] = None,
        stop: Annotated[int | None, Query(description="epoch ms; default: now", ge=0, le=4_102_444_800_000)] = None,
        pixels: Annotated[int, Query(description="width of the chart", ge=50, le=4000)] = 900,
    ) -> StreamingResponse:
        """Return series over [start, stop) as CSV: mean, low and high per instant, empty in gaps."""
        until = now_us() // 1000 if stop is None else stop
        since = max(0, until - DAY_MS) if start is None else start
        if since >= until:
            raise HTTPException(422, f"start {since} must be before stop {until}")
        wanted = wanted_of(series)
        places = await desk.ask(lambda v: v.series_places(tuple(wanted)))
        _refuse_unknown(wanted, places, kinds)
        rows = _told(desk, wanted, places, kinds, (since, until), pixels)
        told = {"content-disposition": 'attachment; filename="hearthline.csv"', "cache-control": "no-store"}
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=told)

    return router


def wanted_of(series: str) -> dict[str, list[str]]:
    """Return points by device. Raises HTTPException 422 for what cannot be read, or is too much."""
    found: dict[str, list[str]] = {}
    each = [s.strip() for s in series.split(",") if s.strip()]
    for one in each:
        named = _SERIES.fullmatch(one)
        if named is None:
            raise HTTPException(422, f"series {one[:80]!r}: expected <device>:<point>")
        found.setdefault(named[1], []).append(named[2])
    if not 0 < len(each) <= MOST_SERIES:
        raise HTTPException(422, f"expected 1 to {MOST_SERIES} series, not {len(each)}")
    return found


def _refuse_unknown(
    wanted: Mapping[str, list[str]], places: Mapping[str, SeriesPlace], kinds: Mapping[str, SensorKind]
) -> None:
    for device, points in wanted.items():
        kind = kinds.get(places[device].kind) if device in places else None
        if kind is None:
            raise HTTPException(404, f"no device {device!r}")
        for point in points:
            if point not in kind.bits:
                raise HTTPException(404, f"device {device!r} has no point {point!r}; its kind is {kind.name}")


async def _told(
    desk: Desk, wanted: Mapping[str, list[str]], places: Mapping[str, SeriesPlace], kinds: Mapping[str, SensorKind],
    span: tuple[int, int], pixels: int,
) -> AsyncIterator[str]:  # fmt: skip
    yield _lines([HEADS])
    for device, points in wanted.items():
        kind = kinds[places[device].kind]
        trend = await _asked(desk, device, points, span, pixels)
        for point in points:
            rows = rows_of(trend, point, kind)
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                yield _lines(rows[first : first + _ROWS_AT_ONCE])


async def _asked(desk: Desk, device: str, points: list[str], span: tuple[int, int], pixels: int) -> Trend | None:
    return await desk.ask(lambda v: v.trend(device, points, span[0] * 1000, span[1] * 1000, pixels))


def rows_of(trend: Trend | None, point: str, kind: SensorKind) -> list[tuple[object, ...]]:
    """Return the rows of one point; a gap is a row without numbers, so that it is seen."""
    series = None if trend is None else trend.series.get(point)
    if trend is None or series is None:
        return []
    unit = kind.point(point).unit
    columns = zip(trend.ts, series["mean"], series["low"], series["high"], strict=True)
    return [(_iso(ts), trend.device, point, unit, *map(_number, values), trend.width) for ts, *values in columns]


def _number(value: float | None) -> object:
    return "" if value is None else f"{value:.6g}"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lines(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
