"""Alarms: the page on which operators answer them. The list, what of it is shown, and what is done to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from markupsafe import Markup

from application.alarm import AlarmState
from application.alarm_list import AlarmLine, AlarmsView, IncidentCard
from application.rule import Family
from presentation.components.alarm_table import alarm_table, state_text
from presentation.components.evidence import Points
from presentation.components.marker import priority_state, symbol
from presentation.console.alarm_filter import ALL, ANY_LATCHED, AlarmFilter, chosen, counts, every
from presentation.console.dialogs import dialogs
from presentation.console.shell import Frame, page
from presentation.markup import el, fragment
from presentation.texts import Texts

MOST_ROWS = 200
MOST_INCIDENTS = 8
_TABS = (
    "",
    AlarmState.UNACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED,
    AlarmState.RETURNED_UNACKNOWLEDGED,
    ANY_LATCHED,
    AlarmState.SHELVED,
    AlarmState.SUPPRESSED,
    AlarmState.OUT_OF_SERVICE,
    ALL,
)


def alarms_page(view: AlarmsView, wanted: AlarmFilter, frame: Frame, t: Texts) -> str:
    """Return the page of the alarms of a city."""
    points = {p.name: p for kind in frame.kinds.values() for p in kind.points}
    shown = chosen(view.lines, wanted)
    title = t.say("{city}: alarms", city=t.title(view.city.title))
    main = [
        el("h1", title, class_="unseen"),
        _head(view, wanted, t),
        _incidents(view, t),
        el(
            "section",
            el("h2", t.say("Alarms"), class_="unseen"),
            _tools(t),
            el("div", _list(shown, view, points, t), data_part="alarm-list", id="alarm-list"),
            class_="panel alarms-main",
            aria_label=t.say("Alarms"),
        ),
        el("div", id="told", role="status", class_="told"),
        dialogs(t),
    ]
    return page(frame, t, title, main, class_="alarms-page")


def _list(shown: Sequence[AlarmLine], view: AlarmsView, points: Points, t: Texts) -> Markup:
    if not shown:
        return el("p", t.say("No alarm of this choice."), class_="calm")
    hidden = len(shown) - MOST_ROWS
    more = t.count(
        "{n} more alarm is not shown: narrow the choice.", "{n} more alarms are not shown: narrow the choice.", hidden
    )
    return fragment(
        alarm_table(shown[:MOST_ROWS], view.at, view.city.timezone, t, points),
        el("p", more, class_="calm") if hidden > 0 else None,
    )


def _head(view: AlarmsView, wanted: AlarmFilter, t: Texts) -> Markup:
    return el("div", _tabs(view, wanted, t), _filters(view, wanted, t), class_="alarms-head")


def _tabs(view: AlarmsView, wanted: AlarmFilter, t: Texts) -> Markup:
    """Return a link per state with how many there are."""
    numbers = counts(view.lines, wanted)
    links = [
        el(
            "a",
            tab_text(str(tab), t),
            " ",
            el("b", t.number(numbers.get(str(tab), 0))),
            href=f"?{replace(wanted, state=str(tab)).query}",
            aria_current="true" if tab == wanted.state else None,
        )
        for tab in _TABS
    ]
    return el("nav", links, aria_label=t.say("State"), class_="choice states", data_part="alarm-states")


def tab_text(state: str, t: Texts) -> str:
    """Return what a link to a state is called."""
    if state in {ALL, ANY_LATCHED}:
        return t.say("All") if state == ALL else t.say("Latched")
    return state_text(AlarmState(state), t) if state else t.say("To look at")


def _filters(view: AlarmsView, wanted: AlarmFilter, t: Texts) -> Markup:
    """Return the form that narrows the list. It is a plain form: the choice stands in the address."""
    lines = list(every(view.lines))
    stations = {line.alarm.station: t.title(line.alarm.station_title) for line in lines}
    rules = {line.alarm.rule: t.title(line.alarm.title) for line in lines}
    fields = [
        _select("priority", t.say("Priority"), {"1": "1", "2": "2", "3": "3"}, wanted.priority, t),
        _select("family", t.say("Family"), {str(f): family_text(f, t) for f in Family}, wanted.family, t),
        _select("district", t.say("District"), {n: t.title(x) for n, x in view.districts.items()}, wanted.district, t),
        _select("station", t.say("Station"), _by_text(stations), wanted.station, t),
        _select("rule", t.say("Rule"), _by_text(rules), wanted.rule, t),
        el(
            "label",
            el("span", t.say("Find")),
            el("input", type="search", name="text", id="find-alarm", value=wanted.text, maxlength=80),
            class_="field",
        ),
    ]
    form = el(
        "form",
        el("input", type="hidden", name="city", value=view.city.name),
        el("input", type="hidden", name="state", value=wanted.state) if wanted.state else None,
        fields,
        el("button", t.say("Show"), type="submit"),
        el("a", t.say("Everything"), href=f"?{AlarmFilter(city=view.city.name, state=wanted.state).query}")
        if wanted.narrowed
        else None,
        method="get",
        class_="filters",
        role="search",
        aria_label=t.say("Narrow the list"),
    )
    summary = t.say("Narrowed: change") if wanted.narrowed else t.say("Narrow the list")
    return el("details", el("summary", summary), form, class_="filter-place", open=True)


def _by_text(options: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(options.items(), key=lambda pair: pair[1]))


def _select(name: str, title: str, options: Mapping[str, str], chosen_: str, t: Texts) -> Markup:
    known = options if not chosen_ or chosen_ in options else {**options, chosen_: chosen_}
    choices = [el("option", text, value=value, selected=value == chosen_) for value, text in known.items()]
    control = el("select", el("option", t.say("any"), value=""), choices, name=name)
    return el("label", el("span", title), control, class_="field")


def family_text(family: str, t: Texts) -> str:
    """Return what a family of alarms is called."""
    return {
        Family.POWER: t.say("Power"),
        Family.LINK: t.say("Communication"),
        Family.PUMP: t.say("Pumps"),
        Family.PRESSURE: t.say("Pressure"),
        Family.HEAT: t.say("Heat"),
        Family.SENSOR: t.say("Sensors"),
        Family.HOUSE: t.say("Station house"),
        Family.OWN: t.say("Own rules"),
    }.get(Family(family), family)


def _tools(t: Texts) -> Markup:
    """Return the bar above the list: what can be done to the selected ones, sound, keys, and new alarms."""
    acts = [
        ("acknowledge", t.say("Acknowledge"), "main-act"),
        ("acknowledge-with", t.say("With a comment …"), None),
        ("shelve", t.say("Shelve …"), None),
        ("comment", t.say("Comment …"), None),
        ("out-of-service", t.say("Out of service …"), None),
        ("reset", t.say("Reset"), None),
    ]
    upon = el(
        "div",
        el("label", el("input", type="checkbox", id="pick-all"), " ", t.say("All shown"), class_="pick-all"),
        el("span", id="picked", class_="picked"),
        [el("button", text, type="button", class_=class_, data_bulk=act, disabled=True) for act, text, class_ in acts],
        class_="bulk needs-session",
        role="group",
        aria_label=t.say("With the selected alarms"),
    )
    return el(
        "div",
        upon,
        el("p", t.say("Read only."), " ", how_to_sign_in(t), class_="read-only"),
        el(
            "div",
            el("button", id="show-new-alarms", type="button", hidden=True),
            el("button", t.say("Sound off"), id="sound", type="button", aria_pressed="false"),
            el("button", t.say("Keys"), " ", el("kbd", "?"), id="show-help", type="button"),
            class_="tools-right",
        ),
        class_="alarm-tools",
    )


def how_to_sign_in(t: Texts) -> Markup:
    """Return how somebody gets in who may only read."""
    said = t.say("To acknowledge alarms, open the address that hearthline run printed behind sign in. A new one:")
    return fragment(said, " ", el("code", "hearthline sign-in"))


def _incidents(view: AlarmsView, t: Texts) -> Markup | None:
    """Return the open incidents of several alarms, the most urgent ones."""
    cards = view.incidents[:MOST_INCIDENTS]
    items: Iterable[Markup] = (_incident(card, view, t) for card in cards)
    hidden = len(view.incidents) - len(cards)
    more = el("li", t.say("and {n} more", n=t.number(hidden)), class_="calm") if hidden > 0 else None
    body = el("ul", list(items), more, class_="incident-cards") if cards else None
    head = el("h2", t.say("Incidents of several alarms"), id="incidents-title") if cards else None
    return el("section", head, body, class_="incidents", data_part="incidents", aria_label=t.say("Incidents"))


def _incident(card: IncidentCard, view: AlarmsView, t: Texts) -> Markup:
    stations = t.count("{n} station", "{n} stations", len(card.stations))
    alarms = t.count("{n} alarm", "{n} alarms", card.alarms)
    homes = None if card.homes is None else t.count("{n} home", "{n} homes", card.homes)
    since = t.moment(card.opened_at, view.city.timezone, "HH:mm")
    return el(
        "li",
        el(
            "a",
            symbol(priority_state(card.priority), t),
            el(
                "span",
                el("strong", t.title(card.rule_title)),
                el("span", t.title(card.scope_title)),
                el("small", " · ".join(filter(None, [since, stations, alarms, homes]))),
            ),
            href=f"/{t.language}/incidents/{card.incident_id}",
        ),
    )
