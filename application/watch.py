"""Watch: the spine of application. Readings in, alarm transitions out.

`step` is pure: no clock, no I/O, and the state given is never changed. Any cut of the same
sequence of readings into batches gives the same transitions, as long as each batch is stepped
before later ones are heard. Silence is judged at every tick and, for each reading, at the instant
when it was heard.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from application.calm import Calm
from application.instants import SECOND
from application.journal import Condition, written
from application.judging import Judging, fitting, looked_back_at
from application.kind_state import Ground, KindState
from application.memory import NEVER, Facts, Memory
from application.recollection import OpenAlarm, Recollection, Recollector
from application.rule import Rule
from application.track import Track
from application.tuning import Tuning
from perception.catalogue import DeviceStatus
from perception.readings import Readings
from perception.roster import Member, Roster
from support.store import Row


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the watch knows. `attended`: since when we listen; `now` and `ticked`: of the last step and tick.

    `orphans` are open alarms that nobody watches any more; the next step clears them.
    """

    kinds: Mapping[str, KindState] = field(default_factory=dict)
    attended: int | None = None
    now: int = NEVER
    ticked: int = NEVER
    orphans: tuple[OpenAlarm, ...] = ()


class Watch:
    """The fast rules with their parameters.

    `remember` reads what the tables know of an earlier run; it is called when enrolling from
    nothing; `fresh` says whether there are other rules or numbers than before. These two are the only
    I/O. `event_time`: `now` is the newest event time received, not the wall
    clock.
    """

    def __init__(
        self,
        rules: Sequence[tuple[Rule, Tuning]],
        remember: Callable[[], Recollection] = Recollection,
        *,
        event_time: bool = False,
        fresh: Callable[[], Sequence[tuple[Rule, Tuning]] | None] = lambda: None,
    ) -> None:
        self._rules = tuple(rules)
        self._fresh = fresh
        self._remember = remember
        self._event_time = event_time

    def retuned(self) -> bool:
        """Take in other rules or numbers, where there are any; then states have to be enrolled anew."""
        rules = self._fresh()
        if rules is None:
            return False
        self._rules = tuple(rules)
        return True

    def enrol(self, state: State | None, roster: Roster) -> State:
        """Return a state for a roster: from what is stored at first, later with what is known carried over.

        Raises StoreDownError when it begins from nothing and the tables cannot be read.
        """
        before = state or State()
        apart = _apart([rule for rule, _ in self._rules if rule.subject == "station"], roster)
        kinds = {kind: self._laid_out(kind, roster, before.now, apart) for kind in self._kinds(roster)}
        if not before.kinds:
            recollector = Recollector(kinds, event_time=self._event_time)
            told = self._remember()
            kinds, orphans = recollector.recall(told)
            ours = tuple(orphan for orphan in orphans if orphan.condition.rule not in self._slow())
            now = before.now if told.newest is None else told.newest
            return replace(before, kinds=kinds, orphans=ours if kinds else (), now=now)
        for name, kind in kinds.items():
            _carry(kind, before.kinds.get(name))
        return replace(before, kinds=kinds, orphans=(*before.orphans, *_left_open(before.kinds, kinds)))

    def attend(self, state: State, since: int | None) -> State:
        """Return a state that knows since when we listen without a break; None: we do not, and silence says nothing."""
        return replace(state, attended=since)

    def step(
        self, state: State, accepted: Mapping[str, Readings], now: int
    ) -> tuple[State, Sequence[Mapping[str, object]], Sequence[Row]]:
        """Judge accepted readings, and once a second the passing of time.

        Returns the new state, the transitions as they are announced, and the rows to be written in
        the transaction of the readings: alarm, alarm_event and watch_state.
        """
        tick = state.ticked == NEVER or not 0 <= now - state.ticked < SECOND
        kinds = dict(state.kinds)
        transitions = [orphan.cleared(now) for orphan in state.orphans]
        changes: list[Row] = []
        for name, kind in state.kinds.items():
            readings = accepted.get(name)
            if not tick and (readings is None or not len(readings)):
                continue
            judging = Judging(kind, state.attended)
            if readings is not None and len(readings):
                judging.take_in(readings, self._heard(readings, state.now, now))
            if tick:
                judging.pass_time(now)
            kinds[name], rows = judging.result()
            transitions += judging.transitions
            changes += rows
        after = State(kinds, state.attended, now, now if tick else state.ticked)
        return after, [t.announced() for t in transitions], [*written(transitions), *changes]

    def _slow(self) -> frozenset[str]:
        """Return the rules that tend judges: their alarms are not ours to clear."""
        return frozenset(rule.name for rule, _ in self._rules if rule.tempo == "slow")

    def _heard(self, readings: Readings, before: int, now: int) -> NDArray[np.int64]:
        """int64[n]: what the clock of this watch showed when each reading was received."""
        if self._event_time:
            heard: NDArray[np.int64] = np.maximum(np.maximum.accumulate(readings.ts), before)
            return heard
        return np.minimum(readings.received_at, now)

    def _kinds(self, roster: Roster) -> Sequence[str]:
        """Return the kinds that are watched: what is derived comes by no batch, and is never silent."""
        return sorted(
            {m.kind.name for m in roster.members.values() if m.status is DeviceStatus.ACTIVE and not m.kind.derived}
        )

    def _laid_out(self, name: str, roster: Roster, joined: int, apart: Mapping[str, frozenset[int]]) -> KindState:
        members = [m for m in roster.members.values() if m.kind.name == name and m.status is DeviceStatus.ACTIVE]
        facts = Facts.of(members[0].kind, members)
        watched = fitting(self._rules, facts, apart)
        tracks = tuple(Track.blank(len(members), len(w.elements)) for w in watched)
        back = tuple(facts.kind.bits[point] for point in looked_back_at(self._rules, facts.kind))
        memory = Memory.blank(len(members), len(facts.kind.points), joined, back)
        calm = Calm.of_rules([(w.rule, w.numbers) for w in watched], facts)
        ground = Ground(memory, tracks, np.ones(len(members), np.bool_))
        return KindState.of(facts, watched, calm, ground)


