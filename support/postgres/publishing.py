"""Publishing: the views of the schema `portal`, built from the declaration, checked against it, and its changes logged.

Errors: UndeclaredError.
"""

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from support.disclosure import Disclosed, DisclosedTable, Disclosure

SOURCE, PUBLISHED = "portal_source", "portal"
ACTION = "disclosure"


class UndeclaredError(Exception):
    """What the schema `portal` would show is not what the declaration says."""


def publish(conn: psycopg.Connection[Any], told: Disclosure, role: str) -> None:
    """Build the views, let the role read them where there is one, and log what changed. Inside a transaction.

    Raises UndeclaredError when a view stands there that is not declared, or has other columns.
    """
    for table in told.tables:
        if not table.by_hand:
            conn.execute(_view(table))
    check(conn, told)
    if conn.execute("select from pg_roles where rolname = %s", [role]).fetchone() is not None:
        views = sql.SQL(", ").join(sql.Identifier(PUBLISHED, t.name) for t in told.tables)
        conn.execute(sql.SQL("grant usage on schema portal to {}").format(sql.Identifier(role)))
        conn.execute(sql.SQL("grant select on {} to {}").format(views, sql.Identifier(role)))
    _log(conn, told)


def _view(table: DisclosedTable) -> sql.Composed:
    return sql.SQL("create view {} with (security_barrier) as select {} from {}").format(
        sql.Identifier(PUBLISHED, table.name),
        sql.SQL(", ").join(_column(field) for field in table.published()),
        sql.Identifier(SOURCE, table.name),
    )


def _column(field: Disclosed) -> sql.Composable:
    name = sql.Identifier(field.name)
    if field.step is not None:
        value: sql.Composable = sql.SQL("(round({0}::numeric / {1}) * {1})::float8").format(
            name, sql.Literal(field.step) + sql.SQL("::numeric")
        )
    elif field.to is not None:
        value = sql.SQL("date_trunc({}, {})").format(sql.Literal(field.to), name)
    else:
        return name
    return sql.SQL("{} as {}").format(value, name)


def columns(conn: psycopg.Connection[Any]) -> Mapping[str, list[str]]:
    """Return the views and tables of the schema `portal` with their columns, as the database has them."""
    rows = conn.execute(
        "select c.relname, array_agg(a.attname::text order by a.attnum) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') group by 1",
        [PUBLISHED],
    )
    return dict(rows.fetchall())


def check(conn: psycopg.Connection[Any], told: Disclosure) -> None:
    """Raise UndeclaredError, naming each view, unless the schema `portal` shows exactly what is declared."""
    found, declared = columns(conn), told.columns()
    wrong = [
        f"{name}: it shows {', '.join(found.get(name, [])) or 'nothing'}, declared are "
        f"{', '.join(declared.get(name, [])) or 'none of its columns'}"
        for name in sorted({*found, *declared})
        if sorted(found.get(name, [])) != sorted(declared.get(name, []))
    ]
    if wrong:
        raise UndeclaredError("the public projection is not what configs/disclosure.toml declares: " + "; ".join(wrong))


def _log(conn: psycopg.Connection[Any], told: Disclosure) -> None:
    """Write into the audit what became different since the declaration was last put in force, field by field."""
    known = dict(conn.execute("select field, declared from disclosure").fetchall())
    now = {f"{t.name}.{f.name}": _facts(t, f) for t in told.tables for f in t.fields}
    for name in sorted({*known, *now}):
        before, after = known.get(name), now.get(name)
        if before == after:
            continue
        signed = after or before or {}
        detail = {"before": before, "after": after}
        conn.execute(
            "insert into audit (actor, action, subject, detail) values (%s, %s, %s, %s)",
            [f"file:{signed['reviewer']}+{signed['approver']}", ACTION, f"disclosure:{name}", json.dumps(detail)],
        )
        if after is None:
            conn.execute("delete from disclosure where field = %s", [name])
        else:
            conn.execute(
                "insert into disclosure (field, declared) values (%s, %s)"
                " on conflict (field) do update set declared = excluded.declared, changed_at = now()",
                [name, json.dumps(after)],
            )


def _facts(table: DisclosedTable, field: Disclosed) -> dict[str, Any]:
    facts: dict[str, Any] = field.model_dump(mode="json", by_alias=True)
    return {**facts, "reviewer": table.reviewer, "approver": table.approver, "since": str(table.since)}
