"""Tell: the spine of notifications. What is wrong, who is to be told, notices in the queue: in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from uuid import UUID

import structlog
from sqlalchemy import Connection

from application.instants import DAY
from application.notify.desk import Desk, PlanFile
from application.notify.facts import facts
from application.notify.matter import Matter, Notice
from application.notify.plan import Plan
from application.notify.rota import quiet_until
from application.notify.routing import due, nobody_on_call
from application.notify.store import enqueue, forget, matters, told, withdraw_pointless
from application.notify.wording import Language, content
from application.rule import Rule

_log = structlog.get_logger()
_MOST = 100
"""Notices of one transaction: a city in which everything falls at once is told in portions, the worst first."""


class Teller:
    """Queues what is to be told. Remembers only of what it complained already."""

    def __init__(self, file: PlanFile, rules: Mapping[str, Rule], desk: Desk) -> None:
        self._file, self._rules, self._desk = file, rules, desk
        self._complained: set[tuple[UUID, str]] = set()

    def tell(self, on: Connection, now: int) -> int:
        """Queue the notices that are due at `now` (epoch microseconds), withdraw what has no point any more.

        Returns how many notices changed; safe to repeat. Who calls it commits.
        """
        plan = self._file.plan()
        if not plan.route:
            return 0
        every = matters(on, self._rules, now, plan.live_within_min)
        known = told(on, [m.incident_id for m in every])
        found = [notice for m in every for notice in due(plan, m, known.get(m.incident_id, []), now)]
        self._complain(plan, every, now)
        found.sort(key=lambda notice: notice.priority)
        words = _Words(on, self._rules, self._desk) if found else None
        changed = sum(self._queue(on, plan, notice, words, now) for notice in found[:_MOST] if words)
        gone = withdraw_pointless(on, every, now)
        return changed + gone + forget(on, now - self._desk.settings.keep_days * DAY)

    def _queue(self, on: Connection, plan: Plan, notice: Notice, words: "_Words", now: int) -> int:
        recipient = plan.recipient[notice.recipient]
        not_before = quiet_until(recipient.quiet, notice.priority, now)
        new = enqueue(on, notice, words.of(notice, recipient.language), now, not_before)
        if new:
            self._desk.count(notice.channel, "queued", 1)
        return int(new)

    def _complain(self, plan: Plan, every: Sequence[Matter], now: int) -> None:
        """Say once per incident that a rota has nobody to be told."""
        found = {(m.incident_id, rota): m.scope for m in every for rota in nobody_on_call(plan, m, now)}
        for (incident, rota), scope in found.items():
            if (incident, rota) not in self._complained:
                _log.warning("nobody_on_call", rota=rota, incident=str(incident)[:8], scope=scope)
        self._complained = set(found)


class _Words:
    """What notices of one pass say: read once for all recipients of a language."""

    def __init__(self, on: Connection, rules: Mapping[str, Rule], desk: Desk) -> None:
        self._on, self._rules, self._desk, self._points = on, rules, desk, desk.points()
        self._known: dict[tuple[UUID, str, tuple[UUID, ...], str], Mapping[str, object]] = {}

    def of(self, notice: Notice, language: Language) -> Mapping[str, object]:
        """Return the content of a notice, as it is kept."""
        key = (notice.incident_id, notice.stage, notice.alarms, language)
        if key not in self._known:
            known = facts(self._on, notice.incident_id, notice.alarms, self._rules, self._points)
            told = content(notice.stage, known, language, self._points, self._desk.settings.console_url)
            self._known[key] = asdict(told)
        return self._known[key]