def _apart(rules: Sequence[Rule], roster: Roster) -> Mapping[str, frozenset[int]]:
    """Return by rule the devices that are not the first of their station which it can watch, retired ones counted.

    Most rules can watch the same kinds, and a roster has thousands of devices: each such set is looked through once.
    """
    every = sorted(roster.members.values(), key=lambda m: m.device_id)
    kinds = {m.kind.name: m.kind for m in every}
    suited = {rule.name: frozenset(name for name, kind in kinds.items() if rule.fits(kind)) for rule in rules}
    found = {names: _not_first([m for m in every if m.kind.name in names]) for names in set(suited.values())}
    return {rule: found[names] for rule, names in suited.items()}


def _not_first(members: Sequence[Member]) -> frozenset[int]:
    """Return those of members, given in order, that are not the first of their station."""
    first: dict[str, int] = {}
    for member in members:
        first.setdefault(member.station, member.device_id)
    return frozenset(m.device_id for m in members if first[m.station] != m.device_id)


def _carry(new: KindState, old: KindState | None) -> None:
    """Bring what is known of devices that stay into a state that was just laid out."""
    if old is None:
        return
    ids = np.array([m.device_id for m in new.facts.members]), np.array([m.device_id for m in old.facts.members])
    _, here, there = np.intersect1d(*ids, return_indices=True)
    new.memory.carry(old.memory, here, there)
    for place, watched in enumerate(new.watched):
        for earlier, track in zip(old.watched, old.tracks, strict=True):
            if earlier.rule.name == watched.rule.name and earlier.elements == watched.elements:
                new.tracks[place].carry(track, here, there)


def _left_open(old: Mapping[str, KindState], new: Mapping[str, KindState]) -> Sequence[OpenAlarm]:
    """Return the open alarms of conditions that are not watched any more."""
    kept = {alarm.condition for kind in new.values() for alarm in _open(kind)}
    return [alarm for kind in old.values() for alarm in _open(kind) if alarm.condition not in kept]


def _open(kind: KindState) -> Sequence[OpenAlarm]:
    return [
        OpenAlarm(_condition(kind, place, row, element), int(track.opened[row, element]))
        for place, track in enumerate(kind.tracks)
        for row, element in zip(*np.nonzero(track.opened != NEVER), strict=True)
    ]


def _condition(kind: KindState, place: int, row: int, element: int) -> Condition:
    return kind.condition(place, int(row), int(element))
