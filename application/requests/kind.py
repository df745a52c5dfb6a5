"""Kind: what citizens may ask for, which bodies it lies with in turn, and how long each has. Pure.

A request begins at the first rung of its kind's ladder, with those who are nearest, and goes up when its clock runs
out or when a body says that it exceeds its means.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from application.instants import HOUR
from application.rule import Family
from application.work.responsibility import LONGEST_H, Place, ResponsibilityList
from perception.point import Title

_CODE = r"^[a-z][a-z0-9-]{2,62}$"


class Rung(BaseModel):
    """A body that a request lies with, and in how many hours it has to answer before the next one is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    body: str
    hours: float = Field(gt=0, le=LONGEST_H)


class Attribute(BaseModel):
    """Something more that is asked, as Open311 describes it. `values`: what a list offers, by key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=_CODE)
    title: Title
    datatype: Literal["string", "number", "singlevaluelist"]
    required: bool = False
    values: dict[str, Title] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _lists_have_values(self) -> Self:
        if (self.datatype == "singlevaluelist") != bool(self.values):
            raise ValueError("values are for singlevaluelist, and a singlevaluelist needs them")
        return self


class RequestKind(BaseModel):
    """A kind, in force on days from `valid_from` to the day before `valid_until` (None: until told).

    `families`: alarms of these families at the station of the reporter's home count as evidence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=_CODE)
    title: Title
    hint: Title
    group: Literal["heating", "billing", "service"] = "heating"
    families: tuple[Family, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    ladder: tuple[Rung, ...] = Field(min_length=1)
    valid_from: date
    valid_until: date | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until is not after valid_from")
        if len({r.body for r in self.ladder}) < len(self.ladder):
            raise ValueError("a body stands twice on the ladder")
        return self

    def on(self, day: date) -> bool:
        """Return whether it is in force on a day."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)

    def rung(self, number: int) -> Rung | None:
        """Return a rung of the ladder, from 0; None above the last."""
        return self.ladder[number] if 0 <= number < len(self.ladder) else None

    def rung_of(self, body: str) -> int | None:
        """Return on which rung a body stands."""
        return next((n for n, rung in enumerate(self.ladder) if rung.body == body), None)


def due(rung: Rung, since: int) -> int:
    """Return until when a rung has to answer; epoch microseconds."""
    return since + round(rung.hours * HOUR)


class Found(NamedTuple):
    """What is wrong with the kinds beside a responsibility list, and what only has to be said."""

    problems: Sequence[str]
    remarks: Sequence[str]


def check(kinds: Sequence[RequestKind], told: ResponsibilityList, places: Iterable[Place], day: date) -> Found:
    """Return overlaps, gaps and bodies that are not there. A kind that no item names falls to the one that catches."""
    bodies = {b.code for b in told.bodies}
    known = {k.code for k in kinds}
    problems = [f"requests: kind {code}: stands twice from {when}" for code, when in _overlapping(kinds)]
    problems += [
        f"requests: kind {kind.code}: there is no body {rung.body!r}: use one of {', '.join(sorted(bodies))}"
        for kind in kinds
        for rung in kind.ladder
        if rung.body not in bodies
    ]
    problems += [
        f"item {item.code}: there is no kind of request {code!r}: use one of {', '.join(sorted(known)) or 'none'}"
        for item in told.items
        for code in item.requests
        if code not in known
    ]
    remarks: dict[str, None] = {}
    for place in (Place("", ""), *places):
        for kind in (k for k in kinds if k.on(day)):
            item = told.item_for(kind.code, place, day)
            if item is None:
                problems.append(f"requests: kind {kind.code}: nobody answers for it in {place.district or 'any area'}")
            elif item.catches:
                where = f"in {place.district}" if place.district else "everywhere"
                remarks[f"no item names requests {kind.code} {where}: they fall to {item.code}"] = None
    return Found(problems, list(remarks))


def _overlapping(kinds: Sequence[RequestKind]) -> Iterable[tuple[str, date]]:
    by_code: dict[str, list[RequestKind]] = {}
    for kind in kinds:
        by_code.setdefault(kind.code, []).append(kind)
    for code, same in by_code.items():
        for one, other in pairwise(sorted(same, key=lambda k: k.valid_from)):
            if one.valid_until is None or other.valid_from < one.valid_until:
                yield code, other.valid_from
