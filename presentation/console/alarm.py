"""Alarm: one alarm with what speaks for it, what is to be done, and its journal in event time and in record time."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from application.alarm import AlarmState
from application.alarm_story import AlarmStory
from application.read_models import JournalRow
from perception.point import Point
from presentation.components.alarm_table import UNSEEN, cold_text, since, state_mark, why_text
from presentation.components.alarms import actor_text, drill_mark, element_text, event_text
from presentation.components.evidence import evidence_text
from presentation.components.marker import priority_state, symbol
from presentation.console.alarms import how_to_sign_in
from presentation.console.dialogs import dialogs
from presentation.console.shell import Frame, page
from presentation.markup import el, fragment
from presentation.texts import ABSENT, Texts


def alarm_page(story: AlarmStory, frame: Frame, t: Texts) -> str:
    """Return the page of an alarm."""
    alarm = story.alarm
    name = f"{t.title(alarm.title)}{element_text(alarm.element, alarm.element_title, t)}"
    main = [
        el(
            "div",
            el("p", _path(story, t), class_="path"),
            el("h1", symbol(priority_state(alarm.priority), t), name, drill_mark(t) if alarm.drill else None),
            class_="heading",
        ),
        el("div", _facts(story, frame, t), data_part="alarm", class_="alarm-facts"),
        el("section", el("div", el("h2", t.say("What to do"), id="advice-title"), class_="panel-head"),
           el("p", t.title(alarm.advice), class_="prose"), _time_to_respond(story, t),
           class_="panel", aria_labelledby="advice-title"),
        el("section", el("div", el("h2", t.say("Journal of this alarm"), id="journal-title"), class_="panel-head"),
           el("div", timeline(story.journal, story.city.timezone, t, of_several=False), data_part="alarm-journal"),
           class_="panel", aria_labelledby="journal-title"),
        el("div", id="told", role="status", class_="told"),
        dialogs(t),
    ]  # fmt: skip
    return page(frame, t, name, main, class_="story")


def _path(story: AlarmStory, t: Texts) -> Markup:
    alarms = el("a", t.say("Alarms"), href=f"/{t.language}/alarms?city={story.city.name}")
    station = el("a", t.title(story.alarm.station_title), href=f"/{t.language}/stations/{story.alarm.station}")
    incident = None
    if story.incident is not None:
        incident = fragment(" › ", el("a", t.say("Its incident"), href=f"/{t.language}/incidents/{story.incident}"))
    return fragment(alarms, " › ", station, incident)


def _facts(story: AlarmStory, frame: Frame, t: Texts) -> Markup:
    alarm, zone = story.alarm, story.city.timezone
    points: Mapping[str, Point] = {p.name: p for kind in frame.kinds.values() for p in kind.points}
    name = f"{t.title(alarm.title)}, {t.title(alarm.station_title)}"
    cleared = None if alarm.cleared_at is None else t.moment(alarm.cleared_at, zone, "MM-dd HH:mm:ss")
    shelved = None if alarm.shelved_until is None else t.moment(alarm.shelved_until, zone, "MM-dd HH:mm")
    facts: list[tuple[str, object]] = [
        (t.say("State"), state_mark(story.state, t)),
        (t.say("Since"), since(alarm, story.at, zone, t)),
        (t.say("Cleared"), cleared),
        (t.say("Shelved until"), shelved),
        (t.say("Evidence"), evidence_text(alarm, t, points) or None),
        (t.say("Homes"), _homes(story, t)),
        (t.say("Device"), alarm.device or ABSENT),
        (t.say("Rule"), el("code", alarm.rule)),
        (t.say("Number"), el("code", alarm.alarm_id[:8])),
    ]
    rows = [fragment(el("dt", what), el("dd", told)) for what, told in facts if told is not None]
    return el(
        "article",
        el("dl", rows, class_="facts"),
        el("div", _acts(story.state, active=alarm.cleared_at is None, t=t), class_="do needs-session"),
        el("p", t.say("Read only."), " ", how_to_sign_in(t), class_="read-only"),
        class_=f"panel alarm-row {priority_state(alarm.priority)} {story.state}",
        tabindex="-1",
        aria_label=name,
        data_alarm=alarm.alarm_id,
        data_state=story.state,
        data_subject=f"station:{alarm.station}",
        data_name=name,
    )


def _homes(story: AlarmStory, t: Texts) -> str | None:
    """Return what the alarm means for homes, and on what that stands."""
    outlook = story.alarm.consequence
    if outlook is None:
        return None
    homes = None if outlook.homes is None else t.count("{n} home", "{n} homes", outlook.homes)
    cold = None if outlook.hours is None else cold_text(outlook, t)
    return " · ".join(filter(None, [homes, cold, why_text(outlook.why, t)]))


def _acts(state: AlarmState, *, active: bool, t: Texts) -> list[Markup]:
    """Return a button for each thing that can be done in this state; all of them are large enough for a thumb."""
    acts: list[tuple[str, str]] = []
    if state in UNSEEN:
        acts += [("acknowledge", t.say("Acknowledge")), ("acknowledge-with", t.say("With a comment …"))]
    if state is AlarmState.LATCHED_ACKNOWLEDGED:
        acts.append(("reset", t.say("Reset")))
    if state is AlarmState.SHELVED:
        acts.append(("unshelve", t.say("Bring back")))
    elif active and state is not AlarmState.OUT_OF_SERVICE:
        acts.append(("shelve", t.say("Shelve …")))
    acts.append(("comment", t.say("Comment …")))
    if active:
        acts.append(("order", t.say("Open a work order")))
    if state is AlarmState.OUT_OF_SERVICE:
        acts.append(("in-service", t.say("Into service")))
    else:
        acts.append(("out-of-service", t.say("Out of service …")))
    first = acts[0][0] if acts[0][0] in {"acknowledge", "unshelve", "reset"} else ""
    return [
        el("button", text, type="button", class_="main-act" if act == first else None, data_act=act)
        for act, text in acts
    ]


def _time_to_respond(story: AlarmStory, t: Texts) -> Markup | None:
    if story.respond_s is None:
        return None
    return el("p", t.say("Time to respond: {time}", time=t.age(story.respond_s)), class_="prose hint")


def timeline(rows: Sequence[JournalRow], zone: str, t: Texts, *, of_several: bool) -> Markup:
    """Return journal entries in event time, oldest first; `of_several` names alarm and station of each."""
    if not rows:
        return el("p", t.say("Nothing in the journal yet."), class_="calm")
    heads = [t.say("Time"), t.say("Event"), t.say("By"), t.say("Recorded")]
    titles = {row.rule: t.title(row.title) for row in rows}
    body = [
        el(
            "tr",
            el("td", t.moment(row.at, zone, "MM-dd HH:mm:ss"), class_="when"),
            el("td", el("strong", event_text(row.what, t)), _of(row, t) if of_several else None, _said(row, titles, t)),
            el("td", actor_text(row.actor, t), class_="by"),
            el("td", _recorded(row, zone, t), class_="when recorded"),
        )
        for row in rows
    ]
    table = el(
        "table",
        el("caption", t.say("Event time, oldest first"), class_="unseen"),
        el("thead", el("tr", [el("th", h, scope="col") for h in heads])),
        el("tbody", body),
        class_="journal timeline",
    )
    return el("div", table, class_="sideways", tabindex="0", role="group", aria_label=t.say("Event time, oldest first"))


def _recorded(row: JournalRow, zone: str, t: Texts) -> Markup:
    late = el("strong", " ", t.say("late")) if row.late else None
    return fragment(t.moment(row.recorded_at, zone, "HH:mm:ss"), late)


def _of(row: JournalRow, t: Texts) -> Markup:
    name = f"{t.title(row.title)}{element_text(row.element, row.element_title, t)}"
    link = el("a", name, href=f"/{t.language}/alarms/{row.alarm_id}")
    return fragment(" · ", link, f" · {t.title(row.station_title)}")


def _said(row: JournalRow, titles: Mapping[str, str], t: Texts) -> Markup | None:
    if not row.comment:
        return None
    if row.what == "suppressed":
        return el("p", t.say("explained by {rule}", rule=titles.get(row.comment, row.comment)), class_="comment")
    return el("p", row.comment, class_="comment")
