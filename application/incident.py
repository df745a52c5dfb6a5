"""Incident: alarms of one cause, found from what is open: pure, and the same whatever the order of the alarms.

Two ways to belong together. Over an area: more than a share of the stations of a branch, a district or a heat source
raise alarms of one family within minutes; the smallest area that explains them is taken. At a station: everything
that is open there. Within an incident the causes explain the consequences (power > link > pump > pressure > heat):
explained alarms are suppressed by design, the cause is not. A cause that is over explains for a while what it has left
behind: a loop takes half an hour to be full and warm again after a stop.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from application.instants import MINUTE
from application.rule import Family

AREAS = ("branch", "district", "source")
"""From small to large; a power cut follows districts, the others follow the pipes."""
EXPLAINS = (Family.POWER, Family.LINK, Family.PUMP, Family.PRESSURE, Family.HEAT)
_LEAVE_BEHIND, _LEFT = (Family.POWER, Family.PUMP, Family.PRESSURE), (Family.PRESSURE, Family.HEAT)
"""What causes of these families leave behind when they are over; a pump that stays off is not among it."""
_TOGETHER = (Family.POWER, Family.LINK, Family.PRESSURE, Family.HEAT)
"""Families that have causes upstream of a station."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """When stations fall together: more than `share` of an area, `least` at least, within `within_us`."""

    share: float = 0.2
    least: int = 3
    within_us: int = 10 * MINUTE
    before_us: int = 2 * MINUTE
    recovery_us: int = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Raised:
    """An open alarm as grouping sees it. `opened` in epoch microseconds."""

    alarm_id: str
    rule: str
    family: Family
    priority: int
    station: str
    opened: int


@dataclass(frozen=True, slots=True)
class Areas:
    """Which stations stand where: names of areas such as `branch:north-1`, by station, and their stations."""

    of_station: Mapping[str, Sequence[str]]
    stations: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """An incident as it stands. `family` is empty for a station's; `explained` are alarms that its cause explains."""

    scope: str
    family: str
    cause: Raised
    alarms: tuple[Raised, ...]
    explained: Mapping[str, str] = field(default_factory=dict)

    @property
    def opened(self) -> int:
        """Since when, epoch microseconds."""
        return min(alarm.opened for alarm in self.alarms)

    @property
    def priority(self) -> int:
        """The most urgent of its alarms'."""
        return min(alarm.priority for alarm in self.alarms)

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations that it touches, by name."""
        return tuple(sorted({alarm.station for alarm in self.alarms}))


def incidents(
    raised: Iterable[Raised],
    areas: Areas,
    still: Iterable[tuple[str, str]] = (),
    p: Grouping | None = None,
    over: Iterable[Raised] = (),
) -> list[Found]:
    """Return the incidents of these open alarms, those over areas first.

    `still` are (scope, family) of area incidents that are open already: they last while one of their alarms does,
    and take in what falls later. `over` are alarms that cleared less than `recovery_us` ago.
    """
    p = p or Grouping()
    left = {alarm.alarm_id: alarm for alarm in raised}
    found: list[Found] = []
    for scope, family in sorted(set(still)):
        mine = [a for a in left.values() if a.family == family and scope in areas.of_station.get(a.station, ())]
        if mine and not scope.startswith("station:"):
            found.append(_taken(scope, family, mine, left, p))
    for family in _TOGETHER:
        for scope in _fallen_together(left.values(), family, areas, p):
            mine = [a for a in left.values() if a.family is family and a.station in areas.stations[scope]]
            found.append(_taken(scope, family, mine, left, p))
    return [*found, *_of_stations(left.values(), p, over)]


def _fallen_together(left: Iterable[Raised], family: Family, areas: Areas, p: Grouping) -> list[str]:
    """Return the areas that fell, small ones first, none of whose stations is explained by one before."""
    first: dict[str, int] = {}
    for alarm in left:
        if alarm.family is family:
            first[alarm.station] = min(alarm.opened, first.get(alarm.station, alarm.opened))
    chosen: list[str] = []
    covered: set[str] = set()
    fallen = [s for s in areas.stations if _is_fallen(areas.stations[s], first, p)]
    for scope in sorted(fallen, key=lambda s: (-len(areas.stations[s] & first.keys()), len(areas.stations[s]), s)):
        mine = areas.stations[scope] & first.keys()
        if not mine & covered:
            chosen.append(scope)
            covered |= mine
    return chosen


def _is_fallen(stations: frozenset[str], first: Mapping[str, int], p: Grouping) -> bool:
    times = sorted(first[s] for s in stations & first.keys())
    needed = max(p.least, int(p.share * len(stations)) + 1)
    return any(late - early <= p.within_us for early, late in zip(times, times[needed - 1 :], strict=False))


def _taken(scope: str, family: str, mine: Sequence[Raised], left: dict[str, Raised], p: Grouping) -> Found:
    """Take the alarms of an area, with what they explain at their stations, out of what is left."""
    stations = {a.station for a in mine}
    since: dict[str, int] = {}
    for alarm in mine:
        since[alarm.station] = min(alarm.opened, since.get(alarm.station, alarm.opened))
    rank = EXPLAINS.index(Family(family))
    follow = [
        a
        for a in left.values()
        if a.station in stations and a.family in EXPLAINS[rank + 1 :] and a.opened >= since[a.station] - p.before_us
    ]
    cause = min(mine, key=lambda a: (a.opened, a.priority, a.station, a.alarm_id))
    alarms = sorted([*mine, *follow], key=lambda a: (a.opened, a.station, a.alarm_id))
    for alarm in alarms:
        left.pop(alarm.alarm_id)
    explained = {a.alarm_id: cause.rule for a in alarms if a.alarm_id != cause.alarm_id}
    return Found(scope, family, cause, tuple(alarms), explained)


def _of_stations(left: Iterable[Raised], p: Grouping, over: Iterable[Raised] = ()) -> list[Found]:
    at: dict[str, list[Raised]] = {}
    for alarm in left:
        at.setdefault(alarm.station, []).append(alarm)
    gone: dict[str, list[Raised]] = {}
    for alarm in over:
        if alarm.family in _LEAVE_BEHIND:
            gone.setdefault(alarm.station, []).append(alarm)
    return [
        _of_station(station, sorted(alarms, key=_weight), p, sorted(gone.get(station, ()), key=_weight))
        for station, alarms in sorted(at.items())
    ]


def _of_station(station: str, alarms: Sequence[Raised], p: Grouping, gone: Sequence[Raised]) -> Found:
    cause = alarms[0]
    explained: dict[str, str] = {}
    parents, former = list(_parents(alarms)), list(_parents(gone))
    for alarm in alarms:
        parent = next((a for a in parents if _explains(a, alarm, p)), None)
        if parent is None and alarm.family in _LEFT:
            parent = next((a for a in former if _explains(a, alarm, p)), None)
        if parent is not None:
            explained[alarm.alarm_id] = parent.rule
    in_order = sorted(alarms, key=lambda a: (a.opened, a.alarm_id))
    return Found(f"station:{station}", "", cause, tuple(in_order), explained)


def _parents(alarms: Iterable[Raised]) -> Iterator[Raised]:
    """Yield of alarms, causes first, those that can be the first to explain another: of a family the ever earlier.

    They are no more than families times priorities, however many alarms a station has.
    """
    earliest: dict[Family, int] = {}
    for alarm in alarms:
        if alarm.family not in earliest or alarm.opened < earliest[alarm.family]:
            earliest[alarm.family] = alarm.opened
            yield alarm


def _explains(parent: Raised, child: Raised, p: Grouping) -> bool:
    """Return whether a parent explains a child: further up the chain of causes, and not later."""
    if parent.family not in EXPLAINS or child.family not in EXPLAINS:
        return False
    later = child.opened >= parent.opened - p.before_us
    return EXPLAINS.index(parent.family) < EXPLAINS.index(child.family) and later


def _weight(alarm: Raised) -> tuple[int, int, int, str]:
    """Causes first: by their place in the chain, then by urgency, then the earliest."""
    rank = EXPLAINS.index(alarm.family) if alarm.family in EXPLAINS else len(EXPLAINS)
    return rank, alarm.priority, alarm.opened, alarm.alarm_id
