"""Station tabs: the lists of a station under its trend, one at a time; which one stands in the address."""

from collections.abc import Collection, Mapping, Sequence

from markupsafe import Markup

from application.read_models import CommunityCard, DeviceRow, RoomCard, StationView
from application.station_file import LedgerRow, Share, Span, StationFile
from application.work.order import WorkState
from application.work.view import OrderRow
from perception.sensor_kind import SensorKind
from presentation.components.alarms import actor_text, alarm_list, journal_list
from presentation.components.marker import hold_ms, priority_state, symbol
from presentation.components.value import live_age
from presentation.console.shell import Frame
from presentation.console.trend_choice import TABS, Choice, query_of
from presentation.console.work_words import state_word
from presentation.markup import el, fragment
from presentation.station_tools import doubt_text
from presentation.texts import ABSENT, Texts
from support.orders import OrderRow as CommandRow


def tabs(view: StationView, file: StationFile, choice: Choice, frame: Frame, t: Texts, at: int) -> Markup:
    """Return the links to the lists, and the chosen one under them."""
    counts = {"alarms": sum(a.cleared_at is None for a in view.alarms), "devices": len(view.devices)}
    counts["orders"] = sum(WorkState(o.state) not in _OVER for o in file.orders)
    links = [
        el(
            "a",
            tab_title(name, t),
            el("small", f" {t.number(counts[name])}") if counts.get(name) else None,
            href=f"{query_of(choice, tab=name)}#lists",
            data_tab=name,
            aria_current="true" if name == choice.tab else None,
        )
        for name in TABS
    ]
    return el(
        "section",
        el("div", el("h2", tab_title(choice.tab, t), id="lists", class_="unseen"),
           el("nav", links, aria_label=t.say("Lists"), class_="choice tab-links"),
           el("button", id="show-new", type="button", hidden=True) if choice.tab == "alarms" else None,
           class_="panel-head"),
        el("div", _list(view, file, choice.tab, frame, t, at), class_="tab-list", tabindex="0", role="group",
           aria_label=tab_title(choice.tab, t), data_part=choice.tab),
        class_="panel station-lists",
        aria_labelledby="lists",
    )  # fmt: skip


_OVER = {WorkState.VERIFIED, WorkState.REJECTED, WorkState.CANCELLED}


def tab_title(name: str, t: Texts) -> str:
    """Return what a list is called."""
    return {
        "alarms": t.say("Alarms"),
        "orders": t.say("Work orders"),
        "devices": t.say("Devices"),
        "quality": t.say("Data quality"),
        "ledger": t.say("Ledger"),
        "homes": t.say("Homes"),
    }[name]


def _list(view: StationView, file: StationFile, tab: str, frame: Frame, t: Texts, at: int) -> Markup:
    zone = view.city.timezone
    if tab == "orders":
        return fragment(_orders(file.orders, zone, t), el("h3", t.say("Commands")), _commands(file.commands, zone, t))
    if tab == "devices":
        return _devices(view.devices, frame.kinds, at, t)
    if tab == "quality":
        return _quality(view, file, frame.kinds, t)
    if tab == "ledger":
        return _ledger(file.ledger, zone, t)
    if tab == "homes":
        return fragment(el("h3", t.say("Communities heated from here")), _communities(view.communities, t))
    points = {p.name: p for kind in frame.kinds.values() for p in kind.points}
    plants = {view.station.device}
    alarms = alarm_list(view.alarms, at, zone, t, points, of_city=False, plants=plants)
    journal = journal_list(view.journal, zone, t, of_city=False, plants=plants)
    return fragment(alarms, el("h3", t.say("Alarm journal")), journal)


