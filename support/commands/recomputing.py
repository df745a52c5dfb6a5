"""The verb `recompute`: the past of one device's point corrected in its stored rows."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from perception.sensor_kind import SensorKind
from support.commands.correcting import DeviceName, Offset, Scale, Unit

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.recompute import Change


def register(
    app: typer.Typer,
    engine: "Callable[[], Engine]",
    kinds: Callable[[], Mapping[str, SensorKind]],
    actor: Callable[[], str],
) -> None:
    """Put the verb on the command line."""

    @app.command()
    def recompute(
        device: DeviceName,
        point: Annotated[str, typer.Argument(help="The point whose past is corrected.")],
        from_at: Annotated[str, typer.Option("--from", help="From which event time on: always, 3d, or ISO.")],
        to_at: Annotated[str, typer.Option("--to", help="Before which event time: now, 2h, or ISO.")],
        scale: Scale = None,
        offset: Offset = None,
        unit: Unit = None,
        source: Annotated[
            str | None, typer.Option(help="The point under which it was stored, if not its own; that is emptied.")
        ] = None,
        again: Annotated[bool, typer.Option("--again", help="Though a part of the span was done before.")] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    ) -> None:
        """Correct stored rows of the past; journaled, and safe to interrupt: the same words go on with it."""
        from support import recompute as spine

        change = wished(engine(), kinds(), device, point, source, scale, offset, unit, (from_at, to_at))
        with engine().begin() as on:
            number = spine.begin(on, change, actor(), again=again)
            seen = spine.preview(on, number, change)
            typer.echo(f"{device}: {change}, {seen.rows} rows from {change.from_at} to {change.to_at}")
            if seen.ts is not None:
                typer.echo(f"the first, at {seen.ts}: {seen.before:.10g} becomes {seen.after:.10g}")
            if not yes:
                typer.confirm("change them?", abort=True)
        changed = sum(counted(spine.run(engine(), number, change, actor()), seen.rows))
        typer.echo(f"{changed} rows changed; tend recomputes their rollups; number {number} of the journal")


def wished(
    engine: "Engine",
    kinds: Mapping[str, SensorKind],
    device: str,
    point: str,
    source: str | None,
    scale: float | None,
    offset: float | None,
    unit: str | None,
    span: tuple[str, str],
) -> "Change":
    """Return what is meant. Raises CorrectionError, UnitError or MomentError."""
    from perception.units import conversion
    from support.commands.moments import moment
    from support.correction_store import CorrectionError, device_id_and_kind, point_of
    from support.recompute import Change

    with engine.connect() as on:
        device_id, kind = device_id_and_kind(on, device, kinds)
    wanted, stored = point_of(kind, point), point_of(kind, source or point)
    if unit is not None and (scale is not None or offset is not None):
        raise CorrectionError("say --unit, or --scale and --offset: a unit is a scale and an offset")
    if scale == 0:
        raise CorrectionError("a scale of 0 would make every value the same")
    if unit is not None:
        scale, offset = conversion(unit, wanted.unit)
    factors = (1.0 if scale is None else scale, offset or 0.0)
    return Change(device, device_id, kind, point, stored.name, *factors, moment(span[0]), moment(span[1]))


def counted(slices: Iterator[int], rows: int) -> Iterator[int]:
    """Yield what comes, with a bar on the terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("rows", total=rows)
        for changed in slices:
            progress.advance(bar, changed)
            yield changed
