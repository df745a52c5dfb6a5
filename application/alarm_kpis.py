"""Alarm KPIs: what the alarm system asks of its operators, by the usual yardsticks.

Targets: IEC 62682 and ISA-18.2 (about 150 alarms a day and operator, 300 at most; 5 / 15 / 80 % of high, medium and
low priority), Bransby and Jenkinson 1998 (one alarm per ten minutes, two at most). A flood begins above ten alarms in
ten minutes and ends below five; stale is active for more than a day; chattering is three or more transitions of one
condition within a minute; fleeting clears by itself within seconds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from application.instants import DAY, MINUTE, SECOND, microseconds, moment
from application.tuning import DRILL
from support import tables

LONGEST_DAYS = 3_660
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
FLEETING_US = 10 * SECOND
_TEN = 10 * MINUTE
_TOP = 10


class SpanError(Exception):
    """The span is longer than anything that is kept; the text says how long it may be."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One alarm. Times in epoch microseconds; None: not cleared, not acknowledged."""

    condition: tuple[str, str, str]
    priority: int
    opened: int
    cleared: int | None
    acknowledged: int | None


@dataclass(frozen=True, slots=True)
class Kpi:
    """One indicator: its value, its target and its limit in words, and whether it is met. None: nothing to judge."""

    name: str
    value: float | None
    unit: str
    target: str
    limit: str
    met: bool | None


def occurrences(on: Connection, span: tuple[int, int], city: str | None = None) -> list[Occurrence]:
    """Return the alarms that operators saw over [from, to): no suppressed ones and no drills. Active ones come too.

    `city`: only its own.
    """
    a = tables.alarm.c
    inside = (a.opened_at >= moment(span[0])) | a.cleared_at.is_(None)
    event = tables.alarm_event.c  # one that asked again was seen before
    seen = select(func.min(event.at)).where(event.alarm_id == a.alarm_id, event.what == "acknowledged")
    first = func.coalesce(seen.scalar_subquery(), a.acknowledged_at).label("first_seen")
    query = select(tables.alarm, first).where(inside, a.opened_at < moment(span[1]), a.suppressed_by.is_(None))
    query = query.where(~a.evidence.has_key(DRILL))  # a drill asks nothing of anybody
    if city is not None:
        s, d = tables.station.c, tables.district.c
        here = select(s.name).join(tables.district, d.name == s.district).where(d.city == city)
        query = query.where(a.station.in_(here))
    return [
        Occurrence(
            (row.subject, row.rule, row.element),
            row.priority,
            microseconds(row.opened_at),
            None if row.cleared_at is None else microseconds(row.cleared_at),
            None if row.first_seen is None else microseconds(row.first_seen),
        )
        for row in on.execute(query.order_by(a.opened_at))
    ]


def without_end(on: Connection, now: int) -> int:
    """Return what counts as unauthorised suppression: out of service for more than a day, and nobody said until when.

    Shelving cannot be without an end, and neither can be without a name and a reason: the tables refuse it.
    """
    r = tables.out_of_service.c
    query = select(func.count()).select_from(tables.out_of_service)
    return on.scalar(query.where(r.ended_at.is_(None), r.until.is_(None), r.since <= moment(now - DAY))) or 0


def kpis(
    seen: Sequence[Occurrence], span: tuple[int, int], operators: int = 1, unauthorised: int | None = None
) -> list[Kpi]:
    """Return the indicators of a span [from, to), epoch microseconds, for so many operators.

    `unauthorised` is how much is suppressed that should not be (see `without_end`); None: not looked at.

    Raises SpanError: minutes are counted one by one.
    """
    if span[1] - span[0] > LONGEST_DAYS * DAY:
        raise SpanError(f"{(span[1] - span[0]) / DAY:.0f} days are too many: ask for at most {LONGEST_DAYS}")
    new = [o for o in seen if span[0] <= o.opened < span[1]]
    opened = np.array(sorted(o.opened for o in new), np.int64)
    counts = _per_ten_minutes(opened, span)
    days = (span[1] - span[0]) / DAY
    return [
        _least("alarms per operator and day", len(new) / days / operators, "", 150, 300),
        _least("alarms per 10 min, mean", float(counts.mean()) / operators, "", 1, 2),
        _least("10-min periods above 10 alarms", 100 * float((counts > FLOOD_BEGINS).mean()), "%", 1, 5),
        _least("time in flood", 100 * flood_share(opened, span), "%", 1, 1),
        _least("share of the ten most frequent", _top_share(new), "%", 5, 20),
        _least("chattering", float(chattering(new)), "", 0, 0),
        _least(
            "fleeting", float(sum(o.cleared is not None and o.cleared - o.opened < FLEETING_US for o in new)), "", 0, 0
        ),
        _least("stale now", float(sum(is_stale(o, span[1]) for o in seen)), "", 0, 5),
        *([] if unauthorised is None else [_least("unauthorised suppression", float(unauthorised), "", 0, 0)]),
        *_split(new),
        *_answers(new),
    ]


def flood_share(opened: NDArray[np.int64], span: tuple[int, int]) -> float:
    """Return the share of a span that was a flood: more than ten alarms in ten minutes, until fewer than five.

    Looked at minute by minute over the ten minutes before. `opened` is sorted.
    """
    ends = np.arange(span[0] + MINUTE, span[1] + 1, MINUTE)
    if not len(ends):
        return 0.0
    counts = np.searchsorted(opened, ends) - np.searchsorted(opened, ends - _TEN)
    flooded, minutes = False, 0
    for count in counts.tolist():
        flooded = count > FLOOD_BEGINS or (flooded and count >= FLOOD_ENDS)
        minutes += flooded
    return minutes / len(ends)


