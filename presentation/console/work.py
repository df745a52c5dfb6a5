"""Work: the board of work orders by state, and one order with its journal, to be carried along as a sheet."""

from collections.abc import Sequence

from markupsafe import Markup

from application.work.board import COLUMNS, WorkStory, WorkView
from application.work.order import OVER, WorkState
from application.work.view import OrderAlarm, OrderEntry, OrderRow
from presentation.components.alarms import actor_text, drill_mark
from presentation.components.marker import priority_state, symbol
from presentation.console.alarms import how_to_sign_in
from presentation.console.shell import Frame, page
from presentation.console.work_words import order_dialogs, state_word, step_text, step_word
from presentation.markup import Child, el, fragment
from presentation.texts import ABSENT, Texts

MOST_OVER = 40
_NEXT = {
    WorkState.NEW: ("assigned",),
    WorkState.ASSIGNED: ("started",),
    WorkState.ON_THE_WAY: ("arrived",),
    WorkState.ON_SITE: ("done",),
    WorkState.DONE: ("verified",),
}
"""The step that leads on from each state: the button on a card."""
_ALL = {
    WorkState.NEW: ("assigned", "noted", "rejected", "cancelled"),
    WorkState.ASSIGNED: ("started", "arrived", "done", "assigned", "noted", "rejected", "cancelled"),
    WorkState.ON_THE_WAY: ("arrived", "done", "assigned", "noted", "rejected", "cancelled"),
    WorkState.ON_SITE: ("done", "assigned", "noted", "rejected", "cancelled"),
    WorkState.DONE: ("verified", "reopened", "noted", "cancelled"),
    WorkState.VERIFIED: ("reopened", "noted"),
}


def board_page(view: WorkView, frame: Frame, t: Texts) -> str:
    """Return the board of a city."""
    title = t.say("{city}: work orders", city=t.title(view.city.title))
    over = t.count("{n} overdue", "{n} overdue", view.counts.overdue)
    told = " · ".join([t.say("to be done: {n}", n=view.counts.open), over,
                       t.say("to be verified: {n}", n=view.counts.waiting)])  # fmt: skip
    main = [
        el("div", el("h1", title), el("p", told, class_="read-at", data_part="work-counts"), class_="heading"),
        el("p", t.say("Read only."), " ", how_to_sign_in(t), class_="read-only"),
        el("div", [_column(state, view, t) for state in COLUMNS], class_="board", data_part="board", id="board"),
        _ended(view, t),
        el("div", id="told", role="status", class_="told"),
        order_dialogs(t),
    ]
    return page(frame, t, title, main, class_="work-page")


def _column(state: WorkState, view: WorkView, t: Texts) -> Markup:
    rows = [row for row in view.live if row.state == state]
    cards = el("ol", [_card(row, view, t) for row in rows]) if rows else el("p", t.say("none"), class_="calm")
    name = f"column-{state}"
    head = el("h2", state_word(state, t), " ", el("b", t.number(len(rows))), id=name)
    return el("section", head, cards, class_="board-column", aria_labelledby=name)


def _card(row: OrderRow, view: WorkView, t: Texts) -> Markup:
    link = el("a", f"#{row.number} {t.title(row.title)}", href=f"/{t.language}/work-orders/{row.work_order_id}",
              class_="order-name")  # fmt: skip
    station = el("a", t.title(row.station_title), href=f"/{t.language}/stations/{row.station}")
    who = row.assignee or t.title(row.body_title)
    stands = t.say("the alarm stands") if row.standing else t.say("the alarm has cleared")
    return el(
        "li",
        el(
            "p",
            symbol(priority_state(row.priority), t),
            el("span", link, drill_mark(t) if row.drill else None),
            class_="order-head",
        ),
        el("p", station),
        el("p", due(row, view.at, view.city.timezone, t)),
        el("p", f"{who} · {stands}", class_="hint"),
        el("p", _buttons(_NEXT[WorkState(row.state)], row, t), class_="needs-session card-acts"),
        class_=f"order-card {priority_state(row.priority)}",
        tabindex="-1",
        **_data(row, t),
    )