def _orders(rows: Sequence[OrderRow], zone: str, t: Texts) -> Markup:
    if not rows:
        return el("p", t.say("No work order of the last 30 days."), class_="calm")
    heads = [t.say("Work order"), t.say("State"), t.say("Who"), t.say("Opened"), t.say("Due")]
    body = [
        el(
            "tr",
            el("th", symbol(priority_state(o.priority), t), " ",
               el("a", f"{t.number(o.number)} · {t.title(o.title)}",
                  href=f"/{t.language}/work-orders/{o.work_order_id}"), scope="row"),
            el("td", state_word(WorkState(o.state), t)),
            el("td", " · ".join(x for x in (o.assignee, t.title(o.body_title)) if x)),
            el("td", t.moment(o.opened_at, zone, "MM-dd HH:mm"), class_="number"),
            el("td", t.moment(o.due_at, zone, "MM-dd HH:mm"), class_="number"),
        )
        for o in rows
    ]  # fmt: skip
    return table(heads, body, numbers={3, 4})


def _commands(rows: Sequence[CommandRow], zone: str, t: Texts) -> Markup:
    if not rows:
        return el("p", t.say("Nothing was commanded."), class_="calm")
    heads = [t.say("Time"), t.say("Command"), t.say("By"), t.say("State")]
    body = [
        el(
            "tr",
            el("td", t.moment(c.created_at, zone, "MM-dd HH:mm"), class_="number"),
            el("th", " ".join([c.do, *(f"{k}={v}" for k, v in c.args.items())]), scope="row"),
            el("td", actor_text(c.actor, t)),
            el("td", _stand_text(c.status, t), f": {c.why}" if c.why else None),
        )
        for c in rows
    ]
    return table(heads, body, numbers={0})


def _stand_text(status: str, t: Texts) -> str:
    return {
        "pending": t.say("waits to be sent"),
        "sent": t.say("sent"),
        "accepted": t.say("accepted"),
        "done": t.say("done"),
        "rejected": t.say("rejected"),
        "failed": t.say("failed"),
        "expired": t.say("expired"),
    }.get(status, status)


def _quality(view: StationView, file: StationFile, kinds: Mapping[str, SensorKind], t: Texts) -> Markup:
    kind = next((kinds[d.kind] for d in view.devices if d.name == view.station.device and d.kind in kinds), None)
    named = {p.name: t.title(p.title) for k in kinds.values() for p in k.points}
    return fragment(
        el("h3", t.say("Values that were doubted, last 30 days")),
        _spans(file.spans, named, view.city.timezone, t),
        el("h3", t.say("Good values of the last day, by point")),
        None if kind is None else _shares(file.shares, named, t),
    )


def _spans(rows: Sequence[Span], named: Mapping[str, str], zone: str, t: Texts) -> Markup:
    if not rows:
        return el("p", t.say("No value was doubted."), class_="calm")
    heads = [t.say("Point"), t.say("Device"), t.say("Reason"), t.say("From"), t.say("To")]
    body = [
        el(
            "tr",
            el("th", named.get(s.point, s.point), scope="row"),
            el("td", s.device),
            el("td", doubt_text(s.reason, t)),
            el("td", t.moment(s.from_at, zone, "MM-dd HH:mm") if s.from_at > 0 else t.say("since ever")),
            el("td", t.say("goes on") if s.to_at is None else t.moment(s.to_at, zone, "MM-dd HH:mm")),
        )
        for s in rows
    ]
    return table(heads, body)


def _shares(rows: Sequence[Share], named: Mapping[str, str], t: Texts) -> Markup:
    """Return the shares, worst first; what never came last."""
    heads = [t.say("Point"), t.say("Values"), t.say("Good"), t.say("Share good")]
    ranked = sorted(rows, key=lambda s: (not s.came, s.good / s.came if s.came else 0, named.get(s.point, s.point)))
    body = [
        el(
            "tr",
            el("th", named.get(s.point, s.point), scope="row"),
            el("td", t.number(s.came), class_="number"),
            el("td", t.number(s.good), class_="number"),
            el("td", f"{t.number(100 * s.good / s.came, 2)} %" if s.came else ABSENT, class_="number"),
        )
        for s in ranked
    ]
    return table(heads, body, numbers={1, 2, 3})


