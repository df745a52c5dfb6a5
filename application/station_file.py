"""Station file: what is kept of a station beside its values: orders, commands, quality, ledger, and marks of a trend.

Works on a Connection. Times come in as epoch microseconds and go out as epoch milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from application import places
from application.instants import DAY, HOUR, milliseconds, milliseconds_or_none, moment
from application.limits import Limit, limits_of
from application.quality import spans
from application.rule import Rule
from application.work.view import OrderRow, orders
from perception.point import Title
from perception.roster import Member
from perception.sensor_kind import SensorKind
from support import orders as commands
from support import tables
from support.columns import readings_table
from support.orders import OrderRow as CommandRow

MOST_MARKS = 200
SHARE_OVER = DAY
SPANS_BACK = 30 * DAY
LEDGER_BACK = 2 * DAY
MOST_COMMANDS = 50
FATES = ("stored", "duplicate", "merged", "conflict", "rejected")
_alarm, _outbox, _ledger, _device = tables.alarm, tables.outbox, tables.ledger, tables.device
_station, _district = tables.station, tables.district


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a device over [from_at, to_at), to be drawn at its trend; to_at None: it goes on.

    `what` is "alarm", "command" or "quality"; `title` None: the words are `words` (the command, or the reason);
    `ref` is the number of the alarm or command, `point` what of the device it is about, `priority` an alarm's.
    """

    what: str
    from_at: int
    to_at: int | None
    title: Title | None
    words: str
    point: str = ""
    priority: int | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which a point was not to be trusted; to_at None: it goes on."""

    device: str
    point: str
    from_at: int
    to_at: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Share:
    """Of the values of a point over the last day: how many came, and how many of those were good at receipt."""

    point: str
    came: int
    good: int


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What became of the readings of a device in an hour of receipt, by fate."""

    hour: int
    device: str
    fates: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StationFile:
    """`orders` under way always; all else only where its part was asked for. `limits` of the station's own device."""

    orders: Sequence[OrderRow] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    commands: Sequence[CommandRow] = ()
    spans: Sequence[Span] = ()
    shares: Sequence[Share] = ()
    ledger: Sequence[LedgerRow] = ()


def read(
    on: Connection, kinds: Mapping[str, SensorKind], rules: Mapping[str, Rule], station: str, part: str, now: int
) -> StationFile | None:
    """Return the file of a station with the `part` "orders", "quality", "ledger" or any other; None: unknown."""
    home = places.home_of(on, station)
    if home is None:
        return None
    devices = places.devices(on, None, station)
    own = next((d for d in devices if d.kind == "heat_substation" and d.status == "active"), None)
    member = None if own is None else _member(on, own, kinds, home.card.name, home.station.district)
    found = StationFile(
        orders=orders(on, now, station=station, closed=part == "orders", most=MOST_COMMANDS),
        limits={} if member is None else limits_of(rules, member, now),
    )
    if part == "orders" and own is not None:
        return StationFile(found.orders, found.limits, commands=commands.given(on, own.name, MOST_COMMANDS))
    if part == "quality":
        shares = () if own is None else _shares(on, kinds[own.kind], own.device_id, now)
        return StationFile(found.orders, found.limits, spans=_spans(on, devices, now), shares=shares)
    if part == "ledger":
        return StationFile(found.orders, found.limits, ledger=_hours(on, [d.name for d in devices], now))
    return found


