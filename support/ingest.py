"""Ingest: the spine of support. Take, receive, store in one transaction; only after the commit acknowledge and show.

What is not acknowledged comes again, so a crash anywhere loses nothing; what comes again is a
duplicate, so nothing is stored twice.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Generic

import structlog

from network.link import Batch, Delivery, Inlet, Outlet
from perception.readings import Readings, Reason
from perception.roster import Roster
from support.ahead import Ahead
from support.batches import portions, redelivered, tallied, with_origins
from support.correspondence import Correspondence
from support.foreigners import Foreigners, rows_of
from support.metrics import IngestMetrics
from support.outage import Heartbeat, Outage
from support.pace import Pace
from support.replaying import PORTION, Replayed, known_by_delivery, replay, set_aside
from support.settings import IngestSettings
from support.store import Store, StoreTransaction, UnstorableError
from support.strangers import Strangers
from support.tallies import Tallies
from support.watcher import State, Watcher
from support.watching import Clock, Watching

Receive = Callable[[Sequence[Delivery], Roster, int], Batch]
"""Interprets deliveries at a time (epoch microseconds); never raises for what they contain."""

_TICK_S = 1.0
_IDLE_S = 0.1
_STRANGERS = {Reason.UNKNOWN_DEVICE, Reason.INACTIVE_DEVICE, Reason.DERIVED_DEVICE}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Links:
    """Where deliveries come from (live, belated, and kept Rejects again), and where answers and frames go.

    `losses` returns how many messages the broker itself says it dropped since the last call;
    `foreigners` speak other grammars.
    """

    live: Inlet
    backfill: Inlet
    outlet: Outlet
    replays: Inlet | None = None
    losses: Callable[[], int] | None = None
    foreigners: Foreigners | None = None


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
    letters = Correspondence(links.outlet, lambda: links.live.connected_since() is not None, metrics)
    watching = Watching(store, watcher, links.live, letters, clock, metrics, event_time=event_time)
    shift = _Shift(links, store, watching, letters, receive, settings, clock, stop, heartbeat, metrics)
    with closing(Ahead(shift.take)) as ahead:
        shift.tick()
        while not stop.is_set():
            taken = ahead.take()
            if shift.is_behind():
                ahead.begin()
            for portion in taken:
                if not stop.is_set():  # what is left comes again
                    shift.settle(portion)
            shift.tick_if_due()
            shift.show()


@dataclass(frozen=True, slots=True)
class _Portion:
    """Deliveries of one inlet for one transaction, and what a roster made of them."""

    inlet: Inlet
    batch: Batch
    roster: Roster


class _Shift(Generic[State]):
    """One run of ingest: what it holds in memory between transactions."""

    def __init__(
        self,
        links: Links,
        store: Store,
        watching: Watching[State],
        letters: Correspondence,
        receive: Receive,
        settings: IngestSettings,
        clock: Clock,
        stop: Event,
        heartbeat: Heartbeat,
        metrics: IngestMetrics,
    ) -> None:
        self._links, self._store, self._watching, self._letters = links, store, watching, letters
        self._receive, self._settings, self._clock = receive, settings, clock
        self._heartbeat, self._metrics = heartbeat, metrics
        self._stop = stop
        self._outage = Outage(stop, heartbeat, self._store_turned)
        self._strangers = Strangers()
        self._pace = Pace(settings.backfill_batch)
        self._ticked_at = self._taken_at = 0.0
        self._lost = 0

    def take(self) -> Sequence[_Portion]:
        """Take what came, live before belated and replayed, and interpret it; of those little while much is live.

        May run in a second thread: it touches nothing that settling writes but the roster, which is replaced whole.
        """
        links, settings = self._links, self._settings
        live = self._gathered(links.live.take(settings.batch, 0.0 if links.backfill.pending() else _IDLE_S))
        quiet = len(live) < settings.batch // 2
        quota = self._pace.quota if quiet else max(1, self._pace.quota // 10)
        taken = [(links.live, live), (links.backfill, links.backfill.take(quota, 0.0))]
        if links.replays is not None:
            taken.append((links.replays, links.replays.take(PORTION if quiet else PORTION // 10, 0.0)))
        return [
            self._interpreted(inlet, portion)
            for inlet, deliveries in taken
            for portion in portions(deliveries, settings.portion_bytes)
        ]

    def _gathered(self, live: list[Delivery]) -> list[Delivery]:
        """Wait for more when the last were taken a moment ago: a transaction costs much more than a reading."""
        wait_s = self._taken_at + self._settings.gather_ms / 1000 - time.monotonic()
        if live and len(live) < self._settings.batch // 2 and wait_s > 0:
            self._stop.wait(wait_s)
            live += self._links.live.take(self._settings.batch - len(live), 0.0)
        self._taken_at = time.monotonic()
        return live

    def is_behind(self) -> bool:
        """Return whether so much waits that the next batch may be interpreted while this one is stored."""
        return self._links.live.pending() >= self._settings.batch // 2

    def settle(self, portion: _Portion) -> None:
        """Store deliveries, then acknowledge them. One that cannot be stored is found by halving and set aside."""
        began = time.monotonic()
        deliveries = portion.batch.deliveries
        if portion.inlet is self._links.live:
            self._watching.took(deliveries[0])
        again = portion.inlet is self._links.replays
        try:
            stored = self._outage.endure(lambda: (self._replay if again else self._store_batch)(portion, began))
        except UnstorableError as err:
            if len(deliveries) > 1:
                half = len(deliveries) // 2
                self.settle(self._interpreted(portion.inlet, deliveries[:half]))
                self.settle(self._interpreted(portion.inlet, deliveries[half:]))
                return
            text = str(err)
            stored = self._outage.endure(lambda: self._set_aside(deliveries[0], text, again=again))
        if stored:
            portion.inlet.ack(deliveries)
        self._pace_after(portion, time.monotonic() - began)

    def _pace_after(self, portion: _Portion, seconds: float) -> None:
        if portion.inlet is self._links.backfill:
            self._pace.took(len(portion.batch.deliveries), seconds)
        elif portion.inlet is self._links.live:
            self._pace.took_live(seconds)

    def tick_if_due(self) -> None:
        """Let a second pass for those who wait for it."""
        if time.monotonic() - self._ticked_at >= _TICK_S:
            self.tick()

    def tick(self) -> None:
        """Look at the clock, the roster and the link, and let the rules see that time passed."""
        self._ticked_at = time.monotonic()
        self._look_for_losses()
        up = self._links.live.connected_since() is not None
        lossy = f"the broker has dropped {self._lost} messages: see docs/operations.md" if self._lost else ""
        self._heartbeat(lossy if up else "the broker is away", ready=up)
        self._metrics.pending("live", self._links.live.pending())
        self._metrics.pending("backfill", self._links.backfill.pending())
        if self._outage.endure(self._pass_time):
            self._letters.tell_receipts()
        if self._links.foreigners is not None:
            self._say(self._links.foreigners.attend(self._watching.roster, self._clock()))

    def show(self) -> None:
        """Send the live frames that are due. What cannot be sent is forgotten: the tables have it."""
        self._say(self._watching.frames.due(self._clock()))

    def _say(self, letters: Iterable[tuple[str, bytes]]) -> None:
        for topic, payload in letters:
            self._letters.tell(topic, payload)

    def _look_for_losses(self) -> None:
        """Say aloud when the broker counts messages that it dropped: nobody else would notice."""
        dropped = 0 if self._links.losses is None else self._links.losses()
        if dropped:
            self._lost += dropped
            self._metrics.broker_dropped(dropped)
            _log.error(
                "broker_dropped", messages=dropped, remedy="raise its limits as configs/broker/mosquitto.conf does"
            )

    def _pass_time(self) -> None:
        self._watching.pass_time(self._clock())
        self._letters.pass_on(self._store)

    def _interpreted(self, inlet: Inlet, deliveries: Sequence[Delivery]) -> _Portion:
        roster = self._watching.roster
        if inlet is self._links.replays:  # by a roster that is not older than whatever has mended them: later
            return _Portion(inlet, Batch(deliveries, {}), roster)
        return _Portion(inlet, self._receive(deliveries, roster, self._clock()), roster)

    def _store_batch(self, portion: _Portion, began: float) -> None:
        now = self._clock()
        self._watching.look_at_clock(now)
        batch = self._judged_anew(portion)
        deliveries, roster = batch.deliveries, self._watching.roster
        tallies: list[Tallies] = []
        rejects = list(batch.rejects)

        @_blames_the_batch()
        def write(tx: StoreTransaction) -> Mapping[str, Readings]:
            written = [tx.write(r, roster, redelivered(r, deliveries)) for r in batch.readings.values() if len(r)]
            tallies[:] = [tallied(batch, [w.tallies for w in written])]
            conflicts = with_origins((r for w in written for r in w.rejects), deliveries)
            rejects[:] = [*batch.rejects, *conflicts, *self._letters.within(tx, batch)]
            tx.reject(self._strangers.sifted([known_by_delivery(r, deliveries) for r in rejects], roster, now))
            tx.tally(now, tallies[0])
            tx.meet(batch.births, batch.states)
            if batch.introductions:
                tx.put(rows_of(batch.introductions))
            return {w.accepted.kind.name: w.accepted for w in written}

        self._watching.commit(write, now)
        self._strangers.settled()
        self._metrics.count(tallies[0], rejects, time.monotonic() - began)
        self._letters.answer(rejects, roster, now)
        if self._links.foreigners is not None:
            self._say(self._links.foreigners.said(batch, now))

    def _replay(self, portion: _Portion, began: float) -> None:
        """Take Rejects in anew, by a roster that is not older than whatever has mended them."""
        self._watching.enrol()
        now, done = self._clock(), list[Replayed]()

        @_blames_the_batch()
        def write(tx: StoreTransaction) -> Mapping[str, Readings]:
            done[:] = [replay(tx, portion.batch.deliveries, self._watching.roster, self._receive, now)]
            return done[0].accepted

        self._watching.commit(write, now)
        self._metrics.count(done[0].tallies, done[0].rejects, time.monotonic() - began)

    def _judged_anew(self, portion: _Portion) -> Batch:
        """Return the batch. A stranger in it makes us look whether the roster knows it by now."""
        batch = portion.batch
        if not any(reject.reason in _STRANGERS for reject in batch.rejects):
            return batch
        self._watching.enrol()
        if self._watching.roster is portion.roster:
            return batch
        return self._receive(batch.deliveries, self._watching.roster, self._clock())

    def _set_aside(self, delivery: Delivery, detail: str, *, again: bool) -> None:
        """Keep a delivery that the database refuses as a Reject, so that its neighbours can go on."""
        now = self._clock()
        batch = self._receive([delivery], self._watching.roster, now)
        count = max(1, sum(map(len, batch.readings.values())) + sum(batch.rejected.values()))
        self._letters.begin()
        with self._store.transaction() as tx:
            done = set_aside(tx, delivery, detail, count, now, again=again)
            if not again:  # the numbers of what is replayed were settled when it came
                self._letters.count(tx, batch)
        self._letters.adopt()
        self._metrics.count(done.tallies, done.rejects, 0.0)
        _log.warning("delivery_unstorable", topic=delivery.topic, cause=detail)

    def _store_turned(self, *, down: bool) -> None:
        self._metrics.store_down(down=down)
        self._watching.interrupted()


@contextmanager
def _blames_the_batch() -> Iterator[None]:
    """Turn a bug of ours that some message brought to light into an UnstorableError, after saying all of it.

    The message is then found by halving and set aside, and its neighbours go on. Without this it
    would end ingest, come again, and end it again.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as err:
        _log.exception("batch_met_a_bug")
        raise UnstorableError(f"a bug of ours, see the log of ingest: {type(err).__name__}: {err}"[:500]) from err
