"""Tenths: ten-minute means of many devices, out of the rollups that tend keeps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection

from perception.sensor_kind import SensorKind
from support.columns import BEYOND, Width, rollup_name
from support.postgres.copy_out import FLOAT8, INT4, TIMESTAMP, copy_out, epoch_us
from support.postgres.rows import moment
from support.postgres.statistics import missing
from support.store import Tenths

_QUERY = sql.SQL(
    "select r.bucket, r.device_id, {means} from {table} as r "
    "where r.bucket >= %s and r.bucket < %s and r.device_id = any(%s::int4[]) order by r.bucket, r.device_id"
)


def tenths(
    on: Connection, kind: SensorKind, points: Sequence[str], device_ids: Sequence[int], span: tuple[int, int]
) -> Tenths:
    """Return the means of these points in the buckets that begin within [from, to), in the order of time.

    `points` names one at least. KeyError when the kind lacks one of them. What is not finite or beyond 1e100 is
    unknown: no instrument says so, and what is learned from it would stay.
    """
    names = [kind.point(point).name for point in points]
    means = sql.SQL(", ").join(missing(sql.SQL("r.{}").format(sql.Identifier(f"{name}_mean"))) for name in names)
    query = _QUERY.format(means=means, table=sql.Identifier(rollup_name(kind, Width.TEN_MINUTES)))
    told = [moment(span[0]), moment(span[1]), list(device_ids)]
    rows = copy_out(on, query, told, [TIMESTAMP, INT4, *[FLOAT8] * len(names)])
    columns = {name: _finite(rows[f"f{place}"]) for place, name in enumerate(names, start=2)}
    return Tenths(epoch_us(rows["f0"]), rows["f1"].astype(np.int32), columns)


def _finite(column: NDArray[np.float64]) -> NDArray[np.float64]:
    told: NDArray[np.float64] = np.where(np.abs(column) < BEYOND, column, np.nan)
    return told
