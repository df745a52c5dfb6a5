"""Ingest: the spine of support. Take, receive, store in one transaction; only after the commit acknowledge and show.

What is not acknowledged comes again, so a crash anywhere loses nothing; what comes again is a
duplicate, so nothing is stored twice. The state of the rules is adopted only after the commit,
so the alarms in memory are the alarms in the tables.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Generic, Protocol, TypeVar

import structlog

from network.link import Batch, Delivery, Inlet, LinkDownError, Outlet, Tally
from perception.readings import Readings, Reason, Reject
from perception.roster import Roster
from support.answers import Answers
from support.batches import portions, redelivered, tallied, with_origin
from support.listening import Listening
from support.live import LiveFrames
from support.metrics import IngestMetrics
from support.outage import Heartbeat, Outage
from support.settings import IngestSettings
from support.store import Row, Store, StoreDownError, StoreTransaction, UnstorableError, WatchRowsError

State = TypeVar("State")
Transition = Mapping[str, object]
Clock = Callable[[], int]
"""The wall clock: epoch microseconds UTC."""

Receive = Callable[[Sequence[Delivery], Roster, int], Batch]
"""Interprets deliveries at a time (epoch microseconds); never raises for what they contain."""

_TICK_S = 1.0
_ROSTER_S = 2.0
_IDLE_S = 0.1
_STRANGERS = {Reason.UNKNOWN_DEVICE, Reason.INACTIVE_DEVICE}
_log = structlog.get_logger()


class Watcher(Protocol[State]):
    """The watching step. `enrol(None, ...)` begins from what is stored and may raise StoreDownError; the rest is pure.

    No method changes the state it is given.
    """

    def enrol(self, state: State | None, roster: Roster) -> State:
        """Return a state for a changed roster."""

    def attend(self, state: State, since: int | None) -> State:
        """Return a state that knows since when we listen without a break (epoch microseconds); None: we do not."""

    def step(
        self, state: State, accepted: Mapping[str, Readings], now: int
    ) -> tuple[State, Sequence[Transition], Sequence[Row]]:
        """Judge accepted readings and the passing of time; return the alarm transitions and the rows to be written."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where deliveries come from, the live ones and the belated ones apart, and where answers and frames go."""

    live: Inlet
    backfill: Inlet
    outlet: Outlet


def ingest(
    links: Links,
    store: Store,
    watcher: Watcher[State],
    receive: Receive,
    settings: IngestSettings,
    clock: Clock,
    stop: Event,
    heartbeat: Heartbeat,
    metrics: IngestMetrics,
    *,
    event_time: bool = False,
) -> None:
    """Take in what devices send until `stop` is set.

    Each delivery is acknowledged after the commit of the transaction that holds its readings or
    its Reject. While the database is away, deliveries are held and tried again. `heartbeat` is
    called every second. With `event_time` the rules live by the newest event time received and
    not by the wall clock. Raises FencedError when another ingest took over. Closes nothing.
    """
    shift = _Shift(links, store, watcher, receive, settings, clock, stop, heartbeat, metrics, event_time)
    shift.tick()
    while not stop.is_set():
        for inlet, deliveries in shift.take():
            if not stop.is_set():  # what is left comes again
                shift.settle(inlet, deliveries)
        shift.tick_if_due()
        shift.show()


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[State]):
    """What a committed transaction leaves to be adopted and shown."""

    state: State
    accepted: Mapping[str, Readings]
    transitions: Sequence[Transition]


