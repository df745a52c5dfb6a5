"""Responsibility: an item of the list that says who must do what, on which ground, and by when. Pure.

Every rule points to exactly one item in every area: the one that names the rule goes before the one that names its
family, and that before the one that names nothing and so catches everything. Of equals the narrower area wins. Kinds of
citizens' requests are covered in the same way.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from application.instants import HOUR
from application.rule import Family
from perception.point import Title

_CODE = r"^[a-z][a-z0-9-]{2,62}$"
AREA = r"^(|(city|district):[a-z0-9-]{3,63})$"
_NARROW = {"district": 0, "city": 1, "": 2}
LONGEST_H = 366 * 24.0


class ResponsibilityError(Exception):
    """The responsibility list cannot be used; the text lists every problem."""


class Body(BaseModel):
    """A body that answers for work: a role, never a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=_CODE)
    title: Title


class Responsibility(BaseModel):
    """One item, in force on days from `valid_from` to the day before `valid_until` (None: until told).

    `respond_h`: hours until somebody is there, `repair_h`: until it is repaired, each by priority 1, 2, 3. `visit`:
    it takes somebody on site, so that orders open by themselves. `area` is `district:<name>`, `city:<name>` or
    empty. `requests` are kinds of citizens' requests. An item without rules, families and requests catches what no
    other covers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    code: str = Field(pattern=_CODE)
    title: Title
    body: str
    supporting: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    families: tuple[Family, ...] = ()
    requests: tuple[str, ...] = ()
    area: str = Field(default="", pattern=AREA)
    respond_h: tuple[float, float, float]
    repair_h: tuple[float, float, float]
    visit: bool = True
    legal: Title
    valid_from: date
    valid_until: date | None = None

    @field_validator("respond_h", "repair_h")
    @classmethod
    def _hours(cls, hours: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(0 < h <= LONGEST_H for h in hours):
            raise ValueError(f"expected hours for priority 1, 2 and 3, above 0 and up to {LONGEST_H:.0f} (a year)")
        return hours

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until is not after valid_from")
        if any(respond > repair for respond, repair in zip(self.respond_h, self.repair_h, strict=True)):
            raise ValueError("nobody repairs before he is there: respond_h is longer than repair_h")
        return self

    @property
    def catches(self) -> bool:
        """Whether it catches what no other item covers."""
        return not (self.rules or self.families or self.requests)

    def on(self, day: date) -> bool:
        """Return whether it is in force on a day."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)

    def limits(self, priority: int, since: int) -> tuple[int, int]:
        """Return until when somebody has to be there, and it has to be repaired; epoch microseconds."""
        place = min(max(priority, 1), 3) - 1
        return since + round(self.respond_h[place] * HOUR), since + round(self.repair_h[place] * HOUR)


class Place(NamedTuple):
    """Where something is wrong, by names."""

    city: str
    district: str


@dataclass(frozen=True, slots=True)
class ResponsibilityList:
    """The list as a whole: bodies and items."""

    bodies: tuple[Body, ...] = ()
    items: tuple[Responsibility, ...] = ()

    def item(self, rule: str, family: Family, place: Place, day: date) -> Responsibility | None:
        """Return the one item that covers a rule's alarms at a place on a day; None: nobody answers for them."""
        covering = [i for i in self.items if i.on(day) and _covers(i.area, place)]
        ranked = [(_match(i, rule, family), _NARROW[i.area.partition(":")[0]], i.code, i) for i in covering]
        fitting = [r for r in ranked if r[0] is not None]
        return min(fitting, key=lambda r: r[:3])[3] if fitting else None

    def item_for(self, request: str, place: Place, day: date) -> Responsibility | None:
        """Return the one item that covers a kind of request at a place on a day; None: nobody answers for it."""
        covering = [i for i in self.items if i.on(day) and _covers(i.area, place)]
        fitting = [i for i in covering if request in i.requests or i.catches]
        return min(
            fitting,
            key=lambda i: (request not in i.requests, _NARROW[i.area.partition(":")[0]], i.code),
            default=None,
        )

    def problems(self, families: Mapping[str, Family], areas: Iterable[str], day: date) -> list[str]:
        """Return what is wrong with the list, given the rules with their families and the areas that there are."""
        bodies = {b.code for b in self.bodies}
        known = {*areas, ""}
        found = [f"body {code}: stands twice" for code in _twice(b.code for b in self.bodies)]
        found += [f"item {key}: stands twice" for key in _twice(f"{i.code} from {i.valid_from}" for i in self.items)]
        for each in self.items:
            where = f"item {each.code}:"
            found += [
                f"{where} there is no body {code!r}: use one of {', '.join(sorted(bodies)) or 'none'}"
                for code in (each.body, *each.supporting)
                if code not in bodies
            ]
            found += [f"{where} there is no rule {rule!r}" for rule in each.rules if rule not in families]
            if each.area not in known:
                found.append(
                    f"{where} there is no area {each.area!r}: use city:<name>, district:<name>, or leave it out"
                )
        found += self._overlaps()
        if not any(i.catches and not i.area and i.on(day) for i in self.items):
            found.append("no item without rules, families and area is in force: what no other covers would be nobody's")
        return found

    def _overlaps(self) -> Iterator[str]:
        """Yield pairs of items that would both answer for the same, at the same place and time."""
        claims: dict[tuple[str, str], list[Responsibility]] = {}
        for each in self.items:
            named = [*(f"rule {r}" for r in each.rules), *(f"family {f.value}" for f in each.families)]
            named += [f"requests {r}" for r in each.requests]
            for what in named or ["everything else"]:
                claims.setdefault((what, each.area), []).append(each)
        for (what, area), items in claims.items():
            for one, other in pairwise(sorted(items, key=lambda i: (i.valid_from, i.code))):
                if one.valid_until is None or other.valid_from < one.valid_until:
                    where = f"in {area}" if area else "everywhere"
                    yield (
                        f"items {one.code} and {other.code} both answer for {what} {where} from {other.valid_from}: "
                        "end the first with valid_until, or give them different areas"
                    )


def _match(item: Responsibility, rule: str, family: Family) -> int | None:
    """Return how well an item fits a rule, 0 best; None: not at all."""
    if rule in item.rules:
        return 0
    if family in item.families:
        return 1
    return 2 if item.catches else None


def _covers(area: str, place: Place) -> bool:
    return area in {"", f"city:{place.city}", f"district:{place.district}"}


def _twice(keys: Iterable[str]) -> list[str]:
    return [key for key, times in Counter(keys).items() if times > 1]
