"""Alarm numbers: the figures of alarm management as a page and as metrics show them (alarm_kpis makes them)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, select

from application import alarm_kpis
from application.alarm import AlarmState
from application.alarm_kpis import FLOOD_BEGINS, Kpi, Nuisance, Occurrence
from application.instants import DAY, MINUTE, microseconds, moment
from application.places import stations
from application.read_models import CityCard
from application.rule import Rule
from perception.point import Title
from support import tables

TOP = 10
_TEN = 10 * MINUTE
_MOST_BARS = 288
Condition = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Alarms raised over [since, until), epoch milliseconds, by priority. `peak`: most in ten minutes of it."""

    since: int
    until: int
    raised: Mapping[int, int]
    peak: int

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.raised.values())


@dataclass(frozen=True, slots=True)
class Frequent:
    """A condition that alarms often: how often, and its share of all, in percent."""

    rule: str
    rule_title: Title
    subject: str
    station: str | None
    station_title: Title
    element: str
    alarms: int
    share: float


@dataclass(frozen=True, slots=True)
class Standing:
    """A condition that is stale, since then (epoch milliseconds), or that chatters (None)."""

    rule_title: Title
    station: str | None
    station_title: Title
    element: str
    since: int | None


@dataclass(frozen=True, slots=True)
class NumbersView:
    """What alarms asked of operators over a span, epoch milliseconds. `short`: of its last day, by ten minutes."""

    city: CityCard
    since: int
    until: int
    operators: int
    kpis: Sequence[Kpi]
    days: Sequence[Bucket]
    short: Sequence[Bucket]
    top: Sequence[Frequent]
    chattering: Sequence[Standing]
    stale: Sequence[Standing]
    nuisances: Sequence[tuple[Title, Nuisance]]


@dataclass(frozen=True, slots=True)
class NumbersNow:
    """The figures of this moment. `open` and `unacknowledged` by priority, `kept` by what keeps them."""

    open: Mapping[int, int]
    unacknowledged: Mapping[int, int]
    kept: Mapping[str, int]
    raised_10min: int
    raised_day: int
    flood_share: float
    stale: int
    chattering: int
    waited_s: Mapping[str, float | None]


