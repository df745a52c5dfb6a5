"""Alarm table: alarms as rows that somebody can act on. On a narrow screen each row is a card.

A row carries `data-alarm` and its state, by which alarms.js finds it, moves along and updates it in its place.
"""

from collections.abc import Sequence

from markupsafe import Markup

from application.alarm import AlarmState
from application.alarm_list import AlarmLine
from application.read_models import AlarmRow, Consequence
from presentation.components.alarms import drill_mark, element_text
from presentation.components.evidence import Points, evidence_text
from presentation.components.marker import priority_state, symbol
from presentation.markup import el, fragment
from presentation.texts import ABSENT, Texts

UNSEEN = (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED, AlarmState.LATCHED_UNACKNOWLEDGED)
"""States that want to be acknowledged."""
MOST_UNDER = 60
"""Explained alarms that are named under their cause; of more, how many there are."""


def alarm_table(lines: Sequence[AlarmLine], at: int, zone: str, t: Texts, points: Points) -> Markup:
    """Return the table; `at` in epoch milliseconds."""
    heads = [
        el("th", el("span", t.say("Selected"), class_="unseen"), scope="col", class_="pick"),
        el("th", el("span", t.say("Priority"), class_="unseen"), scope="col", class_="rank"),
        *(
            el("th", text, scope="col", class_=class_)
            for text, class_ in (
                (t.say("Alarm"), "what"),
                (t.say("State"), "state"),
                (t.say("Since"), "when"),
                (t.say("Homes, cold in"), "homes number"),
            )
        ),
        el("th", el("span", t.say("What can be done"), class_="unseen"), scope="col", class_="do needs-session"),
    ]
    return el(
        "table",
        el("caption", t.say("Alarms, most urgent first"), class_="unseen"),
        el("thead", el("tr", heads)),
        el("tbody", [alarm_row(line, at, zone, t, points) for line in lines]),
        class_="alarm-table",
    )


def alarm_row(line: AlarmLine, at: int, zone: str, t: Texts, points: Points) -> Markup:
    """Return one alarm as a row."""
    alarm = line.alarm
    name = f"{t.title(alarm.title)}, {t.title(alarm.station_title)}"
    pick = el(
        "label",
        el("input", type="checkbox", aria_label=t.say("Select {alarm}", alarm=name)),
        class_="pick-box",
    )
    return el(
        "tr",
        el("td", pick, class_="pick"),
        el("td", symbol(priority_state(alarm.priority), t), class_="rank"),
        el("th", _what(line, zone, t, points), scope="row", class_="what"),
        el("td", state_mark(line.state, t), _until(alarm, zone, t), class_="state"),
        el("td", since(alarm, at, zone, t), class_="when"),
        el("td", _homes(line, t), class_="homes number"),
        el("td", _buttons(line, name, t), class_="do needs-session"),
        class_=f"alarm-row {priority_state(alarm.priority)} {line.state}",
        tabindex="-1",
        data_alarm=alarm.alarm_id,
        data_state=line.state,
        data_subject=f"station:{alarm.station}",
        data_name=name,
    )


def _what(line: AlarmLine, zone: str, t: Texts, points: Points) -> Markup:
    alarm = line.alarm
    evidence = evidence_text(alarm, t, points)
    device = f" · {alarm.device}" if alarm.device not in {"", alarm.station} else ""
    place = fragment(
        el("a", t.title(alarm.station_title), href=f"/{t.language}/stations/{alarm.station}"),
        f" · {t.title(line.district_title)}{device}",
    )
    return fragment(
        el(
            "p",
            el("a", f"{t.title(alarm.title)}{element_text(alarm.element, alarm.element_title, t)}",
               href=f"/{t.language}/alarms/{alarm.alarm_id}", class_="alarm-name"),
            drill_mark(t) if alarm.drill else None,
            _first_out(line, t),
            class_="name",
        ),
        el("p", place, class_="place"),
        el("p", evidence, class_="evidence") if evidence else None,
        el("details", el("summary", t.say("What to do")), el("p", t.title(alarm.advice)), class_="advice"),
        _under(line, zone, t),
    )  # fmt: skip


def _first_out(line: AlarmLine, t: Texts) -> Markup | None:
    """Return the mark of the alarm that came first of its incident, which leads to the incident."""
    incident = line.alarm.incident
    if incident is None or not line.alarm.first_out:
        return None
    told = t.say("The first alarm of its incident")
    return el("a", t.say("first out"), href=f"/{t.language}/incidents/{incident}", class_="first-out", title=told)


def _under(line: AlarmLine, zone: str, t: Texts) -> Markup | None:
    if not line.explains:
        return None
    n = len(line.explains)
    items = [
        el(
            "li",
            el("a", t.title(under.alarm.title), element_text(under.alarm.element, under.alarm.element_title, t),
               href=f"/{t.language}/alarms/{under.alarm.alarm_id}"),
            f" · {t.title(under.alarm.station_title)} · {t.moment(under.alarm.opened_at, zone, 'HH:mm')}",
        )
        for under in line.explains[:MOST_UNDER]
    ]  # fmt: skip
    more = el("li", t.say("and {n} more", n=t.number(n - MOST_UNDER))) if n > MOST_UNDER else None
    return el(
        "details",
        el("summary", t.count("explains {n} alarm", "explains {n} alarms", n)),
        el("ul", items, more),
        class_="under",
    )


