"""The verb that takes readings out into files for other tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from support.commands.progress import bar

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from perception.sensor_kind import SensorKind
    from support.export import Source


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on. `span(since, until)` reads times as people write them, as epoch microseconds."""

    engine: Callable[[], Engine]
    kinds: Callable[[], Mapping[str, SensorKind]]
    span: Callable[[str, str | None], tuple[int, int]]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("export")
    def export_readings(
        out: Annotated[Path, typer.Option(help="The folder to write into.")],
        kind: Annotated[str | None, typer.Argument(help="A sensor kind: all its devices.")] = None,
        device: Annotated[str | None, typer.Option(help="One device instead.")] = None,
        since: Annotated[str, typer.Option("--from", help="From when: 36h, 7d, 2026-01-20, an ISO time.")] = "7d",
        until: Annotated[str | None, typer.Option("--to", help="To when; now if left out.")] = None,
        file_format: Annotated[str, typer.Option("--format", help="parquet or csv")] = "parquet",
        utc: Annotated[bool, typer.Option("--utc", help="Days of UTC, not of each device's city.")] = False,
        force: Annotated[bool, typer.Option("--force", help="Take the place of files that are there.")] = False,
        resume: Annotated[bool, typer.Option("--resume", help="Go on where an export ended.")] = False,
    ) -> None:
        """Write readings as Parquet or CSV, one file per kind and day; each file appears when it is whole."""
        from support.export import ExportError, Format, Wish, days, export
        from support.postgres.outflow import PostgresOutflow

        if file_format not in set(Format):
            raise typer.BadParameter(f"{file_format!r} is no format: there are {', '.join(Format)}")
        known = ports.kinds()
        name, sources, corrections = chosen(ports.engine(), kind, device, utc=utc)
        if name not in known:
            raise ExportError(f"no kind is named {name!r}: there are {', '.join(known)}")
        span = ports.span(since, until)
        wish = Wish(known[name], sources, span, Format(file_format), out, corrections, force, resume)
        with bar("export", len(days(wish)), "days") as forward:
            found = export(wish, PostgresOutflow(ports.engine()), lambda _: forward(1))
        kept = f", {found.kept} days were there already" if found.kept else ""
        typer.echo(f"{found.rows} readings of {len(sources)} devices in {found.files} files under {out}{kept}")


def chosen(
    engine: Engine, kind: str | None, device: str | None, *, utc: bool
) -> tuple[str, Sequence[Source], Sequence[Mapping[str, Any]]]:
    """Return the kind, its devices (or the one that is named) and their corrections. Raises ExportError."""
    from sqlalchemy import func, select

    from support import tables
    from support.export import ExportError, Source

    d, c = tables.device.c, tables.correction.c
    if (kind is None) == (device is None):
        raise ExportError("say what to export: a KIND, or --device D")
    query = (
        select(d.device_id, d.name, d.kind, func.coalesce(tables.city.c.timezone, "UTC").label("zone"))
        .outerjoin_from(tables.device, tables.station, tables.station.c.name == d.station)
        .outerjoin(tables.district, tables.district.c.name == tables.station.c.district)
        .outerjoin(tables.city, tables.city.c.name == tables.district.c.city)
        .where(d.kind == kind if device is None else d.name == device)
        .order_by(d.name)
    )
    with engine.connect() as on:
        rows = on.execute(query).all()
        if not rows:
            what = f"no device is named {device!r}" if device else f"no device is of kind {kind!r}"
            raise ExportError(f"{what}: see `hearthline devices list` and `hearthline kinds`")
        ids = [row.device_id for row in rows]
        said = select(d.name.label("device"), c.point, c.alias, c.scale, c.offset, c.unit, c.valid_from)
        mine = said.join_from(tables.correction, tables.device).where(c.device_id == func.any(ids))
        corrections = [dict(row) for row in on.execute(mine.order_by(d.name, c.valid_from)).mappings()]
    sources = [Source(row.device_id, row.name, "UTC" if utc else row.zone) for row in rows]
    return rows[0].kind, sources, corrections
