"""Alarms: the list of what is wrong now, and the journal of what has happened."""

from collections.abc import Collection, Sequence

from markupsafe import Markup

from application.read_models import AlarmRow, JournalRow
from perception.point import Title
from presentation.components.evidence import Points, evidence_text
from presentation.components.marker import priority_state, symbol
from presentation.markup import el
from presentation.texts import Texts


def alarm_list(
    alarms: Sequence[AlarmRow],
    at: int,
    zone: str,
    t: Texts,
    points: Points,
    *,
    of_city: bool,
    plants: Collection[str | None] = (),
) -> Markup:
    """Return alarms, most urgent first; a calm sentence when there are none.

    `of_city`: name the stations. `plants`: the devices that stand for their stations; every other one is named.
    """
    if not alarms:
        return el("p", t.say("No active alarm."), class_="calm")
    return el(
        "ol", [_alarm(alarm, at, zone, t, points, of_city=of_city, plants=plants) for alarm in alarms], class_="alarms"
    )


def _alarm(
    alarm: AlarmRow, at: int, zone: str, t: Texts, points: Points, *, of_city: bool, plants: Collection[str | None]
) -> Markup:
    station = el("a", t.title(alarm.station_title), href=f"/{t.language}/stations/{alarm.station}")
    name = el("a", _what(alarm, t, plants), href=f"/{t.language}/alarms/{alarm.alarm_id}")
    evidence = evidence_text(alarm, t, points)
    told = el(
        "div",
        el("p", [station, " · "] if of_city else None, name, class_="alarm-head"),
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


def _what(alarm: AlarmRow | JournalRow, t: Texts, plants: Collection[str | None]) -> str:
    device = f" · {alarm.device}" if alarm.device and alarm.device not in plants else ""
    return f"{t.title(alarm.title)}{element_text(alarm.element, alarm.element_title, t)}{device}"


def element_text(element: str, title: Title | None, t: Texts) -> str:
    """Return what of a device an alarm is about, in brackets, to stand behind its title."""
    if title is not None:
        return f" ({t.title(title)})"
    return f" ({element})" if element else ""


def _since(alarm: AlarmRow, at: int, zone: str, t: Texts) -> str:
    end = alarm.cleared_at if alarm.cleared_at is not None else at
    words = [
        t.say("since {time}", time=t.moment(alarm.opened_at, zone, "MM-dd HH:mm")),
        t.age((end - alarm.opened_at) / 1000),
        t.say("active") if alarm.cleared_at is None else t.say("latched") if alarm.latched else t.say("cleared"),
        t.say("acknowledged") if alarm.acknowledged else t.say("not acknowledged"),
    ]
    if alarm.first_out:
        words.append(t.say("first of its incident"))
    if alarm.drill:
        words.insert(0, t.say("drill"))
    if alarm.shelved_until is not None:
        words.append(t.say("shelved until {time}", time=t.moment(alarm.shelved_until, zone, "MM-dd HH:mm")))
    if alarm.suppressed:
        words.append(t.say("suppressed"))
    if alarm.out_of_service:
        words.append(t.say("out of service"))
    return " · ".join(words)


def journal_list(
    rows: Sequence[JournalRow], zone: str, t: Texts, *, of_city: bool, plants: Collection[str | None] = ()
) -> Markup:
    """Return the journal, newest first. `of_city` and `plants` as for `alarm_list`."""
    if not rows:
        return el("p", t.say("Nothing in the journal yet."), class_="calm")
    heads = [t.say("Time"), *([t.say("Station")] if of_city else []), t.say("Event"), t.say("By")]
    return el(
        "table",
        el("caption", t.say("Alarm journal, newest first"), class_="unseen"),
        el("thead", el("tr", [el("th", text, scope="col") for text in heads])),
        el("tbody", [_entry(row, zone, t, of_city=of_city, plants=plants) for row in rows]),
        class_="journal",
    )


def _entry(row: JournalRow, zone: str, t: Texts, *, of_city: bool, plants: Collection[str | None]) -> Markup:
    station = el("a", t.title(row.station_title), href=f"/{t.language}/stations/{row.station}")
    return el(
        "tr",
        el("td", t.moment(row.at, zone, "MM-dd HH:mm"), class_="when"),
        el("td", station) if of_city else None,
        el("td", _what(row, t, plants), " · ", el("strong", event_text(row.what, t)), _drill(row, t), _comment(row)),
        el("td", actor_text(row.actor, t)),
    )


def drill_mark(t: Texts) -> Markup:
    """Return the mark of what was raised in a drill, to stand behind its title: nobody has to go."""
    return el("span", t.say("drill"), class_="first-out")


def _drill(row: JournalRow, t: Texts) -> str:
    return f" · {t.say('drill')}" if row.drill else ""


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
        "reset": t.say("reset"),
        "realarmed": t.say("asks again"),
        "out_of_service": t.say("taken out of service"),
        "in_service": t.say("back in service"),
    }.get(what, what)


def actor_text(actor: str, t: Texts) -> str:
    """Return who did it; the machine has a name in both languages."""
    return t.say("system") if actor in {"watch", "ingest", "tend", "system"} else actor.removeprefix("console:")
