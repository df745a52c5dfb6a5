"""Station: everything about one station: what is wrong, its schematic, its trend, its lists, its values."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from markupsafe import Markup

from application.read_models import AlarmRow, StationView
from application.station_file import StationFile
from application.work.order import WorkState
from application.work.view import OrderRow
from perception.sensor_kind import SensorKind
from presentation.components.marker import hold_ms, state_of, state_text, symbol
from presentation.components.schematic import schematic
from presentation.components.value import live_age
from presentation.console.shell import Frame, overview_path, page
from presentation.console.station_tabs import tabs
from presentation.console.station_values import indicators, other_values, own_device, own_values
from presentation.console.trend_choice import Choice
from presentation.console.work_words import state_word
from presentation.markup import Child, el
from presentation.texts import ABSENT, Texts

_ROOM_POINT = "t_indoor"


def station_page(
    view: StationView, file: StationFile, frame: Frame, t: Texts, at: int, chart: Markup, choice: Choice
) -> str:
    """Return the page of a station at an instant (epoch milliseconds). `chart` is where the trend is mounted."""
    main = [
        el("link", rel="stylesheet", href=frame.asset["station.css"]),
        _heading(view, file, t, at),
        _section(t.say("Schematic"), "schematic", _schematic(view, frame.kinds, t), class_="schematic-panel"),
        _section(
            t.say("Key values"), "key", indicators(view, file.limits, frame.kinds, t), _bands(t), class_="key-values"
        ),
        _section(t.say("Trend"), "trend", chart, class_="trend-panel"),
        tabs(view, file, choice, frame, t, at),
        el("h2", t.say("All values"), class_="all-values-title"),
        el("div", own_values(view, frame.kinds, t), class_="others-grid all-values"),
        other_values(view, frame.kinds, t, at),
    ]
    return page(frame, t, t.title(view.station.title), main, class_="station")


def _heading(view: StationView, file: StationFile, t: Texts, at: int) -> Markup:
    row = view.station
    state = state_of(row, at)
    home = f"/{t.language}{overview_path(view.city.name)}"
    where = [view.city.title, row.district_title, view.source_title, view.branch_title]
    path = [el("a", t.title(where[0]), href=home), *(f" › {t.title(title)}" for title in where[1:])]
    age = live_age(row.ts, at, row.device_id, hold_ms(row.interval_s), t) if row.device_id is not None else ABSENT
    return el(
        "div",
        el("p", path, class_="path"),
        el("h1", symbol(state, t), t.title(row.title), el("small", state_text(state, t))),
        el("p", t.say("newest reading"), " ", age, class_="read-at"),
        el("p", state_sentence(view, file, t, at), class_="state-sentence"),
        class_="heading",
        data_part="heading",
    )


def state_sentence(view: StationView, file: StationFile, t: Texts, at: int) -> Child:
    """Return what is wrong, since when, and who is on it, in one sentence."""
    standing = [a for a in view.alarms if a.cleared_at is None and not a.suppressed]
    if not standing:
        row = view.station
        if row.ts is None or at - row.ts > hold_ms(row.interval_s):
            return t.say("Nothing has been heard for longer than three intervals: how it stands is not known.")
        return t.say("No alarm stands.")
    worst = min(standing, key=lambda a: (a.priority, a.opened_at))
    since = t.say("since {time}", time=t.moment(worst.opened_at, view.city.timezone, "MM-dd HH:mm"))
    age = el("span", t.age((at - worst.opened_at) / 1000), data_since=worst.opened_at)
    more = len(standing) - 1
    return [
        el("a", t.title(worst.title), href=f"/{t.language}/alarms/{worst.alarm_id}"),
        f" {since} (", age, "). ",
        _who(worst, file.orders, t),
        " " + t.count("{n} more alarm.", "{n} more alarms.", more) if more else None,
    ]  # fmt: skip


def _who(alarm: AlarmRow, orders: Sequence[OrderRow], t: Texts) -> Child:
    """Return who is on an alarm: its order, or that of its incident, or the worst one of the station."""
    mine = [o for o in orders if o.alarm_id == alarm.alarm_id or (o.incident_id and o.incident_id == alarm.incident)]
    order = next(iter(mine), None)
    if order is None:
        seen = t.say("Somebody has seen it; no work order is open for it.")
        return seen if alarm.acknowledged else t.say("Nobody is on it yet.")
    name = el("a", t.say("Work order {n}", n=order.number), href=f"/{t.language}/work-orders/{order.work_order_id}")
    words = [state_word(WorkState(order.state), t), order.assignee, t.title(order.body_title)]
    return [name, ": ", " · ".join(w for w in words if w), "."]


def _schematic(view: StationView, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    own = own_device(view, kinds)
    if own is None:
        return el("p", t.say("This station has no device."), class_="calm")
    drawn = schematic(view.station, kinds[own.kind], view.alarms, _homes(view, t), t)
    return el("div", drawn, data_part="schematic")


def _homes(view: StationView, t: Texts) -> Child:
    """Return what stands in the building: how many homes, and how warm the sampled rooms were."""
    homes = [c.homes for c in view.communities if c.homes is not None]
    rooms = [now.values[_ROOM_POINT] for now in view.newest.values()
             if _ROOM_POINT in now.values and _ROOM_POINT not in now.bad]  # fmt: skip
    lines = []
    if homes:
        lines.append((t.say("homes"), t.number(sum(homes))))
    if rooms:
        lines.append((t.say("rooms, mean"), f"{t.number(fmean(rooms), 1)} °C"))
        lines.append((t.say("coldest room"), f"{t.number(min(rooms), 1)} °C"))
    told = el("dl", [el("div", el("dt", dt), el("dd", dd), class_="card-line") for dt, dd in lines])
    return [el("h3", t.say("Homes")), told] if lines else None


def _bands(t: Texts) -> Markup:
    """Return what the bands of the bars mean."""
    keys = (("typical", t.say("usual")), ("beyond", t.say("alarm")), ("corridor", t.say("around the setpoint")))
    return el("ul", [el("li", el("i", class_=f"band-key {k}", aria_hidden="true"), text) for k, text in keys],
              class_="legend")  # fmt: skip


def _section(title: str, name: str, *children: Child, class_: str = "") -> Markup:
    return el(
        "section",
        el("div", el("h2", title, id=f"{name}-title"), class_="panel-head"),
        *children,
        class_=f"panel {class_}".strip(),
        aria_labelledby=f"{name}-title",
    )
