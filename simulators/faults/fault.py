"""Fault: one thing that is wrong with one device, and the kinds of things that can be.

A kind is a typed set of parameters and up to three ways to act: on the plant (it writes Interventions, which the
physics read), on the meters (on what they show, after the physics) and on the link (on what becomes of what is sent).
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from perception.point import Title
from simulators.faults.fate import LinkFate
from simulators.heat.design import Design
from simulators.heat.interventions import Interventions

Floats = NDArray[np.float64]

RULES = (
    "LEAK_SEC", "BURST", "HX_LEAK", "P_LOW", "P_HIGH", "PUMP_FAIL", "PUMP_CAV", "STRAINER", "HX_FOUL", "VALVE_STUCK",
    "VALVE_HUNT", "LOW_DT", "HIGH_RETURN", "CURVE", "CTRL_ERR", "COLD", "FROST", "BALANCE", "S_RANGE", "S_STUCK",
    "S_SPIKE", "S_DRIFT", "S_SWAP", "COUNTER", "POWER_CUT", "COMM", "FLOOD", "DOOR", "THEFT",
)  # fmt: skip
"""Names of the findings that detection is scored by."""


class FaultError(Exception):
    """A fault cannot be made as asked; the text lists every problem."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """What a parameter is at severity 0 and at severity 1; between the two along a line."""

    least: float
    most: float


class Parameters(BaseModel):
    """Base of the parameters of a kind. Units are in the names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Hours = Annotated[float, Field(ge=0, le=24 * 365)]
Days = Annotated[float, Field(ge=0, le=365)]


class Sky(Protocol):
    """What the weather tells faults."""

    def hour(self, at: int) -> float:
        """Return the local hour of the day, 0..24."""

    def irradiance(self, at: int) -> float:
        """Return global irradiance on the ground, W/m2."""


@dataclass(slots=True)
class Plant:
    """One station's place in the interventions that are being written, at one instant (epoch microseconds)."""

    orders: Interventions
    place: int
    design: Design
    at: int
    age_s: float
    hour: float
    sun: float

    def fact(self, name: str) -> float:
        """Return a number of the station's design."""
        return float(getattr(self.design, name)[self.place])

    def add(self, name: str, value: float) -> None:
        """Add to what other faults wrote."""
        getattr(self.orders, name)[self.place] += value

    def times(self, name: str, value: float) -> None:
        """Multiply what other faults wrote."""
        getattr(self.orders, name)[self.place] *= value

    def put(self, name: str, value: float) -> None:
        """Write, whatever other faults wrote."""
        getattr(self.orders, name)[self.place] = value

    def most(self, name: str, value: float) -> None:
        """Write unless another fault wrote more."""
        column = getattr(self.orders, name)
        column[self.place] = max(column[self.place], value)


@dataclass(slots=True)
class Shown:
    """What the meters of one device show at some instants: `values` [n, points], to be written to.

    `at` [n] in epoch microseconds, `age_s` [n] since the fault began; `held` [points] is what was shown when it began;
    `bits` are the columns by point; `span` [points] the width of each point's typical range; `sun()` [n] in W/m2;
    `dice(salt)` gives numbers [n] evenly from 0..1 that are the same for the same instants.
    """

    values: Floats
    at: NDArray[np.int64]
    age_s: Floats
    held: Floats
    bits: Mapping[str, int]
    span: Floats
    sun: Callable[[], Floats]
    dice: Callable[[int], Floats]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault. `family` names the findings (RULES) that it should lead to.

    `plant` writes the interventions, `meters` changes what is shown, `link` is asked with the parameters, the fault's
    age in seconds and the time (epoch microseconds). `bends` gives the points whose meters it bends. `area` is
    "station" when it befalls single stations, else the area that it usually befalls as a whole. `changes` says that
    what it does to the plant changes with time while it lasts. `whole_station`: every device of the station has it,
    and not only its substation. `one_of_area`: where an area is named, one of its stations has it. `lasts_h` is how
    long a drawn one lasts, at least and at most.
    """

    name: str
    title: Title
    says: str
    family: tuple[str, ...]
    parameters: type[Parameters]
    plant: Callable[[Any, Plant], None] | None = None
    meters: Callable[[Any, Shown], None] | None = None
    link: Callable[[Any, float, int], LinkFate] | None = None
    bends: Callable[[Any], tuple[str, ...]] | None = None
    area: str = "station"
    changes: bool = False
    whole_station: bool = False
    one_of_area: bool = False
    lasts_h: tuple[float, float] = (4.0, 72.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one device. Times are epoch microseconds UTC; `ends` None: until further notice.

    `area` names the greater fault that it is a part of. `number` tells faults of a schedule apart.
    """

    device: str
    station: str
    kind: FaultKind
    begins: int
    ends: int | None
    severity: float
    parameters: Parameters
    area: str | None = None
    number: int = field(default=0, compare=False)

    def is_on(self, at: int) -> bool:
        """Return whether it acts at that time."""
        return self.begins <= at and (self.ends is None or at < self.ends)


def tuned(kind: FaultKind, severity: float, given: Mapping[str, Any]) -> Parameters:
    """Return the parameters of a fault of that severity (0..1), overruled by what is given.

    Raises FaultError that lists every unknown or impossible parameter.
    """
    if not 0 <= severity <= 1:
        raise FaultError(f"severity is a number from 0 to 1, not {severity}")
    scaled = {n: _between(kind.parameters, n, s, severity) for n, s in scales(kind.parameters).items()}
    try:
        return kind.parameters.model_validate(scaled | dict(given))
    except ValidationError as err:
        known = ", ".join(kind.parameters.model_fields) or "none"
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_told(e)}" for e in err.errors())
        raise FaultError(f"parameters of {kind.name}: {told} (it takes: {known})") from err


def _between(parameters: type[Parameters], name: str, scale: Scaled, severity: float) -> float:
    value = scale.least + severity * (scale.most - scale.least)
    return round(value) if parameters.model_fields[name].annotation is int else round(value, 6)


def _told(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such parameter"
    return f"{error['msg']}, got {error['input']!r}"


@functools.cache
def scales(parameters: type[Parameters]) -> Mapping[str, Scaled]:
    """Return the parameters that follow from the severity unless they are given."""
    found = ((n, _scale(f)) for n, f in parameters.model_fields.items())
    return {name: scale for name, scale in found if scale is not None}


def _scale(field_info: FieldInfo) -> Scaled | None:
    return next((m for m in field_info.metadata if isinstance(m, Scaled)), None)


def grown(age_s: float, over_s: float) -> float:
    """Return how much of a fault has grown, 0..1, that takes so long to grow."""
    return 1.0 if over_s <= 0 else min(max(age_s / over_s, 0.0), 1.0)
