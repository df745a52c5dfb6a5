"""SensorKind: the manifest of one kind of device. Everything else follows from it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from perception.command import EVERY_DEVICE, Command
from perception.point import Point, Title
from perception.surroundings import Behaviour, Floats, Surroundings

MAX_POINTS = 60
"""Bits of the quality word that are ours: a signed 64-bit integer, with room to spare."""


class BehaviourError(Exception):
    """The behaviour of a kind does not give what the kind declares; the text says what is wrong with it."""


class SensorKind(BaseModel):
    """One kind of device: its points in their order for ever, and its cadence.

    The place of a point in `points` is its bit in the quality word, so points are only ever
    added at the end. `version` rises with each addition. `key_points` are the few that a list
    or a bar shows first. `behaviour` says how a simulated device of this kind behaves; without one
    it follows a day's wave within the typical range of each point (simulators/strangers.py).
    `commands` are what such a device can be told, besides what every device can. `derived`: its readings are
    computed here from those of others; nobody sends them, nobody plays it, and nobody misses it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,39}$")
    version: int = Field(default=1, ge=1)
    title: Title
    interval_s: float = Field(gt=0)
    points: tuple[Point, ...] = Field(min_length=1, max_length=MAX_POINTS)
    key_points: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    derived: bool = False
    behaviour: Behaviour | None = Field(default=None, exclude=True, repr=False)

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

    def behave(self, around: Surroundings) -> Floats:
        """Return values [n, points] of n rows of surroundings, in bit order. Raises BehaviourError.

        Only for a kind with a behaviour: ask `behaviour` first.
        """
        if self.behaviour is None:
            raise BehaviourError(f"kind {self.name} states no behaviour")
        told = self.behaviour(around)
        if not isinstance(told, Mapping):
            raise BehaviourError(f"the behaviour of kind {self.name} gives a mapping by point name, not {type(told)}")
        missing, stray = sorted(set(self.names) - set(told)), sorted(set(told) - set(self.names))
        if missing or stray:
            raise BehaviourError(
                f"the behaviour of kind {self.name} gives exactly its points: "
                f"missing {', '.join(missing) or 'none'}, unknown {', '.join(stray) or 'none'}"
            )
        return np.column_stack([self._column(name, told[name], len(around)) for name in self.names])

    def _column(self, name: str, values: Floats | float, rows: int) -> Floats:
        column = np.asarray(values, np.float64)
        if column.shape not in {(), (rows,)}:
            raise BehaviourError(f"the behaviour of kind {self.name} gives {column.shape} for {name}, not ({rows},)")
        return np.broadcast_to(column, (rows,))
