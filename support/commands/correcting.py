"""Verbs about corrections: what is done to a device's points at receipt, and mending what waits for that."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from perception.sensor_kind import SensorKind
from support.commands.listing import Rows, show

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from perception.corrections import Correction

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DeviceName = Annotated[str, typer.Argument(help="Name of the device.")]
Alias = Annotated[str | None, typer.Option(help="Another name under which the device sends the point.")]
Scale = Annotated[float | None, typer.Option(help="stored = sent * scale + offset")]
Offset = Annotated[float | None, typer.Option(help="stored = sent * scale + offset")]
Unit = Annotated[str | None, typer.Option(help="The unit in which the device sends: W, l/h, GJ/h, bar, K ...")]


def register(
    devices: typer.Typer,
    engine: "Callable[[], Engine]",
    kinds: Callable[[], Mapping[str, SensorKind]],
    actor: Callable[[], str],
) -> None:
    """Put the verbs on the command line."""

    @devices.command("correct")
    def devices_correct(
        name: DeviceName,
        point: Annotated[str | None, typer.Argument(help="The point of its kind; see hearthline kinds KIND.")] = None,
        alias: Alias = None,
        scale: Scale = None,
        offset: Offset = None,
        unit: Unit = None,
        valid_from: Annotated[str, typer.Option(help="From which event time on: now, always, 2h, or ISO.")] = "now",
        end: Annotated[bool, typer.Option("--end", help="Take the point as it is sent from then on.")] = False,
        remove: Annotated[int | None, typer.Option(help="Take the correction of this number back.")] = None,
    ) -> None:
        """Correct a point of a device at receipt: another name, a scale and offset, or a unit."""
        from support import correction_store as store
        from support.commands.moments import moment

        with engine().begin() as on:
            if remove is not None:
                store.remove(on, name, remove, actor())
                typer.echo(f"correction {remove} of {name} is removed")
                return
            if point is None:
                raise store.CorrectionError("say which point: hearthline devices correct DEVICE POINT")
            begins = moment(valid_from)
            if end:
                store.end(on, name, kinds(), point, begins, actor())
                typer.echo(f"{name}: {point} is taken as it is sent, from {begins.isoformat(timespec='seconds')} on")
                return
            wish = store.Wish(alias, scale, offset, unit)
            made = store.correct(on, name, kinds(), point, wish, begins, actor())
        typer.echo(f"{name}: {told(made)}, from {begins.isoformat(timespec='seconds')} on; ingest heeds it within 5 s")

    @devices.command("corrections")
    def devices_corrections(
        name: Annotated[str | None, typer.Argument(help="Only of this device.")] = None, as_json: AsJson = False
    ) -> None:
        """Show what is done to points at receipt, by device and point."""
        show(correction_rows(engine(), kinds(), name), as_json, empty="nothing is corrected")


def told(made: "Correction") -> str:
    """Return in words what is done to a point."""
    sent = made.point if made.alias is None else f"{made.alias} (or {made.point})"
    arithmetic = "" if made.scale == 1 else f" * {made.scale:.10g}"
    arithmetic += "" if made.offset == 0 else f" {'+' if made.offset > 0 else '-'} {abs(made.offset):.10g}"
    return f"{made.point} = {sent}{arithmetic}"


def correction_rows(engine: "Engine", kinds: Mapping[str, SensorKind], name: str | None) -> Rows:
    """Return corrections. Raises CorrectionError when the device is unknown."""
    from support import correction_store as store

    with engine.connect() as on:
        if name is not None:
            store.device_id_and_kind(on, name, kinds)
        found = store.corrections(on, name)
    return [
        {
            "correction_id": r.correction_id,
            "device": r.device,
            "point": r.point,
            "alias": r.alias,
            "scale": r.scale,
            "offset": r.offset,
            "unit": r.unit,
            "valid_from": r.valid_from.isoformat(timespec="seconds"),
            "actor": r.actor,
        }
        for r in found
    ]
