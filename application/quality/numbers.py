"""Numbers: what the search for doubtful values goes by. Units are in the names."""

from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

_SAID_BY = {
    "still_samples": ("sensor_still", "least_samples"),
    "moved_k": ("sensor_still", "moved_k"),
    "open_circuit_c": ("sensor_sentinel", "open_circuit_c"),
}
"""Which number of which rule says it: the rules and the search go by the same ones."""


class Numbers(BaseModel):
    """Defaults from the house's domain page; measured on three real substations (docs/data-quality.md).

    A stretch is frozen after `still_samples` equal values that span `still_min` minutes: an hour of a device that
    reports by the minute, half a day of one that reports by the hour.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    still_samples: int = Field(default=12, ge=3)
    still_min: float = Field(default=60.0, gt=0)
    moved_k: float = Field(default=1.0, gt=0)
    neighbours_moved_k: float = Field(default=2.0, gt=0)
    open_circuit_c: float = Field(default=-39.9)
    offset_k: float = Field(default=5.0, gt=0)
    offset_back_k: float = Field(default=3.0, gt=0)
    offset_h: float = Field(default=6.0, gt=0)

    @classmethod
    def of_rules(cls, told: Iterable[tuple[str, Mapping[str, object]]]) -> Self:
        """Return the numbers that rules go by as well: `told` are their names with their usual parameters."""
        by_rule = dict(told)
        return cls.model_validate(
            {name: by_rule[rule][key] for name, (rule, key) in _SAID_BY.items() if key in by_rule.get(rule, {})}
        )
