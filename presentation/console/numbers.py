"""Numbers: the page of the KPIs. What the alarms ask of their operators, beside what the standards think bearable."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from markupsafe import Markup

from application.alarm_kpis import FLOOD_BEGINS, Kpi, Nuisance
from application.alarm_numbers import Bucket, Frequent, NumbersView
from perception.point import Title
from presentation.components.alarms import element_text
from presentation.components.columns import bullet, columns
from presentation.components.evidence import Points
from presentation.console.shell import Frame, page
from presentation.markup import Child, el, fragment
from presentation.texts import ABSENT, Texts

SPANS: Mapping[str, int] = {"24h": 24, "7d": 168, "30d": 720}
"""What the page offers: name → hours."""
MOST_OPERATORS = 50
_NUMBER = re.compile(r"[\d.]+")
_PER_DAY = 150


@dataclass(frozen=True, slots=True)
class NumbersChoice:
    """What the reader chose to see."""

    city: str = ""
    span: str = "7d"
    operators: int = 1


def numbers_choice(query: str) -> NumbersChoice:
    """Return the choice that the query of an address states; what is not known in it is the default."""
    told = {name: values[0] for name, values in parse_qs(query).items()}
    people = told.get("operators", "1")
    return NumbersChoice(
        city=told.get("city", "")[:80],
        span=told["span"] if told.get("span") in SPANS else "7d",
        operators=min(MOST_OPERATORS, max(1, int(people))) if people.isdecimal() and len(people) < 4 else 1,
    )


def numbers_page(view: NumbersView, choice: NumbersChoice, frame: Frame, t: Texts) -> str:
    """Return the page."""
    title = t.say("{city}: alarm KPIs", city=t.title(view.city.title))
    zone = view.city.timezone
    points = {p.name: p for kind in frame.kinds.values() for p in kind.points}
    main = [
        el("div", el("h1", title), _choices(view, choice, t), class_="heading kpi-heading"),
        _panel(t.say("Beside targets and limits"), "kpis", _kpis(view.kpis, t)),
        el(
            "div",
            _chart(t.say("Alarms a day"), "days", view.days, zone, "MM-dd", t, marks=[_PER_DAY * view.operators]),
            _chart(t.say("Alarms in ten minutes, the last day"), "tens", view.short, zone, "HH:mm", t,
                   marks=[FLOOD_BEGINS]),
            class_="charts",
        ),
        el(
            "div",
            _panel(t.say("The ten most frequent"), "top", _top(view.top, points, t)),
            _panel(t.say("Chattering and stale"), "standing", _standing(view, points, t)),
            class_="charts",
        ),
        _panel(t.say("Nuisances, and delays that would spare most of them"), "nuisance", _nuisances(view.nuisances, t)),
    ]  # fmt: skip
    return page(frame, t, title, main, class_="kpi-page")


def _choices(view: NumbersView, choice: NumbersChoice, t: Texts) -> Markup:
    texts = {"24h": t.say("24 h"), "7d": t.say("7 d"), "30d": t.say("30 d")}
    spans = [
        el("a", text, href=f"?city={view.city.name}&span={name}&operators={choice.operators}",
           aria_current="true" if name == choice.span else None)
        for name, text in texts.items()
    ]  # fmt: skip
    people = el(
        "form",
        el("input", type="hidden", name="city", value=view.city.name),
        el("input", type="hidden", name="span", value=choice.span),
        el("label", t.say("Operators"), " ",
           el("input", type="number", name="operators", min=1, max=MOST_OPERATORS, value=choice.operators)),
        el("button", t.say("Show"), type="submit"),
        method="get",
        class_="people",
    )  # fmt: skip
    return el("div", el("nav", spans, aria_label=t.say("Range"), class_="choice"), people, class_="choices")


def _kpis(kpis: Sequence[Kpi], t: Texts) -> Markup:
    heads = [t.say("Figure"), t.say("Value"), "", t.say("Target value"), t.say("Limit"), t.say("Verdict")]
    rows = [_kpi(kpi, t) for kpi in kpis]
    return _table(heads, rows, t.say("Figures, targets and limits"), numbers={1, 3, 4}, class_="kpi-table")


def _kpi(kpi: Kpi, t: Texts) -> Markup:
    target, limit = _bound(kpi.target), _bound(kpi.limit)
    unit = f" {kpi.unit}" if kpi.unit else ""
    known = [x for x in (kpi.value, target, limit) if x is not None]
    reach = 100.0 if kpi.unit == "%" and max(known, default=0) > 40 else max([*known, 1.0]) * 1.15
    decimals = 0 if kpi.value is None or kpi.value == round(kpi.value) or kpi.value >= 100 else 1
    return el(
        "tr",
        el("th", kpi_text(kpi.name, t), scope="row"),
        el("td", el("b", t.number(kpi.value, decimals)), unit if kpi.value is not None else None, class_="number"),
        el(
            "td",
            bullet(kpi.value, target, limit, reach, over=kpi.met is False) if target is not None else None,
            class_="bullet-place",
        ),
        el("td", kpi.target.replace("<=", "≤"), unit if kpi.target else None, class_="number"),
        el("td", kpi.limit.replace("<=", "≤"), unit if kpi.limit else None, class_="number"),
        el("td", _verdict(kpi, limit, t)),
    )


def _bound(text: str) -> float | None:
    found = _NUMBER.search(text)
    return None if found is None else float(found[0])


def _verdict(kpi: Kpi, limit: float | None, t: Texts) -> Markup | str:
    if kpi.met is None or kpi.value is None:
        return ABSENT
    if kpi.met:
        return el("span", el("span", "✓", aria_hidden="true"), " ", t.say("met"), class_="verdict met")
    if limit is None or kpi.value <= limit:
        return el("span", el("span", "△", aria_hidden="true"), " ", t.say("above target"), class_="verdict near")
    return el("span", el("span", "▲", aria_hidden="true"), " ", t.say("above limit"), class_="verdict over")


def kpi_text(name: str, t: Texts) -> str:
    """Return what a figure is called; one without a word of ours stands as it is."""
    return {
        "alarms per operator and day": t.say("Alarms per operator and day"),
        "alarms per 10 min, mean": t.say("Alarms per operator in ten minutes, mean"),
        "10-min periods above 10 alarms": t.say("Ten minutes with more than ten alarms"),
        "time in flood": t.say("Time in flood"),
        "share of the ten most frequent": t.say("Share of the ten most frequent"),
        "chattering": t.say("Chattering conditions"),
        "fleeting": t.say("Fleeting alarms"),
        "stale now": t.say("Stale now: active for more than a day"),
        "unauthorised suppression": t.say("Out of service for a day, without an end"),
        "high priority": t.say("Priority 1"),
        "medium priority": t.say("Priority 2"),
        "low priority": t.say("Priority 3"),
        "time to acknowledge, median": t.say("Time to acknowledge, median"),
        "time to acknowledge, p90": t.say("Time to acknowledge, nine of ten"),
        "acknowledged": t.say("Acknowledged by somebody"),
    }.get(name, name)


def _chart(
    title: str, name: str, buckets: Sequence[Bucket], zone: str, pattern: str, t: Texts, marks: Sequence[float]
) -> Markup:
    """Return a chart with its numbers as a table behind it. The last moments with alarms come first in the table."""
    drawn = columns(buckets, lambda ms: t.moment(ms, zone, pattern), t, title=title, marks=marks)
    heads = [t.say("Time"), *(t.say("Priority {p}", p=p) for p in (1, 2, 3)), t.say("Most in ten minutes")]
    rows = [
        el("tr", el("th", t.moment(b.since, zone, "MM-dd HH:mm"), scope="row"),
           [el("td", t.number(b.raised.get(p, 0)), class_="number") for p in (1, 2, 3)],
           el("td", t.number(b.peak), class_="number"))
        for b in reversed(buckets)
        if b.total
    ]  # fmt: skip
    table = el("details", el("summary", t.say("The chart as a table")),
               _table(heads, rows, title, numbers={1, 2, 3, 4}), class_="as-table")  # fmt: skip
    legend = el(
        "p",
        [el("span", el("i", class_=f"key p{p}", aria_hidden="true"), t.say("Priority {p}", p=p)) for p in (1, 2, 3)],
        el(
            "span",
            el("i", class_="key level", aria_hidden="true"),
            t.say("target") if name == "days" else t.say("flood"),
        ),
        class_="keys-of-chart",
    )
    place = el("div", drawn, class_="chart-place", tabindex="0", role="group", aria_label=title)
    return _panel(title, name, legend, place, table)


def _top(rows: Sequence[Frequent], points: Points, t: Texts) -> Markup:
    if not rows:
        return el("p", t.say("No alarm in this time."), class_="calm")
    heads = [t.say("Alarm"), t.say("Station"), t.say("Alarms"), t.say("Share")]
    body = [
        el("tr", el("th", t.title(f.rule_title), _element(f.element, points, t), scope="row"),
           el("td", _place(f.station, f.station_title, t)), el("td", t.number(f.alarms), class_="number"),
           el("td", t.number(f.share, 1), " %", class_="number"))
        for f in rows
    ]  # fmt: skip
    return _table(heads, body, t.say("The ten most frequent"), numbers={2, 3})


def _element(element: str, points: Points, t: Texts) -> str:
    point = points.get(element.rpartition("/")[2])
    return element_text(element, None if point is None else point.title, t)


def _place(station: str | None, title: Title, t: Texts) -> Child:
    return t.title(title) if station is None else el("a", t.title(title), href=f"/{t.language}/stations/{station}")


def _standing(view: NumbersView, points: Points, t: Texts) -> Markup:
    if not view.chattering and not view.stale:
        return el("p", t.say("Nothing chatters, and nothing has stood for a day."), class_="calm")
    zone = view.city.timezone
    told = [(s, t.say("chatters")) for s in view.chattering]
    told += [(s, t.say("since {time}", time=t.moment(s.since, zone, "MM-dd HH:mm"))) for s in view.stale]
    body = [
        el("tr", el("th", t.title(s.rule_title), _element(s.element, points, t), scope="row"),
           el("td", _place(s.station, s.station_title, t)), el("td", how))
        for s, how in told
    ]  # fmt: skip
    return _table([t.say("Alarm"), t.say("Station"), t.say("How")], body, t.say("Chattering and stale"))


def _nuisances(rows: Sequence[tuple[Title, Nuisance]], t: Texts) -> Markup:
    if not rows:
        return el("p", t.say("No alarm in this time."), class_="calm")
    heads = [
        t.say("Rule"), t.say("Alarms"), t.say("Conditions"), t.say("Short"), t.say("On-delay"), t.say("Off-delay"),
        t.say("Spared"),
    ]  # fmt: skip
    body = [
        el("tr", el("th", t.title(title), " ", el("code", n.rule), scope="row"),
           [el("td", t.number(x), class_="number") for x in (n.alarms, n.conditions, n.short)],
           [el("td", ABSENT if x is None else t.age(x), class_="number") for x in (n.on_delay_s, n.off_delay_s)],
           el("td", t.number(n.spared), class_="number"))
        for title, n in rows
    ]  # fmt: skip
    hint = t.say(
        "Proposed is what would have spared four of five short ones; a dash: too few to say. Numbers are set in "
        "configs/rules.toml."
    )
    return fragment(_table(heads, body, t.say("Nuisances"), numbers={1, 2, 3, 4, 5, 6}), el("p", hint, class_="calm"))


def _table(
    heads: Sequence[str], rows: Sequence[Markup], name: str, *, numbers: Collection[int] = (), class_: str = ""
) -> Markup:
    cells = [
        el("th", h, scope="col", class_="number" if i in numbers else None) if h else el("td", class_="bullet-place")
        for i, h in enumerate(heads)
    ]
    table = el("table", el("thead", el("tr", cells)), el("tbody", list(rows)), class_=f"plain {class_}".strip())
    return el("div", table, class_="sideways", tabindex="0", role="group", aria_label=name)


def _panel(title: str, name: str, *children: Child) -> Markup:
    head = el("div", el("h2", title, id=f"{name}-title"), class_="panel-head")
    return el("section", head, *children, class_=f"panel {name}-panel", aria_labelledby=f"{name}-title")
