"""Hurry: the rules of the file, and over them the drills of the tables: times are divided by 60 where one is under way.

configs/rules.toml is not touched. Each drill ends at its time by itself, whatever becomes of who began it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import InterfaceError, OperationalError

from application.instants import HOUR, MINUTE, SECOND, microseconds, moment
from application.rule import Rule, Trigger
from application.rules_file import Pairs, RulesFile
from application.tuning import Hurry, Tuning
from support import tables
from support.store import StoreDownError

_drill = tables.drill
_LATE = HOUR
"""So long after its end a drill is still known: what was measured then may come late, but not later than that."""


def under_drill(engine: Engine, clock: Callable[[], int]) -> Callable[[], tuple[Hurry, ...]]:
    """Return what reads the drills that are under way, or were a short while ago. It raises StoreDownError."""
    ends = func.least(_drill.c.until, func.coalesce(_drill.c.ended_at, _drill.c.until))
    query = select(_drill.c.device, _drill.c.begins_at, ends.label("ends_at"))

    def read() -> tuple[Hurry, ...]:
        try:
            with engine.connect().execution_options(postgresql_readonly=True) as on:
                rows = on.execute(query.where(_drill.c.until >= moment(clock() - _LATE)).order_by(_drill.c.begins_at))
                return tuple(Hurry(r.device, microseconds(r.begins_at), microseconds(r.ends_at)) for r in rows)
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err

    return read


class DrilledRules:
    """The rules of a file with their numbers, hurried by the drills that `drills` returns. For one thread."""

    def __init__(self, file: RulesFile, drills: Callable[[], Sequence[Hurry]]) -> None:
        self._file, self._drills = file, drills
        self._known: tuple[Hurry, ...] = ()

    @property
    def pairs(self) -> Pairs:
        """The rules with their numbers, as they were when `changed` was last asked."""
        if not self._known:
            return self._file.pairs
        return tuple((rule, hurried(rule, tuning, self._known)) for rule, tuning in self._file.pairs)

    def changed(self) -> bool:
        """Look at the file and at the drills; return whether rules, numbers or drills are others than before."""
        drills = tuple(self._drills())
        others, self._known = drills != self._known, drills
        return self._file.changed() or others


def hurried(rule: Rule, tuning: Tuning, drills: Sequence[Hurry]) -> Tuning:
    """Return the numbers of a rule with drills over them; a rule that looks once a minute knows nothing shorter."""
    step_s = MINUTE / SECOND if rule.trigger is Trigger.MINUTE else 0.0
    return replace(tuning, drills=tuple(replace(drill, step_s=step_s) for drill in drills))
