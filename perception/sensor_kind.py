"""SensorKind: the manifest of one kind of device. Everything else follows from it."""

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perception.command import EVERY_DEVICE, Command
from perception.point import Point, Title

MAX_POINTS = 60
"""Bits of the quality word that are ours: a signed 64-bit integer, with room to spare."""


class SensorKind(BaseModel):
    """One kind of device: its points in their order for ever, and its cadence.

    The place of a point in `points` is its bit in the quality word, so points are only ever
    added at the end. `version` rises with each addition. `key_points` are the few that a list
    or a bar shows first. `commands` are what such a device can be told, besides what every
    device can.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,39}$")
    version: int = Field(default=1, ge=1)
    title: Title
    interval_s: float = Field(gt=0)
    points: tuple[Point, ...] = Field(min_length=1, max_length=MAX_POINTS)
    key_points: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        names = [p.name for p in self.points]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"kind {self.name}: points named twice: {', '.join(twice)}")
        unknown = sorted(set(self.key_points) - set(names))
        if unknown:
            raise ValueError(f"kind {self.name}: key_points not among its points: {', '.join(unknown)}")
        orders = [c.name for c in self.commands]
        if len({*orders, *EVERY_DEVICE}) < len(orders) + len(EVERY_DEVICE):
            raise ValueError(f"kind {self.name}: commands named twice, or like those of every device: {orders}")
        shown = {p.point for c in self.commands for p in c.parameters if p.point is not None}
        if not shown <= set(names):
            raise ValueError(f"kind {self.name}: commands name points that it has not: {sorted(shown - set(names))}")
        return self

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the points, in bit order."""
        return tuple(p.name for p in self.points)

    @cached_property
    def bits(self) -> dict[str, int]:
        """Bit (and column) of each point."""
        return {p.name: i for i, p in enumerate(self.points)}

    @cached_property
    def command_words(self) -> dict[str, Command]:
        """What its devices can be told, by name: what every device can, and what is its own."""
        return {**EVERY_DEVICE, **{c.name: c for c in self.commands}}

    def point(self, name: str) -> Point:
        """Return the point of this name; KeyError when the kind has none."""
        return self.points[self.bits[name]]
