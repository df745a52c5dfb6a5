"""The verb by which sensor kinds that are new or changed come into use: adopt."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Connection, Engine, select

from perception.catalogue import Device, DeviceStatus
from perception.kinds import load_kinds
from perception.sensor_kind import SensorKind
from support import tables
from support.catalogue_store import add_device
from support.kind_watch import IN_USE

if TYPE_CHECKING:
    from support.commands.verbs import Ports

_LONGEST_NAME = 63
_SOME = 5


class AdoptionError(Exception):
    """Kinds are gone, or have lost points, that are in use; the text says which and what to do."""


def register(app: typer.Typer, ports: "Ports") -> None:
    """Put the verb on the command line."""

    @app.command()
    def adopt(
        only_new: Annotated[
            bool, typer.Option("--only-new", help="Pass over kinds that have gone earlier while they had devices.")
        ] = False,
    ) -> None:
        """Take in sensor kinds that are new or changed: check them, make their tables, a simulated device of each."""
        url = ports.addresses(True)["database"]
        for line in adopted(ports.engine(), url, load_kinds(), ports.actor(), only_new=only_new):
            typer.echo(line)
        typer.echo(IN_USE)


def adopted(
    engine: Engine, url: str, kinds: Mapping[str, SensorKind], actor: str, *, only_new: bool = False
) -> list[str]:
    """Bring tables and devices up to these kinds and return what was done, a line each; safe to repeat.

    A kind that is new to the database gets one active simulated device, at the first station of the first simulated
    city, unless it has devices already. `only_new`: kinds that went before this, devices and all, are no matter now.
    Raises AdoptionError and SchemaError before anything is changed.
    """
    from support.postgres.schema import migrate

    with engine.connect() as on:
        before = _points(on)
        _refuse_losses(on, {k: p for k, p in before.items() if k in kinds or not only_new}, kinds)
    migrate(url, kinds)
    with engine.begin() as on:
        return [line for kind in kinds.values() for line in _told(on, kind, before.get(kind.name), actor)]


def _points(on: Connection) -> dict[str, list[str]]:
    """Return the points of each kind that the database knows, in bit order."""
    found: dict[str, list[str]] = {}
    for row in on.execute(select(tables.point).order_by(tables.point.c.kind, tables.point.c.bit)):
        found.setdefault(row.kind, []).append(row.name)
    return found


def _refuse_losses(on: Connection, before: Mapping[str, list[str]], kinds: Mapping[str, SensorKind]) -> None:
    problems = []
    for name, points in before.items():
        lost = [p for p in points if name in kinds and p not in kinds[name].bits]
        if lost:
            problems.append(
                f"kind {name} has lost {', '.join(lost)}: points are for ever, put them back in their places"
            )
        elif name not in kinds and (devices := _devices(on, name)):
            some = ", ".join(devices[:_SOME]) + (f" and {len(devices) - _SOME} more" if len(devices) > _SOME else "")
            problems.append(
                f"kind {name} is gone, and its devices {some} are not: put its file back, "
                "or `hearthline devices retire` them first"
            )
    if problems:
        raise AdoptionError("\n".join(problems))


def _devices(on: Connection, kind: str, *, retired: bool = False) -> list[str]:
    device = tables.device.c
    query = select(device.name).where(device.kind == kind).order_by(device.name)
    return list(on.scalars(query if retired else query.where(device.status != DeviceStatus.RETIRED.value)))


def _told(on: Connection, kind: SensorKind, before: list[str] | None, actor: str) -> list[str]:
    if before is None:
        return [f"kind {kind.name} is new: its tables are made", *_given_a_device(on, kind, actor)]
    added = [p for p in kind.names if p not in before]
    return [f"kind {kind.name} has new points: {', '.join(added)}"] if added else []


def _given_a_device(on: Connection, kind: SensorKind, actor: str) -> list[str]:
    station = _first_station(on)
    if kind.derived or station is None or _devices(on, kind.name, retired=True):
        return []
    name = _free_name(on, f"{station}-{kind.name.replace('_', '-')}")
    add_device(on, Device(name=name, kind=kind.name, station=station), actor, simulated=True)
    return [f"device {name} of kind {kind.name} is simulated at {station}"]


def _first_station(on: Connection) -> str | None:
    """Return the first station by name of the first simulated city that has one."""
    station, district, city = tables.station.c, tables.district.c, tables.city.c
    query = (
        select(station.name)
        .join_from(tables.station, tables.district, station.district == district.name)
        .join(tables.city, district.city == city.name)
        .where(city.simulated)
        .order_by(city.name, station.name)
        .limit(1)
    )
    return on.scalar(query)


def _free_name(on: Connection, wished: str) -> str:
    """Return the name, cut to what a name may be; with a number behind it where it is taken."""
    taken = set(on.scalars(select(tables.device.c.name)))
    name, number = wished[:_LONGEST_NAME].rstrip("-"), 1
    while name in taken:
        number += 1
        name = f"{wished[: _LONGEST_NAME - 4].rstrip('-')}-{number}"
    return name
