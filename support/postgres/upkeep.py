"""Upkeep: what tend does to the tables of readings: partitions ahead, retention, and the right to do so."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, delete, select

from perception.sensor_kind import SensorKind
from support.maintain import Pass
from support.postgres.compression import Compression
from support.postgres.connect import Lock, options, store_down, try_lock
from support.postgres.counters import EVERY_S, Counters
from support.postgres.folding import Folding
from support.postgres.partitions import WEEK_US, ensure_weeks, existing_weeks, weeks_of
from support.postgres.quarantine import StrangersRoom
from support.postgres.retention import Retention
from support.postgres.rollups import Rollups
from support.postgres.transact import transaction
from support.settings import TendSettings
from support.tables import reject, seq_gap

_HOUR_S = 3600.0
_MINUTE_S = 60.0
_SLICE_ROWS = 5000


class TendTurn:
    """The advisory lock of tend, on a connection of its own. Implements maintain.Turn."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._conn: psycopg.Connection[Any] | None = None
        self._held = False

    def taken(self) -> bool:
        """Take the lock, or see that it is still ours. Raises StoreDownError."""
        try:
            if self._conn is None or self._conn.closed:
                self._held = False
                self._conn = psycopg.connect(make_conninfo(self._url, **options("tend")), autocommit=True)
            if self._held:
                self._conn.execute("select 1")
            self._held = self._held or try_lock(self._conn, Lock.TEND)
        except psycopg.OperationalError as err:
            self.close()
            raise store_down(err) from err
        return self._held

    def close(self) -> None:
        """Give the lock back."""
        if self._conn is not None:
            with suppress(psycopg.Error):  # the server gives it back too, once it sees that we are gone
                self._conn.execute("select pg_advisory_unlock_all()")
            self._conn.close()
        self._conn, self._held = None, False


def passes(engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> tuple[Pass, ...]:
    """Return what is done to the tables of these kinds, in order."""
    upkeep, retention = _Upkeep(engine, kinds, settings), Retention(engine, kinds, settings)
    return (
        Pass("partitions", _HOUR_S, upkeep.ahead, "weekly partitions made"),
        Pass("rollups", settings.every_s, Rollups(engine, kinds, settings).drain, "ten-minute buckets computed"),
        Pass("ledger", settings.every_s, Folding(engine).drain, "hours of devices added up"),
        Pass("counters", EVERY_S, Counters(engine, kinds, settings).drain, "hours of counters followed"),
        Pass("retention", _HOUR_S, retention.drop_readings, "partitions or chunks of readings dropped"),
        Pass("rollup retention", _HOUR_S, retention.drop_rollups, "chunks or rows of rollups dropped"),
        Pass("compression", _HOUR_S, Compression(engine, kinds, settings).run, "chunks compressed"),
        Pass("rejects", _HOUR_S, upkeep.forget_rejects, "rejects deleted"),
        Pass("strangers", _MINUTE_S, StrangersRoom(engine).trim, "rejects of strangers deleted"),
        Pass("gaps", _HOUR_S, upkeep.forget_gaps, "gaps of running numbers deleted"),
    )


class _Upkeep:
    def __init__(self, engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> None:
        self._engine, self._kinds, self._settings = engine, kinds, settings

    def ahead(self, now: int) -> Iterator[int]:
        """Make this week's partition and those of the weeks ahead; yield how many were missing."""
        weeks = weeks_of(now + WEEK_US * np.arange(self._settings.weeks_ahead + 1, dtype=np.int64))
        for kind in self._kinds.values():
            with transaction(self._engine) as on:
                standing = set(existing_weeks(on, kind))
                ensure_weeks(on, kind, weeks)
                made = set(existing_weeks(on, kind)) - standing
            yield len(made)

    def forget_rejects(self, now: int) -> Iterator[int]:
        """Delete rejects older than they are kept, oldest first; yield how many after each slice.

        One that somebody asked to replay stays until that is done.
        """
        until = datetime.fromtimestamp(now / 1e6, UTC) - timedelta(days=self._settings.reject_days)
        c = reject.c
        old = (
            select(c.reject_id)
            .where(c.received_at < until, c.state != "asked")
            .order_by(c.received_at)
            .limit(_SLICE_ROWS)
        )
        gone = _SLICE_ROWS
        while gone == _SLICE_ROWS:
            with transaction(self._engine) as on:
                gone = on.execute(delete(reject).where(c.reject_id.in_(old))).rowcount
            yield gone

    def forget_gaps(self, now: int) -> Iterator[int]:
        """Delete final gaps of running numbers that are older than rejects are kept; yield how many."""
        until = datetime.fromtimestamp(now / 1e6, UTC) - timedelta(days=self._settings.reject_days)
        with transaction(self._engine) as on:
            yield on.execute(delete(seq_gap).where(seq_gap.c.noted_at < until)).rowcount
