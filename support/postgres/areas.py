"""Areas: one point over many devices together, from the rollup that fits."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from psycopg import sql
from sqlalchemy import Connection

from perception.sensor_kind import SensorKind
from support.columns import BEYOND, SECONDS, Width, rollup_name, widths
from support.postgres.copy_out import FLOAT8, INT8, TIMESTAMP, copy_out, epoch_us, matrix
from support.postgres.rows import moment
from support.postgres.series import ORIGIN_US, ROLLUP_ROWS_PER_INSTANT, Span, bin_s
from support.postgres.statistics import label
from support.store import Area

MOST_ROWS = 150_000
"""Up to so many buckets of all devices together are read from a rollup; beyond it the next wider one is."""
_NOON_US = 12 * 3600 * 1_000_000

_AREA = """
select min(at), count(*), avg(mean), min(low), max(high), sum(mean) from (
    select date_bin({wide}, r.bucket, {origin}) as bin, min(r.bucket) as at, r.device_id,
        sum(r.{mean} * r.{n}) / sum(r.{n}) as mean, min(r.{low}) as low, max(r.{high}) as high
    from unnest({ids}::int4[]) as d(device_id) cross join lateral (
        select * from {table} as s where s.device_id = d.device_id and s.bucket >= {start} and s.bucket < {stop}
    ) as r
    where r.{n} > 0 and abs(r.{mean}) < {beyond}
    group by 1, 3
) as each
group by bin order by 1
"""


def area(on: Connection, kind: SensorKind, device_ids: Sequence[int], point: str, span: Span, most: int) -> Area:
    """Return at most about `most` buckets; each device counts the same in a bucket, however often it reports."""
    width = _width(kind, span, most, len(device_ids))
    wide_s = max(SECONDS[width], bin_s(span, most, SECONDS[width]))
    query = sql.SQL(_AREA).format(
        wide=sql.Literal(timedelta(seconds=wide_s)),
        origin=sql.Literal(moment(ORIGIN_US + (_NOON_US if width is Width.DAY else 0))),  # days begin at any hour
        ids=sql.Literal(list(device_ids)),
        table=sql.Identifier(rollup_name(kind, width)),
        start=sql.Literal(moment(span[0])),
        stop=sql.Literal(moment(span[1])),
        beyond=sql.Literal(BEYOND),
        **{name: sql.Identifier(f"{point}_{column}") for name, column in _COLUMNS.items()},
    )
    rows = copy_out(on, query, [], [TIMESTAMP, INT8, *[FLOAT8] * 4])
    mean, low, high, total = matrix(rows, 2, 4).T
    return Area(point, epoch_us(rows["f0"]), rows["f1"].astype(np.int64), mean, low, high, total, label(wide_s))


_COLUMNS = {"n": "n", "mean": "mean", "low": "min", "high": "max"}


def _width(kind: SensorKind, span: Span, most: int, devices: int) -> Width:
    """Return the finest rollup of which not too many buckets lie in the span. Minutes are too fine for an area."""
    seconds, rows = (span[1] - span[0]) / 1_000_000, min(MOST_ROWS / max(devices, 1), ROLLUP_ROWS_PER_INSTANT * most)
    coarse = [w for w in widths(kind) if w is not Width.MINUTE]
    fits = (w for w in coarse if seconds / SECONDS[w] <= rows)
    return next(fits, Width.DAY)
