"""Projection: the schema `portal`, which is all that the public may see, and the role that sees nothing else.

Applied after the migrations, by the role that owns the tables. Safe to repeat, and safe beside a
running portal: the views change in one transaction.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, create_engine, event, make_url

from support.disclosure import disclosure
from support.postgres.connect import options, store_down
from support.postgres.publishing import publish

ROLE = "hearthline_portal"
VIEWS = Path(__file__).parent / "sql" / "portal.sql"
COUNTER = VIEWS.with_name("counter.sql")
"""What a visitor may do with requests: functions that the role may call."""
_APPLY = 0x48454154706F7274
"""Advisory lock: one at a time in this database. "HEATport", a single key, apart from the pairs of connect.py."""
_OPTIONS: Any = options("portal")

ROLE_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "search_path": "portal",
    "timezone": "UTC",
}
"""A second line of defence, and a limit to what one visitor can cost. The first line is what the role may read."""


class Access(StrEnum):
    """How the portal gets at its views."""

    LOGIN = "login"
    SET_ROLE = "set_role"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Projection:
    """What came of applying the projection. `remark` says it to the operator, with the remedy where one is due.

    LOGIN: the role logs in with the password given. SET_ROLE: log in as the owner and change into the
    role. OWNER: the server gave us no role; the portal reads its views with the owner's rights.
    """

    access: Access
    remark: str


def apply_projection(conn: psycopg.Connection[Any], password: str | None) -> Projection:
    """Build the views anew and see to the role. Commits. `password` None: the role cannot log in.

    Raises psycopg.Error when the views do not fit the tables, DisclosureError or UndeclaredError when the declaration
    is broken or is not what the views show; then nothing has changed.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [_APPLY])
        projection = _settle_role(conn, password)
        conn.execute(VIEWS.read_bytes())
        publish(conn, disclosure(), ROLE)
        conn.execute(COUNTER.read_bytes())
    conn.commit()
    if projection.access is Access.LOGIN and not _can_log_in(conn, password or ""):
        return _without_login(conn)
    return projection


def choose_access(url: str, password: str | None) -> Access:
    """Return the least rights with which this process can read the projection: for a portal that starts by itself.

    Raises StoreDownError when the database is away.
    """
    try:
        with psycopg.connect(url, **_OPTIONS) as conn:
            if password is not None and _can_log_in(conn, password):
                return Access.LOGIN
            return Access.SET_ROLE if _may_change_into_role(conn) else Access.OWNER
    except psycopg.OperationalError as err:
        raise store_down(err) from err


def portal_engine(url: str, access: Access, password: str | None, *, most_connections: int = 5) -> Engine:
    """Return an engine that reads the views of the projection with no more rights than `access` allows.

    `url` is the owner's address of the database. The caller disposes of the engine.
    """
    address = make_url(url).set(drivername="postgresql+psycopg")
    if access is Access.LOGIN:
        address = address.set(username=ROLE, password=password)
    engine = create_engine(
        address,
        pool_size=most_connections,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args=dict(_OPTIONS),
    )
    if access is Access.SET_ROLE:
        event.listen(engine, "connect", _change_role)
    return engine


def _change_role(connection: Any, _record: Any) -> None:
    settings = [("role", ROLE), *ROLE_SETTINGS.items()]
    connection.execute("select " + ", ".join(["set_config(%s, %s, false)"] * len(settings)), sum(settings, ()))
    connection.commit()


def _settle_role(conn: psycopg.Connection[Any], password: str | None) -> Projection:
    try:
        with conn.transaction():
            _create_role(conn)
            if password is not None and not _serves_another_database(conn):
                _let_in(conn, password)
    except psycopg.errors.InsufficientPrivilege:
        return _without_login(conn)
    if password is None:
        return _without_login(conn)
    return Projection(Access.LOGIN, f"the portal logs in as {ROLE}: it reads the schema portal only")


def _create_role(conn: psycopg.Connection[Any]) -> None:
    role = sql.Identifier(ROLE)
    if conn.execute("select from pg_roles where rolname = %s", [ROLE]).fetchone() is not None:
        return
    conn.execute(sql.SQL("create role {} nologin noinherit").format(role))
    # Who may create roles may hand them out, yet may not change into one unless told so.
    conn.execute(sql.SQL("grant {} to current_user").format(role))
    for name, value in ROLE_SETTINGS.items():
        conn.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(name), sql.Literal(value)))


def _serves_another_database(conn: psycopg.Connection[Any]) -> bool:
    """Roles belong to the whole server: a second instance on it must not change the password of the first."""
    found = conn.execute(
        "select from pg_shdepend d join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass"
        " where r.rolname = %s and d.dbid not in (0, (select oid from pg_database where datname = current_database()))"
        " limit 1",
        [ROLE],
    )
    return found.fetchone() is not None


def _let_in(conn: psycopg.Connection[Any], password: str) -> None:
    conn.execute(
        sql.SQL("alter role {} login password {}").format(sql.Identifier(ROLE), sql.Literal(password)),
    )


def _can_log_in(conn: psycopg.Connection[Any], password: str) -> bool:
    try:
        psycopg.connect(conn.info.dsn, user=ROLE, password=password, **_OPTIONS).close()
    except psycopg.OperationalError:
        return False
    return True


def _without_login(conn: psycopg.Connection[Any]) -> Projection:
    if _may_change_into_role(conn):
        return Projection(Access.SET_ROLE, f"the portal changes into the role {ROLE}: it reads the schema portal only")
    remedy = f"CREATE ROLE {ROLE} NOLOGIN; GRANT {ROLE} TO {conn.info.user};"
    return Projection(
        Access.OWNER,
        f"this server does not let us create the role {ROLE}: the portal reads its views with the rights of"
        f" {conn.info.user}. Ask the database's administrator for: {remedy} and start again",
    )


def _may_change_into_role(conn: psycopg.Connection[Any]) -> bool:
    try:
        with conn.transaction():
            conn.execute(sql.SQL("set local role {}").format(sql.Identifier(ROLE)))
            conn.execute("reset role")
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):
        return False
    return True
