"""Kind store: the kinds of requests in the tables. Works on a Connection; who calls it commits."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from application.requests.kind import RequestKind
from application.rule import Family
from support import tables

_kind = tables.request_kind
_FACTS = [c.name for c in _kind.c if c.name not in {"code", "valid_from"}]


def save_kinds(
    on: Connection, kinds: Sequence[RequestKind], families: Mapping[str, Family], actor: str, today: date
) -> int:
    """Bring the table up to these kinds and return how many rows are new or different; safe to repeat.

    `families` of all rules by name. Nothing is removed, since requests refer to it: what is no longer named ends.
    """
    changed: list[str] = []
    for place, kind in enumerate(kinds):
        statement = insert(_kind).values(_row(kind, place, families))
        new = {name: statement.excluded[name] for name in _FACTS}
        differs = tuple_(*(_kind.c[n] for n in _FACTS)).is_distinct_from(tuple_(*new.values()))
        upsert = statement.on_conflict_do_update(index_elements=["code", "valid_from"], set_=new, where=differs)
        changed += [f"kind:{code}" for code in on.scalars(upsert.returning(_kind.c.code))]
    named = [(k.code, k.valid_from) for k in kinds]
    lasting = or_(_kind.c.valid_until.is_(None), _kind.c.valid_until > today)
    others = update(_kind).where(lasting, _kind.c.valid_from < today)
    others = others.where(tuple_(_kind.c.code, _kind.c.valid_from).not_in(named)).values(valid_until=today)
    changed += [f"ended:{code}" for code in on.scalars(others.returning(_kind.c.code))]
    if changed:
        entry = {"actor": actor, "action": "request kinds", "subject": "request_kinds", "detail": {"changed": changed}}
        on.execute(insert(tables.audit).values(entry))
    return len(changed)


def kind_of(on: Connection, code: str, valid_from: date) -> RequestKind:
    """Return the kind that a request was opened under."""
    chosen = select(_kind).where(_kind.c.code == code, _kind.c.valid_from == valid_from)
    return _read(on.execute(chosen).one())


def kinds_on(on: Connection, day: date) -> Sequence[RequestKind]:
    """Return the kinds in force on a day, in the order of their file."""
    chosen = select(_kind).where(_kind.c.valid_from <= day)
    chosen = chosen.where(or_(_kind.c.valid_until.is_(None), _kind.c.valid_until > day))
    return [_read(row) for row in on.execute(chosen.order_by(_kind.c.place))]


def _row(kind: RequestKind, place: int, families: Mapping[str, Family]) -> Mapping[str, Any]:
    told = kind.model_dump(mode="json", include={"code", "group", "attributes", "ladder"})
    return {
        **told,
        "valid_from": kind.valid_from,
        "valid_until": kind.valid_until,
        "families": [f.value for f in kind.families],
        "rules": sorted(name for name, family in families.items() if family in kind.families),
        "place": place,
        "title_zh": kind.title.zh,
        "title_en": kind.title.en,
        "hint_zh": kind.hint.zh,
        "hint_en": kind.hint.en,
    }


def _read(row: Row[*tuple[Any, ...]]) -> RequestKind:
    plain = {n: getattr(row, n) for n in RequestKind.model_fields if n not in {"title", "hint"}}
    return RequestKind.model_validate(
        {
            **plain,
            "title": {"zh": row.title_zh, "en": row.title_en},
            "hint": {"zh": row.hint_zh, "en": row.hint_en},
        }
    )
