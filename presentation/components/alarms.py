"""Alarms: the list of what is wrong now, and the journal of what has happened."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from application.read_models import AlarmRow, JournalRow
from perception.point import Point, Title
from presentation.components.marker import priority_state, symbol
from presentation.markup import el
from presentation.texts import Texts
from presentation.units import unit_text

_EVIDENCE_SHOWN = 4
_LIMITS = ("limit", "low", "high")
"""Evidence of these names comes after what was measured."""
_SUFFIXES = {"_s": (0, "s"), "_k": (1, "K"), "_mpa": (3, "MPa")}
"""Units that rules put at the end of a name: decimals and how the unit reads."""

Points = Mapping[str, Point]
"""Points by name, for the titles and units of evidence."""


def alarm_list(alarms: Sequence[AlarmRow], at: int, zone: str, t: Texts, points: Points, *, of_city: bool) -> Markup:
    """Return alarms, most urgent first; a calm sentence when there are none. `of_city`: name the stations."""
    if not alarms:
        return el("p", t.say("No active alarm."), class_="calm")
    return el("ol", [_alarm(alarm, at, zone, t, points, of_city=of_city) for alarm in alarms], class_="alarms")


def _alarm(alarm: AlarmRow, at: int, zone: str, t: Texts, points: Points, *, of_city: bool) -> Markup:
    station = el("a", t.title(alarm.station_title), href=f"/{t.language}/stations/{alarm.station}")
    evidence = evidence_text(alarm, t, points)
    told = el(
        "div",
        el("p", [station, " · "] if of_city else None, _what(alarm, t), class_="alarm-head"),
        el("p", _since(alarm, at, zone, t), class_="alarm-when"),
        el("p", evidence, class_="alarm-evidence") if evidence else None,
        el("details", el("summary", t.say("What to do")), el("p", t.title(alarm.advice))),
    )
    return el(
        "li",
        symbol(priority_state(alarm.priority), t),
        told,
        class_="alarm" if alarm.cleared_at is None else "alarm cleared",
        data_alarm=alarm.alarm_id,
    )


def _what(alarm: AlarmRow | JournalRow, t: Texts) -> str:
    return f"{t.title(alarm.title)}{_element(alarm.element, alarm.element_title, t)}"


def _element(element: str, title: Title | None, t: Texts) -> str:
    if title is not None:
        return f" ({t.title(title)})"
    return f" ({element})" if element else ""


def _since(alarm: AlarmRow, at: int, zone: str, t: Texts) -> str:
    end = alarm.cleared_at if alarm.cleared_at is not None else at
    words = [
        t.say("since {time}", time=t.moment(alarm.opened_at, zone, "MM-dd HH:mm")),
        t.age((end - alarm.opened_at) / 1000),
        t.say("active") if alarm.cleared_at is None else t.say("cleared"),
        t.say("acknowledged") if alarm.acknowledged else t.say("not acknowledged"),
    ]
    if alarm.shelved_until is not None:
        words.append(t.say("shelved until {time}", time=t.moment(alarm.shelved_until, zone, "MM-dd HH:mm")))
    if alarm.suppressed:
        words.append(t.say("suppressed"))
    if alarm.out_of_service:
        words.append(t.say("out of service"))
    return " · ".join(words)


def evidence_text(alarm: AlarmRow, t: Texts, points: Points) -> str:
    """Return the numbers that speak for the alarm: value against limit."""
    known = [(name, value) for name, value in alarm.evidence.items() if value is not None]
    shown = sorted(known, key=lambda pair: pair[0].startswith(_LIMITS))[:_EVIDENCE_SHOWN]
    point = points.get(alarm.element)
    return " · ".join(
        f"{_evidence_name(name, t, points)} {_evidence_value(name, value, t, points.get(name, point))}"
        for name, value in shown
    )


def _evidence_name(name: str, t: Texts, points: Points) -> str:
    if name in points:
        return t.title(points[name].title)
    known = {
        "value": t.say("value"),
        "limit": t.say("limit"),
        "low": t.say("low limit"),
        "high": t.say("high limit"),
        "silent": t.say("silent for"),
    }
    plain = name.removesuffix(_suffix(name))
    return known.get(plain) or plain.replace("_", " ")


def _evidence_value(name: str, value: float, t: Texts, point: Point | None) -> str:
    if _suffix(name) == "_s":
        return t.age(value)
    if _suffix(name):
        decimals, unit = _SUFFIXES[_suffix(name)]
        return f"{t.number(value, decimals)} {unit}"
    if point is None:
        return t.number(value, 0 if abs(value) >= 100 else 2)
    return f"{t.number(value, point.decimals)} {unit_text(point.unit)}".strip()


def _suffix(name: str) -> str:
    """Return the unit that the name of a piece of evidence ends with, or nothing."""
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")


def journal_list(rows: Sequence[JournalRow], zone: str, t: Texts, *, of_city: bool) -> Markup:
    """Return the journal, newest first. `of_city`: name the stations."""
    if not rows:
        return el("p", t.say("Nothing in the journal yet."), class_="calm")
    heads = [t.say("Time"), *([t.say("Station")] if of_city else []), t.say("Event"), t.say("By")]
    return el(
        "table",
        el("caption", t.say("Alarm journal, newest first"), class_="unseen"),
        el("thead", el("tr", [el("th", text, scope="col") for text in heads])),
        el("tbody", [_entry(row, zone, t, of_city=of_city) for row in rows]),
        class_="journal",
    )


def _entry(row: JournalRow, zone: str, t: Texts, *, of_city: bool) -> Markup:
    station = el("a", t.title(row.station_title), href=f"/{t.language}/stations/{row.station}")
    return el(
        "tr",
        el("td", t.moment(row.at, zone, "MM-dd HH:mm"), class_="when"),
        el("td", station) if of_city else None,
        el("td", _what(row, t), " · ", el("strong", event_text(row.what, t)), _comment(row)),
        el("td", actor_text(row.actor, t)),
    )


def _comment(row: JournalRow) -> Markup | None:
    return el("p", row.comment, class_="comment") if row.comment else None


def event_text(what: str, t: Texts) -> str:
    """Return what happened to an alarm, in words; an unknown word stands as it is."""
    return {
        "raised": t.say("raised"),
        "cleared": t.say("cleared"),
        "acknowledged": t.say("acknowledged"),
        "shelved": t.say("shelved"),
        "unshelved": t.say("unshelved"),
        "suppressed": t.say("suppressed"),
        "unsuppressed": t.say("no longer suppressed"),
        "commented": t.say("commented"),
    }.get(what, what)


def actor_text(actor: str, t: Texts) -> str:
    """Return who did it; the machine has a name in both languages."""
    return t.say("system") if actor in {"watch", "ingest", "tend", "system"} else actor
