"""Limits: from which values on the rules call a value wrong, to be drawn beside it. Pure.

Only what the rules compare with a number of its own is told here; what they learn, or compare over hours, is not.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from application.rule import Rule
from application.rules_file import RulesFile
from perception.roster import Member


@dataclass(frozen=True, slots=True)
class Limit:
    """Where the alarms of a point begin, in its unit: below `low`, above `high`, or `around` to both sides of setpoint.

    None: no rule says so. `rules` are the names of those that do.
    """

    low: float | None = None
    high: float | None = None
    around: float | None = None
    rules: tuple[str, ...] = ()

    def with_other(self, other: "Limit") -> "Limit":
        """Return the stricter of both, side by side."""
        return Limit(
            _strictest(max, self.low, other.low),
            _strictest(min, self.high, other.high),
            _strictest(min, self.around, other.around),
            (*self.rules, *other.rules),
        )


Numbers = Mapping[str, Any]
Told = Iterator[tuple[str, Limit]]


def limits_of(rules: Mapping[str, Rule], member: Member, now: int) -> Mapping[str, Limit]:
    """Return the limits of a device by point, with its own numbers at `now` (epoch microseconds)."""
    found: dict[str, Limit] = {}
    for rule, numbers in _tuned(rules, member, now):
        if not rule.fits(member.kind):
            continue
        for point, limit in _TELL[rule.name](numbers, member):
            if point in member.kind.bits:
                told = Limit(limit.low, limit.high, limit.around, (rule.name,))
                found[point] = found[point].with_other(told) if point in found else told
    return found


def _tuned(rules: Mapping[str, Rule], member: Member, now: int) -> Iterator[tuple[Rule, Numbers]]:
    if isinstance(rules, RulesFile):
        yield from ((rule, tuning.at(member, now)) for rule, tuning in rules.pairs if rule.name in _TELL)
        return
    yield from ((rule, dict(rule.parameters.model_validate({}))) for rule in rules.values() if rule.name in _TELL)


def _strictest(choose: Callable[[list[float]], float], *told: float | None) -> float | None:
    known = [x for x in told if x is not None]
    return choose(known) if known else None


def _supply_pressure(p: Numbers, _: Member) -> Told:
    yield "p_sec_supply", Limit(high=p["share"] * p["relief_mpa"])


def _return_pressure(p: Numbers, member: Member) -> Told:
    if member.static_head_mpa is not None:
        yield "p_sec_return", Limit(low=member.static_head_mpa + p["margin_mpa"])


def _setpoint(p: Numbers, _: Member) -> Told:
    yield "t_sec_supply", Limit(around=p["limit_k"])


def _primary_return(p: Numbers, _: Member) -> Told:
    yield "t_pri_return", Limit(high=p["limit_c"])


def _frost(p: Numbers, _: Member) -> Told:
    yield "t_sec_return", Limit(low=p["return_c"])


def _strainers(p: Numbers, _: Member) -> Told:
    for side in ("pri", "sec"):
        yield f"dp_strainer_{side}", Limit(high=p["limit_kpa"])


_TELL: Mapping[str, Callable[[Numbers, Member], Told]] = {
    "supply_pressure_high": _supply_pressure,
    "return_pressure_low": _return_pressure,
    "supply_off_setpoint": _setpoint,
    "primary_return_high": _primary_return,
    "frost_risk": _frost,
    "strainer_clogged": _strainers,
}