def of_city(
    on: Connection, card: CityCard, span: tuple[int, int], operators: int, rules: Mapping[str, Rule]
) -> NumbersView:
    """Return the figures of a city over [from, to), epoch microseconds. Raises SpanError."""
    seen = alarm_kpis.occurrences(on, span, card.name)
    new = [o for o in seen if o.opened >= span[0]]
    words = _Words(rules, {s.name: s.title for s in stations(on, card.name)}, _stations_of_devices(on))
    return NumbersView(
        city=card,
        since=span[0] // 1000,
        until=span[1] // 1000,
        operators=operators,
        kpis=alarm_kpis.kpis(seen, span, operators, alarm_kpis.without_end(on, span[1])),
        days=_buckets(new, _days(span, card.timezone)),
        short=_buckets(new, _tens(span)),
        top=[words.frequent(c, n, len(new)) for c, n in Counter(o.condition for o in new).most_common(TOP)],
        chattering=[words.standing(c, None) for c in alarm_kpis.chatterers(new)],
        stale=[words.standing(o.condition, o.opened // 1000) for o in seen if alarm_kpis.is_stale(o, span[1])],
        nuisances=[(words.rule(n.rule), n) for n in alarm_kpis.nuisances(new)],
    )


def now(on: Connection, rows: Iterable[tuple[int, bool, AlarmState]], at: int) -> NumbersNow:
    """Return the figures at an instant (epoch microseconds). `rows`: priority, whether active, and state of each."""
    span = (at - DAY, at)
    seen = alarm_kpis.occurrences(on, span)
    new = [o for o in seen if o.opened >= span[0]]
    opened = np.array(sorted(o.opened for o in new), np.int64)
    states = Counter((priority, is_active, state) for priority, is_active, state in rows)
    waited = [(o.acknowledged - o.opened) / 1e6 for o in new if o.acknowledged is not None]
    keeping = (AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE)
    return NumbersNow(
        open=_by_priority((p, n) for (p, active, s), n in states.items() if active and s not in keeping),
        unacknowledged=_by_priority((p, n) for (p, _, s), n in states.items() if "unacknowledged" in s),
        kept={str(k): sum(n for (_, _, s), n in states.items() if s is k) for k in keeping},
        raised_10min=int((opened >= at - _TEN).sum()),
        raised_day=len(new),
        flood_share=alarm_kpis.flood_share(opened, span),
        stale=sum(alarm_kpis.is_stale(o, at) for o in seen),
        chattering=len(alarm_kpis.chatterers(new)),
        waited_s={str(q): float(np.quantile(waited, q)) if waited else None for q in (0.5, 0.9)},
    )


def _by_priority(pairs: Iterable[tuple[int, int]]) -> Mapping[int, int]:
    found: Counter[int] = Counter()
    for priority, number in pairs:
        found[priority] += number
    return found


class _Words:
    """The titles of rules and places."""

    def __init__(
        self, rules: Mapping[str, Rule], places: Mapping[str, Title], station_of: Mapping[str, str | None]
    ) -> None:
        self._rules, self._places, self._station_of = rules, places, station_of

    def rule(self, name: str) -> Title:
        return self._rules[name].title if name in self._rules else Title(zh=name, en=name)

    def frequent(self, condition: Condition, alarms: int, of: int) -> Frequent:
        subject, rule, element = condition
        station, title = self._place(subject)
        return Frequent(rule, self.rule(rule), subject, station, title, element, alarms, 100 * alarms / of)

    def standing(self, condition: Condition, since: int | None) -> Standing:
        subject, rule, element = condition
        return Standing(self.rule(rule), *self._place(subject), element, since)

    def _place(self, subject: str) -> tuple[str | None, Title]:
        sort, _, name = subject.partition(":")
        station = name if sort == "station" else self._station_of.get(name)
        return station, self._places.get(station or "") or Title(zh=name, en=name)


def _stations_of_devices(on: Connection) -> Mapping[str, str | None]:
    d = tables.device.c
    return {row.name: row.station for row in on.execute(select(d.name, d.station))}


def _days(span: tuple[int, int], zone: str) -> list[int]:
    """Return where the days of the city's clock begin within a span, with both of its ends; microseconds."""
    day = moment(span[0]).astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    edges = [span[0]]
    while (begin := microseconds(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))) < span[1]:
        edges.append(begin)
        day += timedelta(days=1)
    return [*edges, span[1]]


def _tens(span: tuple[int, int]) -> list[int]:
    """Return the tens of minutes of the last day of a span."""
    first = max(span[0], span[1] - DAY) // _TEN * _TEN
    return list(range(first, span[1] + _TEN, _TEN))[-_MOST_BARS:]


def _buckets(new: Sequence[Occurrence], edges: Sequence[int]) -> list[Bucket]:
    by_priority = {p: np.array(sorted(o.opened for o in new if o.priority == p), np.int64) for p in (1, 2, 3)}
    every = np.sort(np.concatenate(list(by_priority.values())))
    return [
        Bucket(
            since // 1000,
            until // 1000,
            {p: int(np.diff(np.searchsorted(opened, (since, until)))[0]) for p, opened in by_priority.items()},
            _peak(every[slice(*np.searchsorted(every, (since, until)))]),
        )
        for since, until in pairwise(edges)
    ]


def _peak(opened: "np.typing.NDArray[np.int64]") -> int:
    """Return the most alarms in any ten minutes that begin with one of these."""
    if not len(opened):
        return 0
    return int((np.searchsorted(opened, opened + _TEN) - np.arange(len(opened))).max())


def is_flood(bucket: Bucket) -> bool:
    """Whether more came in ten minutes than one person can look at."""
    return bucket.peak > FLOOD_BEGINS
