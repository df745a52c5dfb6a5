"""Catalogue store: places and devices in the database. Works on a Connection; who calls it commits.

Every write carries an actor and leaves its entry in the audit, in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from perception.catalogue import (
    Branch,
    Building,
    Catalogue,
    City,
    Community,
    Device,
    DeviceStatus,
    District,
    HeatSource,
    Room,
    Station,
)
from support import tables

_NAMES_AUDITED = 100
"""Of each table, that one seed changed: a generated city has thousands, and its seed tells the rest."""

Values = dict[str, Any]
Place = TypeVar("Place", City, District, HeatSource, Branch, Station, Community, Building)
Untitled = TypeVar("Untitled", Room, Device)


class CatalogueError(Exception):
    """What was asked contradicts the catalogue; the text says what is there and what to try."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device as the database knows it. Times are epoch microseconds; `station` is None while it is pending."""

    device_id: int
    name: str
    kind: str
    station: str | None
    status: DeviceStatus
    interval_s: float | None
    simulated: bool
    online: bool | None
    state_at: int | None
    birth_at: int | None


def save_catalogue(conn: Connection, catalogue: Catalogue, actor: str, *, simulated: bool | None = None) -> int:
    """Bring the database up to a catalogue and return how many rows were added or changed; safe to repeat.

    Nothing is removed, and no device that was retired comes back. `simulated` None: devices are
    simulated where their city is.
    """
    changes: dict[str, list[str]] = {}
    for table, rows in _place_rows(catalogue):
        changes[table.name] = _upsert(conn, table, rows)
    changes["device"] = _upsert_devices(conn, catalogue, simulated)
    changed = {name: names for name, names in changes.items() if names}
    if changed:
        counts = {name: len(names) for name, names in changed.items()}
        first = {name: names[:_NAMES_AUDITED] for name, names in changed.items()}
        _audit(conn, actor, "seed", "catalogue", {"counts": counts, "names": first})
    return sum(map(len, changed.values()))


def load_catalogue(conn: Connection) -> Catalogue:
    """Return every place and every placed device. Raises ValidationError when the tables contradict themselves."""
    t = tables
    return Catalogue(
        cities=tuple(_place(City, r, season=_season(r)) for r in _all(conn, t.city)),
        districts=tuple(_place(District, r) for r in _all(conn, t.district)),
        sources=tuple(_place(HeatSource, r) for r in _all(conn, t.heat_source)),
        branches=tuple(_place(Branch, r, source=r.heat_source) for r in _all(conn, t.branch)),
        stations=tuple(_place(Station, r) for r in _all(conn, t.station)),
        communities=tuple(_place(Community, r) for r in _all(conn, t.community)),
        buildings=tuple(_place(Building, r) for r in _all(conn, t.building)),
        rooms=tuple(_untitled(Room, r) for r in _all(conn, t.room)),
        devices=tuple(_untitled(Device, r) for r in _all(conn, t.device) if r.station is not None),
    )


def add_device(conn: Connection, device: Device, actor: str, *, simulated: bool = False) -> int:
    """Add a device and return its device_id.

    Raises CatalogueError when the name is taken, the station unknown, or the room none of those that it heats.
    """
    _known_station(conn, device.station)
    if device.room is not None:
        _heated_room(conn, device.room, device.station)
    row = {**_device_values(device), "simulated": simulated}
    added = conn.execute(
        insert(tables.device).values(row).on_conflict_do_nothing().returning(tables.device.c.device_id)
    ).scalar()
    if added is None:
        raise CatalogueError(f"device {device.name} is already there: see `hearthline devices list`")
    _audit(conn, actor, "device added", f"device:{device.name}", {"kind": device.kind, "station": device.station})
    return int(added)


def set_status(conn: Connection, name: str, status: DeviceStatus, actor: str, station: str | None = None) -> None:
    """Change a device's status, and its station where one is given. Raises CatalogueError.

    A device becomes active only at a station. One that moves to another station leaves its room.
    """
    row = conn.execute(select(tables.device).where(tables.device.c.name == name).with_for_update()).one_or_none()
    if row is None:
        refuse_foreign(conn, name)
        raise CatalogueError(f"no device is named {name}: see `hearthline devices list`")
    if station is not None:
        _known_station(conn, station)
    if status is DeviceStatus.ACTIVE and (station or row.station) is None:
        raise CatalogueError(f"device {name} has no station yet: say at which one it stands")
    conn.execute(
        update(tables.device)
        .where(tables.device.c.name == name)
        .values(
            status=status.value,
            station=station or row.station,
            room=row.room if station in (None, row.station) else None,
            changed_at=func.now(),
        )
    )
    detail: Values = {"from": row.status, "to": status.value, "station": station or row.station}
    _audit(conn, actor, f"device {status.value}", f"device:{name}", detail)


def refuse_foreign(conn: Connection, name: str) -> None:
    """Raise CatalogueError, saying what to do, when a foreign device of this name waits for approval."""
    f = tables.foreign_device
    if conn.execute(select(f.c.address).where(f.c.name == name).limit(1)).one_or_none() is not None:
        raise CatalogueError(
            f"{name} is a foreign device: hearthline foreign show {name}, then "
            f"hearthline foreign approve {name} --kind K --station S --map VALUE=POINT"
        )


def list_devices(conn: Connection, status: DeviceStatus | None = None) -> list[DeviceRecord]:
    """Return devices by name, all or those of one status."""
    query = select(tables.device).order_by(tables.device.c.name)
    if status is not None:
        query = query.where(tables.device.c.status == status.value)
    return [_record(row) for row in conn.execute(query)]


