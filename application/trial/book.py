"""Book: the alarms of a trial with what became of them, grouped into incidents minute by minute of event time.

Grouping is that of `tend` (application.incident), on a clock of whole minutes. An alarm is an operator's from the first
minute at whose end it is open, or has come and gone, and no incident explains it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from application.incident import Areas, Found, Grouping, Raised, gone, incidents, is_patient
from application.instants import DAY, MINUTE, moment
from application.rule import Family, Rule, Verdict
from application.slow.learning import Troubles
from support.store import Row

CLEAR = Verdict.CLEAR.name.lower()


@dataclass(slots=True)
class Entry:
    """One alarm. Times in epoch microseconds; `shown_at`: since when it is an operator's, None: never was."""

    raised: Raised
    subject: str
    device: str
    element: str
    evidence: Mapping[str, float | None]
    cleared: int | None = None
    explained_by: str | None = None
    shown_at: int | None = None

    @property
    def condition(self) -> tuple[object, ...]:
        """What it is an alarm of."""
        return self.subject, self.raised.rule, self.element

    def told(self) -> dict[str, object]:
        """Return it as a line of alarms.jsonl."""
        alarm = self.raised
        return {
            "alarm_id": alarm.alarm_id,
            "station": alarm.station,
            "subject": self.subject,
            "device": self.device,
            "rule": alarm.rule,
            "element": self.element,
            "family": str(alarm.family),
            "priority": alarm.priority,
            "opened_at": moment(alarm.opened).isoformat(),
            "cleared_at": None if self.cleared is None else moment(self.cleared).isoformat(),
            "operator": self.shown_at is not None,
            "shown_at": None if self.shown_at is None else moment(self.shown_at).isoformat(),
            "explained_by": self.explained_by,
            "evidence": dict(self.evidence),
        }


class Book:
    """Everything that was raised, and what became of it. Transitions are entered in the order of event time."""

    def __init__(self, rules: Mapping[str, Rule], areas: Areas) -> None:
        self._rules, self._areas = rules, areas
        self._entries: dict[str, Entry] = {}
        self._open: dict[str, Entry] = {}
        self._incidents: dict[tuple[str, str], dict[str, object]] = {}
        self._over: list[dict[str, object]] = []
        self._at = 0
        self._grouping = Grouping()
        self._gone: list[Entry] = []
        self._clear: set[tuple[object, ...]] = set()

    def hear(self, rows: Iterable[Row]) -> None:
        """Take in what the rules say just now, as they write it for a restart: who is clear waits out its off-delay."""
        for table, values in rows:
            if table == "watch_state":
                condition = values["subject"], values["rule"], values["element"]
                (self._clear.add if values["verdict"] == CLEAR else self._clear.discard)(condition)

    def enter(self, announced: Iterable[Mapping[str, object]], now: int) -> None:
        """Take in transitions up to `now`, as `Watch.step` announces them.

        Groups after each minute in which there were some, and at the end while a cause that is over still explains.
        """
        by_minute: dict[int, list[Mapping[str, object]]] = {}
        for told in announced:
            minute = max(int(str(told["at"])) // MINUTE, self._at)
            by_minute.setdefault(minute, []).append(told)
        for minute in sorted(by_minute):
            self._at = minute
            came = [entry for told in by_minute[minute] if (entry := self._take(told)) is not None]
            self._group((minute + 1) * MINUTE, came)
        if self._gone and now // MINUTE > self._at:
            self._group(now, ())

    def troubles(self, now: int) -> Troubles:
        """Return the alarms that were open within the last two days, as the slow rules ask for them."""
        return [
            (e.raised.station, e.raised.rule, e.raised.opened, e.cleared)
            for e in self._entries.values()
            if e.cleared is None or e.cleared > now - 2 * DAY
        ]

    def alarms(self) -> list[dict[str, object]]:
        """Return every alarm as it ended, in the order of opening."""
        entries = sorted(self._entries.values(), key=lambda e: (e.raised.opened, e.raised.alarm_id))
        return [entry.told() for entry in entries]

    def incidents(self) -> list[dict[str, object]]:
        """Return every incident, in the order of opening."""
        every = [*self._over, *self._incidents.values()]
        return sorted(every, key=lambda i: (str(i["opened_at"]), str(i["scope"]), str(i["family"])))

    def _take(self, told: Mapping[str, object]) -> Entry | None:
        number = str(told["alarm_id"])
        if told["what"] == "cleared":
            entry = self._open.pop(number, None)
            if entry is not None:
                entry.cleared = int(str(told["at"]))
                self._gone.append(entry)
            return None
        rule = str(told["rule"])
        known = self._rules.get(rule)
        raised = Raised(
            number, rule, Family.OWN if known is None else known.family, int(str(told["priority"])),
            str(told["station"]), int(str(told["opened_at"])),
            patient=known is not None and is_patient(known.respond_s, self._grouping), element=str(told["element"]),
            needs=frozenset() if known is None else frozenset(known.needs),
            follows=frozenset() if known is None else known.follows,
        )  # fmt: skip
        evidence = told["evidence"]
        entry = Entry(
            raised, str(told["subject"]), str(told["device"]), str(told["element"]),
            evidence if isinstance(evidence, Mapping) else {},
        )  # fmt: skip
        self._entries[number] = self._open[number] = entry
        return entry

    def _group(self, now: int, came: Iterable[Entry]) -> None:
        """Group what is open at `now`; what came and went within the minute is looked at as well."""
        looked_at = {e.raised.alarm_id: e for e in (*self._open.values(), *came)}
        found = incidents(
            [replace(e.raised, waning=e.condition in self._clear) for e in looked_at.values()],
            self._areas, self._incidents, self._grouping, list(self._past(looked_at, now)),
        )  # fmt: skip
        explained = {alarm: by for each in found for alarm, by in each.explained.items()}
        for number, entry in looked_at.items():
            entry.explained_by = explained.get(number)
            if entry.explained_by is None and entry.shown_at is None:
                entry.shown_at = max(entry.raised.opened, now - MINUTE)
        self._keep(found, now)

    def _past(self, looked_at: Mapping[str, Entry], now: int) -> Iterator[Raised]:
        """Yield the alarms of open incidents that cleared a short while ago."""
        p = self._grouping
        self._gone = [e for e in self._gone if (e.cleared or 0) > now - p.wanes_us]
        members: set[object] = set()
        for row in self._incidents.values():
            members.update(row["alarms"] if isinstance(row["alarms"], list) else ())
        for entry in self._gone:
            if entry.raised.alarm_id in members and entry.raised.alarm_id not in looked_at:
                yield gone(entry.raised, entry.cleared or 0, now, p)

    def _keep(self, found: Iterable[Found], now: int) -> None:
        still: dict[tuple[str, str], dict[str, object]] = {}
        for each in found:
            key = each.scope, each.family
            row = self._incidents.get(key) or {
                "scope": each.scope, "family": str(each.family), "opened_at": moment(each.opened).isoformat(),
                "closed_at": None, "stations": [], "alarms": [],
            }  # fmt: skip
            known, alarms = row["stations"], row["alarms"]
            stations = sorted({*(known if isinstance(known, list) else []), *each.stations})
            members = sorted({*(alarms if isinstance(alarms, list) else []), *(a.alarm_id for a in each.alarms)})
            told = {"cause": each.cause.rule, "cause_station": each.cause.station, "priority": each.priority}
            still[key] = {**row, **told, "stations": stations, "alarms": members}
        over = [row for key, row in self._incidents.items() if key not in still]
        self._over += [{**row, "closed_at": moment(now).isoformat()} for row in over]
        self._incidents = still
