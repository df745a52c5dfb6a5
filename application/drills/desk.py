"""Desk: where a drill is begun, followed and ended. What the verb does, and a button can do likewise.

A drill is a row, and an order to break a simulated device that ends by itself: once it is begun, nobody is needed to
end it. `mend` and `end` only do so sooner.

DrillError
├── UnknownDrillError    there is no such exercise, or no such station
├── NotSimulatedError    the device is a real one, or stands in a real city: nothing is broken there
├── NotRunningError      nothing comes from the device: the city does not run
├── UnderWayError        another drill is under way at the station
└── DrillRefusedError    the device did not do as it was told
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from application.drills.exercise import EXERCISES, Exercise
from application.drills.progress import Course, Event, followed, orders_of
from application.instants import MINUTE, SECOND, microseconds, moment
from application.work.order import CREW, Entry, Step, WorkState
from application.work.store import step
from perception.command import CommandError, Why
from perception.sensor_kind import SensorKind
from support import tables
from support.orders import Stand, Wish, give, one
from support.store import ReadingReader, StoreDownError

STATION_KIND = "heat_substation"
LASTS_US = 4 * MINUTE
"""So long rules are hurried at the device, unless the drill is ended before."""
_YOUNG_US = MINUTE
_TRIES = 2
_CREW = f"{CREW}drill"
_SETTLES_US = 30 * MINUTE
_drill, _device, _alarm = tables.drill, tables.device, tables.alarm


class DrillError(Exception):
    """A drill cannot be had as asked; the text says why, and what to do."""


class UnknownDrillError(DrillError):
    """There is no such exercise or station."""


class NotSimulatedError(DrillError):
    """What should be broken is real."""


class NotRunningError(DrillError):
    """Nothing comes from the device, so that nothing would be seen."""


class UnderWayError(DrillError):
    """One drill at a time at a station."""


class DrillRefusedError(DrillError):
    """The device refused the order."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill that was begun. Times in epoch microseconds UTC; `until` it is over by itself."""

    drill_id: UUID
    exercise: Exercise
    station: str
    device: str
    begins: int
    until: int
    course: Course = field(repr=False)