def _data(row: OrderRow, t: Texts) -> dict[str, object]:
    nexts = _NEXT.get(WorkState(row.state), ())
    return {
        "data_order": row.work_order_id,
        "data_name": f"#{row.number} {t.title(row.title)}, {t.title(row.station_title)}",
        "data_next": nexts[0] if nexts else None,
    }


def _buttons(steps: Sequence[str], row: OrderRow, t: Texts) -> list[Markup]:
    main = _NEXT.get(WorkState(row.state), ())
    return [
        el("button", step_word(step, t), type="button", data_step=step, class_="main-act" if step in main else None,
           aria_label=f"{step_word(step, t)} #{row.number}")
        for step in steps
    ]  # fmt: skip


def due(row: OrderRow, at: int, zone: str, t: Texts) -> Markup:
    """Return by when somebody has to be there, or it has to be repaired, whichever is next, and how long that is."""
    if WorkState(row.state) is WorkState.DONE:
        return el("span", t.say("the data verify it"), class_="due")
    responds = row.arrived_at is None and row.respond_by <= row.due_at
    limit = row.respond_by if responds else row.due_at
    left = limit - at
    word = t.say("on site by {time}", time=t.moment(limit, zone, "MM-dd HH:mm")) if responds else t.say(
        "repaired by {time}", time=t.moment(limit, zone, "MM-dd HH:mm"))  # fmt: skip
    age = t.age(abs(left) / 1000)
    counted = t.say("in {age}", age=age) if left >= 0 else t.say("overdue by {age}", age=age)
    return fragment(
        word, " · ", el("span", counted, class_="due overdue" if left < 0 else "due", data_due=limit)
    )  # fmt: skip


def _ended(view: WorkView, t: Texts) -> Markup:
    heads = [t.say("Order"), t.say("Station"), t.say("State"), t.say("Since"), t.say("Minutes")]
    rows = [
        el("tr",
           el("th", el("a", f"#{r.number} {t.title(r.title)}", href=f"/{t.language}/work-orders/{r.work_order_id}"),
              drill_mark(t) if r.drill else None, scope="row"),
           el("td", t.title(r.station_title)), el("td", state_word(WorkState(r.state), t)),
           el("td", t.moment(r.closed_at, view.city.timezone, "MM-dd HH:mm")),
           el("td", t.number(r.minutes), class_="number"))
        for r in view.over[:MOST_OVER]
    ]  # fmt: skip
    body = table(heads, rows, t.say("Ended in the last 30 days")) if rows else el("p", t.say("none"), class_="calm")
    return el("section", el("div", el("h2", t.say("Ended in the last 30 days"), id="ended"), class_="panel-head"),
              el("div", body, data_part="ended"), class_="panel", aria_labelledby="ended")  # fmt: skip


def order_page(story: WorkStory, frame: Frame, t: Texts) -> str:
    """Return the page of one order, which prints as a sheet."""
    row = story.told.order
    title = f"#{row.number} {t.title(row.title)}"
    board = el("a", t.say("Work orders"), href=f"/{t.language}/work-orders?city={story.city.name}")
    station = el("a", t.title(row.station_title), href=f"/{t.language}/stations/{row.station}")
    main = [
        el("div", el("p", fragment(board, " › ", station), class_="path"),
           el("h1", symbol(priority_state(row.priority), t), title, drill_mark(t) if row.drill else None),
           class_="heading"),
        el("div", _facts(story, t), data_part="order", class_="alarm-facts"),
        _panel(t.say("What to do"), "order-advice", el("p", t.title(row.advice), class_="prose")),
        _panel(t.say("Alarms"), "order-alarms", el("div", _alarms(story, t), data_part="order-alarms")),
        _panel(t.say("Journal"), "order-journal", el("div", _journal(story, t), data_part="order-journal")),
        el("div", id="told", role="status", class_="told"),
        order_dialogs(t),
    ]  # fmt: skip
    return page(frame, t, title, main, class_="story")


