"""Book of service: measurements on site, and each community's days with the refund that the rules give.

Errors: MeasurementError, which says what was expected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, RowMapping, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError

from application.instants import HOUR, microseconds, moment
from application.service.rules import Day, Measured, ServiceRule, assess, next_day, owed, rule_on
from support import tables
from support.maintain import Pass
from support.store import StoreDownError

EVERY_S = 600.0
DAYS_BACK = 8
"""So many days are counted again: readings come late, and what falls due after two days is due from its notice on."""
_LONGEST_NOTICE = timedelta(days=30)
_KEPT = timedelta(days=200)
_day, _measurement = tables.service_day, tables.measurement

_ROOMS = text(
    "select b.community, x.device_id, x.bucket, x.t_indoor_mean from public.device d"
    " join public.room o on o.name = d.room join public.building b on b.name = o.building"
    " join public.rollup_room_climate_1h x on x.device_id = d.device_id"
    " where d.kind = 'room_climate' and x.bucket >= :first and x.bucket < :last and x.t_indoor_n > 0"
)
_PLACES = text(
    "select c.name as community, y.name as city, y.timezone from public.community c"
    " join public.station s on s.name = c.station join public.district d on d.name = s.district"
    " join public.city y on y.name = d.city order by y.name, c.name"
)


class MeasurementError(Exception):
    """A measurement cannot be recorded; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A room measured on site: moments in epoch microseconds, Celsius; `request` is the citizen's number, if any."""

    community: str
    taken_at: int
    temperature_c: float
    noticed_at: int
    request: str | None = None


def record(on: Connection, told: Measurement, actor: str, now: int) -> int:
    """Record a measurement with its entry in the audit; return its number. Who calls it commits.

    Raises MeasurementError.
    """
    if on.scalar(select(tables.community.c.name).where(tables.community.c.name == told.community)) is None:
        raise MeasurementError(f"there is no community {told.community!r}: see the list of communities in the portal")
    if not -30 <= told.temperature_c <= 50:
        raise MeasurementError(f"{told.temperature_c} is no temperature of a room: expected -30 to 50 degrees Celsius")
    if not told.noticed_at <= told.taken_at <= now:
        raise MeasurementError("expected the notice before the measurement, and the measurement not in the future")
    if moment(told.taken_at) - moment(told.noticed_at) > _LONGEST_NOTICE:
        raise MeasurementError("the notice is more than 30 days older than the measurement: expected its own notice")
    if told.request is not None and not (0 < len(told.request) <= 40 and told.request.isprintable()):
        raise MeasurementError("the number of a request has 1 to 40 characters")
    row = {
        "community": told.community,
        "taken_at": moment(told.taken_at),
        "temperature_c": told.temperature_c,
        "noticed_at": moment(told.noticed_at),
        "request": told.request,
        "actor": actor,
    }
    number = on.scalar(insert(_measurement).values(row).returning(_measurement.c.measurement_id))
    entry = {"actor": actor, "action": "measure", "subject": f"community:{told.community}"}
    on.execute(insert(tables.audit).values(**entry, detail={"measurement": number}))
    return int(number or 0)


def keeping(engine: Engine, rules: Sequence[ServiceRule]) -> Pass:
    """Return the pass of tend that counts each community's days."""

    def run(now: int) -> Iterator[int]:
        try:
            for city, communities in _cities(engine).items():
                for back in range(DAYS_BACK):
                    day = (moment(now).astimezone(city[1]) - timedelta(days=back)).date()
                    with engine.begin() as on:
                        yield count_day(on, rules, city[1], communities, day, now)
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the days of service cannot be counted: {err}") from err

    return Pass("service", EVERY_S, run, "days of communities counted")


def _cities(engine: Engine) -> dict[tuple[str, ZoneInfo], list[str]]:
    with engine.connect() as on:
        rows = on.execute(_PLACES).mappings().all()
    found: dict[tuple[str, ZoneInfo], list[str]] = {}
    for row in rows:
        found.setdefault((row["city"], ZoneInfo(row["timezone"])), []).append(row["community"])
    return found


def count_day(
    on: Connection, rules: Sequence[ServiceRule], zone: ZoneInfo, communities: Sequence[str], day: date, now: int
) -> int:
    """Count one day of these communities and return of how many there was something to say. Safe to repeat."""
    rule = rule_on(rules, day)
    if rule is None:
        return 0
    rooms, cases = _rooms(on, zone, day), _cases(on, zone, day)
    counted = 0
    for name in communities:
        told = cases.get(name, [])
        if name not in rooms and not told:
            continue
        temperatures = (owed(rule, case, day, now / HOUR) for case in told)
        found = assess(rule, day, rooms.get(name, []), [c for c in temperatures if c is not None])
        taken = sum(m.day == day for case in told for m in case)
        _keep(on, name, day, found, taken, rule)
        counted += 1
    return counted


def _rooms(on: Connection, zone: ZoneInfo, day: date) -> dict[str, list[list[float | None]]]:
    first, last = (datetime.combine(d, time(), zone) for d in (day, next_day(day)))
    hours = round((last.timestamp() - first.timestamp()) / 3600)
    found: dict[str, dict[int, list[float | None]]] = {}
    for row in on.execute(_ROOMS, {"first": first, "last": last}).mappings():
        room = found.setdefault(row["community"], {}).setdefault(row["device_id"], [None] * hours)
        room[int((row["bucket"].timestamp() - first.timestamp()) // 3600)] = row["t_indoor_mean"]
    return {name: list(rooms.values()) for name, rooms in found.items()}


def _cases(on: Connection, zone: ZoneInfo, day: date) -> dict[str, list[list[Measured]]]:
    """Return the measurements of each community by notice: by the request's number, else by when it came in."""
    until = datetime.combine(next_day(day), time(), zone) + _LONGEST_NOTICE
    wanted = select(_measurement).where(_measurement.c.taken_at.between(until - _KEPT, until))
    found: dict[str, dict[object, list[Measured]]] = {}
    for row in on.execute(wanted.order_by(_measurement.c.taken_at)).mappings():
        key = row["request"] or row["noticed_at"]
        found.setdefault(row["community"], {}).setdefault(key, []).append(_measured(row, zone))
    return {name: list(cases.values()) for name, cases in found.items()}


def _measured(row: RowMapping, zone: ZoneInfo) -> Measured:
    noticed, taken = row["noticed_at"], row["taken_at"]
    return Measured(
        noticed_h=microseconds(noticed) / HOUR,
        taken_h=microseconds(taken) / HOUR,
        day=taken.astimezone(zone).date(),
        noticed_day=noticed.astimezone(zone).date(),
        temperature_c=row["temperature_c"],
    )


def _keep(on: Connection, community: str, day: date, found: Day, taken: int, rule: ServiceRule) -> None:
    facts = {
        "rooms": found.rooms,
        "hours": found.hours,
        "median_c": found.median_c,
        "degree_hours": found.degree_hours,
        "measurements": taken,
        "in_season": found.in_season,
        "basis": found.basis,
        "refund_percent": found.refund.percent,
        "refund_yuan_m2": found.refund.yuan_m2,
        "rule_from": rule.valid_from,
    }
    statement = insert(_day).values(community=community, day=day, **facts)
    on.execute(statement.on_conflict_do_update(index_elements=["community", "day"], set_=facts))
