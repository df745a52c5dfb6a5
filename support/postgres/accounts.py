"""Accounts: the arithmetic around a write: fates by device, conflicts, marks. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from perception.readings import Readings, Reason, Reject
from perception.roster import Roster
from support.postgres.merging import CONFLICT, DUPLICATE, MERGED, STORED, Merged
from support.tallies import FATES, Tallies

MARK_US = 600 * 1_000_000
"""Marks name buckets of ten minutes, the finest rollup from which all coarser ones are made."""

_FATES = {STORED: "stored", MERGED: "merged", DUPLICATE: "duplicate", CONFLICT: "conflict"}


def joined(parts: Sequence[tuple[NDArray[np.intp], Merged]], readings: Readings) -> Merged:
    """Put what became of the parts together, in the order of the rows."""
    shape = readings.values.shape
    whole = Merged(np.empty(len(readings), np.int8), np.empty(shape), np.empty(shape, np.bool_))
    for places, part in parts:
        whole.fate[places], whole.fills[places], whole.differs[places] = part.fate, part.fills, part.differs
    return whole


def account(readings: Readings, merged: Merged, roster: Roster) -> Tallies:
    """Count fates by device name."""
    device_ids, owner = np.unique(readings.device_id, return_inverse=True)
    names = [roster.by_id[device_id].name for device_id in device_ids.tolist()]
    counts = np.zeros((len(names), len(FATES)), np.int64)
    counts[:, FATES.index("received")] = np.bincount(owner, minlength=len(names))
    for code, fate in _FATES.items():
        of_it = merged.fate == code
        if of_it.any():
            counts[:, FATES.index(fate)] = np.bincount(owner[of_it], minlength=len(names))
    return Tallies(names, counts)


def conflicts(readings: Readings, merged: Merged, roster: Roster) -> list[Reject]:
    """Return a Reject for each conflict. Topic and payload are those of the delivery that `origin` names."""
    names = readings.kind.names
    found = []
    for row in np.flatnonzero(merged.fate == CONFLICT).tolist():
        points = tuple(names[c] for c in np.flatnonzero(merged.differs[row]))
        when = datetime.fromtimestamp(int(readings.ts[row]) / 1e6, UTC).isoformat()
        found.append(
            Reject(
                reason=Reason.CONFLICT,
                detail=f"another value is stored for {when}: {', '.join(points)}",
                topic="",
                payload=b"",
                received_at=int(readings.received_at[row]),
                device=roster.by_id[int(readings.device_id[row])].name,
                points=points,
                origin=int(readings.origin[row]),
                place=-1 if readings.place is None else int(readings.place[row]),
            )
        )
    return found


def touched(readings: Readings) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ten-minute buckets that readings fall into, each once, as device_ids and starts."""
    keys = np.unique(readings.device_id.astype(np.int64) << 32 | readings.ts // MARK_US)
    return (keys >> 32).astype(np.int32), (keys & 0xFFFF_FFFF) * MARK_US
