"""Quarantine: rejects as rows: kept, asked for again, settled, and bounded where they come from strangers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, text

from network.link import Delivery
from perception.readings import Reject
from support.postgres.rows import insert
from support.postgres.transact import driver, transaction
from support.store import StoreDownError
from support.strangers import MOST_BYTES, MOST_PER_NAME, MOST_ROWS
from support.tables import reject

Link = psycopg.Connection[tuple[Any, ...]]

_KEPT = (
    "received_at", "reason", "detail", "topic", "payload", "device", "partial", "points", "former", "retained",
    "stranger",
)  # fmt: skip
_SUM_UP = """
insert into reject (received_at, reason, detail, topic, payload, device, stranger, state, more)
select received_at, reason, detail, '', '', device, true, 'summed', more
from unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::int8[])
    v (received_at, reason, detail, device, more)
on conflict (device, reason) where state = 'summed' do update set
    more = reject.more + excluded.more,
    received_at = greatest(reject.received_at, excluded.received_at)
"""
_ASKED = """
select reject_id, topic, payload, received_at, retained from (
    select *, sum(octet_length(payload)) over (order by reject_id) - octet_length(payload) as before
    from (select * from reject where state = 'asked' order by reject_id limit :most) as oldest
) as several where before < :most_bytes order by reject_id
"""
_MOST_BYTES_AT_ONCE = 8 * 2**20
_STILL = "select reject_id from reject where reject_id = any(%s::int8[]) and state = 'asked' for update"
_REPLAYED = """
update reject r set state = 'replayed', settled_at = now(), outcome = v.outcome
from unnest(%s::int8[], %s::jsonb[]) v (reject_id, outcome)
where r.reject_id = v.reject_id and r.state = 'asked'
"""
NOT_KEPT = "counted and not kept: more came under names that may not report than is set aside for them"


def keep(on: Link, rejects: Sequence[Reject]) -> None:
    """Keep rejects. Those with `more` are added to the one row that stands for all of their device and reason."""
    for portion in _portions([r for r in rejects if not r.more]):
        insert(on, reject, [{name: getattr(r, name) for name in _KEPT} for r in portion])
    summed = [r for r in rejects if r.more]
    if summed:
        sum_up(on, [(r.received_at, r.reason, r.device or "", r.more) for r in summed])


def _portions(rejects: Sequence[Reject]) -> Iterator[Sequence[Reject]]:
    """Cut rejects so that no statement carries much more than _MOST_BYTES_AT_ONCE of payload."""
    start = size = 0
    for place, each in enumerate(rejects):
        if size and size + len(each.payload) > _MOST_BYTES_AT_ONCE:
            yield rejects[start:place]
            start, size = place, 0
        size += len(each.payload)
    yield rejects[start:]


def sum_up(on: Link, rows: Sequence[tuple[int, str, str, int]]) -> None:
    """Add (received_at, reason, device, how many) to the rows that stand for what is not kept. No pair comes twice."""
    times = [datetime.fromtimestamp(at / 1e6, UTC) for at, *_ in rows]
    columns = (times, [r[1] for r in rows], [NOT_KEPT] * len(rows), [r[2] for r in rows], [r[3] for r in rows])
    on.execute(_SUM_UP, columns)


def still_asked(on: Link, reject_ids: Sequence[int]) -> set[int]:
    """Return which of these wait to be replayed, and lock them until the transaction ends."""
    return {int(row[0]) for row in on.execute(_STILL, [list(reject_ids)])}


def replayed(on: Link, outcomes: Mapping[int, Mapping[str, int]]) -> None:
    """Record what became of rejects that were asked for."""
    on.execute(_REPLAYED, [list(outcomes), [Jsonb(dict(outcome)) for outcome in outcomes.values()]])


class Replays:
    """The rejects that somebody asked to replay, as deliveries (port: network.link.Inlet).

    A delivery has the topic, the payload and the time of receipt of its Reject, and the Reject's
    id as `mid`. Nothing is remembered between two `take`s: what the transaction of its
    readings has settled is not found again, and what it has not is.
    """

    def __init__(self, engine: Engine, every_s: float = 0.5) -> None:
        self._engine, self._every_s = engine, every_s
        self._next_look = 0.0

    def take(self, most: int, wait_s: float) -> list[Delivery]:
        """Return up to `most` deliveries, the oldest Rejects first. Never waits; looks seldom while there are none."""
        del wait_s
        if time.monotonic() < self._next_look:
            return []
        try:
            with transaction(self._engine) as on:
                found = [
                    _delivery(row)
                    for row in on.execute(text(_ASKED), {"most": most, "most_bytes": _MOST_BYTES_AT_ONCE})
                ]
        except StoreDownError:  # whoever stores will say so
            found = []
        self._next_look = 0.0 if found else time.monotonic() + self._every_s
        return found

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: the transaction that stored them has settled them."""

    def pending(self) -> int:
        """Return 0: nothing is held here."""
        return 0

    def connected_since(self) -> int | None:
        """Return None: there is no link."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _delivery(row: Any) -> Delivery:
    at = round(row.received_at.timestamp() * 1_000_000)
    return Delivery(row.topic, bytes(row.payload), at, retained=row.retained, mid=row.reject_id)


_CROWDED = """
select device, reason, count(*) - :most as surplus from reject
where stranger and state in ('open', 'dropped') group by device, reason having count(*) > :most
"""
_TOTAL = """
select count(*) as rows, coalesce(sum(octet_length(payload)), 0) as bytes
from reject where stranger and state in ('open', 'dropped')
"""
_DROP_OLDEST = """
delete from reject where reject_id in (
    select reject_id from reject where stranger and state in ('open', 'dropped') {only}
    order by reject_id limit :most for update skip locked
) returning reason, state, (extract(epoch from received_at) * 1000000)::bigint as at
"""
_ONE_CROWD = "and device is not distinct from :device and reason = :reason"
_SLICE_ROWS = 5000


class StrangersRoom:
    """Bounds what is kept of names that may not report. `trim` is a pass of tend."""

    def __init__(
        self, engine: Engine, per_name: int = MOST_PER_NAME, rows: int = MOST_ROWS, size: int = MOST_BYTES
    ) -> None:
        self._engine, self._per_name, self._rows, self._bytes = engine, per_name, rows, size

    def trim(self, now: int) -> Iterator[int]:
        """Keep the newest of each name and reason, then of all together; count the rest; yield how many each slice."""
        del now
        with transaction(self._engine) as on:
            crowds = on.execute(text(_CROWDED), {"most": self._per_name}).all()
        for crowd in crowds:
            left = crowd.surplus
            while left > 0:
                gone = self._drop(min(left, _SLICE_ROWS), crowd.device, crowd.reason)
                if not gone:
                    break
                left -= gone
                yield gone
        while self._full():
            gone = self._drop(_SLICE_ROWS)
            if not gone:
                break
            yield gone

    def _full(self) -> bool:
        with transaction(self._engine) as on:
            total = on.execute(text(_TOTAL)).one()
        return bool(total.rows > self._rows or total.bytes > self._bytes)

    def _drop(self, most: int, device: str | None = None, reason: str | None = None) -> int:
        with transaction(self._engine) as on:
            only = "" if reason is None else _ONE_CROWD
            facts = {"most": most} if reason is None else {"most": most, "device": device, "reason": reason}
            gone = on.execute(text(_DROP_OLDEST.format(only=only)), facts).all()
            counts: dict[str, list[int]] = {}
            for row in gone:
                if row.state == "dropped":  # nobody waits for it: its drop is in the audit
                    continue
                counts.setdefault(row.reason, []).append(row.at)
            summed = [(max(at), why, device or "", len(at)) for why, at in counts.items()]
            if summed:
                sum_up(driver(on), summed)
        return len(gone)
