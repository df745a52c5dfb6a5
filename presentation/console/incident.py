"""Incident: alarms of one cause. The cause with its evidence, the timeline, whom it touches."""

from collections.abc import Callable, Mapping

from markupsafe import Markup

from application.alarm_story import IncidentStory
from application.incident_story import Reason
from application.work.order import WorkState
from perception.point import Point
from presentation.components.alarm_table import state_mark
from presentation.components.alarms import drill_mark, element_text
from presentation.components.evidence import evidence_text
from presentation.components.marker import priority_state, symbol
from presentation.console.alarm import timeline
from presentation.console.alarms import family_text
from presentation.console.shell import Frame, page
from presentation.console.work_words import state_word
from presentation.markup import Child, el, fragment
from presentation.texts import ABSENT, Texts


def incident_page(story: IncidentStory, frame: Frame, t: Texts) -> str:
    """Return the page of an incident."""
    card = story.card
    title = f"{t.title(card.rule_title)} · {t.title(card.scope_title)}"
    drilled = any(alarm.drill for alarm, _ in story.alarms)
    alarms = el("a", t.say("Alarms"), href=f"/{t.language}/alarms?city={story.city.name}")
    main = [
        el(
            "div",
            el("p", fragment(alarms, " › ", t.say("Incident"), " ", el("code", card.incident_id[:8])), class_="path"),
            el("h1", symbol(priority_state(card.priority), t), title, drill_mark(t) if drilled else None),
            class_="heading",
        ),
        _order(story, t),
        el("div", _numbers(story, t), _cause(story, frame, t), data_part="incident", class_="incident-head"),
        _panel(t.say("Timeline"), "moments",
               el("div", timeline(story.timeline, story.city.timezone, t, of_several=True), data_part="timeline")),
        _panel(t.say("Alarms"), "members", el("div", _alarms(story, t), data_part="incident-alarms")),
        _panel(t.say("Who is touched"), "touched", el("div", _stations(story, t), data_part="touched")),
    ]  # fmt: skip
    return page(frame, t, title, main, class_="story incident-story")


def _numbers(story: IncidentStory, t: Texts) -> Markup:
    card, zone = story.card, story.city.timezone
    until = story.at if card.closed_at is None else card.closed_at
    lasted = t.age((until - card.opened_at) / 1000)
    told = [
        (t.say("Since"), t.moment(card.opened_at, zone, "MM-dd HH:mm"), ""),
        (t.say("open for") if card.closed_at is None else t.say("lasted"), lasted, ""),
        (t.say("Stations"), t.number(len(card.stations)), ""),
        (t.say("Communities touched"), t.number(sum(len(s.communities) for s in story.stations)), ""),
        (t.say("Homes"), ABSENT if card.homes is None else t.number(card.homes), ""),
        (t.say("Rooms at 18 °C in"), hours_text(story.hours, t), ""),
        (t.say("Alarms"), t.number(card.alarms), ""),
    ]
    return el("dl", [el("div", el("dt", what), el("dd", el("b", value))) for what, value, _ in told], class_="strip")


def _order(story: IncidentStory, t: Texts) -> Markup:
    """Return where its work order is, or the way to open one."""
    order = story.order
    if order is not None:
        name = f"#{order.number} · {state_word(WorkState(order.state), t)}"
        told: Child = fragment(
            t.say("Work order"), " ", el("a", name, href=f"/{t.language}/work-orders/{order.work_order_id}")
        )
    elif story.cause is not None and story.card.closed_at is None:
        button = el("button", t.say("Open a work order"), type="button", data_open_order=story.cause.alarm_id)
        told = fragment(el("span", t.say("No work order yet."), " "), el("span", button, class_="needs-session"))
    else:
        told = t.say("It had no work order.")
    return el("p", told, class_="read-at order-of", data_part="incident-order")


def hours_text(told: tuple[float, float | None, float | None] | None, t: Texts) -> str:
    """Return the range of hours until the first rooms are cold; a dash where none are foreseen."""
    if told is None:
        return ABSENT
    hours, low, high = told
    least, most = (
        None if h is None else t.number(h, 0 if h >= 10 else 1) for h in (hours if low is None else low, high)
    )
    return f"> {least} h" if most is None else f"{least}–{most} h"


