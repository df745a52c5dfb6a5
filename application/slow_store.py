"""Slow store: what the slow rules read from the tables and write to them. Works on a Connection handed in."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, exists, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from application.baseline import Baseline, Key, learned
from application.instants import microseconds, moment
from application.slow.learning import Trouble
from application.slow.lessons import LESSONS
from support import tables
from support.store import Row

_KEY = {"subject": "tend", "rule": "slow", "element": ""}
"""The row of watch_state that says until when everything was judged: written with what came of it."""


def judged_until(on: Connection) -> int | None:
    """Return the end of the last bucket that was judged (epoch microseconds), None: none ever was."""
    c = tables.watch_state.c
    mine = (c.subject == _KEY["subject"], c.rule == _KEY["rule"], c.element == _KEY["element"])
    found = on.execute(select(c.watermark).where(*mine)).scalar()
    return None if found is None else microseconds(found)


def judged_row(until: int) -> Row:
    """Return the row that keeps until when everything was judged."""
    return Row("watch_state", {**_KEY, "verdict": "clear", "pending_since": None, "watermark": moment(until)})


def zones(on: Connection) -> Mapping[str, ZoneInfo]:
    """Return the zone of each city."""
    c = tables.city.c
    return {name: ZoneInfo(zone) for name, zone in on.execute(select(c.name, c.timezone))}


def kept_baselines(on: Connection) -> Mapping[Key, Baseline]:
    """Return what is known of everybody, of the quantities that the slow rules teach."""
    return learned(on, [lesson.name for lesson in LESSONS])


def troubles(on: Connection, since: int) -> Sequence[Trouble]:
    """Return the alarms of all rules that were open at or after a time, epoch microseconds."""
    c = tables.alarm.c
    query = select(c.station, c.rule, c.opened_at, c.cleared_at)
    lately = query.where(or_(c.cleared_at.is_(None), c.cleared_at > moment(since)))
    return [
        (station, rule, microseconds(opened), None if cleared is None else microseconds(cleared))
        for station, rule, opened, cleared in on.execute(lately)
    ]


def all_computed(on: Connection, kinds: Sequence[str], span: tuple[int, int]) -> bool:
    """Return whether no ten-minute bucket that begins within [from, to) waits for the pass of the rollups."""
    waiting = [
        exists().where(t.c.kind.in_(kinds), t.c.bucket >= moment(span[0]), t.c.bucket < moment(span[1]))
        for t in (tables.rollup_mark, tables.rollup_touch)
    ]
    return not on.execute(select(or_(*waiting))).scalar()


def put(on: Connection, rows: Sequence[Row]) -> None:
    """Write rows of alarm, alarm_event and watch_state in their order; one that is there already is changed.

    The caller commits.
    """
    for table, group in _groups(rows):
        keys = [column.name for column in tables.metadata.tables[table].primary_key.columns]
        new = upsert(tables.metadata.tables[table])
        facts = {name: new.excluded[name] for name in group[0] if name not in keys}
        whole = set(keys) <= set(group[0])
        upserted = new.on_conflict_do_update(index_elements=keys, set_=facts) if whole else new.on_conflict_do_nothing()
        on.execute(upserted, group)


def _groups(rows: Sequence[Row]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Cut rows where table or columns change."""
    for (table, _), group in groupby(rows, key=lambda row: (row.table, tuple(row.values))):
        yield table, [dict(row.values) for row in group]
