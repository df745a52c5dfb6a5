"""Connect: engines and locks. Every connection of ours runs in UTC and says who it is."""

from enum import IntEnum

import psycopg
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from support.store import StoreDownError

_LOCKS = 0x48454154  # "HEAT": the first key of all our advisory locks


class Lock(IntEnum):
    """What may be done by one at a time in a database, as the second key of an advisory lock."""

    MIGRATE = 1
    INGEST = 2
    TEND = 3
    PARTITIONS = 4


def make_engine(url: str, name: str, *, connections: int = 5) -> Engine:
    """Return an engine for a `postgresql://` address; `name` is shown in pg_stat_activity. Connects to nothing yet."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=connections,
        pool_pre_ping=True,
        connect_args=options(name),
    )


def options(name: str) -> dict[str, str | int]:
    """Return the libpq parameters of every connection of ours: UTC, a name, and a dead peer is noticed within 30 s."""
    return {
        "options": "-c timezone=UTC",
        "application_name": f"hearthline {name}",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
    }


def lock_in_transaction(on: Connection, lock: Lock) -> None:
    """Wait for the lock and hold it to the end of the transaction."""
    on.execute(text("select pg_advisory_xact_lock(:a, :b)"), {"a": _LOCKS, "b": int(lock)})


def try_lock(on: psycopg.Connection[tuple[object, ...]], lock: Lock) -> bool:
    """Take the lock for the life of the connection; False when somebody else has it."""
    row = on.execute("select pg_try_advisory_lock(%s, %s)", (_LOCKS, int(lock))).fetchone()
    return row is not None and row[0] is True


def store_down(err: Exception) -> StoreDownError:
    """Return the error of a lost or refused connection, with its remedy."""
    said = str(err).strip().splitlines()
    return StoreDownError(
        f"the database cannot be reached ({said[0] if said else type(err).__name__}): check database.url"
    )
