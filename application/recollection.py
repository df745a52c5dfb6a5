"""Recollection: what the tables know of an earlier run of the watch, and how it comes back into its state.

Recalling emits nothing: it only fills windows, and puts open alarms and waiting delays back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from application.calm import Calm
from application.journal import CLEARED, Condition, Transition
from application.judging import Judging
from application.kind_state import Ground, KindState, Watched
from application.rule import Verdict
from application.versions import Undo
from perception.readings import Readings
from support.store import Minutes


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm that is open. `opened_at` in epoch microseconds."""

    condition: Condition
    opened_at: int

    def cleared(self, at: int) -> Transition:
        """Return its end, for one that nobody watches any more."""
        return Transition(self.condition, CLEARED, max(at, self.opened_at), self.opened_at, {})


@dataclass(frozen=True, slots=True)
class StateRow:
    """A row of watch_state; times in epoch microseconds."""

    subject: str
    rule: str
    element: str
    verdict: Verdict
    pending_since: int | None
    watermark: int | None


@dataclass(frozen=True, slots=True)
class Recollection:
    """What is stored: open alarms, states of conditions, and recent readings by kind in the order of their receipt.

    `minutes` is by kind what the rules look back at, its points in the order of their bits. `newest`, where event
    time is the clock: the newest event, at which the last run stood.
    """

    alarms: Sequence[OpenAlarm] = ()
    states: Sequence[StateRow] = ()
    recent: Mapping[str, Readings] = field(default_factory=dict)
    minutes: Mapping[str, Minutes] = field(default_factory=dict)
    newest: int | None = None


class Recollector:
    """Puts a recollection into states that were just laid out (they are written to)."""

    def __init__(self, kinds: Mapping[str, KindState], *, event_time: bool) -> None:
        self._kinds = dict(kinds)
        self._event_time = event_time
        self._places = {name: {w.rule.name: place for place, w in enumerate(k.watched)} for name, k in kinds.items()}
        self._rows: dict[str, list[tuple[str, int]]] = {}
        for name, kind in kinds.items():
            for row, member in enumerate(kind.facts.members):
                self._rows.setdefault(f"station:{member.station}", []).append((name, row))
                self._rows.setdefault(f"device:{member.name}", []).append((name, row))

    def recall(self, told: Recollection) -> tuple[dict[str, KindState], tuple[OpenAlarm, ...]]:
        """Return the states, and the open alarms that nobody watches any more."""
        for name, readings in told.recent.items():
            if name in self._kinds:
                self._fill(name, readings)
        for name, samples in told.minutes.items():
            if name in self._kinds:
                self._remind(name, samples)
        for row in told.states:
            self._put_state(row)
        orphans = tuple(alarm for alarm in told.alarms if not self._put_alarm(alarm))
        return self._kinds, orphans

    def _fill(self, name: str, readings: Readings) -> None:
        kind = self._kinds[name]
        heard = readings.ts if self._event_time else readings.received_at
        unwatched = KindState.of(kind.facts, (), Calm.of_rules((), kind.facts), Ground(kind.memory, (), kind.uneasy))
        Judging(unwatched, None).take_in(readings, heard)

    def _remind(self, name: str, samples: Minutes) -> None:
        kind = self._kinds[name]
        rows = kind.facts.find(samples.device_id)
        known = rows >= 0
        kind.memory.history.fill(rows[known], samples.minute[known], samples.values[known], Undo())

    def _put_state(self, row: StateRow) -> None:
        home = self._find(row.subject, row.rule, row.element)
        if home is None:
            return
        kind, place, device, element = home
        track, memory = kind.tracks[place], kind.memory
        track.verdict[device, element] = row.verdict
        if row.pending_since is not None:
            track.pending[device, element] = row.pending_since
            track.busy[device] = True
        if row.watermark is not None:
            memory.watermark[device] = max(int(memory.watermark[device]), row.watermark)

    def _put_alarm(self, alarm: OpenAlarm) -> bool:
        condition = alarm.condition
        home = self._find(condition.subject, condition.rule, condition.element)
        if home is None:
            return False
        kind, place, device, element = home
        kind.tracks[place].opened[device, element] = alarm.opened_at
        kind.tracks[place].busy[device] = True
        return True

    def _find(self, subject: str, rule: str, element: str) -> tuple[KindState, int, int, int] | None:
        head, slash, tail = element.partition("/")
        for device, part in (("", element), (head, tail if slash else "")):
            for name, row in self._rows.get(subject, ()):
                kind, place = self._kinds[name], self._places[name].get(rule, -1)
                if place >= 0 and _keeps(kind, place, row, subject, device) and part in kind.watched[place].elements:
                    return kind, place, row, kind.watched[place].elements.index(part)
        return None


def _keeps(kind: KindState, place: int, row: int, subject: str, device: str) -> bool:
    """Return whether a rule keeps what it knows of a subject in a row, under the name of a device or under none."""
    return kind.condition(place, row, 0).subject == subject and _bearer(kind.watched[place], kind, row) == device


def _bearer(watched: Watched, kind: KindState, row: int) -> str:
    member = kind.facts.members[row]
    return member.name if member.device_id in watched.apart else ""


def in_order_of_receipt(readings: Readings) -> Readings:
    """Return readings in the order in which the watch first saw them, as far as the tables tell."""
    return readings.take(np.lexsort((readings.ts, readings.received_at)))
