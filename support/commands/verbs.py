"""The verbs that speak for support, put on a command line. What they need they are given as ports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perception.catalogue import DeviceStatus
from perception.sensor_kind import SensorKind
from support.commands import accounts, adopting, correcting, fixing, foreign, ordering, recomputing, rights, signing
from support.commands import rejects as rejecting
from support.commands.listing import show, show_json
from support.home import Home

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from perception.catalogue import Catalogue
    from support.commands.doctor import Check

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DeviceName = Annotated[str, typer.Argument(help="Name of the device.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on; each is made when it is asked for. `addresses(secret)`: with passwords or without.

    `prepare` waits for its turn, then brings the tables up to date and returns a remark. `load` reads
    the cities of configs, or makes up one of so many stations. `checks` are doctor's.
    """

    home: Callable[[], Home]
    engine: Callable[[], "Engine"]
    kinds: Callable[[], Mapping[str, SensorKind]]
    addresses: Callable[[bool], Mapping[str, str]]
    actor: Callable[[], str]
    prepare: Callable[[], str]
    load: "Callable[[int | None, int], Catalogue]"
    checks: "Callable[[], Sequence[Check]]"


def register(app: typer.Typer, devices: typer.Typer, rejects: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    _about_the_run(app, ports)
    signing.register(app, ports.home, ports.addresses)
    accounts.register(app, ports.engine)
    rejecting.register(rejects, ports.engine, ports.actor)
    fixing.register(rejects, ports.engine, ports.kinds, ports.actor)
    correcting.register(devices, ports.engine, ports.kinds, ports.actor)
    recomputing.register(app, ports.engine, ports.kinds, ports.actor)
    ordering.register(app, ports.engine, ports.kinds, ports.actor)
    _about_devices(devices, ports)
    rights.register(app, devices, ports)
    foreign.register(app, ports.engine, ports.kinds, ports.actor)
    _about_kinds(app, ports)
    adopting.register(app, ports)
    _about_health(app, ports)


def _about_the_run(app: typer.Typer, ports: Ports) -> None:
    @app.command()
    def status(as_json: AsJson = False) -> None:
        """Show what runs: each process with its pid and health, and the addresses."""
        from support.commands import running
        from support.commands.doctor import server_name

        told = running.told_status(ports.home(), partial(server_name, ports.engine))
        if as_json:
            show_json(told)
            return
        processes, addresses = told["processes"], told["addresses"]
        assert isinstance(processes, list)
        assert isinstance(addresses, dict)
        show(processes, as_json=False, empty="nothing has run in this home yet: hearthline run")
        show(running.address_rows(addresses, str(told["engine"])), as_json=False, empty="")
        assert isinstance(told["problems"], list)
        for problem in told["problems"]:
            typer.echo(f"not well: {problem}")

    @app.command()
    def url(what: Annotated[str, typer.Argument(help="database, broker, console or portal")]) -> None:
        """Print one address, for other tools: psql "$(hearthline url database)"."""
        known = ports.addresses(True)
        if what not in known:
            raise typer.BadParameter(f"there are {', '.join(known)}")
        typer.echo(known[what])


def _about_health(app: typer.Typer, ports: Ports) -> None:
    @app.command()
    def doctor(as_json: AsJson = False) -> None:
        """Check every dependency and setting; each line that is not well says what to do."""
        from support.commands.doctor import examine

        told = examine(ports.checks())
        show(told, as_json)
        raise typer.Exit(0 if all(row["ok"] or row["optional"] for row in told) else 1)

    @app.command()
    def postgres() -> None:
        """Be the embedded PostgreSQL, in the foreground."""
        from support.postgres.server import prepare

        prepare(ports.home().root).execute()

    @app.command()
    def seed(
        stations: Annotated[int | None, typer.Option(min=3, help="Make up a city of so many stations.")] = None,
        number: Annotated[int, typer.Option("--seed", help="Which made-up city: the same number, the same city.")] = 1,
        if_empty: Annotated[bool, typer.Option("--if-empty", help="Only where there is no city yet.")] = False,
    ) -> None:
        """Bring the tables up to date and the catalogue in, from configs/cities; safe to repeat."""
        from support.commands import catalogue

        typer.echo(ports.prepare())
        load = partial(ports.load, stations, number)
        typer.echo(catalogue.seed(ports.engine(), load, ports.actor(), only_if_empty=if_empty))


def _about_devices(devices: typer.Typer, ports: Ports) -> None:
    @devices.command("list")
    def devices_list(
        status: Annotated[str | None, typer.Option(help="pending, active or retired")] = None, as_json: AsJson = False
    ) -> None:
        """Show every device."""
        from support.commands import catalogue

        show(catalogue.device_rows(ports.engine(), status), as_json, empty="no such device")

    @devices.command("add")
    def devices_add(
        name: DeviceName,
        kind: Annotated[str, typer.Option(help="Its sensor kind: see `hearthline kinds`.")],
        station: Annotated[str, typer.Option(help="The station where it stands.")],
        interval_s: Annotated[float | None, typer.Option(help="Seconds between readings, if not the kind's.")] = None,
        new_station: Annotated[bool, typer.Option("--new-station", help="Make the station as well.")] = False,
        city: Annotated[
            str | None, typer.Option(help="City of the new station; the only real one if left out.")
        ] = None,
        room: Annotated[str | None, typer.Option(help="The sampled room in which it stands, if it does.")] = None,
        credential: Annotated[
            bool | None,
            typer.Option(help="Issue a password for the broker; if left out, when other devices have one."),
        ] = None,
    ) -> None:
        """Add a device; it may report at once."""
        from support.commands import catalogue

        wish = {"name": name, "kind": kind, "station": station, "interval_s": interval_s, "room": room}
        typer.echo(
            catalogue.add(
                ports.engine(), ports.kinds(), wish, ports.actor(), city=city, new_station=new_station,
                credential=credential,
            )
        )  # fmt: skip

    @devices.command("approve")
    def devices_approve(
        name: DeviceName, station: Annotated[str | None, typer.Option(help="The station where it stands.")] = None
    ) -> None:
        """Let a pending or retired device report."""
        from support.commands import catalogue

        typer.echo(catalogue.change_status(ports.engine(), name, DeviceStatus.ACTIVE, ports.actor(), station))

    @devices.command("retire")
    def devices_retire(name: DeviceName) -> None:
        """Take in nothing more from a device; what it said stays."""
        from support.commands import catalogue

        typer.echo(catalogue.change_status(ports.engine(), name, DeviceStatus.RETIRED, ports.actor()))


def _about_kinds(app: typer.Typer, ports: Ports) -> None:
    @app.command()
    def kinds(
        kind: Annotated[str | None, typer.Argument(help="Show the points of this kind.")] = None,
        commands: Annotated[
            bool, typer.Option("--commands", help="Show what a device of the kind can be told.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Show the sensor kinds, or the points or commands of one."""
        from support.commands import catalogue

        known = ports.kinds()
        if kind is not None and kind not in known:
            raise typer.BadParameter(f"no kind is named {kind!r}: there are {', '.join(known)}")
        if commands and kind is not None:
            show(catalogue.command_rows(known[kind]), as_json)
            return
        show(catalogue.kind_rows(known) if kind is None else catalogue.point_rows(known[kind]), as_json)
