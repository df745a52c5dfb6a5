"""Baseline: a quantity of one station or device that was learned from its own history. Works on a Connection."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from application.instants import microseconds, moment
from support import tables

_baseline = tables.baseline


class Key(NamedTuple):
    """Whose quantity: `subject` is `station:<name>` or `device:<name>`; `name` says which, with its unit at its end."""

    subject: str
    name: str


class Baseline(NamedTuple):
    """What was learned: the value, the range that it lies in (None: unknown), from how many samples, and when.

    `learned_at` is epoch microseconds of event time: until when the history reached.
    """

    value: float
    low: float | None
    high: float | None
    samples: int
    learned_at: int


def learned(on: Connection, names: Sequence[str]) -> Mapping[Key, Baseline]:
    """Return what is known of these quantities, of everybody."""
    rows = on.execute(select(_baseline).where(_baseline.c.name.in_(names)))
    return {
        Key(row.subject, row.name): Baseline(row.value, row.low, row.high, row.samples, microseconds(row.learned_at))
        for row in rows
    }


def keep(on: Connection, found: Iterable[tuple[Key, Baseline]]) -> int:
    """Keep what was learned, in place of what was known before; return how many there were. The caller commits."""
    rows = [{**key._asdict(), **each._asdict(), "learned_at": moment(each.learned_at)} for key, each in found]
    if not rows:
        return 0
    new = upsert(_baseline)
    told = {name: new.excluded[name] for name in Baseline._fields}
    on.execute(new.on_conflict_do_update(index_elements=["subject", "name"], set_=told), rows)
    return len(rows)
