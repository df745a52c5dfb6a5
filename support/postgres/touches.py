"""Touches: which ten-minute buckets a batch of readings has touched, noted for tend; and COPY, which both need."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from perception.readings import Readings
from support.postgres.accounts import touched
from support.postgres.packing import INT4, array, mark_block
from support.postgres.rows import moment

Link = psycopg.Connection[tuple[Any, ...]]

_MOST_TOUCHES = 16
_TOUCH = "insert into rollup_touch (kind, bucket, device_ids) values "
_TOUCHES = "(%s, %s, %b::int4[])"


def touch(on: Link, accepted: Readings) -> None:
    """Note the buckets that rows fall into: a row for each bucket, or where there are many a row for each mark."""
    if not len(accepted):
        return
    kind, (device_id, bucket) = accepted.kind.name, touched(accepted)
    buckets = np.unique(bucket).tolist()
    if len(buckets) > _MOST_TOUCHES:
        copy_in(on, "rollup_mark", ("kind", "device_id", "bucket"), mark_block(kind, device_id, bucket))
        return
    rows = [(kind, moment(each), array(INT4, device_id[bucket == each])) for each in buckets]
    statement = _TOUCH + ", ".join([_TOUCHES] * len(rows))
    on.execute(statement, [cell for row in rows for cell in row])


def copy_in(on: Link, table: str, columns: Sequence[str], block: bytes | bytearray) -> None:
    """Send a block of binary COPY into these columns of a table."""
    with on.cursor() as cursor, cursor.copy(_copying(table, tuple(columns))) as copy:
        copy.write(block)


@lru_cache(maxsize=512)
def _copying(table: str, columns: tuple[str, ...]) -> bytes:
    """Return the COPY statement: composing it anew each time would cost a small batch more than its rows."""
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("copy {} ({}) from stdin (format binary)").format(sql.Identifier(table), named).as_bytes()