def _facts(story: WorkStory, t: Texts) -> Markup:
    row, zone = story.told.order, story.city.timezone
    spent = t.count("{n} minute", "{n} minutes", row.minutes) + "".join(f" · {part}" for part in row.parts)
    incident = None
    if row.incident_id is not None:
        incident = el("a", t.say("Its incident"), href=f"/{t.language}/incidents/{row.incident_id}")
    helpers = t.say(", ").join(t.title(x) for x in row.supporting)
    live = WorkState(row.state) not in OVER
    facts: list[tuple[str, Child]] = [
        (t.say("State"), el("strong", state_word(WorkState(row.state), t))),
        (t.say("Due"), due(row, story.at, zone, t) if live else None),
        (t.say("Station"), f"{t.title(row.station_title)} ({row.station})"),
        (t.say("Assigned to"), row.assignee or ABSENT),
        (t.say("Answers for it"), fragment(t.title(row.body_title), f" · {helpers}" if helpers else None)),
        (t.say("Ground"), t.title(row.legal)),
        (t.say("Opened"), t.moment(row.opened_at, zone, "MM-dd HH:mm")),
        (t.say("Spent"), spent if row.minutes or row.parts else None),
        (t.say("Incident"), incident),
    ]
    rows = [fragment(el("dt", what), el("dd", told)) for what, told in facts if told is not None]
    steps = _ALL.get(WorkState(row.state), ("noted",))
    return el(
        "article",
        el("dl", rows, class_="facts"),
        el("div", _buttons(steps, row, t), el("button", t.say("Print"), type="button", data_print=True),
           class_="do needs-session"),
        el("p", t.say("Read only."), " ", how_to_sign_in(t), class_="read-only"),
        class_=f"panel order-card {priority_state(row.priority)}",
        aria_label=f"#{row.number}",
        tabindex="-1",
        **_data(row, t),
    )  # fmt: skip


def _alarms(story: WorkStory, t: Texts) -> Markup:
    heads = [t.say("Alarm"), t.say("Station"), t.say("Since"), t.say("State")]
    return table(heads, [_alarm(alarm, story, t) for alarm in story.told.alarms], t.say("Alarms"))


def _alarm(alarm: OrderAlarm, story: WorkStory, t: Texts) -> Markup:
    zone, rule, station = story.city.timezone, story.rules.get(alarm.rule), story.stations.get(alarm.station)
    name = el("a", alarm.rule if rule is None else t.title(rule), href=f"/{t.language}/alarms/{alarm.alarm_id}")
    cleared = t.moment(alarm.cleared_at, zone, "MM-dd HH:mm")
    return el(
        "tr",
        el("th", name, f" {alarm.element}" if alarm.element else None, scope="row"),
        el("td", alarm.station if station is None else t.title(station)),
        el("td", t.moment(alarm.opened_at, zone, "MM-dd HH:mm")),
        el("td", t.say("stands") if alarm.cleared_at is None else t.say("cleared {time}", time=cleared)),
    )


def _journal(story: WorkStory, t: Texts) -> Markup:
    rows = [_entry(entry, story.city.timezone, t) for entry in story.told.journal]
    return table([t.say("Time"), t.say("Event"), t.say("By")], rows, t.say("Journal"))


def _entry(entry: OrderEntry, zone: str, t: Texts) -> Markup:
    detail = entry.detail
    minutes = detail.get("minutes")
    more = [f"→ {detail['to']}" if detail.get("to") else "",
            t.count("{n} minute", "{n} minutes", int(minutes)) if minutes else "",
            *(str(part) for part in detail.get("parts") or ())]  # fmt: skip
    said = " · ".join(text for text in more if text)
    return el(
        "tr",
        el("td", t.moment(entry.at, zone, "MM-dd HH:mm:ss"), class_="when"),
        el("td", el("strong", step_text(entry.what, t)), f" · {said}" if said else None,
           el("p", entry.comment, class_="comment") if entry.comment else None),
        el("td", actor_text(entry.actor, t)),
    )  # fmt: skip


def table(heads: Sequence[str], rows: Sequence[Markup], name: str) -> Markup:
    """Return a table that scrolls sideways where it has to."""
    cells = [el("th", h, scope="col") for h in heads]
    inner = el("table", el("caption", name, class_="unseen"), el("thead", el("tr", cells)), el("tbody", list(rows)),
               class_="plain")  # fmt: skip
    return el("div", inner, class_="sideways", tabindex="0", role="group", aria_label=name)


def _panel(title: str, name: str, *children: Child) -> Markup:
    head = el("div", el("h2", title, id=f"{name}-title"), class_="panel-head")
    return el("section", head, *children, class_=f"panel {name}-panel", aria_labelledby=f"{name}-title")
