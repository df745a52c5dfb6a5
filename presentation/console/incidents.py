"""Incidents: the list of a city, those that stand and those of the last week, with cause and whom each touches."""

from collections.abc import Sequence

from markupsafe import Markup

from application.incident_list import IncidentLine, IncidentsView
from application.work.order import WorkState
from presentation.components.alarms import drill_mark
from presentation.components.marker import priority_state, symbol
from presentation.console.incident import hours_text, numbered_table
from presentation.console.shell import Frame, page
from presentation.console.work_words import state_word
from presentation.markup import Child, el
from presentation.texts import ABSENT, Texts

_NUMBERS = (4, 5, 6, 7)
"""The columns of figures, which stand right."""


def incidents_page(view: IncidentsView, frame: Frame, t: Texts) -> str:
    """Return the page of the incidents of a city."""
    title = t.say("{city}: incidents", city=t.title(view.city.title))
    told = t.say("open: {n}", n=t.number(len(view.standing)))
    standing, over = t.say("Open incidents"), t.say("Over within the last 7 days")
    main = [
        el(
            "div",
            el("h1", title),
            el("p", told, class_="read-at", data_part="incident-counts"),
            class_="heading",
        ),
        _panel(standing, "standing", _list(view.standing, view, standing, t)),
        _panel(over, "over", _list(view.over, view, over, t)),
    ]
    return page(frame, t, title, main, class_="work-page incidents-page")


def _list(lines: Sequence[IncidentLine], view: IncidentsView, name: str, t: Texts) -> Markup:
    if not lines:
        return el("p", t.say("none"), class_="calm")
    heads = [
        t.say("Incident"),
        t.say("Where"),
        t.say("Since"),
        t.say("Duration"),
        t.say("Stations"),
        t.say("Homes"),
        t.say("Rooms at 18 °C in"),
        t.say("Alarms"),
        t.say("Work order"),
    ]
    return numbered_table(heads, [_row(line, view, t) for line in lines], name, _NUMBERS)


def _row(line: IncidentLine, view: IncidentsView, t: Texts) -> Markup:
    card, order = line.card, line.order
    until = view.at if card.closed_at is None else card.closed_at
    name = el("a", t.title(card.rule_title), href=f"/{t.language}/incidents/{card.incident_id}")
    work: Child = ABSENT
    if order is not None:
        said = f"#{order.number} · {state_word(WorkState(order.state), t)}"
        work = el("a", said, href=f"/{t.language}/work-orders/{order.work_order_id}")
    return el(
        "tr",
        el("th", symbol(priority_state(card.priority), t), " ", name, drill_mark(t) if line.drill else None,
           scope="row"),
        el("td", t.title(card.scope_title)),
        el("td", t.moment(card.opened_at, view.city.timezone, "MM-dd HH:mm"), class_="when"),
        el("td", t.age((until - card.opened_at) / 1000), class_="when"),
        el("td", t.number(len(card.stations)), class_="number"),
        el("td", ABSENT if card.homes is None else t.number(card.homes), class_="number"),
        el("td", hours_text(line.hours, t), class_="number"),
        el("td", t.number(card.alarms), class_="number"),
        el("td", work),
        data_incident=card.incident_id,
    )  # fmt: skip


def _panel(title: str, name: str, body: Markup) -> Markup:
    head = el("div", el("h2", title, id=f"{name}-title"), class_="panel-head")
    return el("section", head, el("div", body, data_part=f"incidents-{name}"), class_="panel",
              aria_labelledby=f"{name}-title")  # fmt: skip