def _ledger(rows: Sequence[LedgerRow], zone: str, t: Texts) -> Markup:
    if not rows:
        return el("p", t.say("Nothing was received in the last two days."), class_="calm")
    fates = {
        "stored": t.say("stored"),
        "duplicate": t.say("duplicate"),
        "merged": t.say("merged"),
        "conflict": t.say("conflict"),
        "rejected": t.say("rejected"),
    }
    body = [
        el(
            "tr",
            el("td", t.moment(r.hour, zone, "MM-dd HH:mm")),
            el("th", r.device, scope="row"),
            el("td", t.number(sum(r.fates.values())), class_="number"),
            [el("td", t.number(r.fates[f]), class_="number") for f in fates],
        )
        for r in rows
    ]
    return table([t.say("Hour of receipt"), t.say("Device"), t.say("received"), *fates.values()], body,
                 numbers={2, 3, 4, 5, 6, 7})  # fmt: skip


def _communities(rows: Sequence[CommunityCard], t: Texts) -> Markup:
    heads = [t.say("Community"), t.say("Buildings"), t.say("Homes"), t.say("Heated area")]
    body = [
        el(
            "tr",
            el("th", t.title(c.title), scope="row"),
            el("td", t.number(c.buildings), class_="number"),
            el("td", t.number(c.homes), class_="number"),
            el("td", t.number(c.heated_area_m2), " m²" if c.heated_area_m2 is not None else None, class_="number"),
        )
        for c in rows
    ]
    return table(heads, body, numbers={1, 2, 3})


def _devices(rows: Sequence[DeviceRow], kinds: Mapping[str, SensorKind], at: int, t: Texts) -> Markup:
    heads = [t.say("Device"), t.say("Kind"), t.say("Status"), t.say("Interval"), t.say("Newest reading")]
    body = [
        el(
            "tr",
            el(
                "th",
                el("span", d.name, class_="whole"),
                el("small", " ", room_text(d.room, t)) if d.room else None,
                scope="row",
            ),
            el("td", t.title(kinds[d.kind].title) if d.kind in kinds else d.kind),
            el("td", status_text(d, t)),
            el("td", t.age(d.interval_s), class_="number"),
            el("td", live_age(d.last_ts, at, d.device_id, hold_ms(d.interval_s), t), class_="number"),
        )
        for d in rows
    ]
    return table(heads, body, numbers={3, 4})


def room_text(room: RoomCard, t: Texts) -> str:
    """Return where a room lies. Nothing else is known of it."""
    positions = {"middle": t.say("middle of the building"), "end": t.say("end wall"), "top": t.say("under the roof")}
    words = [t.title(room.community_title), t.title(room.building_title)]
    if room.floor is not None:
        words.append(t.say("floor {floor}", floor=room.floor))
    return " · ".join([*words, positions.get(room.position, room.position)])


def status_text(device: DeviceRow, t: Texts) -> str:
    """Return a device's place in its life and whether it says that it is connected."""
    status = {"pending": t.say("pending"), "active": t.say("in service"), "retired": t.say("retired")}
    words = [status.get(device.status, device.status)]
    if device.online is not None:
        words.append(t.say("online") if device.online else t.say("offline"))
    if device.simulated:
        words.append(t.say("simulated"))
    return " · ".join(words)


def table(heads: Sequence[str], body: Sequence[Markup], numbers: Collection[int] = ()) -> Markup:
    """Return a table that scrolls sideways where it has to; `numbers` are the places of columns of numbers."""
    cells = [el("th", h, scope="col", class_="number" if i in numbers else None) for i, h in enumerate(heads)]
    drawn = el("table", el("thead", el("tr", cells)), el("tbody", body), class_="plain")
    return el("div", drawn, class_="sideways", tabindex="0", role="group", aria_label=heads[0])