def marks(
    on: Connection, kinds: Mapping[str, SensorKind], rules: Mapping[str, Rule], device: str, span: tuple[int, int]
) -> Sequence[Mark] | None:
    """Return what happened at a device in [from, to), oldest first: alarms, commands, and values that were doubted."""
    place = places.device(on, device)
    if place is None:
        return None
    of_alarms = [_of_alarm(row, kinds[place.kind], rules) for row in _alarms(on, place, span)]
    told = and_(_outbox.c.device == device, _outbox.c.command_id.is_not(None))
    within = and_(_outbox.c.created_at >= moment(span[0]), _outbox.c.created_at < moment(span[1]))
    numbers = on.execute(
        select(_outbox.c.command_id).where(told, within).order_by(_outbox.c.outbox_id.desc()).limit(MOST_MARKS)
    ).scalars()
    of_commands = [_of_command(row) for number in numbers if (row := commands.one(on, number)) is not None]
    doubted = spans.kept(on, [place.device_id], *span)[-MOST_MARKS:]
    of_values = [
        Mark("quality", s.from_at // 1000, None if s.to_at is None else s.to_at // 1000, None, s.reason, s.point)
        for s in doubted
    ]
    return sorted([*of_alarms, *of_commands, *of_values], key=lambda m: m.from_at)


def _member(
    on: Connection, own: places.DevicePlace, kinds: Mapping[str, SensorKind], city: str, district: str
) -> Member | None:
    if own.kind not in kinds:
        return None
    head = on.scalar(select(_station.c.static_head_mpa).where(_station.c.name == own.station))
    kind = kinds[own.kind]
    return Member(own.device_id, own.name, kind, own.station, city, own.interval_s or kind.interval_s,
                  static_head_mpa=head, district=district)  # fmt: skip


def _alarms(on: Connection, place: places.DevicePlace, span: tuple[int, int]) -> Sequence[Any]:
    own = or_(_alarm.c.device == place.name, _alarm.c.subject == f"station:{place.station}")
    of_station = own if place.kind == "heat_substation" else _alarm.c.device == place.name
    meets = and_(
        _alarm.c.opened_at < moment(span[1]), or_(_alarm.c.cleared_at.is_(None), _alarm.c.cleared_at > moment(span[0]))
    )
    query = select(_alarm).where(_alarm.c.station == place.station, of_station, meets)
    return on.execute(query.order_by(_alarm.c.opened_at.desc()).limit(MOST_MARKS)).all()


def _of_alarm(row: Any, kind: SensorKind, rules: Mapping[str, Rule]) -> Mark:
    name = row.element.rpartition("/")[2]
    title = rules[row.rule].title if row.rule in rules else Title(zh=row.rule, en=row.rule)
    point = name if name in kind.bits else ""
    return Mark("alarm", milliseconds(row.opened_at), milliseconds_or_none(row.cleared_at), title, row.rule, point,
                row.priority, str(row.alarm_id))  # fmt: skip


def _of_command(row: CommandRow) -> Mark:
    words = " ".join([row.do, *(f"{key}={value}" for key, value in row.args.items())])
    return Mark("command", row.created_at, row.created_at, None, words, ref=row.command_id)


def _spans(on: Connection, devices: Sequence[places.DevicePlace], now: int) -> Sequence[Span]:
    named = {d.device_id: d.name for d in devices}
    kept = spans.kept(on, list(named), now - SPANS_BACK)
    return [
        Span(named[s.device_id], s.point, s.from_at // 1000, None if s.to_at is None else s.to_at // 1000, s.reason)
        for s in reversed(kept)
    ]


def _shares(on: Connection, kind: SensorKind, device_id: int, now: int) -> Sequence[Share]:
    """Count over a day of readings, in one pass over them."""
    table = readings_table(kind)
    counted: list[Any] = []
    for name, bit in kind.bits.items():
        column = table.c[name]
        counted += [func.count(column), func.count(column).filter(table.c.quality.op("&")(1 << bit) == 0)]
    within = (table.c.device_id == device_id, table.c.ts >= moment(now - SHARE_OVER), table.c.ts < moment(now))
    row = on.execute(select(*counted).where(*within)).one()
    return [Share(name, row[2 * i], row[2 * i + 1]) for i, name in enumerate(kind.bits)]


def _hours(on: Connection, devices: Sequence[str], now: int) -> Sequence[LedgerRow]:
    since = moment(now // HOUR * HOUR - LEDGER_BACK)
    query = select(_ledger).where(_ledger.c.hour >= since, _ledger.c.device.in_(devices))
    rows = on.execute(query.order_by(_ledger.c.hour.desc(), _ledger.c.device))
    return [LedgerRow(milliseconds(r.hour), r.device, {f: getattr(r, f) for f in FATES}) for r in rows]
