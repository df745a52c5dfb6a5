"""Transact: transactions of the scheduled work, with the errors that our ports promise."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError

from support.postgres.connect import store_down


class BusyError(Exception):
    """Somebody else holds what was to be locked for longer than we wanted to wait; nothing was done."""


@contextmanager
def transaction(engine: Engine, *, lock_timeout_ms: int = 0) -> Iterator[Connection]:
    """Open a transaction that commits at the end of its block. Raises StoreDownError when the database goes away.

    With a `lock_timeout_ms`, BusyError when a lock was not to be had within that time.
    """
    try:
        with engine.begin() as on:
            if lock_timeout_ms:
                on.execute(text(f"set local lock_timeout = {int(lock_timeout_ms)}"))
            yield on
    except (OperationalError, InterfaceError) as err:
        if lock_timeout_ms and isinstance(err.orig, errors.LockNotAvailable | errors.DeadlockDetected):
            raise BusyError(str(err.orig)) from err
        raise store_down(err.orig if isinstance(err.orig, Exception) else err) from err
    except psycopg.OperationalError as err:
        raise store_down(err) from err


def driver(on: Connection) -> psycopg.Connection[Any]:
    """Return the driver's own connection, for what SQLAlchemy has no words for. It stays in the same transaction."""
    return cast("psycopg.Connection[Any]", on.connection.driver_connection)
