"""Command: what a device of a kind can be told to do, as data: names, units and limits. Pure.

The console draws its forms from it, the platform checks by it before it sends, and the device by the same before it
obeys. What only the device can know, where it stands and what would be dangerous just now, it judges alone.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perception.point import POINT_NAME, Title

AUTOMATIC = "automatic"
"""The argument that gives back to the controller what a command has taken from it."""
_LONGEST_WORD = 60


class Why(StrEnum):
    """Why a command is not obeyed. The first four can be said by whoever knows the kind, the others by the device."""

    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    LIMITS = "limits"
    NOT_SIMULATED = "not_simulated"
    EXPIRED = "expired"
    STEP = "step"
    INTERLOCK = "interlock"
    SUPERSEDED = "superseded"
    NOT_REACHED = "not_reached"


class CommandError(ValueError):
    """A command must not be given like this; `why` as one word, the text says what was expected."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def _is_number(value: object) -> bool:
    """Return whether it is a number that a float can hold: JSON knows longer ones."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_WORD


class Choice(BaseModel):
    """One of the words that a parameter may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=POINT_NAME)
    title: Title


class Parameter(BaseModel):
    """One argument of a command: a number within limits, one of some words, or, with neither, any short word.

    `unit` is UCUM. `step` is the most that one command may change the value; the device holds to it, for it knows
    the present one. `alone`: given with no other argument. `point` names the measured point that shows the value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=POINT_NAME)
    title: Title
    unit: str = "1"
    low: float | None = None
    high: float | None = None
    step: float | None = Field(default=None, gt=0)
    decimals: int = Field(default=1, ge=0, le=6)
    choices: tuple[Choice, ...] = ()
    required: bool = False
    alone: bool = False
    point: str | None = None

    @model_validator(mode="after")
    def _is_a_number_or_a_word(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"parameter {self.name}: a number has both limits, a word none")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"parameter {self.name}: low {self.low} must be below high {self.high}")
        if self.is_number and self.choices:
            raise ValueError(f"parameter {self.name}: a number has limits and no choices")
        return self

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.low is not None

    def check(self, value: object) -> None:
        """Raise CommandError unless the value is one that this parameter can have."""
        if self.low is not None and self.high is not None:
            if not _is_number(value):
                raise CommandError(Why.MALFORMED, f"{self.name} is a number in {self.unit}, not {value!r:.60}")
            assert isinstance(value, int | float), "it is a number"
            if not self.low <= value <= self.high:
                span = f"{self.low:g} to {self.high:g} {self.unit}"
                raise CommandError(Why.LIMITS, f"{self.name} is {value:g}; it can be {span}")
        elif not _is_word(value):
            raise CommandError(Why.MALFORMED, f"{self.name} is a word, not {value!r:.60}")
        elif self.choices and value not in {c.name for c in self.choices}:
            raise CommandError(
                Why.LIMITS, f"{self.name} is {value!r:.60}; it can be {', '.join(c.name for c in self.choices)}"
            )


class Command(BaseModel):
    """One thing that a device can be told.

    `needs_one`: at least one of its parameters is given, though each may be left out. `releases`: it also takes
    `automatic = true` alone, which gives back what it took. `simulated`: only simulated devices obey it. `open`: it
    takes other arguments besides, which only the device knows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=POINT_NAME)
    title: Title
    parameters: tuple[Parameter, ...] = ()
    needs_one: bool = False
    releases: bool = False
    simulated: bool = False
    open: bool = False

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [p.name for p in self.parameters]
        if len(set(names)) < len(names) or AUTOMATIC in names:
            raise ValueError(f"command {self.name}: each parameter has a name of its own, and none is {AUTOMATIC}")
        return self

    def check(self, given: Mapping[str, object]) -> None:
        """Raise CommandError unless these are arguments that the command can have."""
        if self.releases and AUTOMATIC in given:
            if given[AUTOMATIC] is not True or len(given) > 1:
                raise CommandError(Why.MALFORMED, f"{AUTOMATIC} is true, and is given alone")
            return
        known = {p.name: p for p in self.parameters}
        for name, value in given.items():
            if name in known:
                known[name].check(value)
            elif not self.open:
                raise CommandError(Why.MALFORMED, f"{self.name} takes no {name!r:.60}; it takes {self._takes()}")
            elif not (_is_number(value) or isinstance(value, bool) or _is_word(value)):
                raise CommandError(Why.MALFORMED, f"{name:.60} is a number or a word, not {value!r:.60}")
        self._check_together(given)

    def _check_together(self, given: Mapping[str, object]) -> None:
        missing = [p.name for p in self.parameters if p.required and p.name not in given]
        if missing or (self.needs_one and not given):
            raise CommandError(Why.MALFORMED, f"{self.name} needs {', '.join(missing) or 'one of ' + self._takes()}")
        lone = next((p.name for p in self.parameters if p.alone and p.name in given), None)
        if lone is not None and len(given) > 1:
            raise CommandError(Why.MALFORMED, f"{lone} is given alone, without {', '.join(set(given) - {lone})}")

    def _takes(self) -> str:
        words = [p.name for p in self.parameters] + ([f"{AUTOMATIC}=true"] if self.releases else [])
        return ", ".join(words) or "no argument"


PING = Command(name="ping", title=Title(zh="应答测试", en="Answer at once"))
RECONNECT = Command(
    name="reconnect",
    title=Title(zh="重新连接", en="Drop the connection and come back"),
    parameters=(
        Parameter(
            name="away_s", title=Title(zh="离线时长", en="Time away"), unit="s", low=0, high=600, step=600, decimals=0
        ),
    ),
)
EVERY_DEVICE = MappingProxyType({c.name: c for c in (PING, RECONNECT)})
"""What any device may be told, whatever its kind."""

_FAULT_KIND = Parameter(name="kind", title=Title(zh="故障类型", en="Kind of fault"), required=True)
FAULT = Command(
    name="fault",
    title=Title(zh="模拟故障", en="Simulate a fault"),
    parameters=(
        _FAULT_KIND,
        Parameter(name="severity", title=Title(zh="严重程度", en="Severity"), low=0, high=1, decimals=2),
    ),
    simulated=True,
    open=True,
)
CLEAR_FAULT = Command(
    name="clear_fault",
    title=Title(zh="清除模拟故障", en="End simulated faults"),
    parameters=(_FAULT_KIND.model_copy(update={"required": False}),),
    simulated=True,
)
EVERY_SIMULATED = (FAULT, CLEAR_FAULT)
"""What any simulated device may be told: its kind lists them."""
