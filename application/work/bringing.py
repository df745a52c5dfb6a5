"""Bringing in: the responsibility list from its file into the database, checked against the rules and the places."""

from collections.abc import Callable, Iterable
from pathlib import Path

from sqlalchemy import Engine, select

from application.instants import moment
from application.rule import RuleError
from application.rules_file import read_rules
from application.work.responsibility import ResponsibilityError, ResponsibilityList
from application.work.responsibility_file import read_responsibilities
from application.work.responsibility_store import save
from perception.catalogue import Catalogue
from support import tables


def checked(file: Path, rules: Path, areas: Iterable[str], now: int) -> ResponsibilityList:
    """Return the list of a file, with every rule covered at `now`. Raises ResponsibilityError, RuleError."""
    families = {rule.name: rule.family for rule, _ in read_rules(rules)}
    return read_responsibilities(file, families, areas, moment(now).date())


def areas_of(catalogue: Catalogue) -> list[str]:
    """Return the areas that items may name, of a catalogue."""
    return [*(f"city:{c.name}" for c in catalogue.cities), *(f"district:{d.name}" for d in catalogue.districts)]


def bring_in(engine: Engine, file: Path, rules: Path, catalogue: Callable[[], Catalogue], actor: str, now: int) -> str:
    """Bring the list of a file into the database and say in a sentence what happened; safe to repeat.

    Its areas are those of the database and of the catalogue that is about to be seeded, which is read where needed.
    While the file of the rules is broken nothing is changed: that is no reason not to start. Raises
    ResponsibilityError with every problem.
    """
    with engine.begin() as on:
        city, district = tables.city.c.name, tables.district.c.name
        there = [
            *(f"city:{n}" for n in on.scalars(select(city))),
            *(f"district:{n}" for n in on.scalars(select(district))),
        ]
        try:
            told = checked(file, rules, there, now)
        except RuleError as err:
            return f"the responsibility list stays as it was: it cannot be checked without the rules: {err}"
        except ResponsibilityError:
            told = checked(file, rules, {*there, *areas_of(catalogue())}, now)
        changed = save(on, told, actor, moment(now).date())
    return (
        f"{len(told.items)} responsibilities of {len(told.bodies)} bodies: {changed or 'no'} rows were new or different"
    )
