"""Station table: every station of a city in a line, worst first. The equal of the map, and easier to compare."""

from collections.abc import Sequence

from markupsafe import Markup

from application.read_models import StationRow
from perception.point import Point
from perception.sensor_kind import SensorKind
from presentation.components.bar import deviation_bar
from presentation.components.marker import STATES, hold_ms, state_of, symbol
from presentation.components.strip import DEVIATION
from presentation.components.value import difference, live_age, live_difference, live_value
from presentation.markup import el
from presentation.texts import Texts
from presentation.units import unit_text

COLUMNS = ("t_sec_supply", "t_sec_return", "p_sec_return", "flow_sec", "heat_power")
"""Points with a column of their own, in this order; supply is followed by its distance from setpoint."""


def station_table(rows: Sequence[StationRow], kind: SensorKind, at: int, t: Texts, most: int) -> Markup:
    """Return the table of at most `most` stations, worst first."""
    ranked = sorted(rows, key=lambda row: rank(row, at))[:most]
    points = [kind.point(name) for name in COLUMNS]
    return el(
        "table",
        el("caption", t.say("Stations, worst first"), class_="unseen"),
        el("thead", el("tr", _heads(points, t))),
        el("tbody", [_row(row, points, at, t) for row in ranked]),
        class_="stations",
        data_sortable=True,
    )


def rank(row: StationRow, at: int) -> tuple[int, float, str]:
    """Return the place in the list: by state, then by distance from setpoint, then by name."""
    off = difference(row.values, DEVIATION)
    return STATES.index(state_of(row, at)), -abs(off) if off is not None else 0.0, row.name


def _heads(points: Sequence[Point], t: Texts) -> list[Markup]:
    supply, *others = points
    return [
        _head(t.say("State"), "state"),
        _head(t.say("Station"), "name", kind="text"),
        _head(t.say("District"), "district", kind="text"),
        _head(short_title(supply, t), "number", unit_text(supply.unit)),
        _head(t.say("Off setpoint"), "number off", "K"),
        *(_head(short_title(p, t), f"number {p.name}", unit_text(p.unit)) for p in others),
        _head(t.say("Age"), "number age"),
    ]


def short_title(point: Point, t: Texts) -> str:
    """Return the head of a column: shorter than the point's title where the table makes the rest clear."""
    return {
        "t_sec_supply": t.say("Supply"),
        "t_sec_return": t.say("Return"),
        "p_sec_return": t.say("Return pressure"),
        "flow_sec": t.say("Flow"),
        "heat_power": t.say("Heat"),
    }.get(point.name) or t.title(point.title)


def _head(text: str, class_: str, unit: str = "", kind: str = "number") -> Markup:
    label = [text, " ", el("span", unit, class_="unit")] if unit else text
    return el("th", el("button", label, type="button", data_sort=kind), scope="col", class_=class_)


def _row(row: StationRow, points: Sequence[Point], at: int, t: Texts) -> Markup:
    state = state_of(row, at)
    link = el("a", t.title(row.title), href=f"/{t.language}/stations/{row.name}")
    return el(
        "tr",
        el("td", symbol(state, t), class_="state", data_key=STATES.index(state)),
        el("th", link, scope="row", class_="name"),
        el("td", t.title(row.district_title), class_="district"),
        _cells(row, points, at, t) if row.device_id is not None else el("td", t.say("no device"), colspan=7),
        class_=f"row {state}",
        data_device=row.device_id,
    )


def _cells(row: StationRow, points: Sequence[Point], at: int, t: Texts) -> list[Markup]:
    device = row.device_id or 0
    supply, *others = [_value(row, point, device, t) for point in points]
    off = el(
        "td",
        deviation_bar(difference(row.values, DEVIATION), device, DEVIATION),
        live_difference(row.values, DEVIATION, device, t),
        class_="number off",
    )
    age = live_age(row.ts, at, device, hold_ms(row.interval_s), t)
    return [supply, off, *others, el("td", age, class_="number age")]


def _value(row: StationRow, point: Point, device: int, t: Texts) -> Markup:
    shown = live_value(point, row.values.get(point.name), device, t, bad=point.name in row.bad)
    return el("td", shown, class_=f"number {point.name}")
