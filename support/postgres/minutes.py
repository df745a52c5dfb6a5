"""Minutes: the last good values of each minute, as the watch remembers them, out of stored readings."""

from collections.abc import Mapping, Sequence

import numpy as np
from psycopg import sql
from sqlalchemy import Connection

from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.postgres.copy_out import FLOAT8, INT4, INT8, copy_out, matrix
from support.postgres.rows import moment
from support.store import Minutes

_QUERY = sql.SQL(
    "with told as (select r.*, late.us, max(r.ts) over ("
    "partition by r.device_id order by r.received_at, r.ts rows between unbounded preceding and current row) as mark "
    "from {table} as r join unnest(%s::int4[], %s::int8[]) as late(device_id, us) using (device_id) where r.ts >= %s) "
    "select device_id, floor(extract(epoch from ts) / 60)::int8 as minute, {points} from told "
    "where ts >= mark and ts >= received_at - us * interval '1 microsecond' group by 1, 2"
)


def minutes(on: Connection, kind: SensorKind, points: Sequence[str], late_us: Mapping[int, int], since: int) -> Minutes:
    """Return the last good values of these points per device and minute since then (epoch microseconds).

    A point that a repeated reading filled in later counts from the beginning: the tables do not tell when it came.
    """
    chosen = sql.SQL(", ").join(
        sql.SQL(
            "coalesce((array_agg({p} order by ts desc) "
            "filter (where {p} is not null and quality & {bit} = 0))[1], 'NaN')"
        ).format(p=sql.Identifier(p), bit=sql.Literal(1 << kind.bits[p]))
        for p in points
    )
    query = _QUERY.format(table=sql.Identifier(readings_name(kind)), points=chosen)
    told = [list(late_us), list(late_us.values()), moment(since)]
    rows = copy_out(on, query, told, [INT4, INT8, *[FLOAT8] * len(points)])
    return Minutes(rows["f0"].astype(np.int32), rows["f1"].astype(np.int64), matrix(rows, 2, len(points)))
