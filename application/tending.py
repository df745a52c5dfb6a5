"""Tending: what application has to do again and again, as passes of tend."""

from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application.disposition import end_expired
from application.incident_store import group
from application.rule import Rule
from application.settings import WatchSettings
from application.work.desk import desk_of
from application.work.upkeep import tended
from application.work.view import OrderCounts, counts
from support.maintain import Pass
from support.store import StoreDownError

_EVERY_S = 5.0


def passes(
    engine: Engine,
    rules: Mapping[str, Rule],
    watch: WatchSettings | None = None,
    tell: Callable[[OrderCounts], None] = lambda _: None,
) -> list[Pass]:
    """Return the passes of application. Each transaction is short; they raise StoreDownError.

    `tell` is given how many work orders there are, whenever they have been looked after.
    """
    desk = desk_of(rules, watch or WatchSettings())

    def look_after(now: int) -> Iterator[int]:
        yield from tended(engine, desk, now)
        with engine.connect() as on:
            tell(counts(on, now))

    return [
        Pass("shelving", _EVERY_S, _committed(engine, end_expired), "shelvings and maintenances that ended"),
        Pass(
            "incidents",
            _EVERY_S,
            _committed(engine, lambda on, now: group(on, rules, now)),
            "incidents and suppressions that changed",
        ),
        Pass("orders", _EVERY_S, _reached(look_after), "changes to work orders"),
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
