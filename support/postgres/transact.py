"""Transact: transactions of the scheduled work, with the errors that our ports promise."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from support.postgres.connect import store_down


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that commits at the end of its block. Raises StoreDownError when the database goes away."""
    try:
        with engine.begin() as on:
            yield on
    except (OperationalError, InterfaceError) as err:
        raise store_down(err.orig if isinstance(err.orig, Exception) else err) from err
    except psycopg.OperationalError as err:
        raise store_down(err) from err


def driver(on: Connection) -> psycopg.Connection[Any]:
    """Return the driver's own connection, for what SQLAlchemy has no words for. It stays in the same transaction."""
    return cast("psycopg.Connection[Any]", on.connection.driver_connection)
