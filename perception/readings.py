"""Readings: what devices of one kind reported, as columns; Reject: what could not be taken in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perception.sensor_kind import SensorKind


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one kind as columns; row i is one reading.

    device_id int32[n]; ts and received_at int64[n], epoch microseconds UTC; values
    float64[n, points], NaN where nothing was reported; quality int64[n], bit b set when point
    b is present and not good. origin int64[n]: the place in the batch's deliveries that the
    row came from; place int64[n], where it is known: the element of that delivery's list, -1 for
    what no element stands for. The arrays are never written to after construction.
    """

    kind: SensorKind
    device_id: NDArray[np.int32]
    ts: NDArray[np.int64]
    received_at: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int64]
    origin: NDArray[np.int64]
    place: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Return the chosen rows (a mask or places) as Readings of their own."""
        return type(self)(
            kind=self.kind,
            device_id=self.device_id[rows],
            ts=self.ts[rows],
            received_at=self.received_at[rows],
            values=self.values[rows],
            quality=self.quality[rows],
            origin=self.origin[rows],
            place=None if self.place is None else self.place[rows],
        )

    def good(self) -> NDArray[np.bool_]:
        """bool[n, points]: present and without a quality bit."""
        return ~np.isnan(self.values) & ~quality_mask(self.quality, self.values.shape[1])

    @classmethod
    def empty(cls, kind: SensorKind) -> Self:
        """Return Readings of no rows."""
        none = np.empty(0, np.int64)
        values = np.empty((0, len(kind.points)))
        return cls(kind, np.empty(0, np.int32), none, none, values, none, none)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Join parts of one kind, in their order. At least one part is needed."""
        return cls(
            kind=parts[0].kind,
            device_id=np.concatenate([p.device_id for p in parts]),
            ts=np.concatenate([p.ts for p in parts]),
            received_at=np.concatenate([p.received_at for p in parts]),
            values=np.concatenate([p.values for p in parts]),
            quality=np.concatenate([p.quality for p in parts]),
            origin=np.concatenate([p.origin for p in parts]),
            place=_joined([p.place for p in parts]),
        )


def _joined(places: Sequence[NDArray[np.int64] | None]) -> NDArray[np.int64] | None:
    known = [place for place in places if place is not None]
    return np.concatenate(known) if len(known) == len(places) else None


def quality_mask(quality: NDArray[np.int64], points: int) -> NDArray[np.bool_]:
    """Spread quality words int64[n] into bool[n, points], True where the point is not good."""
    spread: NDArray[np.int64] = (quality[:, None] >> np.arange(points, dtype=np.int64)) & 1
    return spread.astype(np.bool_)


def quality_words(not_good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Fold bool[n, points] (True: not good) into quality words int64[n]."""
    if not not_good.any():
        return np.zeros(len(not_good), np.int64)
    weights = np.left_shift(np.int64(1), np.arange(not_good.shape[1], dtype=np.int64))
    return not_good.astype(np.int64) @ weights


_EXACT = 2**53  # beyond it a browser's numbers skip some integers


def quality_in_json(quality: NDArray[np.int64]) -> list[int | str]:
    """Return quality words as JSON carries them to browsers: numbers, and as decimal text what a number would blur."""
    return [word if word < _EXACT else str(word) for word in quality.tolist()]


class Reason(StrEnum):
    """Why a delivery, a reading or a point could not be taken in."""

    BAD_TOPIC = "bad_topic"
    UNKNOWN_DEVICE = "unknown_device"
    INACTIVE_DEVICE = "inactive_device"
    DERIVED_DEVICE = "derived_device"
    UNKNOWN_KIND = "unknown_kind"
    MALFORMED = "malformed"
    EMPTY = "empty"
    BAD_TIME = "bad_time"
    TIME_OUT_OF_BOUNDS = "time_out_of_bounds"
    BEYOND_RETENTION = "beyond_retention"
    BAD_POINT = "bad_point"
    BAD_BIRTH = "bad_birth"
    BAD_STATE = "bad_state"
    BAD_REPLY = "bad_reply"
    CONFLICT = "conflict"
    UNSTORABLE = "unstorable"
    UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class Reject:
    """A delivery, or a part of one, that could not be taken in, with everything needed to replay it.

    `payload` is exactly what came. `partial` is true when the reading itself was stored and
    only some of its points were refused: such a Reject is not counted in the ledger. `former` is
    the id of the Reject whose replay brought this one. `stranger`: it came under a name that may
    not report. `more` above 0: it stands for so many that are counted and not kept, without a payload.
    """

    reason: Reason
    detail: str
    topic: str
    payload: bytes
    received_at: int
    device: str | None = None
    partial: bool = False
    points: tuple[str, ...] = field(default=())
    origin: int = 0
    place: int = -1
    former: int | None = None
    retained: bool = False
    stranger: bool = False
    more: int = 0
