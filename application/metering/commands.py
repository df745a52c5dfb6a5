"""The verb that speaks for metering: what flowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from application.metering.consumption import Per

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.metering.consumption import Consumption
    from perception.sensor_kind import SensorKind

Rows = Sequence[Mapping[str, object]]
MOST = 10_000


class UnknownMeterError(Exception):
    """There is no such device; `hearthline devices list` shows them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on. `span(since, until)` reads times as people write them, as epoch microseconds."""

    engine: Callable[[], Engine]
    kinds: Callable[[], Mapping[str, SensorKind]]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command()
    def consumption(
        device: Annotated[str, typer.Argument(help="Name of the device.")],
        since: Annotated[str, typer.Option(help="From when: 36h, 7d, 2026-01-20 or 2026-01-20T06:00+08:00.")] = "7d",
        until: Annotated[str | None, typer.Option(help="To when; now if left out.")] = None,
        width: Annotated[Per, typer.Option(help="How wide the buckets are, in the city's clock.")] = Per.DAY,
        point: Annotated[str | None, typer.Option(help="Only of this counter.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Show what flowed through a device's meters, resets and bad values apart, estimated amounts marked."""
        from application.metering.consumption import read

        with ports.engine().connect() as on:
            found = read(on, ports.kinds(), device, ports.span(since, until), MOST, width)
        if found is None:
            raise UnknownMeterError(f"no device is named {device!r}: see `hearthline devices list`")
        ports.show([row for each in found if point in {None, each.point} for row in rows_of(each)], as_json)


def rows_of(found: Consumption) -> Rows:
    """Return a series as rows, times in the city's zone."""
    zone, columns = ZoneInfo(found.zone), asdict(found)
    names = ("amount", "hours", "estimated", "resets", "rollovers", "jumps", "bad")
    return [
        {
            "from": datetime.fromtimestamp(at / 1000, zone).isoformat(timespec="minutes"),
            "width": found.width,
            "point": found.point,
            "unit": found.unit,
            **{name: _plain(columns[name][place]) for name in names},
        }
        for place, at in enumerate(found.ts)
    ]


def _plain(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
