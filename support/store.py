"""Store: the ports through which facts are written and read, and the value types that pass them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from network.link import Birth, Reply, StateChange, Tally
from perception.readings import Readings, Reject
from perception.roster import Roster
from perception.sensor_kind import SensorKind
from support.sequences import Boot, Count, Spans


def late_after_us(interval_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how much older than now a reading may be before it is late: 3 intervals, at least 180 s (microseconds)."""
    return np.maximum(3 * interval_s, 180.0).astype(np.int64) * 1_000_000


class Row(NamedTuple):
    """A row of a fixed table (support.tables). Written as an upsert on the primary key, or inserted if it has none."""

    table: str
    values: Mapping[str, object]


ROW_FATES = ("stored", "merged", "duplicate", "conflict")
"""What may become of a reading that reaches the store."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of readings in the transaction that is still open.

    `accepted` are the inserted rows, and filled points as readings of those points alone;
    `tallies` counts fates by device name; `rejects` are the conflicts. `fates` int8[n]: the fate
    of each reading that was given, a place in ROW_FATES.
    """

    accepted: Readings
    tallies: Mapping[str, Tally]
    rejects: Sequence[Reject]
    fates: NDArray[np.int8]


class Letter(NamedTuple):
    """A row of the outbox that waits to be sent, or (`expired`) has waited too long."""

    outbox_id: int
    topic: str
    payload: bytes
    qos: int
    expired: bool = False


