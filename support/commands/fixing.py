"""The verb `rejects fix`: the remedy of a group of rejects, and then their replay, in one transaction."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from perception.readings import Reason
from perception.sensor_kind import SensorKind
from support.commands.correcting import DeviceName, Offset, Scale, Unit, told
from support.commands.rejects import Wait

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.correction_store import Wish


def register(
    rejects: typer.Typer,
    engine: "Callable[[], Engine]",
    kinds: Callable[[], Mapping[str, SensorKind]],
    actor: Callable[[], str],
) -> None:
    """Put the verb on the command line."""

    @rejects.command("fix")
    def rejects_fix(
        device: DeviceName,
        sent: Annotated[str | None, typer.Option("--point", help="A name that it sends and that was refused.")] = None,
        point: Annotated[str | None, typer.Option("--as", help="The point that is meant by it.")] = None,
        scale: Scale = None,
        offset: Offset = None,
        unit: Unit = None,
        valid_from: Annotated[str, typer.Option(help="From which event time on: always, 3d, or ISO.")] = "always",
        station: Annotated[str | None, typer.Option(help="Add or approve the device at this station.")] = None,
        kind: Annotated[str | None, typer.Option(help="Kind of a device that is to be added.")] = None,
        new_station: Annotated[bool, typer.Option("--new-station", help="Make the station as well.")] = False,
        city: Annotated[str | None, typer.Option(help="City of the new station.")] = None,
        wait_s: Wait = 30,
    ) -> None:
        """Mend what a device's rejects wait for, then replay them: let it in, or say what a name of its means."""
        from support.commands import catalogue
        from support.commands.rejects import report
        from support.correction_store import Wish
        from support.quarantine import QuarantineError

        if point is not None:
            wish = Wish(sent, scale, offset, unit)
            said, asked = mend_point(engine(), kinds(), device, point, wish, valid_from, actor())
        elif sent is None and (station is not None or kind is not None):
            said, asked = catalogue.let_in(
                engine(), kinds(), device, kind, station, actor(), city=city, new_station=new_station
            )
        else:
            raise QuarantineError(
                "say what is to be mended: --point NAME --as POINT [--unit U] for a name it sends, "
                "or --station S [--kind K] to let it in; hearthline rejects list shows which"
            )
        typer.echo(said)
        report(engine(), asked, wait_s)


def mend_point(
    engine: "Engine",
    kinds: Mapping[str, SensorKind],
    device: str,
    point: str,
    wish: "Wish",
    valid_from: str,
    actor: str,
) -> tuple[str, list[int]]:
    """Correct a point and ask for the replay of the device's bad points; return what was done, and their ids."""
    from support import correction_store, quarantine
    from support.commands.moments import moment

    meant = quarantine.Choice(reasons=(Reason.BAD_POINT,), device=device, point=wish.alias)
    with engine.begin() as on:
        made = correction_store.correct(on, device, kinds, point, wish, moment(valid_from), actor)
        asked = quarantine.ask(on, meant, actor)
    return f"{device}: {told(made)}", asked
