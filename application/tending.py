"""Tending: what application has to do again and again, as passes of tend."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application.consequence_store import Site, batches, foresee, learn, sites
from application.derived.deriving import Deriving
from application.derived.keeping import Room, no_room
from application.disposition import ask_again, end_expired
from application.drills.desk import end_over
from application.incident_store import group
from application.quality.numbers import Numbers
from application.quality.searching import search
from application.rule import Rule
from application.settings import WatchSettings
from application.work.desk import desk_of
from application.work.upkeep import tended
from application.work.view import OrderCounts, counts
from perception.sensor_kind import SensorKind
from support.maintain import Pass
from support.store import ReadingReader, StoreDownError

_EVERY_S = 5.0
_FORESEEN_S = 15.0
_MINUTE_S, _TENTH_S = 60.0, 600.0
_LEARNED_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What the passes work with.

    `rules` by name, with the numbers of their file; `orders` is given how many work orders there are, whenever they
    have been looked after. `numbers` is what the search for doubtful values goes by, asked before each portion; `room`
    makes room for derived readings where the server needs that.
    """

    engine: Engine
    rules: Mapping[str, Rule]
    reader: ReadingReader
    kinds: Mapping[str, SensorKind]
    watch: WatchSettings = field(default_factory=WatchSettings)
    numbers: Callable[[], Numbers] = Numbers
    room: Room = no_room
    orders: Callable[[OrderCounts], None] = lambda _: None


def passes(tools: Tools) -> list[Pass]:
    """Return the passes of application. Each transaction is short; they raise StoreDownError."""
    return [*_of_alarms(tools), *_of_work(tools), *_looking(tools)]


def _of_alarms(tools: Tools) -> list[Pass]:
    engine, rules = tools.engine, tools.rules
    return [
        Pass("shelving", _EVERY_S, _committed(engine, end_expired), "shelvings and maintenances that ended"),
        Pass("drills", _EVERY_S, _committed(engine, end_over), "drills whose time was over"),
        Pass("realarms", _EVERY_S, _committed(engine, ask_again), "acknowledged alarms that ask again"),
        Pass(
            "incidents",
            _EVERY_S,
            _committed(engine, lambda on, now: group(on, rules, now)),
            "incidents and suppressions that changed",
        ),
    ]


def _of_work(tools: Tools) -> list[Pass]:
    desk = desk_of(tools.rules, tools.watch)

    def look_after(now: int) -> Iterator[int]:
        yield from tended(tools.engine, desk, now)
        with tools.engine.connect() as on:
            tools.orders(counts(on, now))

    return [Pass("orders", _EVERY_S, _reached(look_after), "changes to work orders")]


def _looking(tools: Tools) -> list[Pass]:
    """Return the passes that look at readings."""
    engine, reader, kinds = tools.engine, tools.reader, tools.kinds

    def foreseen(on: Connection, now: int) -> int:
        return foresee(on, reader, kinds, tools.rules, now)

    def learning(now: int) -> Iterator[int]:
        known: dict[str, Site] = {}

        def look(on: Connection, _now: int) -> int:
            known.update(sites(on, kinds))
            return 0

        yield from _committed(engine, look)(now)
        for some in batches(known):
            yield from _committed(engine, lambda on, now, some=some: learn(on, reader, kinds, some, now))(now)

    return [
        Pass("consequences", _FORESEEN_S, _committed(engine, foreseen), "alarms whose consequence was foreseen"),
        Pass("derived", _MINUTE_S, Deriving(engine, lambda: kinds, tools.room).run, "derived readings that changed"),
        Pass(
            "quality", _TENTH_S, search(engine, lambda: kinds, tools.numbers), "spans of doubtful values that changed"
        ),
        Pass("time constants", _LEARNED_S, learning, "stations whose time constant was learned"),
    ]


def _committed(engine: Engine, work: Callable[..., int]) -> Callable[[int], Iterator[int]]:
    """Return a run of a pass that does its work in one transaction."""

    def run(now: int) -> Iterator[int]:
        with engine.begin() as on:
            amount = work(on, now)
        yield amount

    return _reached(run)


def _reached(run: Callable[[int], Iterator[int]]) -> Callable[[int], Iterator[int]]:
    """Return a run of a pass that says when the database is away."""

    def told(now: int) -> Iterator[int]:
        try:
            yield from run(now)
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err

    return told
