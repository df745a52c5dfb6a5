"""Answer: is the heating of a community all right? One word for it, and why, from what is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The answer in one word. "Cannot tell" is an answer: missing is not healthy."""

    NORMAL = "normal"
    BELOW_TARGET = "below_target"
    DISTURBED = "disturbed"
    CANNOT_TELL = "cannot_tell"


class Why(StrEnum):
    """What the answer rests on."""

    ON_TARGET = "on_target"
    ABOVE_TARGET = "above_target"
    TOO_COOL = "too_cool"
    PRESSURE = "pressure"
    NEVER_HEARD = "never_heard"
    NO_VALUE = "no_value"
    TOO_OLD = "too_old"
    NO_TARGET = "no_target"


class Category(StrEnum):
    """What the public is told of an open alarm: its kind of trouble, nothing of its inner numbers."""

    TEMPERATURE = "temperature"
    PRESSURE = "pressure"
    MEASUREMENT = "measurement"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Water:
    """What is published of the water that heats a community. Times in epoch milliseconds, temperatures in Celsius.

    `heard_at`: newest message of the station; `read_at`: when `supply_c` was measured (None with it).
    None is "not known".
    """

    heard_at: int
    interval_s: float
    read_at: int | None
    supply_c: float | None
    target_c: float | None
    outdoor_c: float | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is not as it should be, since then. `confirmed`: a person of the control room has seen it."""

    category: Category
    since: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as recent (seconds; at least three intervals of the device) and as near the target (kelvin)."""

    stale_after_s: float = 600
    near_target_k: float = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict and its ground. `age_s` is the age of the temperature, None when there is none."""

    verdict: Verdict
    why: Why
    age_s: float | None = None


def answer(water: Water | None, notices: Sequence[Notice], at: int, limits: Limits) -> Answer:
    """Answer for the instant `at` (epoch milliseconds)."""
    if water is None:
        return Answer(Verdict.CANNOT_TELL, Why.NEVER_HEARD)
    if water.supply_c is None or water.read_at is None:
        return Answer(Verdict.CANNOT_TELL, Why.NO_VALUE)
    age_s = max(0.0, (at - water.read_at) / 1000)
    if age_s > max(limits.stale_after_s, 3 * water.interval_s):
        return Answer(Verdict.CANNOT_TELL, Why.TOO_OLD, age_s)
    return Answer(*_of_fresh(water.supply_c, water.target_c, notices, limits.near_target_k), age_s)


def _of_fresh(supply_c: float, target_c: float | None, notices: Sequence[Notice], near_k: float) -> tuple[Verdict, Why]:
    if target_c is None:
        return Verdict.CANNOT_TELL, Why.NO_TARGET
    if supply_c < target_c - near_k:
        return Verdict.BELOW_TARGET, Why.TOO_COOL
    if any(notice.category is Category.PRESSURE for notice in notices):
        return Verdict.DISTURBED, Why.PRESSURE
    return Verdict.NORMAL, Why.ABOVE_TARGET if supply_c > target_c + near_k else Why.ON_TARGET
