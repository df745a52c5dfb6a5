"""Own rules: rules of a site's own, as data: a point, a difference of two or a rate, beyond a limit for a time.

They have the same life as the built-in ones, and stand in configs/rules.toml under `own`:

    [own.pump_room_hot]
    title = { zh = "泵房过热", en = "Pump room too hot" }
    point = "t_station_room"
    above = 40
    on_delay_s = 300

One of a derived kind (`kind = "heat_substation_derived"`) is of tempo slow: its points come every ten minutes.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from application.rule import Judgement, Parameters, Rule, RuleError, Verdict
from perception.kinds.heat_substation_derived import KIND as DERIVED_KIND
from perception.point import POINT_NAME, Title
from perception.sensor_kind import SensorKind

DERIVED = "_derived"
_NAME = r"^[a-z][a-z0-9_]{2,39}$"
_NUMBERS = frozenset({"on_delay_s", "off_delay_s", "latched", "realarm_s", "above", "below", "deadband", "except"})
_ADVICE = Title(
    zh="可能原因：本站自定规则，请查看其说明。后果：由制定者判断。处理：核对测点与现场情况。",
    en="Cause: a rule of this site's own; ask who made it. Consequence: for its maker to judge. "
    "To do: compare the points with what stands on site.",
)


class OwnLimit(Parameters):
    """Raised above `above` or below `below` (None: no such limit); cleared `deadband` inside."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    above: float | None = None
    below: float | None = None
    deadband: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("give a limit: above, below, or both")
        if self.above is not None and self.below is not None and self.above <= self.below:
            raise ValueError("above must be greater than below")
        return self


class OwnWords(BaseModel):
    """What a rule of one's own looks at, and how it reads. `minus`: a second point that is taken off the first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Title
    advice: Title = _ADVICE
    point: str = Field(pattern=POINT_NAME)
    minus: str | None = Field(default=None, pattern=POINT_NAME)
    rate_over_s: float | None = Field(default=None, ge=60, le=3600)
    kind: str | None = None
    priority: int = Field(default=3, ge=1, le=3)
    respond_s: int = Field(default=24 * 3600, gt=0, le=366 * 86_400)
    subject: str = Field(default="device", pattern="^(station|device)$")

    @property
    def is_derived(self) -> bool:
        """Whether it looks at what is computed here from readings: such kinds bear the word at their end."""
        return self.kind is not None and self.kind.endswith(DERIVED)


def own_rules(tables: object, taken: Mapping[str, Rule]) -> tuple[dict[str, Rule], list[str]]:
    """Return the rules of these tables by name, and what is wrong with the others."""
    if not isinstance(tables, Mapping):
        return {}, ["[own]: expected a table per rule"]
    found: dict[str, Rule] = {}
    problems: list[str] = []
    for name, table in tables.items():
        try:
            found[name] = _rule(name, table, taken)
        except RuleError as err:
            problems.append(str(err))
    return found, problems


def numbers_of(tables: object) -> dict[str, Mapping[str, Any]]:
    """Return the numbers of each rule, as `tuned` reads them."""
    rows = tables.items() if isinstance(tables, Mapping) else ()
    return {n: {k: v for k, v in t.items() if k in _NUMBERS} for n, t in rows if isinstance(t, Mapping)}


def _rule(name: str, table: object, taken: Mapping[str, Rule]) -> Rule:
    if not re.fullmatch(_NAME, name):
        raise RuleError(f"[own.{name}]: a rule's name is small letters, digits and underscores, 3 to 40 of them")
    if name in taken:
        raise RuleError(f"[own.{name}]: there is a rule of this name already")
    if not isinstance(table, Mapping):
        raise RuleError(f"[own.{name}]: expected a table")
    try:
        words = OwnWords.model_validate({k: v for k, v in table.items() if k not in _NUMBERS})
    except ValidationError as err:
        told = [f"[own.{name}] {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors()]
        raise RuleError("; ".join(told)) from err
    if words.kind is None and words.point in DERIVED_KIND.bits:
        raise RuleError(f'[own.{name}]: {words.point} is a derived point: say kind = "{DERIVED_KIND.name}" as well')
    points = (words.point,) if words.minus is None else (words.point, words.minus)
    return Rule(
        name=name,
        title=words.title,
        advice=words.advice,
        priority=words.priority,
        respond_s=words.respond_s,
        parameters=OwnLimit,
        judge=partial(judge, words),
        evidence=partial(evidence, words),
        needs=points,
        history=points if words.rate_over_s else (),
        elements=partial(_elements, words.point),
        subject=words.subject,
        kinds=frozenset() if words.kind is None else frozenset({words.kind}),
        tempo="slow" if words.is_derived else "fast",
    )


def _elements(point: str, kind: SensorKind) -> tuple[str, ...]:
    del kind
    return (point,)


def judge(words: OwnWords, window: Any, p: OwnLimit) -> Judgement:
    """Compare with the limits; cannot tell without the points."""
    value = measured(words, window)
    inside = np.where(window.raised, p.deadband, 0.0)
    beyond = np.zeros(value.shape, np.bool_)
    if p.above is not None:
        beyond |= value > p.above - inside
    if p.below is not None:
        beyond |= value < p.below + inside
    verdict = np.where(beyond, Verdict.RAISE, Verdict.CLEAR)
    return Judgement(np.where(np.isnan(value), Verdict.CANNOT_TELL, verdict).astype(np.int8))


def evidence(words: OwnWords, window: Any, p: OwnLimit) -> Mapping[str, NDArray[np.float64]]:
    """Show what was measured and the limits."""
    value = measured(words, window)
    limits = {"low": p.below, "high": p.above}
    return {"value": value, **{n: np.full_like(value, 1) * v for n, v in limits.items() if v is not None}}


def measured(words: OwnWords, window: Any) -> NDArray[np.float64]:
    """float64[n, 1]: the point, less the other, or how much that changed per minute over `rate_over_s`.

    `window` is a SlowWindow for points of a derived kind.
    """
    if words.is_derived:
        return _of_tenths(words, window)
    now: NDArray[np.float64] = window.value(words.point) - (0.0 if words.minus is None else window.value(words.minus))
    if words.rate_over_s is None:
        return now
    back = round(words.rate_over_s / 60)
    before = window.past(words.point, back) - (0.0 if words.minus is None else window.past(words.minus, back))
    rate: NDArray[np.float64] = (now - before) / back
    return rate


def _of_tenths(words: OwnWords, window: Any) -> NDArray[np.float64]:
    """Return the same from ten-minute means: the newest of the last hour, and of an hour that ended so long before."""
    trace: NDArray[np.float64] = window.trace(words.point, 2) - (
        0.0 if words.minus is None else window.trace(words.minus, 2)
    )
    if words.rate_over_s is None:
        return _newest(trace)
    back = max(1, round(words.rate_over_s / 600))
    rate: NDArray[np.float64] = (_newest(trace) - _newest(trace[:, :-back])) / (back * 10)
    return rate


def _newest(trace: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, 1]: the last value of the last six buckets, NaN where there is none."""
    last = trace[:, -6:]
    known = ~np.isnan(last)
    place = last.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    found: NDArray[np.float64] = last[np.arange(len(last)), place][:, None]
    return found
