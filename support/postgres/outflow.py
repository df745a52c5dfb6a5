"""Outflow: stored readings as a stream of blocks, in the order of devices and times, in bounded memory."""

from collections.abc import Iterator, Sequence

import numpy as np
from psycopg import sql
from sqlalchemy import Engine

from perception.readings import Readings
from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.postgres.copy_out import FLOAT8, INT4, INT8, TIMESTAMP, copy_blocks, epoch_us, matrix
from support.postgres.rows import moment
from support.postgres.transact import transaction

BLOCK_ROWS = 50_000

_STREAM = """
select r.device_id, r.ts, r.received_at, {values}, r.quality
from unnest(%s::int4[]) with ordinality as d(device_id, place) cross join lateral (
    select * from {table} as s where s.device_id = d.device_id and s.ts >= %s and s.ts < %s order by s.ts
) as r
"""
"""Device by device along the primary key: nothing is sorted, nothing is gathered, whatever the span."""


class PostgresOutflow:
    """Streams readings out of a database. Implements support.export.Outflow."""

    def __init__(self, engine: Engine, block_rows: int = BLOCK_ROWS) -> None:
        self._engine, self._block_rows = engine, block_rows

    def blocks(self, kind: SensorKind, device_ids: Sequence[int], span: tuple[int, int]) -> Iterator[Readings]:
        """Yield the readings of [from, to) (epoch microseconds) of these devices; all blocks are of one moment."""
        n = len(kind.points)
        names = (sql.SQL("coalesce(r.{}, 'NaN')").format(sql.Identifier(name)) for name in kind.names)
        query = sql.SQL(_STREAM).format(values=sql.SQL(", ").join(names), table=sql.Identifier(readings_name(kind)))
        wire = [INT4, TIMESTAMP, TIMESTAMP, *[FLOAT8] * n, INT8]
        with transaction(self._engine) as on:
            for rows in copy_blocks(on, query, [list(device_ids), *map(moment, span)], wire, self._block_rows):
                yield Readings(
                    kind=kind,
                    device_id=rows["f0"].astype(np.int32),
                    ts=epoch_us(rows["f1"]),
                    received_at=epoch_us(rows["f2"]),
                    values=matrix(rows, 3, n),
                    quality=rows[f"f{3 + n}"].astype(np.int64),
                    origin=np.zeros(len(rows), np.int64),
                )