def reason_text(reason: Reason, family: Callable[[str], str], t: Texts) -> str:
    """Return a reason for the proposed cause in words."""
    told = reason.told
    if reason.what == "first":
        return t.count("It came first of {n} alarm.", "It came first of {n} alarms.", _whole(told["alarms"]))
    if reason.what == "stands_above":
        return t.say(
            "{first} came first, but {family} explains {other}.",
            first=told["first"],
            family=family(str(told["family"])),
            other=family(str(told["other"])),
        )
    if reason.what == "explains":
        return t.count("It explains {n} other alarm.", "It explains {n} other alarms.", _whole(told["alarms"]))
    if reason.what == "area":
        return t.say(
            "{stations} of {of} stations of the area raised it within {minutes} min.",
            stations=told["stations"],
            of=told["of"],
            minutes=t.number(float(str(told["minutes"])), 1),
        )
    return ""


def _whole(value: object) -> int:
    return int(str(value))


def _reasons(story: IncidentStory, t: Texts) -> Markup | None:
    told = [reason_text(reason, lambda f: family_text(f, t), t) for reason in story.reasons]
    items = [el("li", text) for text in told if text]
    return el("ul", items, class_="prose reasons") if items else None


def _cause(story: IncidentStory, frame: Frame, t: Texts) -> Markup:
    """Return the proposed cause: the alarm that explains the others, with its numbers and its advice."""
    card, cause = story.card, story.cause
    where = el("a", t.title(card.cause_station_title), href=f"/{t.language}/stations/{card.cause_station}")
    points: Mapping[str, Point] = {p.name: p for kind in frame.kinds.values() for p in kind.points}
    if cause is None:
        body: Child = el("p", t.title(card.rule_title), " · ", where, class_="prose")
    else:
        name = f"{t.title(cause.title)}{element_text(cause.element, cause.element_title, t)}"
        at = t.moment(cause.opened_at, story.city.timezone, "MM-dd HH:mm:ss")
        body = [
            el("p", el("a", name, href=f"/{t.language}/alarms/{cause.alarm_id}"), " · ", where, f" · {at}",
               class_="prose"),
            el("p", evidence_text(cause, t, points), class_="prose evidence"),
            _reasons(story, t),
            el("p", t.title(cause.advice), class_="prose hint"),
        ]  # fmt: skip
    return _panel(t.say("Proposed cause"), "cause", body)


def _alarms(story: IncidentStory, t: Texts) -> Markup:
    heads = [t.say("Alarm"), t.say("State"), t.say("Since")]
    first = story.alarms[0][0].alarm_id if len(story.alarms) > 1 else None
    rows = [
        el(
            "tr",
            el(
                "th",
                symbol(priority_state(row.priority), t),
                " ",
                el("a", f"{t.title(row.title)}{element_text(row.element, row.element_title, t)}",
                   href=f"/{t.language}/alarms/{row.alarm_id}"),
                f" · {t.title(row.station_title)}",
                el("span", t.say("first out"), class_="first-out") if row.alarm_id == first else None,
                scope="row",
            ),
            el("td", state_mark(state, t)),
            el("td", t.moment(row.opened_at, story.city.timezone, "MM-dd HH:mm:ss"), class_="when"),
        )
        for row, state in story.alarms
    ]  # fmt: skip
    return numbered_table(heads, rows, t.say("Alarms of the incident, the first to come first"))


def _stations(story: IncidentStory, t: Texts) -> Markup:
    heads = [t.say("Station"), t.say("District"), t.say("Communities touched"), t.say("Homes")]
    rows = [
        el(
            "tr",
            el("th", el("a", t.title(s.title), href=f"/{t.language}/stations/{s.name}"), scope="row"),
            el("td", t.title(s.district_title)),
            el("td", t.say(", ").join(t.title(c.title) for c in s.communities) or ABSENT),
            el("td", ABSENT if s.homes is None else t.number(s.homes), class_="number"),
        )
        for s in story.stations
    ]
    return numbered_table(heads, rows, t.say("Stations, communities and homes that it touches"), (3,))


def numbered_table(heads: list[str], rows: list[Markup], caption: str, numbers: tuple[int, ...] = ()) -> Markup:
    """Return a table that scrolls sideways where it has to; the columns of these places hold figures."""
    table = el(
        "table",
        el("caption", caption, class_="unseen"),
        el(
            "thead",
            el(
                "tr", [el("th", h, scope="col", class_="number" if i in numbers else None) for i, h in enumerate(heads)]
            ),
        ),
        el("tbody", rows),
        class_="plain",
    )
    return el("div", table, class_="sideways", tabindex="0", role="group", aria_label=caption)


def _panel(title: str, name: str, *children: Child) -> Markup:
    head = el("div", el("h2", title, id=f"{name}-title"), class_="panel-head")
    return el("section", head, *children, class_=f"panel {name}-panel", aria_labelledby=f"{name}-title")
