"""Scenario: a file (TOML) that says what goes wrong, where and when, or how often."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from simulators.faults.fault import FaultError, tuned
from simulators.faults.kinds import kind_named
from simulators.faults.spans import When, duration_s, when

AREAS = ("station", "branch", "district", "source")
RANDOM = "random"
MOST_DRAWN = 100_000
"""Faults that are drawn at most: a larger number is a slip of the pen."""
_ADVICE = {
    "extra_forbidden": "there is no such key",
    "missing": "is missing",
}

Severity = Annotated[float, Field(ge=0, le=1)]
Time = Annotated[When, BeforeValidator(when)]
Duration = Annotated[float, BeforeValidator(duration_s)]


class ScenarioError(Exception):
    """A scenario cannot be used; the text lists every problem with its file, table and key."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)


class Planned(_Table):
    """One `[[faults]]` table: a kind, one target, a time.

    The target is one of device, station, branch, district, source: a name or "random". `stations`: only so many of
    that place, drawn; `or_random`: where nothing of that name is played, another is drawn.
    """

    kind: str
    device: str | None = None
    station: str | None = None
    branch: str | None = None
    district: str | None = None
    source: str | None = None
    stations: Annotated[int, Field(ge=1)] | None = None
    or_random: bool = False
    begins: Time = Field(default=When(), alias="from")
    until: Time | None = None
    lasts_s: Duration | None = Field(default=None, alias="for")
    severity: Severity = 0.5
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_target_and_one_end(self) -> "Planned":
        targets = [a for a in ("device", *AREAS) if getattr(self, a) is not None]
        if len(targets) != 1:
            found = " and ".join(targets) or "none"
            raise ValueError(f"names one of device, {', '.join(AREAS)} (a name, or {RANDOM!r}); found {found}")
        if self.until is not None and self.lasts_s is not None:
            raise ValueError("has either `for` or `until`, not both")
        if self.stations is not None and self.device is not None:
            raise ValueError("`stations` says how many of a place; a device is one")
        return self

    @property
    def target(self) -> tuple[str, str]:
        """Return what is hit: the sort of place, and its name or "random"."""
        area = next(a for a in ("device", *AREAS) if getattr(self, a) is not None)
        return area, str(getattr(self, area))


class Rate(_Table):
    """How often a kind befalls a station (or an area, for kinds that befall areas), per year, and how badly."""

    per_year: Annotated[float, Field(ge=0, le=1000)]
    severity: tuple[Severity, Severity] = (0.2, 1.0)
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, told: object) -> object:
        return {"per_year": told} if isinstance(told, int | float) and not isinstance(told, bool) else told

    @model_validator(mode="after")
    def _in_order(self) -> "Rate":
        if self.severity[0] > self.severity[1]:
            raise ValueError(f"severity goes from the least to the most, not {list(self.severity)}")
        return self


class Draw(_Table):
    """The time over which `[rates]` are drawn. `count`: exactly so many, shared out by the rates."""

    begins: Time = Field(default=When(), alias="from")
    span_s: Duration = Field(default=183 * 86_400.0, alias="span")
    count: Annotated[int, Field(ge=0, le=MOST_DRAWN)] | None = None


class Scenario(_Table):
    """What a file says. `overlap`: whether a drawn fault may befall a station that has one already."""

    title: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    overlap: bool = False
    faults: tuple[Planned, ...] = ()
    draw: Draw = Draw()
    rates: dict[str, Rate] = Field(default_factory=dict)


def load_scenario(path: Path) -> Scenario:
    """Return the scenario of a file. Raises ScenarioError with every problem in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise ScenarioError(f"{path}: cannot be read: {err}") from err
    return read_scenario(text, str(path))


def read_scenario(text: str, where: str) -> Scenario:
    """Return the scenario of a text; `where` names it in messages. Raises ScenarioError with every problem in it."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ScenarioError(f"{where}: this is no TOML: {err}") from err
    try:
        scenario = Scenario.model_validate(told)
    except ValidationError as err:
        problems = [f"{_place(e['loc'])}: {_said(e)}" for e in err.errors()]
        raise ScenarioError(_listed(where, [*problems, *_raw_problems(told)])) from err
    problems = list(_problems(scenario))
    if problems:
        raise ScenarioError(_listed(where, problems))
    return scenario


def _listed(where: str, problems: list[str]) -> str:
    return "\n".join(f"{where}: {problem}" for problem in problems)


def _problems(scenario: Scenario) -> Iterator[str]:
    for number, planned in enumerate(scenario.faults, start=1):
        yield from _of_kind(f"[[faults]] number {number}", planned.kind, planned.severity, planned.parameters)
    for name, rate in scenario.rates.items():
        yield from _of_kind(f"[rates] {name}", name, rate.severity[1], rate.parameters)
    if scenario.draw.count and not any(rate.per_year for rate in scenario.rates.values()):
        yield "[draw] count: there is nothing to draw from: give [rates] above zero"


def _of_kind(table: str, kind: str, severity: float, parameters: Mapping[str, Any]) -> Iterator[str]:
    try:
        tuned(kind_named(kind), severity, parameters)
    except FaultError as err:
        yield f"{table}: {err}"


def _raw_problems(told: Mapping[str, Any]) -> Iterator[str]:
    """Look for wrong kinds and parameters also where the tables themselves are wrong, so that all is told at once."""
    faults, rates = told.get("faults"), told.get("rates")
    for number, table in enumerate(faults if isinstance(faults, list) else [], start=1):
        if isinstance(table, dict) and isinstance(table.get("kind"), str):
            given = table.get("parameters", {})
            yield from _of_kind(
                f"[[faults]] number {number}", table["kind"], 0.5, given if isinstance(given, dict) else {}
            )
    for name in rates if isinstance(rates, dict) else ():
        yield from _of_kind(f"[rates] {name}", name, 0.5, {})


def _place(loc: tuple[int | str, ...]) -> str:
    if loc[0] == "faults" and len(loc) > 1:
        key = ".".join(map(str, loc[2:]))
        return f"[[faults]] number {int(loc[1]) + 1}" + (f", key {key}" if key else "")
    table, keys = (f"[{loc[0]}] ", loc[1:]) if len(loc) > 1 else ("", loc)
    return f"{table}key {'.'.join(map(str, keys))}"


def _said(error: Any) -> str:
    if error["type"] in _ADVICE:
        return _ADVICE[error["type"]]
    text = str(error["msg"]).removeprefix("Value error, ")
    return text if error["type"] == "value_error" else f"{text}, got {error['input']!r}"
