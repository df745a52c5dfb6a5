"""Chart place: where the trend of a station is mounted, and the links and forms that say what it shows.

Links are the state: a choice can be kept and sent on. live.js follows those with `data-choice` without leaving the
page; the others ask for the page anew.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from application.read_models import DeviceRow, StationView
from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.console.drawing import chartable, charted
from presentation.console.groups import in_rank, topic_named, topic_title, topics_of
from presentation.console.trend_choice import EXPECTED, LAST_WEEK, Choice, query_of
from presentation.markup import Child, el, fragment
from presentation.texts import Texts
from presentation.units import unit_text


def chart_place(entry: Markup, choice: Choice, view: StationView, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    """Return the device, range, topic and comparison links and, under them, where the chart application is mounted."""
    device = charted(view, kinds, choice)
    about = f"&device={device.name}" if device is not None and device.name == choice.device else ""
    choices = el(
        "div",
        span_choices(choice, about, t),
        move_buttons(t),
        None if device is None else _topic_choices(kinds[device.kind], choice, about, t),
        _compare_choices(choice, about, t),
        class_="choices",
    )
    more = None if device is None else el(
        "div",
        _device_choices(chartable(view, kinds), device, kinds, t),
        _point_form(kinds[device.kind], device, choice, t),
        _compare_form(choice, t),
        _explore_link(device, kinds[device.kind], choice, t),
        class_="choices more-choices",
    )  # fmt: skip
    return el("div", choices, more, entry, id=ids.TREND_PLACE)


def span_choices(choice: Choice, about: str, t: Texts) -> Markup:
    """Return the range links: each leaves whatever was zoomed into."""
    spans = {
        "1h": t.say("1 h"),
        "6h": t.say("6 h"),
        "24h": t.say("24 h"),
        "48h": t.say("48 h"),
        "7d": t.say("7 d"),
        "30d": t.say("30 d"),
        "1y": t.say("1 y"),
    }
    return choices_of(t.say("Range"), "span", spans, choice.span, f"{about}&from=&to=")


def move_buttons(t: Texts) -> Markup:
    """Return the buttons that move the span of the chart: for those who have no mouse to drag."""
    words = (
        ("back", "◂", t.say("Earlier")),
        ("forth", "▸", t.say("Later")),
        ("in", "+", t.say("Zoom in")),
        ("out", "\u2212", t.say("Zoom out")),
    )
    buttons = [el("button", sign, type="button", data_move=name, aria_label=word, title=word)
               for name, sign, word in words]  # fmt: skip
    return el("div", buttons, role="group", aria_label=t.say("Move the chart"), class_="moves")


def choices_of(title: str, key: str, options: Mapping[str, str], chosen: str, about: str) -> Markup:
    """Return links that change one thing of the address."""
    links = [
        el("a", label, href=f"?{key}={name}{about}", data_choice=key, aria_current="true" if name == chosen else None)
        for name, label in options.items()
    ]
    return el("nav", links, aria_label=title, class_="choice")


def _topic_choices(kind: SensorKind, choice: Choice, about: str, t: Texts) -> Markup:
    topics = {topic.name: topic_title(topic, kind, t) for topic in topics_of(kind)}
    chosen = "" if choice.points else topic_named(kind, choice.topic).name
    return choices_of(t.say("Quantity"), "topic", topics, chosen, f"{about}&points=")


def _compare_choices(choice: Choice, about: str, t: Texts) -> Markup:
    options = {
        "none": t.say("alone"),
        LAST_WEEK: t.say("last week"),
        EXPECTED: t.say("expected"),
    }
    chosen = choice.compare or "none"
    return choices_of(t.say("Beside it"), "compare", options, chosen, about)


def _device_choices(
    devices: Sequence[DeviceRow], chosen: DeviceRow, kinds: Mapping[str, SensorKind], t: Texts
) -> Markup | None:
    """Return a form with a list of devices; two of one kind are told apart by their names."""
    if len(devices) < 2:
        return None
    options = [
        el("option", f"{t.title(kinds[d.kind].title)} · {d.name}", value=d.name, selected=d is chosen or None)
        for d in devices
    ]
    return _form(t.say("Device"), el("select", options, name="device", aria_label=t.say("Device")), {}, t)


def _point_form(kind: SensorKind, device: DeviceRow, choice: Choice, t: Texts) -> Markup:
    """Return every point of the device, to be ticked."""
    boxes = [
        el("label", el("input", type="checkbox", name="points", value=p.name, checked=p.name in choice.points or None),
           f" {t.title(p.title)}", el("small", f" {unit_text(p.unit)}"))
        for p in in_rank(kind)
    ]  # fmt: skip
    kept = {"span": choice.span, "device": device.name, "tab": choice.tab, "compare": choice.compare}
    form = el("form", _hidden(kept), el("div", boxes, class_="tick-boxes"),
              el("button", t.say("Show"), type="submit"), method="get", data_keeps_span=True)  # fmt: skip
    return el("details", el("summary", t.say("Choose points")), form, class_="point-form")


def _compare_form(choice: Choice, t: Texts) -> Markup:
    compared = (choice.compare or "").removeprefix("station:") if (choice.compare or "").startswith("station:") else ""
    field = el("input", name="station", value=compared, pattern="[a-z0-9][a-z0-9-]{2,62}", size=16,
               placeholder=t.say("name of a station"), aria_label=t.say("Beside another station"))  # fmt: skip
    return el("form", el("label", t.say("Beside another station"), " ", field),
              el("button", t.say("Show"), type="submit"), class_="people", data_compare=True)  # fmt: skip


def _explore_link(device: DeviceRow, kind: SensorKind, choice: Choice, t: Texts) -> Markup:
    names = choice.points or topic_named(kind, choice.topic).points
    series = tuple((device.name, n) for n in names if n in kind.bits)
    there = query_of(Choice(span=choice.span, series=series, since=choice.since, until=choice.until))
    return el("a", t.say("Explore these series"), href=f"/{t.language}/explore{there}", class_="explore-link")


def _form(title: str, field: Child, kept: Mapping[str, str | None], t: Texts) -> Markup:
    return el("form", _hidden(kept), el("label", title, " ", field), el("button", t.say("Show"), type="submit"),
              method="get", class_="people", data_keeps_span=True)  # fmt: skip


def _hidden(kept: Mapping[str, str | None]) -> Markup:
    return fragment([el("input", type="hidden", name=k, value=v) for k, v in kept.items() if v])
