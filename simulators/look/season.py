"""Season: where the heat of many stations went over months, from Parquet files of means or of readings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from simulators.likeness.energy import carried_kw
from simulators.likeness.track import (
    DAY_US,
    FLOW,
    OUTDOOR,
    POWER,
    PRI_RETURN,
    PRI_SUPPLY,
    SEC_RETURN,
    SEC_SUPPLY,
    Flags,
    Floats,
    Instants,
)
from simulators.recording import RecordingError

DEVICE, TIME, COUNTER, FLOW_SEC = "device", "ts", "heat_energy_total", "flow_sec"
_POINTS = (OUTDOOR, POWER, FLOW, PRI_SUPPLY, PRI_RETURN, FLOW_SEC, SEC_SUPPLY, SEC_RETURN, COUNTER)
_SUMS = ("rows", "outdoor", "power", "primary", "secondary")
_HEAD = 200_000
_KJ_PER_GJ = 1e6
_WHOLE = 0.8


@dataclass(slots=True)
class _Sums:
    """What has been added up: per station and UTC day the sums of _SUMS, and each counter's first and last state."""

    days: dict[tuple[str, int], Floats] = field(default_factory=dict)
    first: dict[str, tuple[int, float]] = field(default_factory=dict)
    last: dict[str, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Season:
    """Heat per station and day in GJ, outdoor in Cel [stations, days], NaN: unknown; what each counter gained, GJ.

    `whole` [days]: the day has most of its rows, as the first and the last of a season may not.
    """

    stations: tuple[str, ...]
    days: tuple[int, ...]
    outdoor: Floats
    power: Floats
    primary: Floats
    secondary: Floats
    counted: Floats
    whole: Flags

    def apart(self, other: Floats) -> Floats:
        """Return how far this heat [stations] is from what the power adds up to, in %; NaN: cannot tell."""
        metered = np.nansum(self.power, axis=1)
        found: Floats = 100 * (other - metered) / np.where(metered > 0, metered, np.nan)
        return found


def read_season(folder: Path) -> Season:
    """Return the season of a folder of Parquet files: columns `device`, `ts` and points of `heat_substation`.

    Memory grows with stations times days, not with rows. Raises RecordingError when they cannot be used.
    """
    files = [str(f) for f in sorted(folder.rglob("*.parquet"))] if folder.is_dir() else [str(folder)]
    if not files:
        raise RecordingError(f"{folder}: no *.parquet in it: `hearthline season` or `hearthline export` writes some")
    try:
        table = ds.dataset(files, format="parquet")
        missing = [c for c in (DEVICE, TIME, POWER) if c not in table.schema.names]
        if missing:
            raise RecordingError(f"{folder}: no column {', '.join(missing)}: a season has device, ts and heat_power")
        points = [p for p in _POINTS if p in table.schema.names]
        step_s, sums = _step_s(table.head(_HEAD, columns=[DEVICE, TIME])), _Sums()
        for batch in table.to_batches(columns=[DEVICE, TIME, *points]):
            if batch.num_rows:
                _add(sums, batch, points)
    except (OSError, pa.ArrowException) as err:
        raise RecordingError(f"{folder}: cannot be read as Parquet files: {err}") from err
    if not sums.days:
        raise RecordingError(f"{folder}: no row in it")
    return _season(sums, step_s)


def _names(column: pa.Array) -> list[str]:
    return [str(name) for name in column.cast(pa.string()).to_pylist()]


def _instants(column: pa.Array) -> Instants:
    """Return epoch microseconds; whole numbers are milliseconds, as in payloads."""
    if pa.types.is_timestamp(column.type):
        found: Instants = (
            column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()).to_numpy(zero_copy_only=False)
        )
        return found
    whole: Instants = column.cast(pa.int64()).to_numpy(zero_copy_only=False) * 1000
    return whole


def _step_s(head: pa.Table) -> float:
    """Return the usual time between two rows of the first station."""
    if not head.num_rows:
        return 600.0
    device = np.array(_names(head[DEVICE].combine_chunks()))
    at = np.unique(_instants(head[TIME].combine_chunks())[device == device[0]])
    return float(np.median(np.diff(at))) / 1e6 if len(at) > 1 else 600.0


def _add(sums: _Sums, batch: pa.RecordBatch, points: Sequence[str]) -> None:
    at, device = _instants(batch[TIME]), np.array(_names(batch[DEVICE]))
    column = {p: batch[p].cast(pa.float64()).to_numpy(zero_copy_only=False) for p in points}
    lacking = np.full(len(at), np.nan)
    of = {p: column.get(p, lacking) for p in _POINTS}
    primary = carried_kw(of[FLOW], of[PRI_SUPPLY], of[PRI_RETURN])
    secondary = carried_kw(of[FLOW_SEC], of[SEC_SUPPLY], of[SEC_RETURN])
    rows = np.stack([np.ones(len(at)), of[OUTDOOR], of[POWER], primary, secondary])
    names, who = np.unique(device, return_inverse=True)
    days, day = np.unique(at // DAY_US, return_inverse=True)
    place = who * len(days) + day
    totals = np.stack([np.bincount(place, weights=row, minlength=len(names) * len(days)) for row in rows])
    for k in np.flatnonzero(totals[0]).tolist():
        key = (str(names[k // len(days)]), int(days[k % len(days)]))
        sums.days[key] = sums.days.get(key, np.zeros(len(_SUMS))) + totals[:, k]
    for k, name in enumerate(names.tolist()):
        _count(sums, name, at[who == k], of[COUNTER][who == k])


def _count(sums: _Sums, name: str, at: Instants, counter: Floats) -> None:
    there = np.isfinite(counter)
    if there.any():
        at, counter = at[there], counter[there]
        early, late = int(np.argmin(at)), int(np.argmax(at))
        sums.first[name] = min(sums.first.get(name, (2**62, 0.0)), (int(at[early]), float(counter[early])))
        sums.last[name] = max(sums.last.get(name, (-1, 0.0)), (int(at[late]), float(counter[late])))


def _season(sums: _Sums, step_s: float) -> Season:
    stations, days = tuple(sorted({s for s, _ in sums.days})), tuple(sorted({d for _, d in sums.days}))
    table = np.full((len(_SUMS), len(stations), len(days)), np.nan)
    row, column = ({v: k for k, v in enumerate(values)} for values in (stations, days))
    for (station, day), found in sums.days.items():
        table[:, row[station], column[day]] = found
    heat = table[2:] * step_s / _KJ_PER_GJ
    nothing = (0, np.nan)
    counted = [sums.last.get(s, nothing)[1] - sums.first.get(s, nothing)[1] for s in stations]
    rows = np.nansum(table[0], axis=0)
    whole = rows >= _WHOLE * rows.max()
    return Season(stations, days, table[1] / table[0], heat[0], heat[1], heat[2], np.array(counted), whole)