class Drills:
    """Begins, follows and ends drills. Every method opens its own connection and raises StoreDownError, DrillError.

    Safe to share between threads; the engine belongs to the caller. `now` is epoch microseconds UTC.
    """

    def __init__(self, engine: Engine, reader: ReadingReader, kinds: Mapping[str, SensorKind]) -> None:
        self._engine, self._reader, self._kinds = engine, reader, kinds

    def begin(self, name: str, station: str | None, actor: str, now: int) -> Drill:
        """Break something at a simulated station (None: a calm one), and hurry the rules there."""
        exercise = EXERCISES.get(name)
        if exercise is None:
            raise UnknownDrillError(f"there is no drill {name!r}: use one of {', '.join(EXERCISES)}")
        for _ in range(_TRIES if station is None else 0):
            with suppress(UnderWayError):  # somebody took the same station at the same time
                return self._begin(exercise, None, actor, now)
        return self._begin(exercise, station, actor, now)

    def _begin(self, exercise: Exercise, station: str | None, actor: str, now: int) -> Drill:
        with self._working() as on:
            device = self._chosen(on, station, now)
            before = self._shown(on, device.device_id, now)
            wish = Wish(device.name, "fault", {"kind": exercise.fault, **exercise.args}, hold_s=exercise.hold_s)
            order = self._given(on, wish, actor)
            row = {
                "drill_id": uuid4(),
                "what": exercise.name,
                "station": device.station,
                "device": device.name,
                "begins_at": moment(now),
                "until": moment(now + LASTS_US),
                "actor": actor,
                "command_id": order,
            }
            _put(on, row, now)
        course = Course(
            exercise, device.station, device.name, device.device_id, now, now + LASTS_US, before, {"fault": order},
            partial(self._span, device.device_id),
        )  # fmt: skip
        return Drill(row["drill_id"], exercise, device.station, device.name, now, now + LASTS_US, course)

    def look(self, drill: Drill, now: int) -> list[Event]:
        """Return what has happened so far. Raises DrillRefusedError when the device did not do as it was told."""
        with self._working() as on:
            for command_id in drill.course.orders.values():
                row = one(on, command_id)
                if row is not None and row.status in {Stand.REJECTED, Stand.FAILED, Stand.EXPIRED}:
                    why = row.why or row.reason or "it did not answer"
                    raise DrillRefusedError(
                        f"{drill.device} did not do {row.do}: {row.status}, {why}; `hearthline status` shows whether "
                        "the simulation runs"
                    )
            return followed(on, drill.course, now)

    def mend(self, drill: Drill, actor: str, now: int) -> Drill:
        """Make the device whole again, before its time; return the drill as it is to be followed from now on.

        A pretend crew takes the work orders that were opened, and calls them done: the data have to prove it.
        """
        with self._working() as on:
            order = self._given(on, Wish(drill.device, "clear_fault", {"kind": drill.exercise.fault}), actor)
            for row in on.execute(orders_of(drill.course)):
                _repair(on, row, actor, now)
        orders = {**drill.course.orders, "mended": order}
        return replace(drill, course=replace(drill.course, orders=orders))

    def end(self, drill: Drill, now: int) -> None:
        """Let the rules take their usual times again, before its time."""
        mine = (_drill.c.drill_id == drill.drill_id, _drill.c.ended_at.is_(None))
        with self._working() as on:
            on.execute(update(_drill).where(*mine).values(ended_at=moment(now)))

    def _chosen(self, on: Connection, station: str | None, now: int) -> Any:
        """Return the substation that is drilled."""
        s, d, c = tables.station.c, tables.district.c, tables.city.c
        query = (
            select(_device, s.name.label("stands"), c.simulated.label("pretend"))
            .join_from(tables.station, _device, (_device.c.station == s.name) & (_device.c.kind == STATION_KIND))
            .join(tables.district, d.name == s.district)
            .join(tables.city, c.name == d.city)
            .where(_device.c.status == "active")
            .order_by(s.name, _device.c.device_id)
        )
        if station is None:
            return self._calm(on, on.execute(query.where(_device.c.simulated, c.simulated)).all(), now)
        found = on.execute(query.where(s.name == station)).all()
        if not found:
            raise UnknownDrillError(self._why_not(on, station))
        pretend = [row for row in found if row.simulated and row.pretend]
        if not pretend:
            raise NotSimulatedError(
                f"{found[0].name} at {station} is a real device, or stands in a real city: nothing is broken there; "
                "leave --station out, and a simulated station is taken"
            )
        self._require_young(on, pretend[0], now)
        return pretend[0]

    def _why_not(self, on: Connection, station: str) -> str:
        if on.scalar(select(tables.station.c.name).where(tables.station.c.name == station)) is None:
            return f"there is no station {station!r}: `hearthline devices list` shows them"
        return f"{station} has no active {STATION_KIND}: only that can be drilled"

    def _calm(self, on: Connection, devices: Any, now: int) -> Any:
        """Return the first that reports, with no alarm and no drill at its station."""
        if not devices:
            raise NotSimulatedError("there is no simulated station: `hearthline seed --stations 40` makes a city")
        busy = set(on.scalars(select(_alarm.c.station).where(_alarm.c.cleared_at.is_(None)))) | _tired(on, now)
        ids = [row.device_id for row in devices]
        young = set(self._reader.latest(on, self._kinds[STATION_KIND], ids, now - _YOUNG_US).device_id.tolist())
        found = [row for row in devices if row.device_id in young]
        if not found:
            raise NotRunningError(_silent("any simulated station"))
        rested = [row for row in found if row.station not in busy]
        if not rested:
            raise UnderWayError(
                "every simulated station has an alarm or was drilled a short while ago: name a --station"
            )
        return rested[0]

    def _require_young(self, on: Connection, device: Any, now: int) -> None:
        interval_us = round((device.interval_s or self._kinds[STATION_KIND].interval_s) * SECOND)
        since = now - max(_YOUNG_US, 3 * interval_us)
        if not len(self._reader.latest(on, self._kinds[STATION_KIND], [device.device_id], since)):
            raise NotRunningError(_silent(device.name))

    def _shown(self, on: Connection, device_id: int, now: int) -> Mapping[str, float]:
        latest = self._reader.latest(on, self._kinds[STATION_KIND], [device_id], now - 5 * MINUTE)
        if not len(latest):
            return {}
        good = latest.good()[-1]
        return {n: float(latest.values[-1, k]) for k, n in enumerate(latest.kind.names) if good[k]}

    def _span(self, device_id: int, on: Connection, span: tuple[int, int]) -> Any:
        return self._reader.span(on, self._kinds[STATION_KIND], device_id, span)

    def _given(self, on: Connection, wish: Wish, actor: str) -> UUID:
        try:
            return give(on, self._kinds, wish, actor)
        except CommandError as err:
            raise (NotSimulatedError if err.why is Why.NOT_SIMULATED else DrillRefusedError)(str(err)) from err

    @contextmanager
    def _working(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as on:
                yield on
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(
                f"no database answers: start the city with `hearthline run`, or see HEARTHLINE_HOME ({err.orig})"
            ) from err


def _repair(on: Connection, row: Any, actor: str, now: int) -> None:
    """Carry a work order on as far as a crew can; one that somebody else has in hand is left to them."""
    if row.state != WorkState.NEW.value:
        return
    at = max(now, microseconds(row.state_at))
    step(on, row.work_order_id, Entry(Step.ASSIGNED, at, actor, None, {"to": _CREW}))
    for each in (Step.STARTED, Step.ARRIVED):
        step(on, row.work_order_id, Entry(each, at, _CREW))
    step(on, row.work_order_id, Entry(Step.DONE, at, _CREW, "the drill is over: it is whole again", {"minutes": 1}))


def end_over(on: Connection, now: int) -> int:
    """End the drills whose time is over (epoch microseconds), at that time; return how many. The caller commits."""
    over = (_drill.c.ended_at.is_(None), _drill.c.until <= moment(now))
    ended = update(_drill).where(*over).values(ended_at=_drill.c.until).returning(_drill.c.drill_id)
    return len(on.execute(ended).all())


def _put(on: Connection, row: Mapping[str, object], now: int) -> None:
    """Write a drill, after closing those whose time is over. Raises UnderWayError."""
    end_over(on, now)
    try:
        on.execute(insert(_drill).values(**row))
    except IntegrityError as err:
        raise UnderWayError(
            f"another drill is under way at {row['station']}: wait until it is over, at most "
            f"{LASTS_US // MINUTE} minutes, or take another --station"
        ) from err


def _tired(on: Connection, now: int) -> set[str]:
    """Return the stations that were drilled a short while ago: their plants may not have settled yet."""
    return set(on.scalars(select(_drill.c.station).where(_drill.c.until > moment(now - _SETTLES_US))))


def _silent(what: str) -> str:
    return f"nothing came from {what} within a minute: the city does not run; start it with `hearthline run`"
