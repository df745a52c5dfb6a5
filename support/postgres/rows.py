"""Rows: rows of the fixed tables, many at a time, each statement one INSERT or UPDATE from arrays."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import numpy as np
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Column, DateTime, Table, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from support.postgres.packing import Packed, moments, texts
from support.store import Row
from support.tables import metadata

Link = psycopg.Connection[tuple[Any, ...]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def moment(at: int) -> datetime:
    """Return epoch microseconds as a time in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def clean(text: str) -> str:
    """Return the text as PostgreSQL can hold it: without NUL, unpaired surrogates replaced."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def plain(value: object) -> object:
    """Return a value as JSON can hold it: numbers of numpy as Python's, NaN and infinities as null."""
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | np.ndarray):
        return [plain(item) for item in value]
    return value


def as_json(payload: bytes) -> Jsonb | None:
    """Return bytes of JSON as the database can hold them, None when it cannot: too deep, or numbers without end."""
    try:
        return Jsonb(plain(json.loads(payload)))
    except (ValueError, RecursionError):
        return None


def _column(column: Column[Any], values: Sequence[object]) -> list[object] | Packed:
    """Return a column as an array for its type; times and texts, which most columns hold, are packed."""
    bare = [value.item() if isinstance(value, np.generic) else value for value in values]
    if isinstance(column.type, JSONB):
        return [None if value is None else Jsonb(plain(value)) for value in bare]
    if isinstance(column.type, DateTime):
        return moments([None if value is None else _microseconds(value) for value in bare])
    if isinstance(column.type, Text):
        return texts([None if value is None else clean(str(value)) for value in bare])
    return bare


def _microseconds(at: object) -> int:
    return (at - _EPOCH) // _MICROSECOND if isinstance(at, datetime) else int(cast("int", at))


def insert(on: Link, table: Table, rows: Sequence[Mapping[str, object]], tail: str = "") -> None:
    """Insert rows that have the same columns. `tail` is SQL of ours: the ON CONFLICT clause."""
    if not rows:
        return
    names = tuple(rows[0])
    statement = sql.SQL("insert into {} ({}) select * from unnest({}) {}").format(
        sql.Identifier(table.name), _names(names), _arrays(table, names), _ours(tail)
    )
    on.execute(statement, _cells(table, names, rows))


def put(on: Link, rows: Sequence[Row]) -> None:
    """Write rows of any fixed tables, in their order.

    With its whole primary key a row is an upsert, or an update when it lacks a column that a new
    row needs; without it, an insert that passes over what is there already. Times may be
    datetimes or epoch microseconds.
    """
    for table, group in _groups(rows):
        _put(on, table, group)


def _put(on: Link, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    given, keys = set(rows[0]), _keys(table)
    facts = [name for name in rows[0] if name not in keys]
    if not given.issuperset(keys):
        insert(on, table, rows, "on conflict do nothing")
    elif given.issuperset(_needed(table)):
        action = "update set " + ", ".join(f'"{f}" = excluded."{f}"' for f in facts) if facts else "nothing"
        insert(on, table, rows, f"on conflict ({', '.join(keys)}) do {action}")
    elif facts:
        _update(on, table, rows, keys, facts)


def _update(
    on: Link, table: Table, rows: Sequence[Mapping[str, object]], keys: Sequence[str], facts: Sequence[str]
) -> None:
    names = tuple(rows[0])
    sets = ", ".join(f'"{f}" = v."{f}"' for f in facts)
    match = " and ".join(f't."{k}" = v."{k}"' for k in keys)
    statement = sql.SQL("update {} t set {} from unnest({}) v ({}) where {}").format(
        sql.Identifier(table.name), _ours(sets), _arrays(table, names), _names(names), _ours(match)
    )
    on.execute(statement, _cells(table, names, rows))


def _groups(rows: Sequence[Row]) -> Iterator[tuple[Table, list[Mapping[str, object]]]]:
    """Cut rows where table or columns change, or where a key comes again: one statement writes a row once."""
    group: list[Mapping[str, object]] = []
    shape: tuple[str, ...] = ()
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        new_shape = (row.table, *row.values)
        key = tuple(row.values.get(k) for k in _keys(metadata.tables[row.table]))
        if group and (new_shape != shape or (key in seen and None not in key)):
            yield metadata.tables[shape[0]], group
            group, seen = [], set()
        shape = new_shape
        group.append(row.values)
        seen.add(key)
    if group:
        yield metadata.tables[shape[0]], group


@cache
def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _needed(table: Table) -> set[str]:
    return {
        c.name for c in table.columns if not c.nullable and c.server_default is None and c.identity is None
    }  # fmt: skip


def _arrays(table: Table, names: Sequence[str]) -> sql.Composable:
    types = (table.c[name].type.compile(dialect=_DIALECT) for name in names)
    return sql.SQL(", ").join(_ours(f"%s::{kind}[]") for kind in types)


def _cells(table: Table, names: Sequence[str], rows: Sequence[Mapping[str, object]]) -> list[list[object] | Packed]:
    return [_column(table.c[name], [row[name] for row in rows]) for name in names]


def _names(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _ours(text: str) -> sql.SQL:
    """Pass SQL that is built from the names of our own tables alone."""
    return sql.SQL(cast("Any", text))