def chattering(new: Sequence[Occurrence]) -> int:
    """Return how many conditions had three or more transitions within a minute."""
    return len(chatterers(new))


def chatterers(new: Sequence[Occurrence]) -> list[tuple[str, str, str]]:
    """Return the conditions that had three or more transitions within a minute."""
    moves: dict[tuple[str, str, str], list[int]] = {}
    for o in new:
        moves.setdefault(o.condition, []).extend(t for t in (o.opened, o.cleared) if t is not None)
    return [condition for condition, times in moves.items() if _chatters(sorted(times))]


def is_stale(o: Occurrence, at: int) -> bool:
    """Whether it has been active for more than a day at an instant."""
    return o.cleared is None and at - o.opened > DAY


def _chatters(times: Sequence[int]) -> bool:
    return any(third - first <= MINUTE for first, third in zip(times, times[2:], strict=False))


def _per_ten_minutes(opened: NDArray[np.int64], span: tuple[int, int]) -> NDArray[np.int64]:
    edges = np.arange(span[0], span[1] + _TEN, _TEN)
    return np.diff(np.searchsorted(opened, edges))


_FEW = 20
"""Of fewer, one alarm is more than the share that is aimed at."""


def _top_share(new: Sequence[Occurrence]) -> float | None:
    if len(new) <= _TOP:  # all of them are among the ten most frequent
        return None
    most = Counter(o.condition for o in new).most_common(_TOP)
    return 100 * sum(count for _, count in most) / len(new)


def _split(new: Sequence[Occurrence]) -> list[Kpi]:
    """Return the share of each priority; judged by the share of high ones alone."""
    shares = {p: 100 * sum(o.priority == p for o in new) / len(new) if new else None for p in (1, 2, 3)}
    high = shares[1]
    return [
        Kpi("high priority", high, "%", "5", "", None if high is None or len(new) < _FEW else high <= 2 * 5),
        Kpi("medium priority", shares[2], "%", "15", "", None),
        Kpi("low priority", shares[3], "%", "80", "", None),
    ]


def _answers(new: Sequence[Occurrence]) -> list[Kpi]:
    """Return how long alarms waited for somebody to see them."""
    waited = [(o.acknowledged - o.opened) / (60 * SECOND) for o in new if o.acknowledged is not None]
    told = [float(np.quantile(waited, q)) if waited else None for q in (0.5, 0.9)]
    share = 100 * len(waited) / len(new) if new else None
    return [
        Kpi("time to acknowledge, median", told[0], "min", "", "", None),
        Kpi("time to acknowledge, p90", told[1], "min", "", "", None),
        Kpi("acknowledged", share, "%", "100", "", None),
    ]


def _least(name: str, value: float | None, unit: str, target: float, limit: float) -> Kpi:
    met = None if value is None else value <= target
    return Kpi(name, value, unit, f"<= {target:g}", f"<= {limit:g}", met)


@dataclass(frozen=True, slots=True)
class Nuisance:
    """A rule that asks often: how often, how many short ones, and the delays that would have spared most of those."""

    rule: str
    alarms: int
    conditions: int
    short: int
    on_delay_s: float | None
    off_delay_s: float | None
    spared: int


SHORT_US = 5 * MINUTE
_SPARE = 0.8


def nuisances(new: Sequence[Occurrence]) -> list[Nuisance]:
    """Return the rules with the most alarms, and what longer delays would have spared, from their own history.

    A longer on-delay spares alarms that cleared within it; a longer off-delay joins alarms that came back within it.
    Proposed is what spares four of five short ones; None where there are too few to say.
    """
    by_rule: dict[str, list[Occurrence]] = {}
    for o in new:
        by_rule.setdefault(o.condition[1], []).append(o)
    return sorted((_nuisance(rule, mine) for rule, mine in by_rule.items()), key=lambda n: (-n.alarms, n.rule))


def _nuisance(rule: str, mine: Sequence[Occurrence]) -> Nuisance:
    lasted = [o.cleared - o.opened for o in mine if o.cleared is not None and o.cleared - o.opened <= SHORT_US]
    gaps = _gaps(mine)
    on, off = _proposed(lasted), _proposed(gaps)
    spared = sum(t <= (on or 0) * SECOND for t in lasted) + sum(g <= (off or 0) * SECOND for g in gaps)
    conditions = len({o.condition for o in mine})
    return Nuisance(rule, len(mine), conditions, len(lasted), on, off, min(spared, len(mine)))


def _gaps(mine: Sequence[Occurrence]) -> list[int]:
    """Return after how long each condition came back, where that was soon."""
    last: dict[tuple[str, str, str], int | None] = {}
    gaps: list[int] = []
    for o in sorted(mine, key=lambda o: o.opened):
        before = last.get(o.condition)
        if before is not None and 0 <= o.opened - before <= 6 * SHORT_US:
            gaps.append(o.opened - before)
        last[o.condition] = o.cleared
    return gaps


def _proposed(times: Sequence[int]) -> float | None:
    least = 5
    if len(times) < least:
        return None
    return float(np.ceil(np.quantile(np.array(times), _SPARE) / (10 * SECOND)) * 10)
