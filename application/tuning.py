"""Tuning: the numbers of a rule, and what differs in a city, a district, a station or on a device, and when.

On a device that is drilled its times are shorter for as long as the drill lasts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from application.instants import microseconds
from application.rule import Parameters
from perception.roster import Member

PLACES = ("city", "district", "station", "device")
"""From wide to narrow: what is said of a narrower place wins; of equals, what is said last."""
WITHIN = ("from", "until")
HURRIED_BY = 60.0
"""By so much delays and other times of rules are divided on a device that is drilled."""
DRILL = "drill"
"""The column that says so, and the word in the evidence of an alarm that was raised in a drill."""
_TIME = "_s"
_ALWAYS = np.iinfo(np.int64)


class TuningError(Exception):
    """An exception cannot be understood; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs at some places of one sort, over [start, stop) in epoch microseconds."""

    sort: str
    names: frozenset[str]
    start: int
    stop: int
    values: Mapping[str, Any]

    def covers(self, member: Member) -> bool:
        """Return whether a device stands at one of the places."""
        own = {"city": member.city, "district": member.district, "station": member.station, "device": member.name}
        return own[self.sort] in self.names


@dataclass(frozen=True, slots=True)
class Hurry:
    """A drill at one device over [start, stop) in epoch microseconds: times are divided by `HURRIED_BY` there.

    What is left of one that is shorter than the steps in which the rule looks, `step_s` or the device's own interval,
    counts as nothing: it could only be rounded up to a whole step.
    """

    device: str
    start: int
    stop: int
    step_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tuning:
    """The usual parameters of a rule, its variants from wide to narrow, and the drills that hurry it."""

    usual: Parameters
    variants: tuple[Variant, ...] = ()
    drills: tuple[Hurry, ...] = ()

    def laid_out(self, members: Sequence[Member]) -> "Columns":
        """Return the parameters as columns over these devices; column `drill` is 1 during a drill."""
        mine = [v for v in self.variants if any(v.covers(m) for m in members)]
        drills = [d for d in self.drills if any(d.device == m.name for m in members)]
        if not mine and not drills:
            return Columns(self.usual)
        spans = [*((v.start, v.stop) for v in mine), *((d.start, d.stop) for d in drills)]
        turns = np.unique([np.int64(t) for span in spans for t in span])
        columns: dict[str, NDArray[np.float64]] = {}
        for variant in mine:
            covered = np.array([variant.covers(m) for m in members])
            spell = (turns >= variant.start) & (turns < variant.stop)
            for name, value in variant.values.items():
                column = columns.setdefault(name, self._usual(name, turns, members))
                column[1:][np.ix_(spell, covered)] = value
        for drill in drills:
            self._hurry(drill, turns, members, columns)
        return Columns(self.usual, turns, columns)

    def _usual(self, name: str, turns: NDArray[np.int64], members: Sequence[Member]) -> NDArray[np.float64]:
        return np.full((len(turns) + 1, len(members)), _number(getattr(self.usual, name)))

    def _hurry(
        self,
        drill: Hurry,
        turns: NDArray[np.int64],
        members: Sequence[Member],
        columns: dict[str, NDArray[np.float64]],
    ) -> None:
        """Divide what is a time, whatever else differs there."""
        [place] = [k for k, m in enumerate(members) if m.name == drill.device]
        spells = 1 + np.flatnonzero((turns >= drill.start) & (turns < drill.stop))
        step = max(drill.step_s, members[place].interval_s)
        for name in type(self.usual).model_fields:
            if name.endswith(_TIME):
                column = columns.setdefault(name, self._usual(name, turns, members))
                column[spells, place] = column[spells, place] / HURRIED_BY // step * step
        marked = columns.setdefault(DRILL, np.zeros((len(turns) + 1, len(members))))
        marked[spells, place] = 1.0

    def at(self, member: Member, now: int) -> dict[str, Any]:
        """Return the parameters that hold on one device at one time, by name."""
        found = self.laid_out([member]).of(np.zeros(1, np.intp), np.array([now]))
        return {name: _plain(getattr(found, name)) for name in type(self.usual).model_fields}


@dataclass(frozen=True, slots=True)
class Columns:
    """The parameters over devices of one kind: `values` by name float64[spells, n]; spell k+1 begins at turns[k]."""

    usual: Parameters
    turns: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def of(self, rows: NDArray[np.intp], now: NDArray[np.int64]) -> Any:
        """Return what a judge reads of these rows at these times (int64[rows]): numbers, or float64[rows, 1]."""
        if not self.values:
            return self.usual
        spell = np.searchsorted(self.turns, now, side="right")
        differing = {name: column[spell, rows][:, None] for name, column in self.values.items()}
        return SimpleNamespace(**{**dict(self.usual), **differing})


def variant_of(table: Mapping[str, Any], parameters: type[Parameters], usual: Mapping[str, Any]) -> Variant:
    """Read one exception of a rule: one sort of place, perhaps from and until, and the numbers that differ there.

    Raises TuningError, or ValidationError for the numbers.
    """
    sorts = [sort for sort in PLACES if sort in table]
    if len(sorts) != 1:
        raise TuningError(f"an exception names one of {', '.join(PLACES)}; this one names {', '.join(sorts) or 'none'}")
    named = table[sorts[0]]
    names = [named] if isinstance(named, str) else named
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        raise TuningError(f"{sorts[0]}: expected a name or a list of names")
    start = _instant(table, "from", int(_ALWAYS.min))
    stop = _instant(table, "until", int(_ALWAYS.max))
    if start >= stop:
        raise TuningError("`until` is not after `from`")
    values = {k: v for k, v in table.items() if k not in (*PLACES, *WITHIN)}
    if not values:
        raise TuningError("it changes nothing: name the numbers that differ there")
    whole = parameters.model_validate({**usual, **values})
    return Variant(sorts[0], frozenset(names), start, stop, {k: getattr(whole, k) for k in values})


def ordered(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Return variants in the order in which they overlay each other."""
    return tuple(sorted(variants, key=lambda v: PLACES.index(v.sort)))


def complaints(where: str, error: ValidationError) -> list[str]:
    """Return one line per problem that pydantic found with the numbers of a rule."""
    return [f"{where} {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]


def _instant(table: Mapping[str, Any], key: str, missing: int) -> int:
    """Return a day (it begins at 00:00 UTC) or a time with its zone, in epoch microseconds."""
    told = table.get(key)
    if told is None:
        return missing
    if isinstance(told, datetime) and told.tzinfo is not None:
        return microseconds(told)
    if isinstance(told, date) and not isinstance(told, datetime):
        return microseconds(datetime.combine(told, time(), UTC))
    raise TuningError(f"{key}: expected a day such as 2026-10-20 or a time with its zone, not {told!r}")


def _number(value: float | None) -> float:
    """Return a number; NaN for a limit that there is not."""
    return np.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    return float(value.item()) if isinstance(value, np.ndarray) else value
