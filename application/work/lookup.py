"""Lookup: the responsibility list as rows, and which item answers for a rule at a station. Works on a Connection."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from application.instants import moment
from application.work.desk import Desk
from application.work.order import UnknownWorkError
from application.work.responsibility import Body, Place, Responsibility
from application.work.responsibility_store import load
from support import tables


def rows_of(on: Connection, now: int, *, plain: bool) -> list[Mapping[str, object]]:
    """Return the items in force at `now` (epoch microseconds): `plain` facts for programs, or lines for people."""
    told = load(on)
    bodies = {b.code: b for b in told.bodies}
    return [_row(item, bodies, plain=plain) for item in told.items if item.on(moment(now).date())]


def answering(on: Connection, desk: Desk, rule: str, station: str, now: int, *, plain: bool) -> Mapping[str, object]:
    """Return the item that answers for a rule at a station, as a row. Raises UnknownWorkError."""
    if rule not in desk.rules:
        raise UnknownWorkError(
            f"there is no rule {rule!r}: `hearthline rules list` shows them; --station goes with --rule"
        )
    district = tables.district.c
    placed = select(district.city, district.name).join(tables.station, tables.station.c.district == district.name)
    row = on.execute(placed.where(tables.station.c.name == station)).first()
    if row is None:
        raise UnknownWorkError(f"there is no station {station!r}: `hearthline devices list` shows stations")
    told = load(on)
    item = told.item(rule, desk.family(rule), Place(row.city, row.name), moment(now).date())
    if item is None:
        raise UnknownWorkError(f"nobody answers for {rule} at {station}: `hearthline seed` brings the list in")
    return _row(item, {b.code: b for b in told.bodies}, plain=plain)


def _row(item: Responsibility, bodies: Mapping[str, Body], *, plain: bool) -> Mapping[str, object]:
    if plain:
        return item.model_dump(mode="json") | {"body_title": bodies[item.body].title.model_dump()}
    covers = [*item.rules, *(f"family {f.value}" for f in item.families)]
    return {
        "item": item.code,
        "title": item.title.en,
        "area": item.area or "everywhere",
        "covers": ", ".join(covers) or "everything else",
        "body": bodies[item.body].title.en,
        "on site within h": " / ".join(f"{h:g}" for h in item.respond_h),
        "repaired within h": " / ".join(f"{h:g}" for h in item.repair_h),
        "opens by itself": item.visit,
        "ground": item.legal.en,
    }
