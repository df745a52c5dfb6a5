"""Faults: what psycopg raises, in the store's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from support.postgres.connect import store_down
from support.store import StoreError, UnstorableError

_REFUSALS = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""The rows are at fault: trying again changes nothing."""

_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
"""The server is: gone, starting, stopping, full, or a standby."""


@contextmanager
def in_store_words() -> Iterator[None]:
    """Raise UnstorableError for rows that the database refuses, StoreDownError for a database that is away.

    Anything else of psycopg's is a bug of ours and goes through as it is.
    """
    try:
        yield
    except psycopg.Error as err:
        translated = translate(err)
        if translated is None:
            raise
        raise translated from err


def translate(err: psycopg.Error) -> StoreError | None:
    """Return the store's error for one of psycopg's, None for a bug."""
    if isinstance(err, _REFUSALS):
        return UnstorableError(" ".join(str(err).split())[:500])
    return store_down(err) if isinstance(err, _AWAY) else None