def state_mark(state: AlarmState, t: Texts) -> Markup:
    """Return the state in the words of ISA-18.2, with a shape: filled wants to be acknowledged, hollow is."""
    return el("span", el("span", class_=f"lamp {state}", aria_hidden="true"), state_text(state, t), class_="state-mark")


def state_text(state: AlarmState, t: Texts) -> str:
    """Return the words for a state."""
    return {
        AlarmState.NORMAL: t.say("Normal"),
        AlarmState.UNACKNOWLEDGED: t.say("Unacknowledged"),
        AlarmState.ACKNOWLEDGED: t.say("Acknowledged"),
        AlarmState.RETURNED_UNACKNOWLEDGED: t.say("Returned, unacknowledged"),
        AlarmState.LATCHED_UNACKNOWLEDGED: t.say("Latched, unacknowledged"),
        AlarmState.LATCHED_ACKNOWLEDGED: t.say("Latched, acknowledged"),
        AlarmState.SHELVED: t.say("Shelved"),
        AlarmState.SUPPRESSED: t.say("Suppressed by design"),
        AlarmState.OUT_OF_SERVICE: t.say("Out of service"),
    }.get(state, str(state).replace("_", " "))


def _until(alarm: AlarmRow, zone: str, t: Texts) -> Markup | None:
    if alarm.shelved_until is None:
        return None
    return el("small", t.say("until {time}", time=t.moment(alarm.shelved_until, zone, "MM-dd HH:mm")))


def since(alarm: AlarmRow, at: int, zone: str, t: Texts) -> Markup:
    """Return since when, by the city's clock, and for how long; the age of an active one goes on by itself."""
    opened = el("time", t.moment(alarm.opened_at, zone, "MM-dd HH:mm"), class_="opened")
    if alarm.cleared_at is None:
        age = el("span", t.age((at - alarm.opened_at) / 1000), class_="lasted", data_since=alarm.opened_at)
    else:
        lasted = t.age((alarm.cleared_at - alarm.opened_at) / 1000)
        age = el("span", t.say("lasted {age}", age=lasted), class_="lasted")
    return fragment(opened, " ", age)


def _homes(line: AlarmLine, t: Texts) -> Markup:
    told = ABSENT if line.homes is None else t.number(line.homes)
    outlook = line.alarm.consequence
    cold = None if outlook is None or outlook.hours is None else cold_text(outlook, t)
    return fragment(
        el("span", told), el("small", " ", t.say("homes"), class_="narrow-only"), el("small", cold, class_="cold")
    )


def cold_text(outlook: Consequence, t: Texts) -> str:
    """Return in how many hours rooms are at 18 Cel, with the range."""
    if outlook.hours is None:
        return ABSENT
    low = t.number(outlook.low, 0 if (outlook.low or 0) >= 10 else 1)
    high = t.number(outlook.high, 0 if (outlook.high or 0) >= 10 else 1)
    hours = t.number(outlook.hours, 0 if outlook.hours >= 10 else 1)
    if outlook.high is None:
        return t.say("18 °C in {hours} h ({low} h or more)", hours=hours, low=low)
    return t.say("18 °C in {hours} h ({low}–{high} h)", hours=hours, low=low, high=high)


def why_text(why: str, t: Texts) -> str:
    """Return why homes are foreseen to be cold, or why nothing is foreseen."""
    return {
        "outage": t.say("no heat reaches the homes"),
        "partial": t.say("a part of the heat is missing"),
        "stays_warm": t.say("rooms stay above 18 °C"),
        "no_heat_lost": t.say("no heat is lost"),
        "unheard": t.say("nothing is heard of the station"),
        "heat_left_unknown": t.say("how much heat is left is not known"),
        "outdoor_unknown": t.say("the outdoor temperature is not known"),
    }.get(why, why.replace("_", " "))


def _buttons(line: AlarmLine, name: str, t: Texts) -> Markup:
    """Return what can be done to an alarm in its state. The names say to which, for those who do not see the row."""
    acts: list[tuple[str, str, str]] = []
    if line.state in UNSEEN:
        acts.append(("acknowledge", t.say("Acknowledge"), "main-act"))
    if line.state is AlarmState.LATCHED_ACKNOWLEDGED:
        acts.append(("reset", t.say("Reset"), "main-act"))
    if line.state is AlarmState.SHELVED:
        acts.append(("unshelve", t.say("Bring back"), "main-act"))
    elif line.alarm.cleared_at is None and line.state is not AlarmState.OUT_OF_SERVICE:
        acts.append(("shelve", t.say("Shelve …"), ""))
    if line.state is AlarmState.OUT_OF_SERVICE:
        acts.append(("in-service", t.say("Into service"), "main-act"))
    acts.append(("comment", t.say("Comment …"), ""))
    return fragment(
        [
            el("button", text, type="button", class_=class_ or None, data_act=act, aria_label=f"{text} {name}")
            for act, text, class_ in acts
        ]
    )
