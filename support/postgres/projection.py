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

ROLE = "hearthline_portal"
VIEWS = Path(__file__).parent / "sql" / "portal.sql"
APPLY_LOCK = 0x706F7274  # "port": one at a time in this database

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

    Raises psycopg.Error when the views do not fit the tables, and then nothing has changed.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [APPLY_LOCK])
        projection = _settle_role(conn, password)
        conn.execute(VIEWS.read_bytes())
    return projection


def choose_access(url: str, password: str | None) -> Access:
    """Return the least rights with which this process can read the projection: for a portal that starts by itself.

    Raises psycopg.OperationalError when the database is away.
    """
    if password is not None:
        try:
            psycopg.connect(url, user=ROLE, password=password, connect_timeout=5).close()
        except psycopg.OperationalError as err:
            if err.sqlstate not in {None, "28000", "28P01"}:
                raise
        else:
            return Access.LOGIN
    with psycopg.connect(url, connect_timeout=5) as conn:
        return Access.SET_ROLE if _may_change_into_role(conn) else Access.OWNER


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
        connect_args={"connect_timeout": 5, "application_name": "hearthline portal"},
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
            _limit_role(conn, password)
    except psycopg.errors.InsufficientPrivilege:
        return _without_own_role(conn)
    if password is None:
        return _without_own_role(conn)
    return Projection(Access.LOGIN, f"the portal logs in as {ROLE}: it reads the schema portal only")


def _create_role(conn: psycopg.Connection[Any]) -> None:
    if conn.execute("select from pg_roles where rolname = %s", [ROLE]).fetchone() is None:
        role = sql.Identifier(ROLE)
        conn.execute(sql.SQL("create role {} nologin noinherit").format(role))
        # Who may create roles may hand them out, yet may not change into one unless told so.
        conn.execute(sql.SQL("grant {} to current_user").format(role))


def _limit_role(conn: psycopg.Connection[Any], password: str | None) -> None:
    role = sql.Identifier(ROLE)
    for name, value in ROLE_SETTINGS.items():
        conn.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(name), sql.Literal(value)))
    if password is not None:
        conn.execute(sql.SQL("alter role {} login password {}").format(role, sql.Literal(password)))


def _without_own_role(conn: psycopg.Connection[Any]) -> Projection:
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
