"""Alarm metrics: the figures of alarm management for Prometheus, of all cities together."""

from prometheus_client import CollectorRegistry, Gauge

from application.alarm_numbers import NumbersNow


class AlarmMetrics:
    """Gauges that the pulse sets. What cannot be told is not a number."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(
            "hearthline_alarms_open", "Active alarms that nothing keeps from the lists", ["priority"], registry=registry
        )
        self._unacknowledged = Gauge(
            "hearthline_alarms_unacknowledged", "Alarms that nobody has acknowledged", ["priority"], registry=registry
        )
        self._kept = Gauge("hearthline_alarms_kept", "Alarms kept from the lists, by what", ["how"], registry=registry)
        self._ten = Gauge("hearthline_alarms_raised_10min", "Alarms raised in the last 10 min", registry=registry)
        self._day = Gauge("hearthline_alarms_raised_day", "Alarms raised in the last 24 h", registry=registry)
        self._flood = Gauge("hearthline_alarms_flood_ratio", "Share of the last 24 h in flood", registry=registry)
        self._stale = Gauge("hearthline_alarms_stale", "Alarms active for more than 24 h", registry=registry)
        self._chattering = Gauge(
            "hearthline_alarms_chattering", "Conditions that chattered in the last 24 h", registry=registry
        )
        self._waited = Gauge(
            "hearthline_alarms_acknowledge_seconds",
            "How long alarms of the last 24 h waited for somebody",
            ["quantile"],
            registry=registry,
        )

    def show(self, now: NumbersNow) -> None:
        """Set every gauge."""
        for priority in (1, 2, 3):
            self._open.labels(str(priority)).set(now.open.get(priority, 0))
            self._unacknowledged.labels(str(priority)).set(now.unacknowledged.get(priority, 0))
        for how, number in now.kept.items():
            self._kept.labels(how).set(number)
        self._ten.set(now.raised_10min)
        self._day.set(now.raised_day)
        self._flood.set(now.flood_share)
        self._stale.set(now.stale)
        self._chattering.set(now.chattering)
        for quantile, seconds in now.waited_s.items():
            self._waited.labels(quantile).set(float("nan") if seconds is None else seconds)
