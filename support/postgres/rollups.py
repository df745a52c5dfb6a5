"""Rollups: n, and n, min, mean and max of each point's good values, per bucket, recomputed where batches left marks.

A mark names a device and a ten-minute bucket. Marks that have been seen are deleted, then their
buckets are computed anew by a later statement of the same transaction: whatever is committed
after that statement's snapshot brings a mark of its own. Ingest writes touches, a row per batch
and bucket with all its devices; once their bucket has ended they are unfolded into marks, each
device once, however many batches touched it. rollup_sql.py has the statements.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, text

from perception.sensor_kind import SensorKind
from support.columns import Width
from support.postgres.retention import kept_from
from support.postgres.rollup_sql import statements
from support.postgres.transact import driver, transaction
from support.settings import TendSettings
from support.tables import rollup_mark, rollup_touch

_TENTH, _HOUR = timedelta(minutes=10), timedelta(hours=1)
_LIVE = timedelta(minutes=2)
"""A bucket that ended longer ago is late: all its widths are computed at once, the day that still fills as well."""

_ROUNDS = 10
"""So often a pass looks again at once when there was more than it looks at: the newest come first each time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_GENTLY = "set local synchronous_commit = off; set local max_parallel_workers_per_gather = 0; set local jit = off"
"""A crash may forget the newest slices, marks and buckets together: they are then computed again."""


_UNFOLD = """
with gone as (delete from rollup_touch where bucket <= :until returning kind, bucket, device_ids)
insert into rollup_mark (kind, device_id, bucket)
select distinct gone.kind, device_id, gone.bucket from gone cross join unnest(gone.device_ids) device_id
"""

_TOUCHED = """
select kind, device_id, bucket from (
    select distinct kind, device_id, bucket from rollup_touch cross join unnest(device_ids) device_id
    where bucket > :after
) touched order by random() limit :most
"""


class Bucket(NamedTuple):
    """A marked ten-minute bucket of a device, with the marks that were seen on it."""

    kind: str
    device_id: int
    begins: datetime
    marks: Sequence[int]


class Rollups:
    """Keeps rollups in step with readings. `drain` is a pass of tend."""

    def __init__(self, engine: Engine, kinds: Mapping[str, SensorKind], settings: TendSettings) -> None:
        self._engine = engine
        self._kinds = kinds
        self._settings = settings
        self._open_until = 0

    def drain(self, now: int) -> Iterator[int]:
        """Recompute marked buckets, the newest days first; yield how many after each slice, when nothing is held.

        Buckets that are still filling are computed now and then, a slice of them at most:
        readers take the youngest readings from raw.
        """
        moment = _moment(now)
        self._forget()
        self._unfold(moment - _TENTH)
        most = self._settings.most_buckets
        for _ in range(_ROUNDS):
            marked = self._marked(_EPOCH, moment - _TENTH, most)
            yield from self._slices(marked, moment)
            if len(marked) < most:
                break
        if now >= self._open_until:
            self._open_until = now + int(self._settings.open_every_s * 1_000_000)
            opened = self._marked(moment - _TENTH, moment, self._settings.slice_buckets)
            touched = self._touched(moment - _TENTH, self._settings.slice_buckets - len(opened))
            yield from self._slices([*opened, *touched], moment)

    def _forget(self) -> None:
        """Delete marks of buckets whose readings were dropped: computing them again would empty them."""
        with transaction(self._engine) as on:
            for kind, since in kept_from(on).items():
                for table in (rollup_mark, rollup_touch):
                    on.execute(delete(table).where(table.c.kind == kind, table.c.bucket < since))

    def _unfold(self, until: datetime) -> None:
        """Turn touches of buckets that begin until then into marks, in one transaction."""
        with transaction(self._engine) as on:
            on.execute(text(_GENTLY))
            on.execute(text(_UNFOLD), {"until": until})

    def _touched(self, after: datetime, most: int) -> list[Bucket]:
        """Return some touched buckets that begin after then, other ones each time; their touches stay."""
        with transaction(self._engine) as on:
            rows = on.execute(text(_TOUCHED), {"after": after, "most": max(0, most)}).all()
        return [Bucket(row.kind, row.device_id, row.bucket, ()) for row in rows]

    def _marked(self, after: datetime, until: datetime, most: int) -> list[Bucket]:
        """Return marked buckets that begin after one moment and until another, device by device, the newest first."""
        with transaction(self._engine) as on:
            on.execute(text(_GENTLY))
            rows: Sequence[Any] = on.execute(_seen(after, until).limit(most)).all()
        return [Bucket(*row) for row in rows]

    def _slices(self, buckets: Sequence[Bucket], now: datetime) -> Iterator[int]:
        size = self._settings.slice_buckets
        for start in range(0, len(buckets), size):
            portion = buckets[start : start + size]
            with transaction(self._engine) as on:
                on.execute(text(_GENTLY))
                recompute(on, self._kinds, portion, now)
            yield len(portion)