def _place_rows(catalogue: Catalogue) -> list[tuple[Table, list[Values]]]:
    t = tables
    return [
        (t.city, [_city_values(c) for c in catalogue.cities]),
        (t.district, [_values(d) for d in catalogue.districts]),
        (t.heat_source, [_values(s) for s in catalogue.sources]),
        (t.branch, [{**_titled(b), "heat_source": b.source} for b in catalogue.branches]),
        (t.station, [_values(s) for s in catalogue.stations]),
        (t.community, [_values(c) for c in catalogue.communities]),
        (t.building, [_values(b) for b in catalogue.buildings]),
        (t.room, [r.model_dump(mode="json") for r in catalogue.rooms]),
    ]


def _titled(row: City | District | HeatSource | Branch | Station | Community | Building) -> Values:
    return {"name": row.name, "title_zh": row.title.zh, "title_en": row.title.en}


def _values(row: District | HeatSource | Station | Community | Building) -> Values:
    return {**_titled(row), **row.model_dump(mode="json", exclude={"name", "title"})}


def _city_values(city: City) -> Values:
    season = {"season_zh": city.season and city.season.zh, "season_en": city.season and city.season.en}
    rest = city.model_dump(include={"timezone", "simulated", "attribution"})
    return {**_titled(city), **season, **rest}


def _device_values(device: Device) -> Values:
    return device.model_dump(mode="json")


def _upsert(conn: Connection, table: Table, rows: Sequence[Values]) -> list[str]:
    """Insert or update by name; return the names of the rows that were added or that changed."""
    if not rows:
        return []
    statement = insert(table)
    new = statement.excluded
    facts = [c.name for c in table.columns if c.name != "name" and c.name in rows[0]]
    differs = tuple_(*(table.c[f] for f in facts)).is_distinct_from(tuple_(*(new[f] for f in facts)))
    upsert = statement.on_conflict_do_update(
        index_elements=["name"], set_={f: new[f] for f in facts}, where=differs
    ).returning(table.c.name)
    return list(conn.execute(upsert, rows).scalars())


def _upsert_devices(conn: Connection, catalogue: Catalogue, simulated: bool | None) -> list[str]:  # noqa: FBT001 - a fact handed on
    """Like _upsert; a status changes only from pending, and device_ids stay what they are."""
    if not catalogue.devices:
        return []
    cities = _city_by_station(catalogue)
    pretend = {c.name for c in catalogue.cities if c.simulated}
    rows = [
        {**_device_values(d), "simulated": cities[d.station] in pretend if simulated is None else simulated}
        for d in catalogue.devices
    ]
    table, statement = tables.device, insert(tables.device)
    new = statement.excluded
    facts: dict[str, ColumnElement[Any]] = {f: new[f] for f in ("kind", "station", "room", "interval_s", "simulated")}
    facts["status"] = func.coalesce(func.nullif(table.c.status, DeviceStatus.PENDING.value), new.status)
    differs = tuple_(*(table.c[f] for f in facts)).is_distinct_from(tuple_(*facts.values()))
    upsert = statement.on_conflict_do_update(
        index_elements=["name"], set_={**facts, "changed_at": func.now()}, where=differs
    ).returning(table.c.name)
    return list(conn.execute(upsert, rows).scalars())


def _city_by_station(catalogue: Catalogue) -> Mapping[str, str]:
    city_of = {d.name: d.city for d in catalogue.districts}
    return {s.name: city_of[s.district] for s in catalogue.stations}


def _audit(conn: Connection, actor: str, action: str, subject: str, detail: Mapping[str, object]) -> None:
    conn.execute(insert(tables.audit).values(actor=actor, action=action, subject=subject, detail=dict(detail)))


def _known_station(conn: Connection, name: str) -> None:
    if conn.execute(select(tables.station.c.name).where(tables.station.c.name == name)).one_or_none() is None:
        raise CatalogueError(f"no station is named {name}: seed it first, or choose one of the catalogue's")


def _heated_room(conn: Connection, name: str, station: str) -> None:
    t = tables
    placed = select(t.community.c.station).join_from(t.room, t.building).join(t.community).where(t.room.c.name == name)
    heated_by = conn.execute(placed).scalar()
    if heated_by is None:
        raise CatalogueError(f"no room is named {name}: rooms come in by the city files, see configs/cities")
    if heated_by != station:
        raise CatalogueError(f"room {name} is heated by {heated_by}, not by {station}")


def _all(conn: Connection, table: Table) -> Sequence[Row[Any]]:
    return conn.execute(select(table).order_by(table.c.name)).all()


def _place(model: type[Place], row: Row[Any], **others: object) -> Place:
    """Read a place from its row: the fields that have a column of their name, the title, and what is handed in."""
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public door, spelled so as not to clash with columns
    facts = {field: columns[field] for field in model.model_fields if field in columns}
    return model.model_validate({**facts, "title": {"zh": row.title_zh, "en": row.title_en}, **others})


def _season(row: Row[Any]) -> dict[str, str] | None:
    return None if row.season_zh is None else {"zh": row.season_zh, "en": row.season_en}


def _untitled(model: type[Untitled], row: Row[Any]) -> Untitled:
    columns = row._mapping  # noqa: SLF001 - as above
    return model.model_validate({field: columns[field] for field in model.model_fields})


def _record(row: Row[Any]) -> DeviceRecord:
    return DeviceRecord(
        device_id=row.device_id,
        name=row.name,
        kind=row.kind,
        station=row.station,
        status=DeviceStatus(row.status),
        interval_s=row.interval_s,
        simulated=row.simulated,
        online=row.online,
        state_at=_epoch_us(row.state_at),
        birth_at=_epoch_us(row.birth_at),
    )


def _epoch_us(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1_000_000)
