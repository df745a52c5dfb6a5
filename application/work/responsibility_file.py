"""Responsibility file: the list as it stands in configs/responsibilities.toml, with every problem named at once."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from application.rule import Family
from application.work.responsibility import Body, Responsibility, ResponsibilityError, ResponsibilityList

Read = TypeVar("Read", bound=BaseModel)
_KEYS = ("bodies", "items")


def read_responsibilities(
    file: Path, families: Mapping[str, Family], areas: Iterable[str], today: date
) -> ResponsibilityList:
    """Return the list of a file. `families` of all rules by name; `areas` such as `city:nis` that there are.

    Raises ResponsibilityError with every problem.
    """
    tables = tables_of(file)
    problems = [f"unknown key {key!r}: expected {' and '.join(_KEYS)}" for key in tables if key not in _KEYS]
    told = ResponsibilityList(
        tuple(rows_of(Body, tables.get("bodies", []), "bodies", problems)),
        tuple(rows_of(Responsibility, tables.get("items", []), "items", problems)),
    )
    problems = problems or told.problems(families, areas, today)
    if problems:
        raise ResponsibilityError("\n".join(f"{file}: {problem}" for problem in problems))
    return told


def tables_of(file: Path) -> dict[str, Any]:
    """Return what a file of TOML holds. Raises ResponsibilityError."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as err:
        raise ResponsibilityError(f"{file}: {err}") from err
    except RecursionError as err:
        raise ResponsibilityError(f"{file}: tables or lists stand too deep in each other") from err


def rows_of(model: type[Read], rows: object, key: str, problems: list[str]) -> list[Read]:
    """Return the rows of an array of tables; what is wrong with the others goes to `problems`."""
    if not isinstance(rows, list):
        problems.append(f"{key}: expected an array of tables, [[{key}]]")
        return []
    found: list[Read] = []
    for place, row in enumerate(rows, start=1):
        name = row.get("code", "") if isinstance(row, dict) else ""
        try:
            found.append(model.model_validate(row))
        except ValidationError as err:
            problems += [f"[[{key}]] number {place} {name}: {_said(each)}" for each in err.errors()]
    return found


def _said(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc'])) or 'as a whole'}: {error['msg']}"