class StoreTransaction(Protocol):
    """One open transaction. Nothing is durable until its `with` block has ended without an exception."""

    def write(self, readings: Readings, roster: Roster, again: NDArray[np.bool_] | None = None) -> Written:
        """Write readings of one kind, mark the rollup buckets they touch, and say which were accepted.

        `again` bool[n]: rows of redelivered messages without a time of their own (network.receive
        tells which); where the first of a device's have the values of its last such rows, one by one,
        they are duplicates. Rejects have the `origin` of their reading, and neither topic nor payload.
        """

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Keep what could not be taken in; of a Reject with `more`, the number."""

    def still_asked(self, reject_ids: Sequence[int]) -> set[int]:
        """Return those kept Rejects that still wait to be replayed; nobody else can change them from here on."""

    def replayed(self, outcomes: Mapping[int, Mapping[str, int]]) -> None:
        """Record by its id that a kept Reject was replayed, and how many of its readings met which fate."""

    def tally(self, at: int, tallies: Mapping[str, Tally]) -> None:
        """Add to the ledger, by device name, under the hour of `at` (epoch microseconds)."""

    def meet(self, births: Sequence[Birth], states: Sequence[StateChange]) -> None:
        """Record what devices said of themselves. Births of unknown devices become pending devices."""

    def put(self, rows: Sequence[Row]) -> None:
        """Write rows of fixed tables."""

    def counts(self) -> Mapping[str, Count]:
        """Return what is known of running numbers, by device name."""

    def recount(
        self, before: Mapping[str, Count], after: Mapping[str, Count], gaps: Sequence[tuple[str, Boot, Spans]]
    ) -> None:
        """Replace counts of running numbers, and keep the gaps that are final now, by device name and run."""

    def answered(self, replies: Sequence[Reply]) -> Sequence[Reply]:
        """Record replies beside their commands, the first of each; return those that answer no command of ours."""

    def outgoing(self, most: int, under_way: Sequence[int]) -> Sequence[Letter]:
        """Return the oldest letters of the outbox that wait, but not those under way."""

    def dispatched(self, sent: Sequence[int], refused: Mapping[int, str]) -> None:
        """Note which letters the broker has taken, and which cannot be sent, with the reason."""


class Store(Protocol):
    """The write side: one writer at a time, held by an advisory lock and an epoch.

    Every method raises StoreDownError when the database is away; the caller tries again.
    """

    def transaction(self) -> AbstractContextManager[StoreTransaction]:
        """Open a transaction that commits at the end of its block. Raises FencedError when another writer took over."""

    def roster(self, known_version: int) -> Roster | None:
        """Return the roster, or None when it has not changed since that version."""


class StoreError(Exception):
    """Root of what can go wrong with the store.

    StoreError
    ├── StoreDownError     the database cannot be reached
    ├── FencedError        another ingest took over; this one must stop
    ├── UnstorableError    the database refuses these very rows
    ├── WatchRowsError     the database refuses rows that the rules made: a fault of ours
    ├── SchemaError        manifests and tables contradict each other
    └── ServerStartError   the embedded PostgreSQL did not come up
    """


class StoreDownError(StoreError):
    """The database cannot be reached: check that it runs, and the address in database.url."""


class FencedError(StoreError):
    """Another ingest has taken over the right to write; this one stops."""


class UnstorableError(StoreError):
    """The database refuses these rows; the text says why. Others of the batch may be fine."""


class WatchRowsError(StoreError):
    """The database refuses rows that the rules made. Starting again begins from what is stored."""


class SchemaError(StoreError):
    """Manifests and tables contradict each other; the text lists every problem."""


class ServerStartError(StoreError):
    """The embedded PostgreSQL did not come up; the text says why and what to try."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one device over a span, ready to draw.

    ts int64[n], epoch microseconds UTC, ascending; mean, low and high float64[n, points], NaN
    where there is nothing good; `width` is "raw" or the rollup width that was read. Raw: the
    three are equal.
    """

    points: tuple[str, ...]
    ts: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    width: str


@dataclass(frozen=True, slots=True)
class Area:
    """One point over many devices together, bucket by bucket.

    ts int64[n], epoch microseconds UTC, ascending; devices int64[n]: how many spoke; mean of their means, low and
    high of all their values, total of their means, float64[n]. Buckets in which none spoke are left out.
    """

    point: str
    ts: NDArray[np.int64]
    devices: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    total: NDArray[np.float64]
    width: str


class Minutes(NamedTuple):
    """The last good values of each minute: device_id int32[n], minute int64[n], values float64[n, points].

    Minutes count from the epoch. NaN where a point had no good value in that minute.
    """

    device_id: NDArray[np.int32]
    minute: NDArray[np.int64]
    values: NDArray[np.float64]


class Tenths(NamedTuple):
    """Ten-minute means of devices of one kind: bucket int64[n] (its begin, epoch microseconds UTC), device_id int32[n].

    mean by point float64[n]: of the good values, NaN where there was none. Points that nobody asked for are not there.
    """

    bucket: NDArray[np.int64]
    device_id: NDArray[np.int32]
    mean: Mapping[str, NDArray[np.float64]]


class ReadingReader(Protocol):
    """The read side of readings and rollups. Every read has a lower time bound."""

    def latest(self, on: Connection, kind: SensorKind, device_ids: Sequence[int], since: int) -> Readings:
        """Return the newest stored reading of each device that has one at or after `since`."""

    def recent(self, on: Connection, kind: SensorKind, since: int) -> Readings:
        """Return every reading of a kind since then, ordered by device and time."""

    def span(self, on: Connection, kind: SensorKind, device_id: int, span: tuple[int, int]) -> Readings:
        """Return every reading of a device over [from, to), in the order of time."""

    def minutes(
        self, on: Connection, kind: SensorKind, points: Sequence[str], late_us: Mapping[int, int], since: int
    ) -> Minutes:
        """Return what the rules would remember of these points since then, of the devices in `late_us`.

        Readings that were late when they were received, by their device's limit in microseconds, or not newer
        than what was known, are left out.
        """

    def tenths(
        self, on: Connection, kind: SensorKind, points: Sequence[str], device_ids: Sequence[int], span: tuple[int, int]
    ) -> Tenths:
        """Return the ten-minute means of these points in the buckets that begin within [from, to), from rollups.

        `points` names one at least; the buckets come in the order of time.
        """

    def series(
        self,
        on: Connection,
        kind: SensorKind,
        device_id: int,
        points: Sequence[str],
        span: tuple[int, int],
        most: int,
    ) -> Series:
        """Return at most about `most` instants of the span [from, to), raw or from the rollup that fits."""

    def area(
        self, on: Connection, kind: SensorKind, device_ids: Sequence[int], point: str, span: tuple[int, int], most: int
    ) -> Area:
        """Return a point over many devices together, in at most about `most` buckets of [from, to), from rollups."""