def _seen(after: datetime, until: datetime) -> Select[Any]:
    """Select buckets with their marks. Those of one device and day, which share their hours, are neighbours."""
    c = rollup_mark.c
    day = func.date_trunc("day", c.bucket)
    return (
        select(c.kind, c.device_id, c.bucket, func.array_agg(c.mark_id))
        .where(c.bucket > after, c.bucket <= until)
        .group_by(c.kind, c.device_id, c.bucket)
        .order_by(day.desc(), c.kind, c.device_id, c.bucket.desc())
    )


def recompute(on: Connection, kinds: Mapping[str, SensorKind], buckets: Iterable[Bucket], now: datetime) -> None:
    """Delete the marks that were seen on these buckets, then compute them, their hours and their days."""
    by_kind: dict[str, list[Bucket]] = {}
    for bucket in buckets:
        by_kind.setdefault(bucket.kind, []).append(bucket)
    for name, marked in by_kind.items():
        seen = [mark for bucket in marked for mark in bucket.marks]
        on.execute(delete(rollup_mark).where(rollup_mark.c.mark_id == func.any(seen)))
        if name in kinds:
            _compute(on, kinds[name], marked, now)
            _mark_the_end_of_their_hours(on, [b for b in marked if _day_can_wait(b.begins, now)])


def _compute(on: Connection, kind: SensorKind, marked: Sequence[Bucket], now: datetime) -> None:
    every = [(b.device_id, b.begins) for b in marked]
    with_day = [where for where in every if not _day_can_wait(where[1], now)]
    # Where midnight is inside an hour, two days share it: its last bucket stands for its first one, too.
    with_day += [(device, begins.replace(minute=0)) for device, begins in with_day if begins == _last_of_hour(begins)]
    with driver(on).cursor() as cursor:
        for width, statement in statements(kind):
            chosen = with_day if width is Width.DAY else every
            if chosen:
                cursor.execute(statement, [list(column) for column in zip(*chosen, strict=True)])


def _day_can_wait(begins: datetime, now: datetime) -> bool:
    """Tell whether a day need not be computed with this bucket: it is live, and its hour has not ended.

    Computing a day with each of its 144 buckets costs as much as all else; with each hour, a sixth.
    """
    return begins + _TENTH > now - _LIVE and begins < _last_of_hour(begins)


def _last_of_hour(begins: datetime) -> datetime:
    return begins.replace(minute=50)


def _mark_the_end_of_their_hours(on: Connection, waiting: Iterable[Bucket]) -> None:
    """Leave a mark on the last bucket of the hour, so that the day is computed even if the device falls silent."""
    marks = {(b.kind, b.device_id, _last_of_hour(b.begins)) for b in waiting}
    if marks:
        rows = [dict(zip(("kind", "device_id", "bucket"), mark, strict=True)) for mark in marks]
        on.execute(insert(rollup_mark), rows)


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)
