"""Rules of service: how warm rooms have to be, and what is given back when they are not. Pure; the numbers are dated.

Errors: ServiceError, whose text lists every problem of configs/service.toml.
"""

import itertools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, median
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from perception.point import Title

FILE: Final = Path(__file__).resolve().parent.parent.parent / "configs" / "service.toml"
LEAST_ROOMS: Final = 3
"""Of fewer sampled rooms nothing is concluded about a community, nor shown."""

Basis = Literal["none", "sensors", "measurement"]


class ServiceError(Exception):
    """The rules of service cannot be used; the text lists every problem."""


class Step(BaseModel):
    """Below `below_c` degrees Celsius `percent` of the day's fee are given back."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    below_c: float
    percent: int = Field(ge=0, le=100)


class ServiceRule(BaseModel):
    """The rules in force from a day on. Hours count from the notice; the season's ends are "MM-DD", both included."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    valid_from: date
    target_c: float
    steps: tuple[Step, ...] = Field(min_length=1)
    measure_h: float = Field(gt=0)
    improve_h: float = Field(gt=0)
    refund_after_h: float = Field(gt=0)
    season_first: str = Field(pattern=r"^\d\d-\d\d$")
    season_last: str = Field(pattern=r"^\d\d-\d\d$")
    yuan_m2: float = Field(gt=0)
    ground: Title

    @model_validator(mode="after")
    def _colder_gives_back_more(self) -> Self:
        ranked = sorted(self.steps, key=lambda s: -s.below_c)
        if any(warm.percent >= cold.percent for warm, cold in itertools.pairwise(ranked)):
            raise ValueError("a colder step has to give back more than a warmer one")
        if ranked[0].below_c > self.target_c:
            raise ValueError(f"nothing is given back above the target of {self.target_c} degrees")
        for end in (self.season_first, self.season_last):
            date.fromisoformat(f"2001-{end}")
        return self

    def season(self, day: date) -> tuple[date, date] | None:
        """Return the first and last day of the season that a day lies in, None between seasons."""
        for year in (day.year - 1, day.year):
            first = date.fromisoformat(f"{year}-{self.season_first}")
            over = self.season_last < self.season_first
            last = date.fromisoformat(f"{year + 1 if over else year}-{self.season_last}")
            if first <= day <= last:
                return first, last
        return None

    def percent(self, temperature_c: float) -> int:
        """Return how much of the day's fee is given back at a temperature."""
        return max((step.percent for step in self.steps if temperature_c < step.below_c), default=0)


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund with its calculation: fee of the season / days of the season x percent, in yuan per square metre."""

    percent: int
    season_days: int
    daily_yuan_m2: float
    yuan_m2: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A room measured on site. Hours are since any fixed moment, the same for all; `day` is the city's."""

    noticed_h: float
    taken_h: float
    day: date
    noticed_day: date
    temperature_c: float


@dataclass(frozen=True, slots=True)
class Day:
    """What a community got on a day. `median_c`: of the rooms' means; `degree_hours` below the target, in K.h."""

    rooms: int
    hours: int
    median_c: float | None
    degree_hours: float | None
    in_season: bool
    basis: Basis
    refund: Refund


def refund(rule: ServiceRule, day: date, temperature_c: float | None) -> Refund:
    """Return what is given back for a day at a temperature (None: unknown); nothing outside of the season."""
    season = rule.season(day)
    if season is None:
        return Refund(0, 0, 0.0, 0.0)
    days = (season[1] - season[0]).days + 1
    daily = rule.yuan_m2 / days
    percent = 0 if temperature_c is None else rule.percent(temperature_c)
    return Refund(percent, days, daily, daily * percent / 100)


def owed(rule: ServiceRule, case: Sequence[Measured], day: date, now_h: float) -> float | None:
    """Return the temperature by which a home is owed a refund for a day, None when it is owed none.

    `case` are the measurements of one notice. The refund is due from the notice on once the hours that the rules give
    have passed without a measurement that reached the target, and ends on the day of one that does.
    """
    told = sorted((m for m in case if m.taken_h <= now_h), key=lambda m: m.taken_h)
    if not told or told[0].temperature_c >= rule.target_c:
        return None
    reached = next((m for m in told if m.temperature_c >= rule.target_c), None)
    limit_h = min(m.noticed_h for m in told) + rule.refund_after_h
    if now_h < limit_h or (reached is not None and reached.taken_h <= limit_h):
        return None
    if day < min(m.noticed_day for m in told) or (reached is not None and day >= reached.day):
        return None
    so_far = [m for m in told if m.day <= day] or told[:1]
    return so_far[-1].temperature_c


def assess(rule: ServiceRule, day: date, rooms: Sequence[Sequence[float | None]], owed_c: Sequence[float] = ()) -> Day:
    """Return what a community got. `rooms[i][h]` is the mean of room i in hour h of the day, None without readings.

    `owed_c` are the temperatures by which homes are owed a refund after measurements on site. What gives back more
    counts: the coldest of these, or the median of the sampled rooms where they are enough to speak for a community.
    """
    means = [fmean(known) for room in rooms if (known := [v for v in room if v is not None])]
    by_hour = [[v for v in hour if v is not None] for hour in zip(*rooms, strict=True)]
    middles = [median(known) for known in by_hour if known]
    typical = median(means) if means else None
    lacking = sum(max(0.0, rule.target_c - middle) for middle in middles) if middles else None
    by_sensors = refund(rule, day, typical if len(means) >= LEAST_ROOMS else None)
    by_hand = refund(rule, day, min(owed_c, default=None))
    basis: Basis = "none"
    if max(by_sensors.percent, by_hand.percent) > 0:
        basis = "measurement" if by_hand.percent >= by_sensors.percent else "sensors"
    due = by_hand if basis == "measurement" else by_sensors
    return Day(len(means), len(middles), typical, lacking, rule.season(day) is not None, basis, due)


def rule_on(rules: Sequence[ServiceRule], day: date) -> ServiceRule | None:
    """Return the rules in force on a day."""
    return max((r for r in rules if r.valid_from <= day), key=lambda r: r.valid_from, default=None)


def read_service(file: Path = FILE) -> tuple[ServiceRule, ...]:
    """Return the dated rules of a file, oldest first. Raises ServiceError with every problem."""
    try:
        rows = tomllib.loads(file.read_text("utf-8")).get("rules", [])
        found = tuple(sorted((ServiceRule.model_validate(row) for row in rows), key=lambda r: r.valid_from))
    except ValidationError as err:
        lines = [f"{file}: {'.'.join(map(str, e['loc'])) or 'rule'}: {e['msg']}" for e in err.errors()]
        raise ServiceError("\n".join(lines)) from err
    except (OSError, ValueError) as err:
        raise ServiceError(f"{file}: {err}") from err
    if not found or len({r.valid_from for r in found}) < len(found):
        raise ServiceError(f"{file}: expected one or more [[rules]], each with a valid_from of its own")
    return found


def next_day(day: date) -> date:
    """Return the day after."""
    return day + timedelta(days=1)
