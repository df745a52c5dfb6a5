"""Tending: what application has to do again and again, as passes of tend."""

from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application.consequence_store import Site, batches, foresee, learn, sites
from application.disposition import ask_again, end_expired
from application.incident_store import group
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
_LEARNED_S = 6 * 3600.0


def passes(
    engine: Engine,
    rules: Mapping[str, Rule],
    reader: ReadingReader | None = None,
    kinds: Mapping[str, SensorKind] | None = None,
    *,
    watch: WatchSettings | None = None,
    tell: Callable[[OrderCounts], None] = lambda _: None,
) -> list[Pass]:
    """Return the passes of application. Each transaction is short; they raise StoreDownError.

    `reader` and `kinds` are for those that look at readings; without them these are left out. `tell` is given how many
    work orders there are, whenever they have been looked after.
    """
    looking = [] if reader is None or kinds is None else _looking(engine, rules, reader, kinds)
    desk = desk_of(rules, watch or WatchSettings())

    def look_after(now: int) -> Iterator[int]:
        yield from tended(engine, desk, now)
        with engine.connect() as on:
            tell(counts(on, now))

    return [
        Pass("shelving", _EVERY_S, _committed(engine, end_expired), "shelvings and maintenances that ended"),
        Pass("realarms", _EVERY_S, _committed(engine, ask_again), "acknowledged alarms that ask again"),
        Pass(
            "incidents",
            _EVERY_S,
            _committed(engine, lambda on, now: group(on, rules, now)),
            "incidents and suppressions that changed",
        ),
        Pass("orders", _EVERY_S, _reached(look_after), "changes to work orders"),
        *looking,
    ]


def _looking(
    engine: Engine, rules: Mapping[str, Rule], reader: ReadingReader, kinds: Mapping[str, SensorKind]
) -> list[Pass]:
    """Return the passes that look at readings."""

    def foreseen(on: Connection, now: int) -> int:
        return foresee(on, reader, kinds, rules, now)

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
