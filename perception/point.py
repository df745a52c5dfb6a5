"""Point: one measured quantity of a sensor kind, with its unit and its limits."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

POINT_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class Title(BaseModel):
    """What people read, in the two languages of the product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Point(BaseModel):
    """One measured quantity: a column of its kind's table and a bit of its quality word.

    `unit` is UCUM. `low` and `high` are physical limits: a value beyond them is stored with
    its quality bit set, because it says something about the sensor and nothing about the
    water. `typical` is the range of normal running, for scales and for the simulator's sanity
    tests; `noise` is one sigma in the unit, or a share of the value when `noise_relative`.
    `max_rate` is the largest plausible change per minute (share of value when
    `noise_relative`). `interval_s` is given where a point comes more slowly than its kind.
    A `counter` only counts up: `most_per_hour` is the most that it can add in an hour, and
    `rolls_over_at` where its register begins again at zero, if that is known for the whole kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=POINT_NAME)
    title: Title
    unit: str
    low: float
    high: float
    typical: tuple[float, float] | None = None
    noise: float = Field(default=0.0, ge=0)
    noise_relative: bool = False
    max_rate: float | None = Field(default=None, gt=0)
    interval_s: float | None = Field(default=None, gt=0)
    decimals: int = Field(default=1, ge=0, le=6)
    event: bool = False
    counter: bool = False
    most_per_hour: float | None = Field(default=None, gt=0)
    rolls_over_at: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"point {self.name}: low {self.low} must be below high {self.high}")
        if self.typical is not None and not self.low <= self.typical[0] <= self.typical[1] <= self.high:
            raise ValueError(f"point {self.name}: typical {self.typical} must lie inside {self.low}..{self.high}")
        if not self.counter and (self.most_per_hour or self.rolls_over_at):
            raise ValueError(f"point {self.name}: only a counter has most_per_hour and rolls_over_at")
        return self
