"""Hurry: the rules of the file, and over them the drills of the tables: times are divided by 60 where one is under way.

configs/rules.toml is not touched. Each drill ends at its time by itself, whatever becomes of who began it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import InterfaceError, OperationalError

from application.drills.exercise import EXERCISES
from application.instants import MINUTE, SECOND, microseconds, moment
from application.rule import Family, Rule, Trigger
from application.rules_file import Pairs, RulesFile
from application.tuning import Hurry, Tuning
from support import tables
from support.store import StoreDownError

_drill = tables.drill
_LATE = 10 * MINUTE
"""So long after its end a drill is still known: what was measured then may come late, but not later than that."""


class Drilled(NamedTuple):
    """A drill at one device, and the families of the rules that it hurries."""

    hurry: Hurry
    families: frozenset[Family]


def under_drill(engine: Engine, clock: Callable[[], int]) -> Callable[[], tuple[Drilled, ...]]:
    """Return what reads the drills that are under way, or were a short while ago. It raises StoreDownError."""
    ends = func.least(_drill.c.until, func.coalesce(_drill.c.ended_at, _drill.c.until))
    query = select(_drill.c.what, _drill.c.device, _drill.c.begins_at, ends.label("ends_at"))

    def read() -> tuple[Drilled, ...]:
        try:
            with engine.connect().execution_options(postgresql_readonly=True) as on:
                rows = on.execute(query.where(_drill.c.until >= moment(clock() - _LATE)).order_by(_drill.c.begins_at))
                return tuple(
                    Drilled(
                        Hurry(row.device, microseconds(row.begins_at), microseconds(row.ends_at)),
                        EXERCISES[row.what].families,
                    )
                    for row in rows
                    if row.what in EXERCISES
                )
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err

    return read


class DrilledRules:
    """The rules of a file with their numbers, hurried by the drills that `drills` returns. For one thread."""

    def __init__(self, file: RulesFile, drills: Callable[[], Sequence[Drilled]]) -> None:
        self._file, self._drills = file, drills
        self._known: tuple[Drilled, ...] = ()

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


def hurried(rule: Rule, tuning: Tuning, drills: Sequence[Drilled]) -> Tuning:
    """Return the numbers of a rule with drills over them; a rule that looks once a minute knows nothing shorter."""
    step_s = MINUTE / SECOND if rule.trigger is Trigger.MINUTE else 0.0
    mine = (replace(drill.hurry, step_s=step_s) for drill in drills if rule.family in drill.families)
    return replace(tuning, drills=tuple(mine))
