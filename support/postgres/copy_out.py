"""Copy out: the rows of a query as numpy columns, by binary COPY. Twenty times faster than rows of Python objects."""

from collections.abc import Iterator, Sequence
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

_COPY = sql.SQL("copy ({}) to stdout (format binary)")
_HEAD, _TRAIL = 19, 2
_EPOCH_2000_US = 946_684_800_000_000


def copy_out(on: Connection, query: sql.Composable, parameters: Sequence[object], types: Sequence[str]) -> NDArray[Any]:
    """Return a query's rows as a structured array with fields f0, f1, ...

    `types` are the wire types of its columns. None may be null: wrap a column that can be in
    coalesce(..., 'NaN'). Raises StoreDownError when the database goes away.
    """
    statement = _COPY.format(query)
    with in_store_words(), driver(on).cursor() as cursor, cursor.copy(statement, parameters) as copy:
        received = b"".join(copy)
    return np.frombuffer(received[_HEAD:-_TRAIL], _record(types))


def copy_blocks(
    on: Connection, query: sql.Composable, parameters: Sequence[object], types: Sequence[str], most: int
) -> Iterator[NDArray[Any]]:
    """Yield a query's rows like `copy_out`, in blocks of at most `most` rows; no more than about a block is held."""
    record = _record(types)
    kept, size = bytearray(), most * record.itemsize
    with in_store_words(), driver(on).cursor() as cursor, cursor.copy(_COPY.format(query), parameters) as copy:
        first = True
        for piece in copy:
            kept += piece
            if first and len(kept) >= _HEAD:
                del kept[:_HEAD]
                first = False
            while len(kept) >= size + _TRAIL:
                yield np.frombuffer(bytes(kept[:size]), record)
                del kept[:size]
    if len(kept) > _TRAIL:
        yield np.frombuffer(bytes(kept[:-_TRAIL]), record)


def _record(types: Sequence[str]) -> np.dtype[Any]:
    """Return the layout of a row on the wire: the number of its fields, and a size before each."""
    fields = [("fields", ">i2")]
    for place, wire in enumerate(types):
        fields += [(f"size{place}", ">i4"), (f"f{place}", wire)]
    return np.dtype(fields)


def epoch_us(wire: NDArray[Any]) -> NDArray[np.int64]:
    """Turn timestamps from the wire into epoch microseconds UTC."""
    return wire.astype(np.int64) + _EPOCH_2000_US


def matrix(rows: NDArray[Any], first: int, count: int) -> NDArray[np.float64]:
    """Gather `count` float columns from field f<first> on into float64[rows, count]."""
    columns = [rows[f"f{place}"] for place in range(first, first + count)]
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((len(rows), 0))
