"""Slow tending: the pass of tend that judges ten-minute buckets as they are completed, and learns from them."""

from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application import slow_store
from application.baseline import keep
from application.instants import DAY, HOUR, MINUTE
from application.memory import DEAF
from application.rules_file import RulesFile
from application.slow.diary import DAYS
from application.slow.past import TENTH
from application.slow.watch import SETTLE, SlowState, SlowWatch
from application.watch_store import kept_states, open_alarms
from perception.roster import Roster
from support.maintain import Pass
from support.store import ReadingReader, StoreDownError, Tenths

_EVERY_S = 20.0
_LATE = 2 * HOUR
"""Buckets that are younger are read again each time, and a whole day when it ends: what came late belongs to the past,
though it raises nothing."""
_MOST_BEHIND = 6 * HOUR
"""After a longer pause the newest bucket is judged, and not all that nobody was told of when it mattered."""
_PATIENCE = 30 * MINUTE
"""So long a bucket is waited for that the rollups have not come to yet."""


def slow_rules(engine: Engine, reader: ReadingReader, rules: RulesFile, roster: Callable[[], Roster]) -> Pass:
    """Return the pass. It raises StoreDownError."""
    return Pass("slow_rules", _EVERY_S, SlowTurns(engine, reader, rules, roster).run, "ten-minute buckets judged")


class SlowTurns:
    """The slow watch from bucket to bucket. What it holds is adopted once it is committed, so a run may be repeated."""

    def __init__(self, engine: Engine, reader: ReadingReader, rules: RulesFile, roster: Callable[[], Roster]) -> None:
        self._engine, self._reader, self._rules, self._roster = engine, reader, rules, roster
        self._watch = SlowWatch(rules.pairs)
        self._state: SlowState | None = None
        self._asked = DEAF

    def run(self, now: int) -> Iterator[int]:
        """Judge what was completed by `now` (epoch microseconds): nothing, as a rule, or one bucket of everybody.

        The first time the past is read, day by day; a yield between two days.
        """
        try:
            yield from self._turn(now)
        except (OperationalError, InterfaceError) as err:
            self._state = None
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err

    def _turn(self, now: int) -> Iterator[int]:
        until = (now - SETTLE) // TENTH * TENTH
        if self._state is not None and self._state.judged >= until:
            return
        state = self._enrolled()
        if state is None:
            for filling in self._begun(until, now):
                yield 0
                state = filling
        self._state = state
        if state is None or not self._ready(state, (state.judged, until), now - until):
            return
        back = DAY if until // DAY > state.judged // DAY else _LATE
        with self._engine.begin() as on:
            told = self._tenths(on, state, (state.judged - back, until))
            stepped = self._watch.step(state, told, until + SETTLE, slow_store.troubles(on, until - DAY))
            slow_store.put(on, [*stepped.rows, slow_store.judged_row(stepped.state.judged)])
            keep(on, stepped.learned)
        self._state = stepped.state
        yield (stepped.state.judged - state.judged) // TENTH

    def _enrolled(self) -> SlowState | None:
        """Return what we hold, for the roster, zones and rules of now; None: we have to begin."""
        if self._rules.changed():
            self._watch = SlowWatch(self._rules.pairs)
        if self._state is None:
            return None
        with self._engine.begin() as on:
            known = slow_store.kept_baselines(on)
            return self._watch.enrol(self._state, self._roster(), known, slow_store.zones(on))

    def _begun(self, until: int, now: int) -> Iterator[SlowState]:
        """Yield a state as it fills with the past, day by day; the last is complete. Nothing: it is not there yet."""
        self._asked = min(self._asked, now)
        with self._engine.begin() as on:
            marked = slow_store.judged_until(on)
            judged = until - TENTH if marked is None or marked < until - _MOST_BEHIND else min(marked, until)
            state = self._watch.enrol(None, self._roster(), slow_store.kept_baselines(on), slow_store.zones(on))
            state = self._watch.recall(state, open_alarms(on), kept_states(on), judged)
            known = slow_store.troubles(on, judged - (DAYS + 1) * DAY)
        first = (judged // DAY - DAYS) * DAY
        if not self._ready(state, (first, until), now - self._asked):
            return
        for begin in range(first, judged, DAY):
            end = min(begin + DAY, judged)
            with self._engine.begin() as on:
                told = self._tenths(on, state, (begin, end))
            state = self._watch.filled(state, told, end, known)
            yield state

    def _ready(self, state: SlowState, span: tuple[int, int], waited: int) -> bool:
        """Return whether the rollups have come to every bucket of a span, or have kept us waiting for long enough."""
        if waited > _PATIENCE:
            return True
        with self._engine.begin() as on:
            return slow_store.all_computed(on, [n for n, ward in state.kinds.items() if ward.past.points], span)

    def _tenths(self, on: Connection, state: SlowState, span: tuple[int, int]) -> Mapping[str, Tenths]:
        return {
            name: self._reader.tenths(
                on, ward.facts.kind, ward.past.points, [m.device_id for m in ward.facts.members], span
            )
            for name, ward in state.kinds.items()
            if ward.past.points
        }
