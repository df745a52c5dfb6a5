"""Foreign store: devices of other grammars in the database: what they said, and what somebody takes of them.

Works on a Connection; who calls it commits. Every write carries an actor and leaves its entry in the audit.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from network.foreign import Kept
from perception import units
from perception.foreigner import Grammar, Taken
from perception.sensor_kind import SensorKind
from perception.units import UnitError
from support import tables
from support.catalogue_store import CatalogueError

_WISH = re.compile(
    r"(?P<value>.+)=(?P<point>[a-z][a-z0-9_]*)(?:\*(?P<scale>[-+0-9.eE]+))?(?P<offset>[-+][0-9.]+)?(?:@(?P<unit>\S+))?"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """One value that a foreign device offers. `refused`: why it cannot be taken, "" when it can."""

    value: str
    title: str
    unit: str | None
    example: object
    refused: str
    source: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A foreign device as the database knows it. `device`: ours, once it is approved, with what is taken of it."""

    grammar: str
    address: str
    name: str
    seen_at: datetime
    online: bool | None
    offered: tuple[Offered, ...]
    device: str | None
    taken: tuple[Taken, ...]


def kept(conn: Connection) -> list[Kept]:
    """Return what was born before, for a host that begins."""
    f = tables.foreign_device
    rows = conn.execute(select(f.c.grammar, f.c.address, f.c.name, f.c.born).where(f.c.born.is_not(None)))
    return [(row.grammar, row.address, row.name, row.born) for row in rows]


def listed(conn: Connection) -> list[ForeignRecord]:
    """Return every foreign device, those that wait first, by name."""
    f, a, d = tables.foreign_device, tables.foreign_approval, tables.device
    joined = f.outerjoin(a, (a.c.grammar == f.c.grammar) & (a.c.address == f.c.address)).outerjoin(
        d, d.c.device_id == a.c.device_id
    )
    query = select(f, a.c.taken, d.c.name.label("device")).select_from(joined)
    return [_record(row) for row in conn.execute(query.order_by(a.c.device_id.is_not(None), f.c.name, f.c.address))]


def found(conn: Connection, word: str) -> ForeignRecord:
    """Return the one of this name, address, or name of its device. Raises CatalogueError."""
    every = listed(conn)
    chosen = [one for one in every if word in {one.device, one.address}] or [one for one in every if one.name == word]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise CatalogueError(f"{word} is the name of {len(chosen)} foreign devices: say which by its address")
    near = get_close_matches(word, [one.name for one in every], n=2)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    raise CatalogueError(f"no foreign device is called {word}{meant}: see `hearthline foreign list`")


def approve(conn: Connection, record: ForeignRecord, device: str, taken: Sequence[Taken], actor: str) -> None:
    """Take these values of a foreign device as readings of a device of ours, in place of any it had. Audited."""
    device_id = conn.execute(select(tables.device.c.device_id).where(tables.device.c.name == device)).scalar_one()
    values = {"device_id": device_id, "taken": [asdict(one) for one in taken], "actor": actor}
    statement = insert(tables.foreign_approval).values(grammar=record.grammar, address=record.address, **values)
    renewed = {**values, "approved_at": func.now()}
    conn.execute(statement.on_conflict_do_update(index_elements=["grammar", "address"], set_=renewed))
    detail = {"address": record.address, "taken": {one.value: one.point for one in taken}}
    _audit(conn, actor, "foreign device approved", device, detail)
    told = {"online": record.online, "state_at": record.seen_at}
    if record.online is not None:
        conn.execute(update(tables.device).where(tables.device.c.device_id == device_id).values(told))


def forget(conn: Connection, record: ForeignRecord, actor: str) -> None:
    """Forget a foreign device, and that it was approved. Its readings and its device stay. Audited."""
    for table in (tables.foreign_approval, tables.foreign_device):
        conn.execute(delete(table).where(table.c.grammar == record.grammar, table.c.address == record.address))
    _audit(conn, actor, "foreign device forgotten", record.device or record.name, {"address": record.address})


def wished(record: ForeignRecord, kind: SensorKind, wishes: Sequence[str]) -> tuple[Taken, ...]:
    """Return what `VALUE=POINT[*SCALE][+OFFSET][@UNIT]` asks for, or without wishes what can be guessed.

    A unit that is not named is the one that the device tells, where it is known. Raises
    CatalogueError with every problem at once.
    """
    taken, problems = [], []
    for one in [_read(wish, record) for wish in wishes] or _guessed(record, kind):
        problem = one if isinstance(one, str) else _problem(one, record, kind)
        if problem:
            problems.append(problem)
        elif isinstance(one, Taken):
            taken.append(one)
    for field, words in (("value", [t.value for t in taken]), ("point", [t.point for t in taken])):
        problems += [f"{field} {word!r} is given twice" for word in sorted({w for w in words if words.count(w) > 1})]
    if not taken and not problems:
        offers = ", ".join(repr(one.value) for one in record.offered if not one.refused)[:600]
        problems = [f"say what is what: --map 'VALUE=POINT'. It offers {offers or 'nothing that can be taken'}"]
    if problems:
        raise CatalogueError(f"{record.name} cannot be approved so:\n" + "\n".join(f"  - {p}" for p in problems))
    return tuple(taken)


