"""Metrics: what ingest and tend count about themselves, for /metrics."""

from collections.abc import Mapping, Sequence
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from network.link import Tally
from perception.readings import Reject
from support.maintain import Report
from support.tallies import Tallies

_FATES = ("stored", "duplicate", "merged", "conflict", "rejected")
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class IngestMetrics:
    """Counters of one ingest, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._readings = Counter(
            "hearthline_readings", "Readings taken in, by what became of them", ["fate"], registry=registry
        )
        self._rejects = Counter("hearthline_rejects", "Rejects kept, by reason", ["reason"], registry=registry)
        self._batch = Histogram(
            "hearthline_batch_seconds",
            "Time from taking a batch to its acknowledgement",
            buckets=_SECONDS,
            registry=registry,
        )
        self._pending = Gauge(
            "hearthline_pending_deliveries", "Deliveries that wait to be taken", ["inlet"], registry=registry
        )
        self._down = Gauge("hearthline_store_down", "1 while the database cannot be reached", registry=registry)
        self._broker_dropped = Counter(
            "hearthline_broker_dropped", "Messages that the broker says it dropped", registry=registry
        )
        self._transitions = Counter(
            "hearthline_alarm_transitions", "Alarm transitions written", ["what"], registry=registry
        )

        self._missing = Gauge(
            "hearthline_seq_missing", "Running numbers below the highest seen that have not come", registry=registry
        )
        self._never_arrived = Counter(
            "hearthline_seq_never_arrived", "Running numbers that are no longer waited for", registry=registry
        )
        self._under_way = Gauge(
            "hearthline_outbox_under_way",
            "Letters of the outbox that the broker has not acknowledged",
            registry=registry,
        )

    def count(self, tallies: Mapping[str, Tally], rejects: Sequence[Reject], seconds: float) -> None:
        """Count one committed batch."""
        totals = Tallies.of(tallies).totals()
        for fate in _FATES:
            self._readings.labels(fate).inc(getattr(totals, fate))
        for reject in rejects:
            self._rejects.labels(reject.reason).inc()
        self._batch.observe(seconds)

    def transition(self, what: str) -> None:
        """Count one alarm transition."""
        self._transitions.labels(what).inc()

    def broker_dropped(self, messages: int) -> None:
        """Count what the broker says it has thrown away."""
        self._broker_dropped.inc(messages)

    def pending(self, inlet: str, deliveries: int) -> None:
        """Say how many deliveries wait."""
        self._pending.labels(inlet).set(deliveries)

    def numbers(self, missing: int, never_arrived: int) -> None:
        """Say how many running numbers are missing, and how many more were given up."""
        self._missing.set(missing)
        self._never_arrived.inc(never_arrived)

    def under_way(self, letters: int) -> None:
        """Say how many letters of the outbox are under way."""
        self._under_way.set(letters)

    def store_down(self, *, down: bool) -> None:
        """Say whether the database is away."""
        self._down.set(down)


class TendMetrics:
    """Counters of one tend, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._amount = Counter(
            "hearthline_pass_amount", "What passes of tend did, in what they count", ["pass"], registry=registry
        )
        self._busy = Counter(
            "hearthline_pass_busy_seconds", "Time that passes of tend were at work", ["pass"], registry=registry
        )

    def count(self, report: Report) -> None:
        """Count one run of a pass."""
        self._amount.labels(report.name).inc(report.amount)
        self._busy.labels(report.name).inc(report.busy_s)


class WorkMetrics:
    """How many work orders there are, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._orders = Gauge(
            "hearthline_work_orders",
            "Work orders by state; ended ones of the last 30 days",
            ["state"],
            registry=registry,
        )
        self._overdue = Gauge(
            "hearthline_work_orders_overdue", "Work orders to be done that are beyond a time limit", registry=registry
        )

    def tell(self, by_state: Mapping[str, int], overdue: int) -> None:
        """Say how many there are."""
        for state, orders in by_state.items():
            self._orders.labels(state).set(orders)
        self._overdue.set(overdue)


@cache
def work_metrics() -> WorkMetrics:
    """Return those of this process, the same ones each time."""
    return WorkMetrics(REGISTRY)


def serve_metrics(port: int) -> None:
    """Serve /metrics of this process on loopback; 0: not at all."""
    if port:
        start_http_server(port, addr="127.0.0.1")
