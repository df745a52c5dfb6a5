"""Verbs about foreign devices: what speaks Sparkplug or was announced by discovery, and letting it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from support.commands.listing import Rows, show, show_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Engine

    from perception.sensor_kind import SensorKind
    from support.foreign_store import ForeignRecord

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="Its name or address: see `hearthline foreign list`.")]
NOTHING = "no foreign device has announced itself: see broker.sparkplug and broker.discovery in docs/operations.md"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a foreign device stands and what it is: as `devices add` asks it. `rename`: what to call our device."""

    station: str | None = None
    kind: str | None = None
    rename: str | None = None
    interval_s: float | None = None
    city: str | None = None
    new_station: bool = False


def register(
    app: typer.Typer,
    engine: Callable[[], Engine],
    kinds: Callable[[], Mapping[str, SensorKind]],
    actor: Callable[[], str],
) -> None:
    """Put the verbs on the command line."""
    group = typer.Typer(help="Devices that speak Sparkplug B or Home Assistant discovery.", no_args_is_help=True)
    app.add_typer(group, name="foreign")

    @group.command("list")
    def foreign_list(as_json: AsJson = False) -> None:
        """Show every foreign device: who waits for approval, and who is taken as which device."""
        show(device_rows(engine()), as_json, empty=NOTHING)

    @group.command("show")
    def foreign_show(name: Name, as_json: AsJson = False) -> None:
        """Show what a foreign device offers, value by value, and what is taken of it."""
        told = value_rows(engine(), name)
        if as_json:
            show_json(told)
        else:
            show(told, as_json=False, empty="it has told nothing of what it measures yet")

    @group.command("approve")
    def foreign_approve(
        name: Name,
        station: Annotated[str | None, typer.Option(help="The station where it stands.")] = None,
        kind: Annotated[str | None, typer.Option(help="Its sensor kind; guessed if left out.")] = None,
        wishes: Annotated[
            list[str] | None, typer.Option("--map", help="VALUE=POINT[*SCALE][+OFFSET][@UNIT]; guessed if left out.")
        ] = None,
        rename: Annotated[str | None, typer.Option("--name", help="What to call our device.")] = None,
        interval_s: Annotated[float | None, typer.Option(help="Seconds between readings, if not the kind's.")] = None,
        new_station: Annotated[bool, typer.Option("--new-station", help="Make the station as well.")] = False,
        city: Annotated[str | None, typer.Option(help="City of the new station.")] = None,
    ) -> None:
        """Let a foreign device in: of which kind it is, where it stands, which value is which point."""
        place = Place(station, kind, rename, interval_s, city, new_station=new_station)
        typer.echo(let_in(engine(), kinds(), name, wishes or (), actor(), place))

    @group.command("forget")
    def foreign_forget(name: Name) -> None:
        """Forget a foreign device, and what is taken of it. Our device and its readings stay."""
        from support import foreign_store as store

        with engine().begin() as on:
            record = store.found(on, name)
            store.forget(on, record, actor())
        typer.echo(f"{record.address} is forgotten; it waits for approval again when it announces itself anew")


def device_rows(engine: Engine) -> Rows:
    """Return every foreign device."""
    from support import foreign_store as store

    with engine.connect() as on:
        return [
            {
                "name": one.name,
                "status": "waits" if one.device is None else "approved",
                "grammar": one.grammar,
                "address": one.address,
                "values": len(one.offered),
                "taken": len(one.taken),
                "online": one.online,
                "seen_at": one.seen_at.isoformat(timespec="seconds"),
            }
            for one in store.listed(on)
        ]


def value_rows(engine: Engine, name: str) -> Rows:
    """Return what one offers. Raises CatalogueError."""
    from support import foreign_store as store

    with engine.connect() as on:
        record = store.found(on, name)
    taken = {one.value: one for one in record.taken}
    return [
        {
            "value": one.value,
            "title": one.title,
            "unit": one.unit,
            "example": one.example,
            "taken_as": _taken_as(taken.get(one.value)),
            "remark": one.refused or _changed(one.source, taken.get(one.value)),
        }
        for one in record.offered
    ]


def let_in(
    engine: Engine, kinds: Mapping[str, SensorKind], name: str, wishes: Sequence[str], actor: str, place: Place
) -> str:
    """Approve a foreign device, or change what is taken of one; return what was done. Raises CatalogueError.

    Device, station, what is taken, and the asking for what waited are one transaction.
    """
    from support import foreign_store as store
    from support.catalogue_store import CatalogueError
    from support.commands.catalogue import added
    from support.quarantine import ask_waiting

    with engine.begin() as on:
        record = store.found(on, name)
        own = _own_kind(on, record) or place.kind or store.guessed_kind(record, kinds)
        if own not in kinds:
            raise CatalogueError(f"no kind is named {own!r}: there are {', '.join(kinds)}")
        if place.kind not in {None, own}:
            raise CatalogueError(f"device {record.device} is a {own}, and stays one: add another for another kind")
        taken = store.wished(record, kinds[own], wishes)
        device, said = record.device, f"device {record.device} ({own}) is taken anew"
        if device is None:
            device = place.rename or record.name
            if place.station is None:
                raise CatalogueError(f"say where {device} stands: --station, perhaps with --new-station")
            wish = {"name": device, "kind": own, "station": place.station, "interval_s": place.interval_s}
            said = added(on, kinds, wish, actor, city=place.city, new_station=place.new_station)
        store.approve(on, record, device, taken, actor)
        asked = {*ask_waiting(on, record.name, actor), *ask_waiting(on, device, actor)}
    points = ", ".join(f"{one.value} = {_taken_as(one)}" for one in taken)
    waited = f"; {len(asked)} rejects that waited for it are replayed now" if asked else ""
    return f"{said}: {points}{waited}"


def _own_kind(on: object, record: ForeignRecord) -> str | None:
    from sqlalchemy import Connection, select

    from support import tables

    assert isinstance(on, Connection)
    if record.device is None:
        return None
    return on.execute(select(tables.device.c.kind).where(tables.device.c.name == record.device)).scalar()


def _taken_as(taken: object) -> str:
    from perception.foreigner import Taken

    if not isinstance(taken, Taken):
        return ""
    scale = "" if taken.scale == 1 else f"*{taken.scale:g}"
    offset = "" if taken.offset == 0 else f"{taken.offset:+g}"
    return f"{taken.point}{scale}{offset}{'' if taken.unit is None else f'@{taken.unit}'}"


def _changed(source: Mapping[str, object], taken: object) -> str:
    """Return a remark when an announcement has changed since it was approved: what was approved goes on."""
    from perception.foreigner import Taken

    if not isinstance(taken, Taken) or dict(taken.source) == dict(source):
        return ""
    return f"announced otherwise since: {source.get('topic')}; approve it again to follow"
