"""Bringing in: the responsibility list from its file into the database, checked against the rules and the places."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Engine, select

from application.instants import moment
from application.requests.kind import RequestKind, check
from application.requests.kind_file import read_kinds
from application.requests.kind_store import save_kinds
from application.rule import Family, RuleError
from application.rules_file import read_rules
from application.work.responsibility import Place, ResponsibilityError, ResponsibilityList
from application.work.responsibility_file import read_responsibilities
from application.work.responsibility_store import save
from perception.catalogue import Catalogue
from support import tables


def checked(file: Path, rules: Path, areas: Iterable[str], now: int) -> ResponsibilityList:
    """Return the list of a file, with every rule covered at `now`. Raises ResponsibilityError, RuleError."""
    return read_responsibilities(file, families_of(rules), areas, moment(now).date())


def families_of(rules: Path) -> Mapping[str, Family]:
    """Return the families of all rules, by name. Raises RuleError."""
    return {rule.name: rule.family for rule, _ in read_rules(rules)}


def checked_kinds(
    file: Path, told: ResponsibilityList, areas: Iterable[str], now: int
) -> tuple[Sequence[RequestKind], Sequence[str]]:
    """Return the kinds of requests of a file, each covered by exactly one item in every area, and what there is to say.

    Raises ResponsibilityError.
    """
    kinds = read_kinds(file)
    names = [area.partition(":") for area in areas]
    places = [Place(name, "") if sort == "city" else Place("", name) for sort, _, name in names]
    found = check(kinds, told, places, moment(now).date())
    if found.problems:
        raise ResponsibilityError("\n".join(f"{file}: {problem}" for problem in found.problems))
    return kinds, found.remarks


def areas_of(catalogue: Catalogue) -> list[str]:
    """Return the areas that items may name, of a catalogue."""
    return [*(f"city:{c.name}" for c in catalogue.cities), *(f"district:{d.name}" for d in catalogue.districts)]


def bring_in(
    engine: Engine,
    file: Path,
    rules: Path,
    catalogue: Callable[[], Catalogue],
    actor: str,
    now: int,
    requests: Path | None = None,
) -> str:
    """Bring the list of a file into the database and say in a sentence what happened; safe to repeat.

    Its areas are those of the database and of the catalogue that is about to be seeded, which is read where needed.
    `requests`: the kinds of requests that go with it. While the file of the rules is broken nothing is changed: that is
    no reason not to start. Raises ResponsibilityError with every problem.
    """
    with engine.begin() as on:
        city, district = tables.city.c.name, tables.district.c.name
        there = {f"city:{n}" for n in on.scalars(select(city))} | {
            f"district:{n}" for n in on.scalars(select(district))
        }
        try:
            told = checked(file, rules, there, now)
        except RuleError as err:
            return f"the responsibility list stays as it was: it cannot be checked without the rules: {err}"
        except ResponsibilityError:
            there |= {*areas_of(catalogue())}
            told = checked(file, rules, there, now)
        kinds, remarks = ([], []) if requests is None else checked_kinds(requests, told, sorted(there), now)
        changed = save(on, told, actor, moment(now).date())
        changed += save_kinds(on, kinds, families_of(rules), actor, moment(now).date()) if kinds else 0
    more = f", {len(kinds)} kinds of requests" if kinds else ""
    known = f"{len(told.items)} responsibilities of {len(told.bodies)} bodies{more}"
    said = f"{known}: {changed or 'no'} rows were new or different"
    return "\n".join([said, *remarks])
