"""Explore: any points of any devices on one chart. The address is the view: it can be kept, sent on, and saved by name.

Names of views are kept by the browser that saved them, in its local storage; nothing of them reaches the server.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from application.read_models import CityCard
from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.console.chart_place import choices_of, move_buttons, span_choices
from presentation.console.shell import Frame, page
from presentation.console.trend_choice import LAST_WEEK, MOST_SERIES, Choice, query_of
from presentation.markup import el
from presentation.texts import Texts
from presentation.units import unit_text

MOST_NAMES = 2000
"""Names of devices that the list offers; any other can be typed all the same."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What there is to choose from: the city, and the names of its devices."""

    city: CityCard
    names: Sequence[str]


def explore_page(offered: Offered, choice: Choice, frame: Frame, entry: Markup, t: Texts) -> str:
    """Return the page. `entry` is where the chart application is mounted, once there is a series to draw."""
    title = t.say("Explore")
    main = [
        el("link", rel="stylesheet", href=frame.asset["station.css"]),
        el("div", el("h1", title), class_="heading"),
        el("section", _form(offered, choice, frame.kinds, t), _shown(choice, frame.kinds, offered.city, t),
           class_="panel", aria_label=t.say("Series")),
        _chart(choice, entry, t) if choice.series else None,
        _saved(t),
    ]  # fmt: skip
    return page(frame, t, title, main, class_="explore")


def _form(offered: Offered, choice: Choice, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    """Return the form that adds a series: its answer is the address with one more."""
    kept = {"city": offered.city.name, "series": _series_text(choice), "span": choice.span, "from": choice.since,
            "to": choice.until, "compare": choice.compare}  # fmt: skip
    groups = [
        el("optgroup", [el("option", f"{t.title(p.title)} {unit_text(p.unit)}", value=p.name) for p in kind.points],
           label=t.title(kind.title))
        for kind in sorted(kinds.values(), key=lambda k: k.name != "heat_substation")
    ]  # fmt: skip
    device = el("input", name="device", list="device-names", required=True, pattern="[a-z0-9][a-z0-9-]{2,62}",
                autocomplete="off", placeholder=next(iter(offered.names), ""))  # fmt: skip
    full = len(choice.series) >= MOST_SERIES
    return el(
        "form",
        [el("input", type="hidden", name=k, value=v) for k, v in kept.items() if v],
        el("label", t.say("Device"), device),
        el("datalist", [el("option", value=name) for name in offered.names], id="device-names"),
        el("label", t.say("Point"), el("select", groups, name="point")),
        el("button", t.say("Add"), type="submit", disabled=full or None),
        el("p", t.say("A chart holds {n} series.", n=MOST_SERIES)) if full else None,
        method="get",
        class_="explore-form",
    )


def _shown(choice: Choice, kinds: Mapping[str, SensorKind], city: CityCard, t: Texts) -> Markup:
    """Return the series of the chart, each with a link that takes it off."""
    titles = {p.name: t.title(p.title) for kind in kinds.values() for p in kind.points}

    def without(taken: tuple[str, str]) -> str:
        rest = tuple(s for s in choice.series if s != taken)
        return f"{query_of(choice, series=rest)}&city={city.name}"

    items = [
        el("li", f"{device} · {titles.get(point, point)}",
           el("a", "×", href=without((device, point)), class_="drop",
              aria_label=t.say("Remove {what}", what=f"{device} · {titles.get(point, point)}")))
        for device, point in choice.series
    ]  # fmt: skip
    if not items:
        return el("p", t.say("Choose a device and a point."), class_="calm")
    return el("ul", items, class_="shown-series")


def _chart(choice: Choice, entry: Markup, t: Texts) -> Markup:
    return el("section", el("h2", t.say("Chart"), id="trend-title", class_="unseen"),
              el("div", _choices(choice, t), entry, id=ids.TREND_PLACE),
              class_="panel trend-panel", aria_labelledby="trend-title")  # fmt: skip


def _choices(choice: Choice, t: Texts) -> Markup:
    beside = {"none": t.say("alone"), LAST_WEEK: t.say("last week")}
    chosen = choice.compare if choice.compare == LAST_WEEK else "none"
    return el("div", span_choices(choice, "", t), move_buttons(t),
              choices_of(t.say("Beside it"), "compare", beside, chosen, ""), class_="choices")  # fmt: skip


def _saved(t: Texts) -> Markup:
    name = el("input", name="name", required=True, maxlength=80)
    form = el("form", el("label", t.say("Name"), name), el("button", t.say("Save this view"), type="submit"),
              id="save-view", class_="explore-form")  # fmt: skip
    return el(
        "section",
        el("div", el("h2", t.say("Saved in this browser"), id="saved-title"), class_="panel-head"),
        form,
        el("p", t.say("No view yet. The address of this page is a view too: send it on as it is."), id="no-views",
           class_="calm"),
        el("ul", id="saved-views", data_drop=t.say("Forget")),
        class_="panel",
        aria_labelledby="saved-title",
    )  # fmt: skip


def _series_text(choice: Choice) -> str:
    return ",".join(f"{device}:{point}" for device, point in choice.series)
