"""Watching: lets the rules see what a transaction accepted, and keeps their state in step with the tables.

The state of the rules is adopted only after the commit, so the alarms in memory are the alarms in
the tables.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

import structlog

from network.link import Delivery, Inlet
from perception.readings import Readings
from perception.roster import Roster
from support.correspondence import Correspondence
from support.listening import Listening
from support.live import LiveFrames
from support.metrics import IngestMetrics
from support.store import Row, Store, StoreDownError, StoreTransaction, UnstorableError, WatchRowsError
from support.watcher import State, Transition, Watcher

Clock = Callable[[], int]
"""The wall clock: epoch microseconds UTC."""

Write = Callable[[StoreTransaction], Mapping[str, Readings]]
"""Writes into an open transaction, and returns what was accepted."""

_ROSTER_S = 2.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[State]):
    """What a committed transaction leaves to be adopted and shown."""

    state: State
    accepted: Mapping[str, Readings]
    transitions: Sequence[Transition]


class Watching(Generic[State]):
    """The roster, the state of the rules and the frames to be shown, between transactions. For one thread.

    Only `roster` may be read by another thread: it is replaced whole. With `event_time` the rules
    live by the newest event time received and not by the wall clock.
    """

    def __init__(
        self,
        store: Store,
        watcher: Watcher[State],
        live: Inlet,
        letters: Correspondence,
        clock: Clock,
        metrics: IngestMetrics,
        *,
        event_time: bool,
    ) -> None:
        self._store, self._watcher, self._inlet, self._letters = store, watcher, live, letters
        self._clock, self._metrics, self._event_time = clock, metrics, event_time
        self.roster = Roster({}, {}, -1)
        self.frames = LiveFrames(epoch=clock() // 1000)
        self._state: State | None = None
        self._listening = Listening(clock)
        self._attended: int | None = None
        self._newest_event = 0
        self._enrolled_at = 0.0

    def took(self, oldest: Delivery) -> None:
        """See the oldest of a batch of live deliveries: one that waited long means that we are behind."""
        self._listening.took(oldest, self._clock())

    def interrupted(self) -> None:
        """Know that for a while nothing was heard."""
        self._listening.interrupted(self._clock())

    def look_at_clock(self, now: int) -> None:
        """See whether the wall clock was stepped, before the rules see it: everyone would seem to have been silent."""
        self._listening.look_at_clock()
        self._attend(now)

    def pass_time(self, now: int) -> None:
        """Look at the roster and the link, and let the rules see that time passed. Raises StoreDownError."""
        if time.monotonic() - self._enrolled_at >= _ROSTER_S:
            self.enrol()
        self.look_at_clock(now)
        if self._rules_now({}, now):
            self.commit(lambda _tx: {}, now)

    def commit(self, write: Write, now: int) -> None:
        """Write, watch and commit; then adopt what the watching found.

        When the connection breaks during the commit, nobody can say whether it happened: the
        state in memory is given up and begins anew from what is stored.
        """
        state = self._enrolled()
        self._letters.begin()
        committing = False
        try:
            with self._store.transaction() as tx:
                accepted = write(tx)
                state, transitions, rows = self._watcher.step(state, accepted, self._rules_now(accepted, now))
                _put(tx, rows)
                committing = True
        except StoreDownError:
            if committing:
                self._state = None
                self._letters.forget()
            raise
        self._adopt(_Outcome(state, accepted, transitions), now)

    def enrol(self) -> None:
        """Take in the roster, or the rules, if they have changed."""
        changed = self._store.roster(self.roster.version)
        self._enrolled_at = time.monotonic()
        retuned = self._watcher.retuned()
        if changed is None and not retuned:
            return
        roster = changed or self.roster
        if self._state is not None:
            self._state = self._watcher.enrol(self._state, roster)
        self.roster = roster
        self.frames.enrol(roster)

    def _adopt(self, outcome: _Outcome[State], now: int) -> None:
        self._state = outcome.state
        self._letters.adopt()
        self.frames.add(outcome.accepted, self._rules_now(outcome.accepted, now))
        self.frames.announce(outcome.transitions)
        for transition in outcome.transitions:
            self._metrics.transition(str(transition["what"]))
            _log.info("alarm", **{k: transition[k] for k in ("what", "subject", "rule", "element") if k in transition})

    def _enrolled(self) -> State:
        if self._state is None:
            self._state = self._watcher.attend(self._watcher.enrol(None, self.roster), self._attended)
        return self._state

    def _attend(self, now: int) -> None:
        """Tell the rules since when silence would have been heard: the link up, and no backlog before us."""
        since = self._listening.since(self._inlet.connected_since())
        if self._event_time and since is not None:
            since = self._attended or self._rules_now({}, now) or None
        if since != self._attended:
            self._state = self._watcher.attend(self._enrolled(), since)
            self._attended = since

    def _rules_now(self, accepted: Mapping[str, Readings], now: int) -> int:
        if not self._event_time:
            return now
        self._newest_event = max(self._newest_event, *(int(r.ts.max()) for r in accepted.values() if len(r)), 0)
        return self._newest_event


def _put(tx: StoreTransaction, rows: Sequence[Row]) -> None:
    try:
        tx.put(rows)
    except UnstorableError as err:
        raise WatchRowsError(f"the rules' own rows were refused: {err}") from err
