"""Copy out: the rows of a query as numpy columns, by binary COPY. Twenty times faster than rows of Python objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection

from support.postgres.faults import in_store_words
from support.postgres.transact import driver

INT4, INT8, FLOAT8 = ">i4", ">i8", ">f8"
TIMESTAMP = INT8
"""Microseconds since 2000-01-01 on the wire: `epoch_us` turns them into ours."""

_HEAD, _TRAIL = 19, 2
_EPOCH_2000_US = 946_684_800_000_000


def copy_out(on: Connection, query: sql.Composable, parameters: Sequence[object], types: Sequence[str]) -> NDArray[Any]:
    """Return a query's rows as a structured array with fields f0, f1, ...

    `types` are the wire types of its columns. None may be null: wrap a column that can be in
    coalesce(..., 'NaN'). Raises StoreDownError when the database goes away.
    """
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(query)
    with in_store_words(), driver(on).cursor() as cursor, cursor.copy(statement, parameters) as copy:
        received = b"".join(copy)
    fields = [("fields", ">i2")]
    for place, wire in enumerate(types):
        fields += [(f"size{place}", ">i4"), (f"f{place}", wire)]
    return np.frombuffer(received[_HEAD:-_TRAIL], np.dtype(fields))


def epoch_us(wire: NDArray[Any]) -> NDArray[np.int64]:
    """Turn timestamps from the wire into epoch microseconds UTC."""
    return wire.astype(np.int64) + _EPOCH_2000_US


def matrix(rows: NDArray[Any], first: int, count: int) -> NDArray[np.float64]:
    """Gather `count` float columns from field f<first> on into float64[rows, count]."""
    columns = [rows[f"f{place}"] for place in range(first, first + count)]
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((len(rows), 0))
