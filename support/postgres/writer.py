"""Writer: the write side of the store. One connection, one transaction at a time, readings by binary COPY."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import errors
from psycopg.conninfo import make_conninfo

from network.link import Birth, Reply, StateChange, Tally
from perception.readings import Readings, Reject
from perception.roster import Roster
from perception.sensor_kind import SensorKind
from support.columns import readings_name
from support.outage import Heartbeat
from support.postgres import announcements, letters, numbers, quarantine, rosters
from support.postgres.accounts import account, conflicts, joined
from support.postgres.beginning import Savepoint, begun
from support.postgres.connect import Lock, make_engine, options, try_lock
from support.postgres.faults import in_store_words
from support.postgres.merging import (
    STORED,
    Merged,
    all_duplicate,
    all_stored,
    as_readings,
    came_before,
    merge,
    stored_values,
)
from support.postgres.packing import INT8, array, copy_block, points_present, texts
from support.postgres.partitions import ensure_weeks, weeks_of
from support.postgres.repeats import fold, unfold
from support.postgres.rows import moment
from support.postgres.rows import put as put_rows
from support.postgres.touches import copy_in, touch
from support.postgres.transact import transaction
from support.sequences import Boot, Count, Spans
from support.store import FencedError, Letter, Row, StoreDownError, Written
from support.tallies import Tallies

Link = psycopg.Connection[tuple[Any, ...]]

_TAKE_OVER = """
insert into ingest_epoch (sole, epoch) values (true, 1)
on conflict (sole) do update set epoch = ingest_epoch.epoch + 1 returning epoch
"""
_ADD = """
insert into ledger_entry (hour, devices, received, stored, duplicate, merged, conflict, rejected)
values (date_trunc('hour', %s::timestamptz), %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[],
    %b::int8[])
