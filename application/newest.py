"""Newest: the last value of every point, although devices may send their points one by one.

A point holds for three of its intervals (application.hold). A newest reading that lacks points is
completed with what the device said of them within that hold, so that a page does not lose a whole
station because one value came alone.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select, tuple_

from application.hold import hold_us
from application.instants import microseconds, moment
from perception.readings import Readings, quality_mask, quality_words
from support.columns import readings_table


def completed(on: Connection, latest: Readings, intervals: Mapping[int, float], now: int) -> Readings:
    """Return the newest readings with missing points filled from readings within their hold.

    `intervals` in seconds by device_id; `now` in epoch microseconds bounds how far back is read.
    """
    partial = np.flatnonzero(np.isnan(latest.values).any(axis=1))
    if not len(partial):
        return latest
    holds = hold_us(latest.kind, np.array([intervals[i] for i in latest.device_id[partial].tolist()]))
    seen = _last_seen(on, latest.take(partial), now - int(holds.max()))
    lacking = np.isnan(latest.values[partial])
    seen[~lacking | (seen < now - holds)] = 0
    values, not_good = latest.values.copy(), quality_mask(latest.quality, latest.values.shape[1])
    for place, ts, row_values, row_quality in _rows(on, latest.take(partial), seen):
        filled = np.flatnonzero(seen[place] == ts)
        values[partial[place], filled] = row_values[filled]
        not_good[partial[place], filled] = (row_quality >> filled) & 1
    return Readings(
        latest.kind, latest.device_id, latest.ts, latest.received_at, values, quality_words(not_good), latest.origin
    )


def _last_seen(on: Connection, readings: Readings, since: int) -> NDArray[np.int64]:
    """int64[n, points]: when each device last sent each point, 0 for not since then."""
    table = readings_table(readings.kind)
    last = (func.max(table.c.ts).filter(table.c[name].is_not(None)) for name in readings.kind.names)
    query = (
        select(table.c.device_id, *last)
        .where(table.c.device_id.in_(readings.device_id.tolist()), table.c.ts >= moment(since))
        .group_by(table.c.device_id)
    )
    seen = np.zeros(readings.values.shape, np.int64)
    places = {device_id: place for place, device_id in enumerate(readings.device_id.tolist())}
    for device_id, *when in on.execute(query):
        seen[places[device_id]] = [0 if w is None else microseconds(w) for w in when]
    return seen


def _rows(
    on: Connection, readings: Readings, seen: NDArray[np.int64]
) -> list[tuple[int, int, NDArray[np.float64], int]]:
    """Return (place, ts, values, quality) of the readings that the instants in `seen` name."""
    ids = readings.device_id.tolist()
    keys = [(ids[place], moment(ts)) for place in range(len(ids)) for ts in np.unique(seen[place]).tolist() if ts]
    if not keys:
        return []
    table = readings_table(readings.kind)
    columns = [table.c[name] for name in readings.kind.names]
    query = select(table.c.device_id, table.c.ts, table.c.quality, *columns)
    places = {device_id: place for place, device_id in enumerate(ids)}
    return [
        (places[device_id], microseconds(ts), np.array(values, np.float64), quality)
        for device_id, ts, quality, *values in on.execute(query.where(tuple_(table.c.device_id, table.c.ts).in_(keys)))
    ]
