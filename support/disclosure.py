"""Disclosure: every field that may leave through the portal, declared once, by two people, in configs/disclosure.toml.

A table of the declaration is a view of the schema `portal`, made from a view of the same name in `portal_source`: the
declared public columns, rounded as declared, and no other. An answer of the portal's interface names for each of its
JSON keys the fields that it is made of.

Errors: DisclosureError, whose text lists every problem.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perception.point import Title

FILE: Final = Path(__file__).resolve().parent.parent / "configs" / "disclosure.toml"
MADE_HERE: Final = frozenset({"clock", "count", "envelope", "text"})
"""What a JSON key may come from beside fields: the time of the answer, counting, nesting, fixed words of the portal."""
_NAME = r"^[a-z][a-z0-9_]{1,62}$"

Class = Literal["public", "on-request", "internal", "personal", "secret"]


class DisclosureError(Exception):
    """The declaration of what the public may see cannot be used; the text lists every problem."""


class Disclosed(BaseModel):
    """One field. `step`: numbers are rounded to multiples of it, in the field's unit; `to`: times are cut down to it.

    `coarsening` says in words what was made coarser before (places, groups of people), `delay_min` how many minutes
    old a value is at least. A field whose class is not public is a decision to keep it, and is in no view.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(pattern=_NAME)
    is_: Class = Field(default="public", alias="class")
    title: Title
    unit: str = ""
    step: float | None = Field(default=None, gt=0)
    to: Literal["second", "minute", "hour", "day"] | None = None
    coarsening: str = ""
    delay_min: int = Field(default=0, ge=0)


class DisclosedTable(BaseModel):
    """A view, by whom it was reviewed and approved, and why its fields may be known. `download`: as a whole, too.

    `by_hand`: portal.sql makes the view itself (a function or a view with rights of its own), and is checked only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME)
    title: Title
    reason: str = Field(min_length=10)
    reviewer: str = Field(min_length=3)
    approver: str = Field(min_length=3)
    since: date
    download: bool = False
    by_hand: bool = False
    fields: tuple[Disclosed, ...] = Field(min_length=1)

    def published(self) -> tuple[Disclosed, ...]:
        """Return the fields that leave."""
        return tuple(f for f in self.fields if f.is_ == "public")


class Disclosure(BaseModel):
    """The declaration as a whole. `answers`: of each model of the interface, its keys and what they are made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    licence: Title
    tables: tuple[DisclosedTable, ...]
    answers: Mapping[str, Mapping[str, str]] = {}

    def columns(self) -> dict[str, list[str]]:
        """Return the columns that each view has."""
        return {t.name: [f.name for f in t.published()] for t in self.tables}

    def table(self, name: str) -> DisclosedTable | None:
        """Return a table by its name."""
        return next((t for t in self.tables if t.name == name), None)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with it."""
        yield from (f"table {name}: stands twice" for name in _twice(t.name for t in self.tables))
        for table in self.tables:
            yield from _wrong_in(table)
        known = {f"{table}.{name}" for table, names in self.columns().items() for name in names} | MADE_HERE
        for model, keys in self.answers.items():
            for key, sources in keys.items():
                strange = [source for source in sources.split() if source not in known]
                yield from (f"answer {model}.{key}: {source} is no published field" for source in strange)


LEAST_DEGREES: Final = 0.005
"""About 500 m: coarser than a community, so that the position of a single building is in no figure."""


def _wrong_in(table: DisclosedTable) -> Iterator[str]:
    if table.reviewer == table.approver:
        yield f"table {table.name}: {table.reviewer} reviewed and approved it: a second person has to approve"
    yield from (f"field {table.name}.{name}: stands twice" for name in _twice(f.name for f in table.fields))
    for field in table.published():
        if field.name in {"lat", "lon"} and (field.step or 0) < LEAST_DEGREES:
            yield f"field {table.name}.{field.name}: a position is rounded to {LEAST_DEGREES} degrees or more"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def read_disclosure(file: Path = FILE) -> Disclosure:
    """Return the declaration of a file. Raises DisclosureError with every problem."""
    try:
        told = Disclosure.model_validate(tomllib.loads(file.read_text("utf-8")))
    except ValidationError as err:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors()]
        raise DisclosureError("\n".join(f"{file}: {line}" for line in lines)) from err
    except (OSError, ValueError) as err:
        raise DisclosureError(f"{file}: {err}") from err
    problems = [f"{file}: {problem}" for problem in told.problems()]
    if problems:
        raise DisclosureError("\n".join(problems))
    return told


@cache
def disclosure() -> Disclosure:
    """Return the declaration that this house runs with; read once. Raises DisclosureError."""
    return read_disclosure()
