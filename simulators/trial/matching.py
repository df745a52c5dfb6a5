"""Matching: what was raised against what was wrong, by the one rule that docs/score.md states. Pure.

An operator's alarm is a fault's when it is of one of the fault's rules, at one of its stations, and opened between the
onset and the limit. Any other operator's alarm is false.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from simulators.trial.truths import Event, us

_MONTH_D = 30.0
DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as alarms.jsonl tells it. Times in epoch microseconds."""

    number: str
    station: str
    rule: str
    opened: int
    operator: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Alarm":
        """Read a line."""
        return cls(row["alarm_id"], row["station"], row["rule"], us(row["opened_at"]), bool(row["operator"]))


@dataclass(frozen=True, slots=True)
class Span:
    """What was watched: so many stations from `begin` to `end`, epoch microseconds."""

    stations: int
    begin: int
    end: int

    @property
    def station_days(self) -> float:
        """Stations times days."""
        return self.stations * (self.end - self.begin) / DAY_US


@dataclass(frozen=True, slots=True)
class Matched:
    """Each event with the alarms that are its own (the first opened first), and the false alarms."""

    own: Mapping[int, Sequence[Alarm]]
    false: Sequence[Alarm]


def matched(events: Sequence[Event], alarms: Iterable[Alarm]) -> Matched:
    """Give each operator's alarm to every event that claims it."""
    own: dict[int, list[Alarm]] = {event.number: [] for event in events}
    at: dict[str, list[Event]] = {}
    for event in events:
        for station in event.stations:
            at.setdefault(station, []).append(event)
    false: list[Alarm] = []
    for alarm in sorted(alarms, key=lambda a: (a.opened, a.number)):
        if not alarm.operator:
            continue
        claims = [e for e in at.get(alarm.station, ()) if alarm.rule in e.rules and e.owns(alarm.opened)]
        for event in claims:
            if event.finds(alarm.opened):
                own[event.number].append(alarm)
        if not claims:
            false.append(alarm)
    return Matched(own, false)


def scored(events: Sequence[Event], alarms: Sequence[Alarm], span: Span) -> dict[str, Any]:
    """Return every figure of a trial.

    Events of kinds that should raise nothing are no part of recall. Nor is one that was not found and whose limit
    ends after the run: nobody can say that it was missed.
    """
    found = matched(events, alarms)
    sought = [e for e in events if e.rules and (found.own[e.number] or e.due <= span.end)]
    detected = sum(1 for e in sought if found.own[e.number])
    operator = sum(1 for a in alarms if a.operator)
    months = span.station_days / _MONTH_D
    kinds = sorted({e.kind for e in events})
    return {
        "precision": _ratio(detected, detected + len(found.false)),
        "recall": _ratio(detected, len(sought)),
        "injected": len(events),
        "sought": len(sought),
        "detected": detected,
        "false_alarms": len(found.false),
        "alarms": len(alarms),
        "operator_alarms": operator,
        "operator_alarms_per_station_day": round(operator / span.station_days, 4),
        "false_alarms_per_station_month": round(len(found.false) / months, 4),
        "per_fault": {kind: _of_kind(kind, events, sought, found, months) for kind in kinds},
        "per_rule": _by_rule(events, found, alarms, months),
    }


def _of_kind(
    kind: str, events: Sequence[Event], sought: Sequence[Event], found: Matched, months: float
) -> dict[str, Any]:
    every = [e for e in events if e.kind == kind]
    mine = [e for e in sought if e.kind == kind]
    hit = [e for e in mine if found.own[e.number]]
    delays = [(found.own[e.number][0].opened - e.begins) / 1e6 for e in hit]
    rules = frozenset(rule for e in every for rule in e.rules)
    false = sum(1 for a in found.false if a.rule in rules)
    return {
        "injected": len(every),
        "sought": len(mine),
        "detected": len(hit),
        "missed": len(mine) - len(hit),
        "recall": _ratio(len(hit), len(mine)),
        "precision": _ratio(len(hit), len(hit) + false),
        "false_alarms": false,
        "false_alarms_per_station_month": round(false / months, 4),
        "wrong_cause": sum(1 for e in mine if not found.own[e.number] and _called_otherwise(e, found.false)),
        "delay_median_s": round(median(delays), 1) if delays else None,
        "delay_p90_s": round(_p90(delays), 1) if delays else None,
        "alarms": sum(len(found.own[e.number]) for e in every),
    }


def _called_otherwise(event: Event, false: Sequence[Alarm]) -> bool:
    """Return whether something else was raised at the place of a missed event, in its time."""
    return any(a.station in event.stations and event.begins <= a.opened <= event.due for a in false)


def _by_rule(
    events: Sequence[Event], found: Matched, alarms: Sequence[Alarm], months: float
) -> dict[str, dict[str, Any]]:
    """Return how often each rule spoke, and where its false alarms stood: beside which kind of fault, or nowhere."""
    every, operator = Counter(a.rule for a in alarms), Counter(a.rule for a in alarms if a.operator)
    false: dict[str, Counter[str]] = {}
    at: dict[str, list[Event]] = {}
    for event in events:
        for station in event.stations:
            at.setdefault(station, []).append(event)
    for alarm in found.false:
        beside = [e for e in at.get(alarm.station, ()) if _is_near(e, alarm.opened)]
        false.setdefault(alarm.rule, Counter())[beside[0].kind if beside else "none"] += 1
    return {
        rule: {
            "alarms": every[rule],
            "operator_alarms": operator[rule],
            "false_alarms": false.get(rule, Counter()).total(),
            "false_alarms_per_station_month": round(false.get(rule, Counter()).total() / months, 4),
            "false_beside": dict(false.get(rule, Counter()).most_common()),
        }
        for rule in sorted(every)
    }


def _is_near(event: Event, at: int) -> bool:
    """Return whether an event was on at a time, or was over for less than a day."""
    return event.begins <= at and (event.ends is None or at <= event.ends + DAY_US)


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _p90(delays: Sequence[float]) -> float:
    return quantiles(delays, n=10, method="inclusive")[-1] if len(delays) > 1 else delays[0]
