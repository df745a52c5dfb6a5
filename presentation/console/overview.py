"""Overview: one city at a glance. Numbers on top, map, stations worst first, alarms and their journal."""

from markupsafe import Markup

from application.read_models import Overview
from presentation.components.alarms import alarm_list, journal_list
from presentation.components.city_map import city_map, legend
from presentation.components.station_table import station_table
from presentation.components.strip import strip
from presentation.console.shell import Frame, page
from presentation.markup import Child, el
from presentation.texts import Texts

KIND = "heat_substation"


def overview_page(view: Overview, frame: Frame, t: Texts, most: int) -> str:
    """Return the overview of a city. `most` limits the rows of the table."""
    title = t.say("{city}: overview", city=t.title(view.city.title))
    parts = [
        el("h1", title, class_="unseen"),
        strip(view, t),
        _map(view, t),
        _stations(view, frame, t, most),
        _alarms(view, frame, t),
        _journal(view, t),
    ]
    parts.append(el("script", src=frame.asset["table.js"], defer=True))
    return page(frame, t, title, parts, class_="overview")


def _map(view: Overview, t: Texts) -> Markup | None:
    drawn = city_map(view.districts, view.stations, view.at, t)
    if drawn is None:
        return None
    return _panel(t.say("Map"), "map", el("div", drawn, data_part="map", class_="map-place"), legend(t))


def _stations(view: Overview, frame: Frame, t: Texts, most: int) -> Markup:
    search = el(
        "label",
        el("span", t.say("Find a station"), class_="unseen"),
        el("input", type="search", id="find", placeholder=t.say("Find a station"), autocomplete="off"),
        class_="find",
    )
    table = station_table(view.stations, frame.kinds[KIND], view.at, t, most)
    hidden = len(view.stations) - most
    more = (
        el("p", t.count("{n} more station is not shown.", "{n} more stations are not shown.", hidden))
        if hidden > 0
        else None
    )
    body = el(
        "div",
        table,
        more,
        class_="scroll",
        data_part="stations",
        tabindex="0",
        role="group",
        aria_label=t.say("Stations, worst first"),
    )
    return _panel(t.say("Stations"), "stations", body, beside=search)


def _alarms(view: Overview, frame: Frame, t: Texts) -> Markup:
    points = {p.name: p for kind in (*frame.kinds.values(), frame.kinds[KIND]) for p in kind.points}
    listed = alarm_list(view.alarms, view.at, view.city.timezone, t, points, of_city=True, plants=_plants(view))
    body = el(
        "div",
        listed,
        class_="scroll",
        data_part="alarms",
        tabindex="0",
        role="group",
        aria_label=t.say("Active alarms"),
    )
    every = el("a", t.say("All alarms"), href=f"/{t.language}/alarms?city={view.city.name}")
    return _panel(t.say("Active alarms"), "alarms", body, beside=el("span", _new_button(), " ", every))


def _plants(view: Overview) -> set[str | None]:
    """Return the devices that stand for their stations, and need no name beside them."""
    return {row.device for row in view.stations}


def _journal(view: Overview, t: Texts) -> Markup:
    listed = journal_list(view.journal, view.city.timezone, t, of_city=True, plants=_plants(view))
    body = el(
        "div",
        listed,
        class_="scroll",
        data_part="journal",
        tabindex="0",
        role="group",
        aria_label=t.say("Alarm journal"),
    )
    return _panel(t.say("Alarm journal"), "journal", body)


def _new_button() -> Markup:
    return el("button", id="show-new", type="button", hidden=True)


def _panel(title: str, name: str, *children: Child, beside: Child = None) -> Markup:
    return el(
        "section",
        el("div", el("h2", title, id=f"{name}-title"), beside, class_="panel-head"),
        *children,
        class_=f"panel {name}-panel",
        aria_labelledby=f"{name}-title",
    )
