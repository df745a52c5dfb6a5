"""Strip: the few numbers that say how the city is."""

from collections.abc import Mapping

from markupsafe import Markup

from application.read_models import Overview
from presentation.components.marker import priority_state, shape
from presentation.components.value import difference
from presentation.markup import el
from presentation.texts import Texts

DEVIATION = ("t_sec_supply", "t_sec_supply_setpoint")


def strip(view: Overview, t: Texts) -> Markup:
    """Return the strip of an overview. Sums and means move with the live values; counts with the alarms."""
    return el(
        "dl",
        _heat(view, t),
        _number(t.say("Outdoor"), t.number(view.outdoor_c, 1), "°C", mean="t_outdoor", decimals=1),
        _supply(view, t),
        _reporting(view, t),
        _abnormal(view, t),
        _unacknowledged(view.unacknowledged, t),
        class_="strip",
        data_part="strip",
    )


def mean_of(view: Overview, point: str) -> float | None:
    """Return the mean of the stations' good values."""
    values = [s.values[point] for s in view.stations if point in s.values and point not in s.bad]
    return sum(values) / len(values) if values else None


def mean_deviation(view: Overview) -> float | None:
    """Return the mean distance of supply from setpoint, in kelvin."""
    found = [difference(s.values, DEVIATION) for s in view.stations if DEVIATION[0] not in s.bad]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def _heat(view: Overview, t: Texts) -> Markup:
    megawatt = None if view.heat_kw is None else view.heat_kw / 1000
    return _number(t.say("Heat output"), t.number(megawatt, 2), "MW", sum_="heat_power", scale=0.001, decimals=2)


def _supply(view: Overview, t: Texts) -> Markup:
    note = el(
        "span",
        t.say("off setpoint"),
        " ",
        el("span", t.signed(mean_deviation(view)), data_mean_minus=",".join(DEVIATION), data_decimals=1),
        " K",
        class_="note",
    )
    value = t.number(mean_of(view, "t_sec_supply"), 1)
    return _number(t.say("Supply, mean"), value, "°C", note=note, mean="t_sec_supply", decimals=1)


def _reporting(view: Overview, t: Texts) -> Markup:
    total = view.reporting + view.silent
    note = el("span", t.count("{n} silent", "{n} silent", view.silent), class_="note") if view.silent else None
    return _number(t.say("Devices reporting"), t.number(view.reporting), f"/ {t.number(total)}", note=note)


def _abnormal(view: Overview, t: Texts) -> Markup:
    return _number(t.say("Stations abnormal"), t.number(view.abnormal), f"/ {t.number(len(view.stations))}")


def _unacknowledged(counts: Mapping[int, int], t: Texts) -> Markup:
    return el(
        "div",
        el("dt", t.say("Alarms not acknowledged")),
        el("dd", [_priority(priority, counts.get(priority, 0), t) for priority in (1, 2, 3)], class_="priorities"),
    )


def _priority(priority: int, n: int, t: Texts) -> Markup:
    mark = shape(priority_state(priority)) if n else el("circle", class_="mark none", r=3)
    picture = el("svg", mark, class_="symbol", viewBox="-11 -11 22 22", width=20, height=20, aria_hidden="true")
    return el("span", picture, el("span", t.say("Priority {p}", p=priority), class_="unseen"), el("b", t.number(n)))


def _number(
    title: str,
    text: str,
    unit: str,
    *,
    note: Markup | None = None,
    sum_: str | None = None,
    mean: str | None = None,
    scale: float | None = None,
    decimals: int | None = None,
) -> Markup:
    number = el("b", text, data_sum=sum_, data_mean=mean, data_scale=scale, data_decimals=decimals)
    return el("div", el("dt", title), el("dd", number, el("span", unit, class_="unit"), note))
