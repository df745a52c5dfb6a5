"""Incident: alarms of one cause, found from what is open: pure, and the same whatever the order of the alarms.

Two ways to belong together. Over an area: more than a share of the stations of a branch, a district or a heat source
raise alarms of one family within minutes; the smallest area that explains them is taken. The grid follows no pipe:
some stations of a city that lose their power at the same time are one power cut, wherever they stand. At a station:
everything that is open there. Within an incident the causes explain the consequences (power > link > pump > pressure
> heat): explained alarms are suppressed by design, the cause is not. So is what rests on a sensor that is known to be
wrong: who repairs the sensor will see.

When the cause is over its consequences speak for themselves: a pump that stays off does at once. Others have a while
to recover, and one whose condition has gone already only waits out its off-delay. Else fifty stations that come back
would call as loud as fifty that fell.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from application.instants import MINUTE, SECOND
from application.rule import Family

_CITY = "city:"
"""How the scope begins that only a power cut can have."""
EXPLAINS = (Family.POWER, Family.LINK, Family.PUMP, Family.PRESSURE, Family.HEAT)
_TOGETHER = (Family.POWER, Family.LINK, Family.PRESSURE, Family.HEAT)
"""Families that have causes upstream of a station."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Grouping:
    """When stations fall together: more than `share` of an area, `least` at least, within `within_us`.

    Of a city, `city_least` within `city_within_us`: chance does not cut the power of so many at once. A consequence
    may show itself `before_us` before its cause. Of those that outlive it, one that opened while it stood has
    `settles_us`, unless it speaks of a pump; one that is patient has `recovers_us`; one that only waits out its
    off-delay has `wanes_us`.
    """

    share: float = 0.2
    least: int = 3
    within_us: int = 10 * MINUTE
    before_us: int = 2 * MINUTE
    city_least: int = 5
    city_within_us: int = 2 * MINUTE
    settles_us: int = 15 * MINUTE
    recovers_us: int = 30 * MINUTE
    wanes_us: int = 120 * MINUTE


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm as grouping sees it. `opened` in epoch microseconds.

    `waning`: it is open, but its condition has gone; it waits out its off-delay. `patient`: there is more time to
    respond to it than a station needs to recover. `cleared`: when it did, of one that did, and `settling` when that
    was less than `settles_us` ago, `faded` when more than `recovers_us`. `element` is what it is about, and `needs` are
    the points that its rule rests on, `follows` the rules of which it is but another sign.
    """

    alarm_id: str
    rule: str
    family: Family
    priority: int
    station: str
    opened: int
    waning: bool = False
    patient: bool = False
    cleared: int | None = None
    settling: bool = False
    faded: bool = False
    element: str = ""
    needs: frozenset[str] = frozenset()
    follows: frozenset[str] = frozenset()


def gone(alarm: Raised, cleared: int, now: int, p: Grouping) -> Raised:
    """Return an alarm as one that cleared at `cleared`."""
    settling, faded = cleared >= now - p.settles_us, cleared < now - p.recovers_us
    return replace(alarm, cleared=cleared, settling=settling, faded=faded)


def is_patient(respond_s: float, p: Grouping) -> bool:
    """Return whether there is more time to respond than a station needs to recover."""
    return respond_s * SECOND >= p.recovers_us


@dataclass(frozen=True, slots=True)
class Areas:
    """Which stations stand where: names of areas such as `branch:north-1`, by station, and their stations."""

    of_station: Mapping[str, Sequence[str]]
    stations: Mapping[str, frozenset[str]]

    @classmethod
    def around(cls, of_station: Mapping[str, Sequence[str]]) -> Self:
        """Return the areas that these stations stand in."""
        stations: dict[str, set[str]] = {}
        for name, areas in of_station.items():
            for area in areas:
                stations.setdefault(area, set()).add(name)
        return cls(of_station, {area: frozenset(names) for area, names in stations.items()})


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
    past: Iterable[Raised] = (),
) -> list[Found]:
    """Return the incidents of these open alarms, those over areas first.

    `still` are (scope, family) of area incidents that are open already: they last while one of their alarms does,
    and take in what falls later. `past` are alarms of open incidents that cleared less than `wanes_us` ago.
    """
    p, past = p or Grouping(), tuple(past)
    left = {alarm.alarm_id: alarm for alarm in raised}
    found: list[Found] = []
    for scope, family in sorted(set(still)):
        if not scope.startswith("station:"):
            taken = _taken(scope, Family(family), areas, left, p, past)
            found += [taken] if taken is not None else []
    for family in _TOGETHER:
        for scope in _fallen_together(left.values(), family, areas, p):
            taken = _taken(scope, family, areas, left, p, past)
            found += [taken] if taken is not None else []
    return [*found, *_of_stations(left.values(), p, past)]


def _fallen_together(left: Iterable[Raised], family: Family, areas: Areas, p: Grouping) -> list[str]:
    """Return the areas that fell, small ones first, none of whose stations is explained by one before."""
    first: dict[str, int] = {}
    for alarm in left:
        if alarm.family is family:
            first[alarm.station] = min(alarm.opened, first.get(alarm.station, alarm.opened))
    chosen: list[str] = []
    covered: set[str] = set()
    fallen = {s: _fallen(s, areas.stations[s], first, p) for s in areas.stations if _may_fall(s, family)}

    def rank(scope: str) -> tuple[int, bool, int, str]:
        return -len(fallen[scope]), scope.startswith(_CITY), len(areas.stations[scope]), scope

    for scope in sorted((s for s, stations in fallen.items() if stations), key=rank):
        if not fallen[scope] & covered:
            chosen.append(scope)
            covered |= fallen[scope]
    return chosen


def _may_fall(scope: str, family: Family) -> bool:
    return family is Family.POWER or not scope.startswith(_CITY)


def _fallen(scope: str, stations: frozenset[str], first: Mapping[str, int], p: Grouping) -> frozenset[str]:
    """Return the stations of an area that fell, if they did together; `first` is when each raised its first alarm."""
    mine = stations & first.keys()
    if scope.startswith(_CITY):
        least, within = p.city_least, p.city_within_us
        mine = frozenset(_at_once(mine, first.__getitem__, within))
    else:
        least, within = max(p.least, int(p.share * len(stations)) + 1), p.within_us
    times = sorted(first[s] for s in mine)
    together = any(late - early <= within for early, late in zip(times, times[least - 1 :], strict=False))
    return mine if together else frozenset()


def _at_once(items: Iterable[_T], when: Callable[[_T], int], within: int) -> list[_T]:
    """Return the largest heap of what happened with no gap longer than `within` between one and the next."""
    heaps: list[list[_T]] = []
    last = None
    for item in sorted(items, key=when):
        if last is None or when(item) - last > within:
            heaps.append([])
        heaps[-1].append(item)
        last = when(item)
    return max(heaps, key=len, default=[])


def _mine(scope: str, family: Family, alarms: Iterable[Raised], areas: Areas, p: Grouping) -> list[Raised]:
    mine = [a for a in alarms if a.family is family and scope in areas.of_station.get(a.station, ())]
    return _at_once(mine, lambda a: a.opened, p.within_us) if scope.startswith(_CITY) else mine


def _taken(
    scope: str, family: Family, areas: Areas, left: dict[str, Raised], p: Grouping, past: Sequence[Raised]
) -> Found | None:
    """Take the alarms of an area, with what they explain at their stations, out of what is left. None: it is over."""
    mine = _mine(scope, family, left.values(), areas, p)
    gone = _mine(scope, family, past, areas, p)
    since: dict[str, int] = {}
    for alarm in mine:
        since[alarm.station] = min(alarm.opened, since.get(alarm.station, alarm.opened))
    rank = EXPLAINS.index(family)
    follow = [
        a
        for a in left.values()
        if a.station in since and a.family in EXPLAINS[rank + 1 :] and a.opened >= since[a.station] - p.before_us
    ]
    before = {a.station: a for a in sorted(gone, key=lambda a: -a.opened) if a.station not in since}
    recovering = [a for a in left.values() if a.station in before and _lingers(before[a.station], a, p)]
    if not mine and not recovering:
        return None
    cause = min(mine or gone, key=lambda a: (a.opened, a.priority, a.station, a.alarm_id))
    alarms = sorted([*mine, *follow, *recovering, *gone], key=lambda a: (a.opened, a.station, a.alarm_id))
    explained = {a.alarm_id: cause.rule for a in alarms if a.alarm_id in left and a.alarm_id != cause.alarm_id}
    for alarm in alarms:
        left.pop(alarm.alarm_id, None)
    return Found(scope, family, cause, tuple(alarms), explained)


def _lingers(gone: Raised, alarm: Raised, p: Grouping) -> bool:
    """Return whether an alarm is still a consequence of what has cleared, and need not speak for itself yet.

    That a device is heard again changes nothing in its plant: there is nothing to recover from.
    """
    if gone.family is Family.LINK or gone.faded:
        return _explains(gone, alarm, p) and alarm.waning
    known = alarm.family is not Family.PUMP and gone.cleared is not None and alarm.opened <= gone.cleared
    return _explains(gone, alarm, p) and (alarm.waning or alarm.patient or (gone.settling and known))


def _of_stations(left: Iterable[Raised], p: Grouping, past: Iterable[Raised] = ()) -> list[Found]:
    at: dict[str, list[Raised]] = {}
    for alarm in left:
        at.setdefault(alarm.station, []).append(alarm)
    gone: dict[str, list[Raised]] = {}
    for alarm in past:
        gone.setdefault(alarm.station, []).append(alarm)
    return [
        _of_station(station, sorted(alarms, key=_weight), sorted(gone.get(station, ()), key=_weight), p)
        for station, alarms in sorted(at.items())
    ]


def _of_station(station: str, alarms: Sequence[Raised], gone: Sequence[Raised], p: Grouping) -> Found:
    explained: dict[str, str] = {}
    parents = list(_parents(alarms))
    sensors = _earliest((a.element, a) for a in alarms if a.family is Family.SENSOR and a.element)
    rules = _earliest((a.rule, a) for a in alarms)
    causes: dict[str, Raised] = {}
    for alarm in alarms:
        parent = next((a for a in parents if _explains(a, alarm, p)), None)
        if parent is None and alarm.family is Family.HEAT:
            wrong = (sensors[point] for point in sorted(alarm.needs & sensors.keys()))
            parent = next((a for a in wrong if alarm.opened >= a.opened - p.before_us), None)
        if parent is None:
            others = (rules[rule] for rule in sorted(alarm.follows & rules.keys()))
            parent = next((a for a in others if _is_told_by(a, alarm)), None)
        if parent is None:
            parent = next((a for a in gone if _lingers(a, alarm, p)), None)
            causes |= {} if parent is None else {parent.alarm_id: parent}
        if parent is not None:
            explained[alarm.alarm_id] = parent.rule
    speaking = next((a for a in alarms if a.alarm_id not in explained), None)
    cause = min(causes.values(), key=_weight) if speaking is None else speaking
    in_order = sorted([*alarms, *causes.values()], key=lambda a: (a.opened, a.alarm_id))
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


def _is_told_by(first: Raised, alarm: Raised) -> bool:
    """Return whether an alarm is another sign of what `first` said before it; of what both said at once, one speaks."""
    return first.opened < alarm.opened or (first.opened == alarm.opened and alarm.rule not in first.follows)


def _earliest(alarms: Iterable[tuple[str, Raised]]) -> dict[str, Raised]:
    """Return by name the alarm that came first."""
    first: dict[str, Raised] = {}
    for name, alarm in alarms:
        if name not in first or alarm.opened < first[name].opened:
            first[name] = alarm
    return first


def _weight(alarm: Raised) -> tuple[int, int, int, str]:
    """Causes first: by their place in the chain, then by urgency, then the earliest."""
    rank = EXPLAINS.index(alarm.family) if alarm.family in EXPLAINS else len(EXPLAINS)
    return rank, alarm.priority, alarm.opened, alarm.alarm_id


def root(last: Raised, alarms: Sequence[Raised], p: Grouping) -> Raised:
    """Return what an incident of a station that is over goes back to, of its alarms; `last`: who spoke last in it."""
    kin = (a for a in alarms if a.family is last.family and a.opened <= last.opened)
    return min([last, *kin, *(a for a in alarms if _explains(a, last, p))], key=_weight)