def guessed_kind(record: ForeignRecord, kinds: Mapping[str, SensorKind]) -> str:
    """Return the kind that has most of the points that a device seems to offer, of equals the one of fewer points.

    Raises CatalogueError.
    """
    score = {name: (len(_guessed(record, kind)), -len(kind.points)) for name, kind in kinds.items()}
    best = max(score, key=lambda name: score[name], default="")
    if not best or not score[best][0]:
        raise CatalogueError(f"say of which kind {record.name} is: --kind {'|'.join(kinds)}")
    return best


def _guessed(record: ForeignRecord, kind: SensorKind) -> list[Taken | str]:
    """Return the values whose last word is the name of a point, each with the unit that it tells."""
    by_point: dict[str, Offered] = {}
    for one in record.offered:
        words = (one.title, one.value.rpartition("/")[2], one.value)
        point = next((p for p in map(_pointlike, words) if p in kind.bits), None)
        if point is not None and not one.refused:
            by_point.setdefault(point, one)
    return [Taken(one.value, point, unit=_unit(one), source=one.source) for point, one in by_point.items()]


def _pointlike(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")


def _read(wish: str, record: ForeignRecord) -> Taken | str:
    match = _WISH.fullmatch(wish)
    if match is None:
        return (
            f"{wish!r:.80}: expected VALUE=POINT, perhaps with *SCALE, +OFFSET and @UNIT: 'Inputs/T1=t_outdoor*0.1@Cel'"
        )
    offered = next((one for one in record.offered if one.value == match["value"]), None)
    if offered is None:
        near = get_close_matches(match["value"], [one.value for one in record.offered], n=2)
        meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"it offers no {match['value']!r:.80}{meant}"
    try:
        scale, offset = float(match["scale"] or 1), float(match["offset"] or 0)
    except ValueError:
        return f"{wish!r:.80}: scale and offset are numbers"
    return Taken(offered.value, match["point"], scale, offset, match["unit"] or _unit(offered), offered.source)


def _unit(offered: Offered) -> str | None:
    """Return the unit that a device tells, None when it tells none that we know."""
    try:
        return None if offered.unit is None else units.canonical(offered.unit)
    except UnitError:
        return None


def _problem(taken: Taken, record: ForeignRecord, kind: SensorKind) -> str:
    offered = next(one for one in record.offered if one.value == taken.value)
    if offered.refused:
        return f"{taken.value!r} cannot be taken: {offered.refused}"
    if taken.point not in kind.bits:
        near = get_close_matches(taken.point, kind.names, n=2)
        meant = f"; did you mean {' or '.join(near)}?" if near else f": see `hearthline kinds {kind.name}`"
        return f"kind {kind.name} has no point {taken.point!r}{meant}"
    if not taken.scale:
        return f"{taken.value!r}: a scale of 0 would make every value the same"
    try:
        units.conversion(taken.unit or kind.point(taken.point).unit, kind.point(taken.point).unit)
    except UnitError as err:
        return f"{taken.value!r}: {err}; name another with @UNIT"
    return ""


def _record(row: Row[Any]) -> ForeignRecord:
    born: Mapping[str, Any] = row.born or {}
    offers = _metrics(born) if row.grammar == Grammar.SPARKPLUG else _entities(born)
    taken = tuple(Taken(**one) for one in row.taken or ())
    record = ForeignRecord(
        row.grammar, row.address, row.name, row.seen_at, row.online, tuple(offers), row.device, taken
    )  # fmt: skip
    return record if row.device is None else replace(record, name=row.device)


def _metrics(born: Mapping[str, Any]) -> Iterator[Offered]:
    """Yield the metrics of the last birth; those that the protocol needs for itself are left out."""
    for one in (born.get("births") or [{"metrics": ()}])[0]["metrics"]:
        if one["name"] != "bdSeq" and not one["name"].startswith(("Node Control/", "Device Control/")):
            yield Offered(one["name"], "", one["unit"], one["value"], one["refused"], {})


def _entities(born: Mapping[str, Any]) -> Iterator[Offered]:
    for one in born.get("entities", ()):
        source = {key: one[key] for key in ("topic", "pointer", "steps", "words", "availability")}
        refused = one["refused"] or ("its config was taken back" if one["gone"] else "")
        yield Offered(one["key"], one["title"], one["unit"], one["device_class"], refused, source)


def _audit(conn: Connection, actor: str, action: str, device: str, detail: Mapping[str, object]) -> None:
    row = {"actor": actor, "action": action, "subject": f"device:{device}", "detail": dict(detail)}
    conn.execute(insert(tables.audit).values(**row))
