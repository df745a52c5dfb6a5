"""Responsibility store: the list in the tables. Works on a Connection; who calls it commits."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from application.work.responsibility import Body, Responsibility, ResponsibilityList
from perception.point import Title
from support import tables

_body, _item = tables.body, tables.responsibility
_FACTS = [c.name for c in _item.c if c.name not in {"code", "valid_from"}]


def load(on: Connection) -> ResponsibilityList:
    """Return the list, items of the past and of the future as well."""
    bodies = on.execute(select(_body).order_by(_body.c.code))
    items = on.execute(select(_item).order_by(_item.c.code, _item.c.valid_from))
    return ResponsibilityList(
        tuple(Body(code=row.code, title=Title(zh=row.title_zh, en=row.title_en)) for row in bodies),
        tuple(_read(row) for row in items),
    )


def save(on: Connection, told: ResponsibilityList, actor: str, today: date) -> int:
    """Bring the tables up to a list and return how many rows are new or different; safe to repeat.

    Nothing is removed, since orders refer to it: what the list no longer names ends today.
    """
    changed = [f"body:{code}" for code in _save_bodies(on, told)]
    for each in told.items:
        row = _row(each)
        statement = insert(_item).values(row)
        new = {name: statement.excluded[name] for name in _FACTS}
        differs = tuple_(*(_item.c[n] for n in _FACTS)).is_distinct_from(tuple_(*new.values()))
        upsert = statement.on_conflict_do_update(index_elements=["code", "valid_from"], set_=new, where=differs)
        changed += [f"item:{code}" for code in on.scalars(upsert.returning(_item.c.code))]
    changed += [f"ended:{code}" for code in _end_others(on, told, today)]
    if changed:
        entry = {"actor": actor, "action": "responsibilities", "subject": "responsibilities"}
        on.execute(insert(tables.audit).values(**entry, detail={"changed": changed}))
    return len(changed)


def _save_bodies(on: Connection, told: ResponsibilityList) -> list[str]:
    changed: list[str] = []
    for each in told.bodies:
        row = {"code": each.code, "title_zh": each.title.zh, "title_en": each.title.en}
        statement = insert(_body).values(row)
        new = {name: statement.excluded[name] for name in ("title_zh", "title_en")}
        differs = tuple_(_body.c.title_zh, _body.c.title_en).is_distinct_from(tuple_(*new.values()))
        upsert = statement.on_conflict_do_update(index_elements=["code"], set_=new, where=differs)
        changed += on.scalars(upsert.returning(_body.c.code))
    return changed


def _end_others(on: Connection, told: ResponsibilityList, today: date) -> list[str]:
    """End what the list no longer names; what would only begin later ends on the day after it begins."""
    named = [(i.code, i.valid_from) for i in told.items]
    lasting = or_(_item.c.valid_until.is_(None), _item.c.valid_until > today)
    others = update(_item).where(lasting)
    if named:
        others = others.where(tuple_(_item.c.code, _item.c.valid_from).not_in(named))
    others = others.where(or_(_item.c.valid_until.is_(None), _item.c.valid_until > _item.c.valid_from + timedelta(1)))
    end = func.greatest(today, _item.c.valid_from + timedelta(days=1))
    return list(on.scalars(others.values(valid_until=end).returning(_item.c.code)))


def _row(item: Responsibility) -> Mapping[str, Any]:
    plain = item.model_dump(include={"code", "body", "area", "visit", "valid_from", "valid_until"})
    listed = {name: list(getattr(item, name)) for name in ("supporting", "rules", "requests", "respond_h", "repair_h")}
    return {
        **plain,
        **listed,
        "families": [f.value for f in item.families],
        "title_zh": item.title.zh,
        "title_en": item.title.en,
        "legal_zh": item.legal.zh,
        "legal_en": item.legal.en,
    }


def _read(row: Row[*tuple[Any, ...]]) -> Responsibility:
    told = {n: getattr(row, n) for n in Responsibility.model_fields if n not in {"title", "legal"}}
    return Responsibility.model_validate(
        {
            **told,
            "title": {"zh": row.title_zh, "en": row.title_en},
            "legal": {"zh": row.legal_zh, "en": row.legal_en},
        }
    )
