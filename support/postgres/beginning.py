"""Beginning: a transaction, the right to write and the first savepoint in one round trip; and blocks behind savepoints.

Under load a round trip costs about as much as a thousand readings: it waits for its turn on busy cores.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

Link = psycopg.Connection[tuple[Any, ...]]

_SAVEPOINT = b"savepoint block"
_BACK = b"rollback to savepoint block"
_BEGIN = b"begin; select epoch from ingest_epoch for share; " + _SAVEPOINT


@contextmanager
def begun(link: Link, require: Callable[[int | None], None]) -> Iterator["Savepoint"]:
    """Begin a transaction; commit it at the end of the block, or roll it back.

    `require` is given the epoch that has the right to write, locked against change until the end; it raises what it
    has to say. The connection must be in autocommit mode.
    """
    whole = False
    try:
        told = link.execute(_BEGIN, prepare=False)
        told.nextset()
        row = told.fetchone()
        require(None if row is None else int(row[0]))
        yield Savepoint(link)
        whole = True
    finally:
        if not whole:
            with suppress(psycopg.Error):  # the connection may be gone, and the transaction with it
                link.rollback()
    link.commit()


class Savepoint:
    """Where blocks of one transaction go back to. `fresh`: nothing was written since the last one was set."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.fresh = True

    @contextmanager
    def block(self) -> Iterator[None]:
        """Undo what is written within, and that alone, when it fails.

        A savepoint is not released: it costs nothing, and the next takes its name over.
        """
        if not self.fresh:
            self._link.execute(_SAVEPOINT, prepare=False)
        self.fresh = False
        try:
            yield
        except psycopg.Error:
            if not self._link.closed:
                self._link.execute(_BACK, prepare=False)
            raise
