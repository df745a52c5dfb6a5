"""Tending: what application has to do again and again, as passes of tend."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application.derived.deriving import Deriving
from application.derived.keeping import Room, no_room
from application.disposition import end_expired
from application.incident_store import group
from application.quality.numbers import Numbers
from application.quality.searching import search
from application.rule import Rule
from perception.sensor_kind import SensorKind
from support.maintain import Pass
from support.store import StoreDownError

_EVERY_S = 5.0
_MINUTE_S, _TENTH_S = 60.0, 600.0


def passes(
    engine: Engine,
    rules: Mapping[str, Rule],
    kinds: Mapping[str, SensorKind] = MappingProxyType({}),
    numbers: Callable[[], Numbers] = Numbers,
    room: Room = no_room,
) -> list[Pass]:
    """Return the passes of application. Each transaction is short; they raise StoreDownError.

    `numbers` is what the search for doubtful values goes by, asked before each portion. `room` makes room for derived
    readings where the server needs that.
    """
    return [
        Pass("shelving", _EVERY_S, _committed(engine, end_expired), "shelvings and maintenances that ended"),
        Pass(
            "incidents",
            _EVERY_S,
            _committed(engine, lambda on, now: group(on, rules, now)),
            "incidents and suppressions that changed",
        ),
        Pass("derived", _MINUTE_S, Deriving(engine, lambda: kinds, room).run, "derived readings that changed"),
        Pass("quality", _TENTH_S, search(engine, lambda: kinds, numbers), "spans of doubtful values that changed"),
    ]


def _committed(engine: Engine, work: Callable[..., int]) -> Callable[[int], Iterator[int]]:
    """Return a run of a pass that does its work in one transaction."""

    def run(now: int) -> Iterator[int]:
        try:
            with engine.begin() as on:
                amount = work(on, now)
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err
        yield amount

    return run
