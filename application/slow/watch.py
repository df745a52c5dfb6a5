"""SlowWatch: the spine of the slow rules. Ten-minute means in; transitions, rows and what was learned out.

`step` is pure: no clock, no I/O, and the state given is never changed. A bucket is judged once, in the order of time,
when `SETTLE` has passed since it ended; what comes for it later only fills the past. So any cut of the same sequence
gives the same transitions, as long as what is heard before an instant is stepped before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.baseline import Baseline, Key
from application.instants import DAY, MINUTE
from application.journal import Transition, written
from application.memory import NEVER
from application.recollection import OpenAlarm, StateRow
from application.rule import Family, Rule
from application.slow import ward as wards
from application.slow.learning import Troubles, end_of_day
from application.slow.past import KEPT, TENTH
from application.slow.round import Round
from application.slow.ward import Ward
from application.slow.window import SlowWindow, medians_of
from application.tuning import Tuning
from perception.catalogue import DeviceStatus
from perception.roster import Member, Roster
from support.store import Row, Tenths

SETTLE = 5 * MINUTE
"""So long after its end a bucket is complete: readings may be three minutes old, and rollups take a moment."""


@dataclass(frozen=True, slots=True)
class SlowState:
    """Everything that the slow watch knows. `judged`: end of the last bucket that was judged, NEVER at first.

    `orphans` are open alarms of slow rules that nobody watches any more; the next judgement clears them.
    """

    kinds: Mapping[str, Ward] = field(default_factory=dict)
    judged: int = NEVER
    orphans: tuple[OpenAlarm, ...] = ()


class Stepped(NamedTuple):
    """What a step brought: the new state, transitions as they are announced, rows, and what was learned."""

    state: SlowState
    transitions: Sequence[Mapping[str, object]]
    rows: Sequence[Row]
    learned: Sequence[tuple[Key, Baseline]]


class SlowWatch:
    """The slow rules with their parameters; fast ones are passed over."""

    def __init__(self, rules: Sequence[tuple[Rule, Tuning]]) -> None:
        self._rules = tuple((rule, tuning) for rule, tuning in rules if rule.tempo == "slow")
        self._families: Mapping[str, Family] = {rule.name: rule.family for rule, _ in rules}

    def enrol(
        self,
        state: SlowState | None,
        roster: Roster,
        baselines: Mapping[Key, Baseline] | None = None,
        zones: Mapping[str, tzinfo] | None = None,
    ) -> SlowState:
        """Return a state for a roster, with what is known carried over.

        `baselines` are what the tables keep; they are read where nothing is known yet. `zones` by city name say where
        local hours matter; UTC where a city is not among them.
        """
        before = state or SlowState()
        stations = {name: i for i, name in enumerate(sorted({m.station for m in roster.members.values()}))}
        kinds: dict[str, Ward] = {}
        for name in sorted({m.kind.name for m in roster.members.values() if m.status is DeviceStatus.ACTIVE}):
            every = [m for m in roster.members.values() if m.kind.name == name]
            members = [m for m in every if m.status is DeviceStatus.ACTIVE]
            new = wards.laid_out(members[0].kind, members, _apart(every), self._rules, zones or {}, stations)
            new = wards.told(new, baselines or {})
            kinds[name] = wards.carried(new, before.kinds[name]) if name in before.kinds else new
        kept = {alarm.condition for ward in kinds.values() for alarm in ward.open_alarms()}
        lost = [a for ward in before.kinds.values() for a in ward.open_alarms() if a.condition not in kept]
        return SlowState(kinds, before.judged, (*before.orphans, *lost))

    def recall(self, state: SlowState, alarms: Sequence[OpenAlarm], rows: Sequence[StateRow], judged: int) -> SlowState:
        """Return a state with what the tables know of an earlier run. Emits nothing.

        Open alarms of slow rules that nobody watches any more become orphans; those of other rules are not ours.
        """
        mine = {rule.name for rule, _ in self._rules}
        kinds = {name: wards.owned(ward) for name, ward in state.kinds.items()}
        homes = {key: home for ward in kinds.values() for key, home in ward.homes()}
        for row in rows:
            home = homes.get((row.subject, row.rule, row.element))
            if home is not None:
                track, place, element = home
                track.verdict[place, element] = row.verdict
                if row.pending_since is not None:
                    track.pending[place, element] = row.pending_since
        orphans = []
        for alarm in alarms:
            condition = alarm.condition
            home = homes.get((condition.subject, condition.rule, condition.element))
            if home is not None:
                home[0].opened[home[1], home[2]] = alarm.opened_at
            elif condition.rule in mine:
                orphans.append(alarm)
        return SlowState(kinds, judged, tuple(orphans) if kinds else ())

    def filled(self, state: SlowState, tenths: Mapping[str, Tenths], until: int, troubles: Troubles = ()) -> SlowState:
        """Return a state with the past filled from stored buckets that end by `until`. Judges nothing, emits nothing.

        What the tables know by experience stays; what they do not know is learned.
        To be called with all of them in the order of time, a day or so at once: the diary is written on the way.
        """
        return self._walk(state, tenths, until, troubles, judge=False).state

    def step(self, state: SlowState, tenths: Mapping[str, Tenths], now: int, troubles: Troubles = ()) -> Stepped:
        """Take in completed buckets, and judge those that ended `SETTLE` or more before `now` (epoch microseconds).

        `troubles` are alarms of other rules: what happens meanwhile is not to be learned as usual.
        """
        return self._walk(state, tenths, (now - SETTLE) // TENTH * TENTH, troubles, judge=True)

    def _walk(
        self, state: SlowState, tenths: Mapping[str, Tenths], until: int, troubles: Troubles, *, judge: bool
    ) -> Stepped:
        kinds = dict(state.kinds)
        told = {name: _by_bucket(each) for name, each in tenths.items() if name in kinds and len(each.bucket)}
        oldest = min((bucket for each in told.values() for bucket in each), default=until)
        judged = state.judged
        if judge and judged == NEVER:
            judged = min(oldest, until)
        begin = judged + TENTH if judge else (oldest // TENTH + 1) * TENTH
        transitions: list[Transition] = []
        changes: list[Row] = []
        learned: list[tuple[Key, Baseline]] = []
        for end in range(begin, until + 1, TENTH):
            for name, each in told.items():
                for bucket in [b for b in each if b + TENTH <= end]:
                    kinds[name] = kinds[name].absorbed(each.pop(bucket), judged if judge else NEVER)
            if judge:
                self._judge(kinds, end, transitions, changes)
            if end % DAY == 0:
                troubled = [*troubles, *self._own(kinds)]
                learned += end_of_day(kinds, end, troubled, self._families, afresh=judge)
            judged = end if judge else judged
        for name, each in told.items():
            for rest in each.values():
                kinds[name] = kinds[name].absorbed(rest, judged)
        oldest = (judged if judge else until) // TENTH - KEPT
        kinds = {name: replace(ward, past=ward.past.since(oldest)) for name, ward in kinds.items()}
        orphans = state.orphans
        if judge and orphans and judged != state.judged:
            transitions, orphans = [*(o.cleared(judged) for o in orphans), *transitions], ()
        after = SlowState(kinds, judged, orphans)
        return Stepped(after, [t.announced() for t in transitions], [*written(transitions), *changes], learned)

    def _judge(self, kinds: dict[str, Ward], end: int, transitions: list[Transition], changes: list[Row]) -> None:
        """Judge one bucket of every kind."""
        windows = {name: ward.window(end) for name, ward in kinds.items()}
        for name, ward in list(kinds.items()):
            if not ward.watched:
                continue
            window = windows[name]
            window.elsewhere = lambda kind, point, hours: _by_station(windows.get(kind), point, hours)
            round_ = Round(ward, window, end)
            kinds[name] = round_.judged()
            transitions += round_.transitions
            changes += round_.changes

    def _own(self, kinds: Mapping[str, Ward]) -> Troubles:
        """Return our own open alarms as troubles."""
        return [
            (alarm.condition.station, alarm.condition.rule, alarm.opened_at, None)
            for ward in kinds.values()
            for alarm in ward.open_alarms()
        ]


def _apart(members: Sequence[Member]) -> frozenset[int]:
    """Return the devices that are not the first of their kind at their station, retired ones counted."""
    first: dict[str, int] = {}
    for member in sorted(members, key=lambda m: m.device_id):
        first.setdefault(member.station, member.device_id)
    return frozenset(m.device_id for m in members if first[m.station] != m.device_id)


def _by_bucket(tenths: Tenths) -> dict[int, Tenths]:
    """Return the rows of each bucket, in the order of time."""
    return {
        bucket: Tenths(
            tenths.bucket[rows], tenths.device_id[rows], {point: column[rows] for point, column in tenths.mean.items()}
        )
        for bucket in np.unique(tenths.bucket).tolist()
        for rows in [np.flatnonzero(tenths.bucket == bucket)]
    }


def _by_station(window: SlowWindow | None, point: str, hours: int) -> NDArray[np.float64] | None:
    """float64[stations]: the median over the devices of each station of their mean over the last hours; None: none."""
    if window is None:
        return None
    return medians_of(window.station, window.mean(point, hours)[:, 0], window.stations)
