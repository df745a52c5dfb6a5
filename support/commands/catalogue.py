"""Verbs about places and devices: seed, devices, kinds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, exists, func, select, text

from perception.catalogue import Branch, Building, Catalogue, Community, Device, DeviceStatus, District, Station
from perception.point import Title
from perception.sensor_kind import SensorKind
from support import credentials, tables
from support.catalogue_store import (
    CatalogueError,
    add_device,
    list_devices,
    load_catalogue,
    refuse_foreign,
    save_catalogue,
    set_status,
)
from support.commands.listing import Rows
from support.commands.rights import shown
from support.quarantine import ask_waiting


def seed(engine: Engine, load: Callable[[], Catalogue], actor: str, *, only_if_empty: bool = False) -> str:
    """Bring the database up to the catalogue that `load` returns, and say in a sentence what happened."""
    with engine.begin() as on:
        if only_if_empty and on.execute(select(exists().select_from(tables.city))).scalar():
            return "the catalogue is there already"
        catalogue = load()
        changed = save_catalogue(on, catalogue, actor)
    return (
        f"{len(catalogue.cities)} cities, {len(catalogue.stations)} stations, "
        f"{len(catalogue.devices)} devices: {changed or 'no'} rows were new or different"
    )


@dataclass(frozen=True, slots=True)
class Cast:
    """What `simulate` plays: the catalogue, the devices to be played; `is_new`: nothing was ever received.

    `newcomers` are those that were added within the hour and have said nothing yet.
    """

    catalogue: Catalogue
    devices: tuple[str, ...]
    is_new: bool
    newcomers: tuple[str, ...] = ()


def cast(engine: Engine, stations: int | None) -> Cast:
    """Return what there is to play, at all simulated stations or so many; CatalogueError when there are fewer."""
    with engine.connect() as on:
        catalogue = load_catalogue(on)
        chosen = [d for d in list_devices(on, DeviceStatus.ACTIVE) if d.simulated]
        is_new = not on.execute(select(exists().select_from(tables.ledger))).scalar()
        newcomers = () if is_new else _newcomers(on)
    places = sorted({d.station for d in chosen if d.station is not None})
    if stations is not None and stations > len(places):
        raise CatalogueError(
            f"there are {len(places)} simulated stations, not {stations}: hearthline seed --stations {stations}"
        )
    played = set(places[:stations])
    return Cast(catalogue, tuple(d.name for d in chosen if d.station in played), is_new, newcomers)


def _newcomers(on: Connection) -> tuple[str, ...]:
    device, hour = tables.device.c, tables.ledger.c
    said = exists().where(hour.device == device.name, hour.hour >= func.date_trunc("hour", device.created_at))
    recent = device.created_at > func.now() - text("interval '1 hour'")
    found = on.scalars(select(device.name).where(device.simulated, device.status == "active", recent, ~said))
    return tuple(sorted(found))


def device_rows(engine: Engine, status: str | None) -> Rows:
    """Return every device, or those of one status."""
    wanted = None if status is None else _status(status)
    with engine.connect() as on:
        found = list_devices(on, wanted)
    return [
        {
            "name": d.name,
            "kind": d.kind,
            "station": d.station,
            "status": str(d.status),
            "interval_s": d.interval_s,
            "online": d.online,
            "state_at": _moment(d.state_at),
            "birth_at": _moment(d.birth_at),
            "simulated": d.simulated,
            "device_id": d.device_id,
        }
        for d in found
    ]


def add(
    engine: Engine, kinds: Mapping[str, SensorKind], wish: Mapping[str, object], actor: str, *, city: str | None,
    new_station: bool, credential: bool | None = False,
) -> str:  # fmt: skip
    """Add a device, and its station where that is wished. `wish` has the fields of Device. Raises CatalogueError.

    `credential`: whether it gets a password for the broker; None: when other devices have one.
    What came under its name before is asked for again.
    """
    with engine.begin() as on:
        said = added(on, kinds, wish, actor, city=city, new_station=new_station)
        wanted = credentials.in_use(on) if credential is None else credential
        password = credentials.issue(on, str(wish["name"]), actor) if wanted else None
        asked = ask_waiting(on, str(wish["name"]), actor)
    told = said + _waited(asked)
    return told if password is None else f"{told}\n{shown(str(wish['name']), password)}"


def let_in(
    engine: Engine, kinds: Mapping[str, SensorKind], name: str, kind: str | None, station: str | None, actor: str, *,
    city: str | None, new_station: bool,
) -> tuple[str, list[int]]:  # fmt: skip
    """Approve a device that announced itself, or add one that did not; return what was done, and what is asked for.

    Raises CatalogueError.
    """
    with engine.begin() as on:
        known = on.execute(select(tables.device.c.kind).where(tables.device.c.name == name)).scalar()
        if known is not None:
            set_status(on, name, DeviceStatus.ACTIVE, actor, station)
            said = f"device {name} ({known}) is now {DeviceStatus.ACTIVE}"
        elif kind is None or station is None:
            refuse_foreign(on, name)
            raise CatalogueError(
                f"device {name} has not announced itself: say --kind ({'|'.join(kinds)}) and --station"
            )
        else:
            refuse_foreign(on, name)
            wish = {"name": name, "kind": kind, "station": station}
            said = added(on, kinds, wish, actor, city=city, new_station=new_station)
        return said, ask_waiting(on, name, actor)


def added(
    on: Connection, kinds: Mapping[str, SensorKind], wish: Mapping[str, object], actor: str, *, city: str | None,
    new_station: bool,
) -> str:  # fmt: skip
    """Add a device, and its station where that is wished, in an open transaction. Raises CatalogueError."""
    device = _device(wish)
    if device.kind not in kinds:
        raise CatalogueError(f"no kind is named {device.kind!r}: there are {', '.join(kinds)}")
    catalogue = load_catalogue(on)
    station = next((s for s in catalogue.stations if s.name == device.station), None)
    if station is None and not new_station:
        raise CatalogueError(_unknown_station(catalogue, device))
    if station is None:
        places = _place_for(catalogue, device.station, city)
        catalogue.merged(places)  # checks the whole before a part of it is written
        save_catalogue(on, places, actor)
    device_id = add_device(on, device, actor)
    made = f" at the new station {device.station}" if station is None else f" at {device.station}"
    return f"device {device.name} ({device.kind}, id {device_id}) is active{made}; it may report at once"


def _waited(asked: Sequence[int]) -> str:
    """Return what is said of rejects that waited for this."""
    return f"; {len(asked)} rejects that waited for it are replayed now" if asked else ""


def require_active(engine: Engine, name: str) -> None:
    """Raise CatalogueError, saying what to do, unless a device of this name may report."""
    with engine.connect() as on:
        found = next((d for d in list_devices(on) if d.name == name), None)
    if found is None:
        raise CatalogueError(
            f"no device is named {name}. Add it first: "
            f"hearthline devices add {name} --kind heat_substation --station {name} --new-station"
        )
    if found.status is not DeviceStatus.ACTIVE:
        raise CatalogueError(f"device {name} is {found.status}: hearthline devices approve {name}")


def change_status(engine: Engine, name: str, status: DeviceStatus, actor: str, station: str | None = None) -> str:
    """Approve or retire a device; what waited for its approval is asked for again. Raises CatalogueError."""
    with engine.begin() as on:
        set_status(on, name, status, actor, station)
        asked = ask_waiting(on, name, actor) if status is DeviceStatus.ACTIVE else []
        withdrawn = status is DeviceStatus.RETIRED and credentials.withdraw(on, name, actor)
    locked = "; its password is withdrawn: hearthline rights write, then reload the broker" if withdrawn else ""
    return f"device {name} is now {status}; ingest heeds it within 5 s{locked}{_waited(asked)}"


def kind_rows(kinds: Mapping[str, SensorKind]) -> Rows:
    """Return every kind with its cadence and the number of its points."""
    return [
        {
            "name": k.name,
            "title": k.title.en,
            "title_zh": k.title.zh,
            "version": k.version,
            "interval_s": k.interval_s,
            "points": len(k.points),
        }
        for k in kinds.values()
    ]


def point_rows(kind: SensorKind) -> Rows:
    """Return the points of a kind in bit order."""
    return [
        {
            "bit": bit,
            "name": p.name,
            "unit": p.unit,
            "low": p.low,
            "high": p.high,
            "title": p.title.en,
            "title_zh": p.title.zh,
        }
        for bit, p in enumerate(kind.points)
    ]


def command_rows(kind: SensorKind) -> Rows:
    """Return what a device of a kind can be told, a row per argument."""
    return [
        {
            "command": c.name,
            "argument": p.name if p else None,
            "unit": p.unit if p and p.is_number else None,
            "low": p.low if p else None,
            "high": p.high if p else None,
            "step": p.step if p else None,
            "words": " ".join(choice.name for choice in p.choices) if p else None,
            "automatic": c.releases,
            "simulated_only": c.simulated,
            "title": (p.title if p else c.title).en,
            "title_zh": (p.title if p else c.title).zh,
        }
        for c in kind.command_words.values()
        for p in c.parameters or (None,)
    ]


def _device(wish: Mapping[str, object]) -> Device:
    try:
        return Device.model_validate(wish)
    except ValidationError as err:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors(include_url=False))
        raise CatalogueError(f"this device cannot be added: {said}") from err


def _status(word: str) -> DeviceStatus:
    try:
        return DeviceStatus(word)
    except ValueError as err:
        raise CatalogueError(f"no status is called {word!r}: there are {', '.join(DeviceStatus)}") from err


def _unknown_station(catalogue: Catalogue, device: Device) -> str:
    near = get_close_matches(device.station, [s.name for s in catalogue.stations], n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"no station is named {device.station}.{meant} To make it together with the device: hearthline devices add "
        f"{device.name} --kind {device.kind} --station {device.station} --new-station --city <city>"
        f" (cities: {', '.join(c.name for c in catalogue.cities) or 'none yet: hearthline seed'})"
    )


def _place_for(catalogue: Catalogue, name: str, city: str | None) -> Catalogue:
    """Return a station of unknown facts, with one community and building, in the first district of its city."""
    chosen = _city(catalogue, city)
    district = next((d for d in catalogue.districts if d.city == chosen), None)
    sources = {s.name for s in catalogue.sources if s.city == chosen}
    branch = next((b for b in catalogue.branches if b.source in sources), None)
    if district is None or branch is None:
        raise CatalogueError(f"the city {chosen} has no district or no branch yet: seed them from a file in configs/")
    return _new_station(name, district, branch)


def _new_station(name: str, district: District, branch: Branch) -> Catalogue:
    title = Title(zh=name, en=name)
    try:
        return Catalogue.model_construct(
            stations=(Station(name=name, district=district.name, branch=branch.name, title=title),),
            communities=(Community(name=f"{name}-homes", station=name, title=title),),
            buildings=(Building(name=f"{name}-building", community=f"{name}-homes", title=title),),
        )
    except ValidationError as err:
        raise CatalogueError(f"{name!r} cannot name a station: 3 to 54 of a-z, 0-9 and -") from err


def _city(catalogue: Catalogue, wished: str | None) -> str:
    names = [c.name for c in catalogue.cities]
    if wished is not None and wished not in names:
        raise CatalogueError(f"no city is named {wished!r}: there are {', '.join(names) or 'none yet'}")
    real = [c.name for c in catalogue.cities if not c.simulated]
    if wished is None and len(real) != 1:
        raise CatalogueError(f"say in which city the new station stands: --city {'|'.join(names) or '<city>'}")
    return wished or real[0]


def _moment(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds")