"""


class Ensure(Protocol):
    """Makes the partitions that readings need; `anew`: also those that it believes are there."""

    def __call__(self, readings: Readings, *, anew: bool) -> None:
        """Do so, durably."""


class PostgresStore:
    """The write side (port: support.store.Store), for one thread.

    `claim` first: one process at a time has the right to write. After a lost connection the next
    transaction connects again and keeps the right, unless another has taken it: FencedError.
    """

    def __init__(self, url: str, kinds: Mapping[str, SensorKind]) -> None:
        self._url = url
        self._kinds = kinds
        self._engine = make_engine(url, "ingest", connections=1)
        self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._link: Link | None = None
        self._epoch: int | None = None
        self._weeks: dict[str, set[int]] = {}
        self._enrolled_kinds = 0

    def claim(self, wait_s: float = 0.0) -> bool:
        """Take the right to write, waiting for another ingest to leave; False when it has not left in time.

        Raises StoreDownError.
        """
        until = time.monotonic() + wait_s
        with in_store_words():
            while not self._claimed():
                if time.monotonic() >= until:
                    return False
                time.sleep(min(0.2, max(0.0, until - time.monotonic())))
        return True

    def await_claim(self, stop: Event, heartbeat: Heartbeat) -> bool:
        """Wait for the right to write; False when `stop` was set first. Do this before connecting to the broker.

        Two ingests share their names there, and would push each other out. `heartbeat` is told why it takes long.
        """
        while not stop.is_set():
            try:
                if self.claim(1.0):
                    return True
                heartbeat("another ingest has the right to write", ready=False)
            except StoreDownError:
                self._disconnect()
                heartbeat("the database is away", ready=False)
                stop.wait(1.0)
        return False

    def close(self) -> None:
        """Leave the database; the right to write is free at once."""
        self._disconnect()
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator["PostgresTransaction"]:
        """Open a transaction that commits at the end of its block.

        Raises StoreDownError when the database is away or another ingest still has the right to
        write, FencedError when another took it over.
        """
        try:
            with in_store_words(), begun(link := self._writing_link(), self._require_epoch) as savepoint:
                yield PostgresTransaction(link, savepoint, self._ensure)
        except StoreDownError:
            self._disconnect()
            raise

    def roster(self, known_version: int) -> Roster | None:
        """Return the roster, or None when it has not changed since that version. Raises StoreDownError.

        A kind that was not known when it was loaded changes it too: its devices were left out.
        """
        kinds = dict(self._kinds)
        with transaction(self._snapshots) as on:
            if rosters.version(on) == known_version and len(kinds) == self._enrolled_kinds:
                return None
            roster = rosters.load(on, kinds)
        self._enrolled_kinds = len(kinds)
        return roster

    def _claimed(self) -> bool:
        link = self._connected()
        if self._epoch is None and try_lock(link, Lock.INGEST):
            row = link.execute(_TAKE_OVER).fetchone()
            assert row is not None
            self._epoch = int(row[0])
        return self._epoch is not None

    def _writing_link(self) -> Link:
        fresh = self._link is None or self._link.closed
        if self._epoch is None:
            if not self._claimed():
                raise StoreDownError("another ingest has the right to write: this one waits until it has left")
        elif fresh and not try_lock(link := self._connected(), Lock.INGEST):
            self._check_epoch(link)
            raise StoreDownError("the database still holds the connection that was lost: wait until it has noticed")
        return self._connected()

    def _check_epoch(self, link: Link) -> None:
        row = link.execute("select epoch from ingest_epoch").fetchone()
        self._require_epoch(None if row is None else row[0])

    def _require_epoch(self, epoch: int | None) -> None:
        if epoch != self._epoch:
            raise FencedError("another ingest has taken over the right to write: this one stops")

    def _connected(self) -> Link:
        if self._link is None or self._link.closed:
            self._link = psycopg.connect(make_conninfo(self._url, **options("ingest")), autocommit=True)
        return self._link

    def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _ensure(self, readings: Readings, *, anew: bool) -> None:
        """Make the partitions that these readings need, in a transaction of its own."""
        known = self._weeks.setdefault(readings.kind.name, set())
        if anew:
            known.clear()
        missing = [week for week in weeks_of(readings.ts) if week not in known]
        if missing:
            with transaction(self._engine) as on:
                ensure_weeks(on, readings.kind, missing)
            known.update(missing)


class PostgresTransaction:
    """One open transaction (port: support.store.StoreTransaction)."""

    def __init__(self, link: Link, savepoint: Savepoint, ensure: Ensure) -> None:
        self._link = link
        self._savepoint = savepoint
        self._ensure = ensure

    def write(self, readings: Readings, roster: Roster, again: NDArray[np.bool_] | None = None) -> Written:
        """Write readings of one kind, mark the buckets they touch, and say which were accepted.

        The Rejects are the conflicts; their `origin` names the delivery whose topic and payload belong to them.
        """
        with in_store_words():
            self._ensure(readings, anew=False)
            merged = self._settle(readings, again)
            accepted = as_readings(readings, merged)
            touch(self._link, accepted)
        return Written(accepted, account(readings, merged, roster), conflicts(readings, merged, roster), merged.fate)

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Keep what could not be taken in; of a Reject with `more`, the number."""
        with self._writing():
            quarantine.keep(self._link, rejects)

    def still_asked(self, reject_ids: Sequence[int]) -> set[int]:
        """Return those kept Rejects that still wait to be replayed, and lock them."""
        with self._writing():
            return quarantine.still_asked(self._link, reject_ids)

    def replayed(self, outcomes: Mapping[int, Mapping[str, int]]) -> None:
        """Record what became of kept Rejects in their replay."""
        with self._writing():
            quarantine.replayed(self._link, outcomes)

    def tally(self, at: int, tallies: Mapping[str, Tally]) -> None:
        """Add to the ledger under the hour of `at`."""
        with self._writing():
            told = Tallies.of(tallies)
            if told:
                columns = (array(INT8, column) for column in told.counts.T)
                self._link.execute(_ADD, [moment(at), texts(told.devices), *columns])

    def meet(self, births: Sequence[Birth], states: Sequence[StateChange]) -> None:
        """Record what devices said of themselves."""
        with self._writing():
            announcements.meet(self._link, births, states)

    def put(self, rows: Sequence[Row]) -> None:
        """Write rows of fixed tables; times may be epoch microseconds."""
        with self._writing():
            put_rows(self._link, rows)

    def counts(self) -> Mapping[str, Count]:
        """Return what is known of running numbers, by device name."""
        with self._writing():
            return numbers.load(self._link)

    def recount(
        self, before: Mapping[str, Count], after: Mapping[str, Count], gaps: Sequence[tuple[str, Boot, Spans]]
    ) -> None:
        """Replace counts of running numbers, and keep the gaps that are final now."""
        with self._writing():
            numbers.save(self._link, before, after)
            numbers.keep(self._link, gaps)

    def answered(self, replies: Sequence[Reply]) -> Sequence[Reply]:
        """Record replies beside their commands; return those that answer none."""
        with self._writing():
            return letters.answered(self._link, replies)

    def outgoing(self, most: int, under_way: Sequence[int]) -> Sequence[Letter]:
        """Return the oldest letters that wait and are not under way."""
        with self._writing():
            return letters.outgoing(self._link, most, under_way)

    def dispatched(self, sent: Sequence[int], refused: Mapping[int, str]) -> None:
        """Note which letters the broker has taken, and which cannot be sent."""
        with self._writing():
            letters.dispatched(self._link, sent, refused)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._savepoint.fresh = False
        with in_store_words():
            yield

    def _settle(self, readings: Readings, again: NDArray[np.bool_] | None) -> Merged:
        if again is None or not again.any():
            return self._write_folded(readings)
        asked = np.flatnonzero(again)
        known = asked[came_before(self._link, readings.take(asked))]
        rest = np.setdiff1d(np.arange(len(readings)), known)
        new = self._write_folded(readings.take(rest))
        return joined([(known, all_duplicate(readings.take(known))), (rest, new)], readings)

    def _write_folded(self, readings: Readings) -> Merged:
        """Write readings; those that share device and time as one, in the order in which they came."""
        folded = fold(readings)
        if folded is None:
            return self._write_round(readings)
        written = self._write_round(folded.readings)
        stored = folded.readings.values.copy()
        old = np.flatnonzero(written.fate != STORED)
        if len(old):
            every = np.arange(stored.shape[1])
            stored[old] = stored_values(self._link, folded.readings.take(old), every)
        return unfold(readings, folded, written, stored)

    def _write_round(self, readings: Readings) -> Merged:
        try:
            self._copy_readings(readings)
        except errors.UniqueViolation:
            return merge(self._link, readings)
        except errors.CheckViolation:  # a partition that we knew has been dropped since
            self._ensure(readings, anew=True)
            return merge(self._link, readings)
        return all_stored(readings)

    def _copy_readings(self, readings: Readings) -> None:
        columns = points_present(readings)
        names = ("device_id", "ts", "received_at", *(readings.kind.names[c] for c in columns), "quality")
        with self._savepoint.block():  # so that a violation undoes this block alone
            copy_in(self._link, readings_name(readings.kind), names, copy_block(readings, columns))