class _Shift(Generic[State]):
    """One run of ingest: what it holds in memory between transactions."""

    def __init__(
        self,
        links: Links,
        store: Store,
        watcher: Watcher[State],
        receive: Receive,
        settings: IngestSettings,
        clock: Clock,
        stop: Event,
        heartbeat: Heartbeat,
        metrics: IngestMetrics,
        event_time: bool,  # noqa: FBT001 - handed on by ingest, where it is a keyword
    ) -> None:
        self._links, self._store, self._watcher, self._receive = links, store, watcher, receive
        self._settings, self._clock, self._stop = settings, clock, stop
        self._heartbeat, self._metrics, self._event_time = heartbeat, metrics, event_time
        self._outage = Outage(stop, heartbeat, self._store_turned)
        self._roster = Roster({}, {}, -1)
        self._state: State | None = None
        self._live = LiveFrames(epoch=clock() // 1000)
        self._answers = Answers()
        self._newest_event = 0
        self._listening = Listening(clock)
        self._attended: int | None = None
        self._ticked_at = self._enrolled_at = 0.0

    def take(self) -> Iterator[tuple[Inlet, Sequence[Delivery]]]:
        """Yield what came, live before belated; of the latter little while there is much of the former."""
        links, settings = self._links, self._settings
        live = links.live.take(settings.batch, 0.0 if links.backfill.pending() else _IDLE_S)
        yield from ((links.live, portion) for portion in portions(live, settings.portion_bytes))
        quota = settings.backfill_batch if len(live) < settings.batch // 2 else max(1, settings.backfill_batch // 10)
        belated = links.backfill.take(quota, 0.0)
        yield from ((links.backfill, portion) for portion in portions(belated, settings.portion_bytes))

    def settle(self, inlet: Inlet, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries, then acknowledge them. One that cannot be stored is found by halving and set aside."""
        began = time.monotonic()
        if inlet is self._links.live:
            self._listening.took(deliveries[0], self._clock())
        try:
            stored = self._outage.endure(lambda: self._store_batch(deliveries, began))
        except UnstorableError as err:
            if len(deliveries) > 1:
                half = len(deliveries) // 2
                self.settle(inlet, deliveries[:half])
                self.settle(inlet, deliveries[half:])
                return
            text = str(err)
            stored = self._outage.endure(lambda: self._set_aside(deliveries[0], text))
        if stored:
            inlet.ack(deliveries)

    def tick_if_due(self) -> None:
        """Let a second pass for those who wait for it."""
        if time.monotonic() - self._ticked_at >= _TICK_S:
            self.tick()

    def tick(self) -> None:
        """Look at the clock, the roster and the link, and let the rules see that time passed."""
        self._ticked_at = time.monotonic()
        self._listening.look_at_clock()
        up = self._links.live.connected_since() is not None
        self._heartbeat("" if up else "the broker is away", ready=up)
        self._metrics.pending("live", self._links.live.pending())
        self._metrics.pending("backfill", self._links.backfill.pending())
        self._outage.endure(self._pass_time)

    def show(self) -> None:
        """Send the live frames that are due. What cannot be sent is forgotten: the tables have it."""
        for topic, payload in self._live.due(self._clock()):
            self._tell(topic, payload)

    def _store_batch(self, deliveries: Sequence[Delivery], began: float) -> None:
        now = self._clock()
        self._listening.look_at_clock()  # before the rules see that time: after a step, everyone would seem silent
        self._attend(now)
        batch = self._received(deliveries, now)
        tallies: dict[str, Tally] = {}
        rejects = list(batch.rejects)

        def write(tx: StoreTransaction) -> Mapping[str, Readings]:
            written = [tx.write(r, self._roster, redelivered(r, deliveries)) for r in batch.readings.values() if len(r)]
            tallies.update(tallied(batch, [w.tallies for w in written]))
            rejects[:] = [*batch.rejects, *(with_origin(r, deliveries) for w in written for r in w.rejects)]
            tx.reject(rejects)
            tx.tally(now, tallies)
            tx.meet(batch.births, batch.states)
            return {w.accepted.kind.name: w.accepted for w in written}

        self._commit(write, now)
        self._metrics.count(list(tallies.values()), rejects, time.monotonic() - began)
        for topic, payload in self._answers.to(rejects, self._roster, now):
            self._tell(topic, payload)

    def _received(self, deliveries: Sequence[Delivery], now: int) -> Batch:
        """Interpret deliveries. A stranger among them makes us look whether the roster knows it by now."""
        batch = self._receive(deliveries, self._roster, now)
        if any(reject.reason in _STRANGERS for reject in batch.rejects):
            known = self._roster.version
            self._enrol()
            if self._roster.version != known:
                batch = self._receive(deliveries, self._roster, now)
        return batch

    def _set_aside(self, delivery: Delivery, detail: str) -> None:
        """Keep a delivery that the database refuses as a Reject, so that its neighbours can go on."""
        now = self._clock()
        batch = self._receive([delivery], self._roster, now)
        count = max(1, sum(map(len, batch.readings.values())) + sum(batch.rejected.values()))
        reject = Reject(Reason.UNSTORABLE, detail, delivery.topic, delivery.payload, delivery.received_at)
        with self._store.transaction() as tx:
            tx.reject([reject])
            tx.tally(now, {"": Tally(received=count, rejected=count)})
        self._metrics.count([Tally(rejected=count)], [reject], 0.0)
        _log.warning("delivery_unstorable", topic=delivery.topic, cause=detail)

    def _pass_time(self) -> None:
        now = self._clock()
        if time.monotonic() - self._enrolled_at >= _ROSTER_S:
            self._enrol()
        self._attend(now)
        if self._rules_now({}, now):
            self._commit(lambda _tx: {}, now)

    def _commit(self, write: Callable[[StoreTransaction], Mapping[str, Readings]], now: int) -> None:
        """Write, watch and commit; then adopt what the watching found.

        When the connection breaks during the commit, nobody can say whether it happened: the
        state in memory is given up and begins anew from what is stored.
        """
        state = self._enrolled()
        committing = False
        try:
            with self._store.transaction() as tx:
                accepted = write(tx)
                state, transitions, rows = self._watcher.step(state, accepted, self._rules_now(accepted, now))
                _put(tx, rows)
                committing = True
        except StoreDownError:
            self._state = None if committing else self._state
            raise
        self._adopt(_Outcome(state, accepted, transitions), now)

    def _adopt(self, outcome: _Outcome[State], now: int) -> None:
        self._state = outcome.state
        self._live.add(outcome.accepted, self._rules_now(outcome.accepted, now))
        self._live.announce(outcome.transitions)
        for transition in outcome.transitions:
            self._metrics.transition(str(transition["what"]))
            _log.info("alarm", **{k: transition[k] for k in ("what", "subject", "rule", "element") if k in transition})

    def _enrol(self) -> None:
        roster = self._store.roster(self._roster.version)
        self._enrolled_at = time.monotonic()
        if roster is None:
            return
        if self._state is not None:
            self._state = self._watcher.enrol(self._state, roster)
        self._roster = roster
        self._live.enrol(roster)

    def _enrolled(self) -> State:
        if self._state is None:
            self._state = self._watcher.attend(self._watcher.enrol(None, self._roster), self._attended)
        return self._state

    def _attend(self, now: int) -> None:
        """Tell the rules since when silence would have been heard: the link up, and no backlog before us."""
        since = self._listening.since(self._links.live.connected_since())
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

    def _store_turned(self, *, down: bool) -> None:
        self._metrics.store_down(down=down)
        self._listening.interrupted(self._clock())

    def _tell(self, topic: str, payload: bytes) -> None:
        if self._links.live.connected_since() is None:
            return
        try:
            self._links.outlet.publish(topic, payload, qos=0)
        except LinkDownError as err:
            _log.debug("not_told", topic=topic, cause=str(err))


def _put(tx: StoreTransaction, rows: Sequence[Row]) -> None:
    try:
        tx.put(rows)
    except UnstorableError as err:
        raise WatchRowsError(f"the rules' own rows were refused: {err}") from err
