"""Calm: one look that spares most rules theirs.

A rule may say between which bounds its points, or differences of two, leave no doubt: it would say clear, whether
its alarm is open or not. A reading inside the bounds of all such rules needs none of their judges, as long as the
last verdict of each was clear and nothing is pending or open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from application.memory import Facts
from application.rule import Bounds, Rule
from application.sight import Sight
from application.tuning import Columns


@dataclass(frozen=True, slots=True)
class Calm:
    """The bounds of n devices of one kind: low and high float64[n, features].

    A feature is the point of column `of`; of those that differ, the points of `minus` are taken off. `places` are
    the rules that may be spared.
    """

    places: frozenset[int]
    of: NDArray[np.intp]
    minus: NDArray[np.intp]
    differs: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of_rules(cls, rules: Sequence[tuple[Rule, Columns]], facts: Facts) -> Self:
        """Lay out the bounds of the rules that have some and whose numbers are the same everywhere."""
        told: dict[int, Bounds] = {}
        for place, (rule, numbers) in enumerate(rules):
            if rule.calm is not None and not numbers.values:
                told[place] = rule.calm(facts.static_head_mpa[:, None], numbers.usual)
        bits, n = facts.kind.bits, len(facts.members)
        features = sorted({f for bounds in told.values() for f in bounds}, key=lambda f: (bits[f[0]], f[1] or ""))
        low, high = np.full((n, len(features)), -np.inf), np.full((n, len(features)), np.inf)
        for bounds in told.values():
            for feature, (least, most) in bounds.items():
                column = [features.index(feature)]
                low[:, column], high[:, column] = np.maximum(low[:, column], least), np.minimum(high[:, column], most)
        return cls(
            frozenset(told),
            np.array([bits[of] for of, _ in features], np.intp),
            np.array([bits[minus] for _, minus in features if minus], np.intp),
            np.array([minus is not None for _, minus in features], np.bool_),
            np.nan_to_num(low, nan=np.inf, posinf=np.inf, neginf=-np.inf),
            high,
        )

    def within(self, rows: NDArray[np.intp], sight: Sight) -> NDArray[np.bool_]:
        """bool[rows]: every feature of what is seen of these devices is there and inside its bounds."""
        found = sight.some(self.of)
        found[:, self.differs] -= sight.some(self.minus)
        inside = (found >= self.low[rows]) & (found <= self.high[rows])
        return np.asarray(inside.all(axis=1))
