"""Versions: arrays that are written to in place, while what they held before can still be had.

A step touches a few rows of what is remembered of a whole city. Copying the whole would make every step cost what
the city costs, so the arrays belong to the newest version; an older one keeps what was overwritten since, and
whoever looks at it turns the arrays back first. To its users every version is a value that never changes
(H. G. Baker, Shallow binding makes functional arrays fast, 1991). For one thread.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


class _Overwritten(NamedTuple):
    """Rows of an array, with what they held."""

    array: NDArray[Any]
    rows: Rows
    held: NDArray[Any]

    def turn(self) -> "_Overwritten":
        there = self.array[self.rows]
        self.array[self.rows] = self.held
        return self._replace(held=there)


class _Put(NamedTuple):
    """A key of a mapping, with what stood under it; None: nothing."""

    under: MutableMapping[int, NDArray[Any]]
    key: int
    held: NDArray[Any] | None

    def turn(self) -> "_Put":
        there = self.under.pop(self.key, None)
        if self.held is not None:
            self.under[self.key] = self.held
        return self._replace(held=there)


class Undo:
    """What one step has overwritten, in its order. Everything is kept before it is written to."""

    def __init__(self) -> None:
        self._kept: list[_Overwritten | _Put] = []

    def keep(self, array: NDArray[Any], rows: Rows) -> None:
        """Keep rows of an array, none of them twice."""
        self._kept.append(_Overwritten(array, rows, array[rows]))

    def keep_key(self, under: MutableMapping[int, NDArray[Any]], key: int) -> None:
        """Keep what stands under a key, or that nothing does."""
        self._kept.append(_Put(under, key, under.get(key)))

    def turn(self) -> None:
        """Put everything back; from now on this leads forward again."""
        self._kept = [entry.turn() for entry in reversed(self._kept)]


class Ground(Protocol):
    """What is written to in place."""

    def turned(self) -> None:
        """See that the arrays were turned to another version: what was worked out from them is void."""


G = TypeVar("G", bound=Ground)


class Version(Generic[G]):
    """A ground as it was at one time. `later` is the next on the way to the newest, `undo` what leads back from it."""

    __slots__ = ("_ground", "later", "undo")

    def __init__(self, ground: G) -> None:
        self._ground = ground
        self.later: Version[G] | None = None
        self.undo = Undo()

    def look(self) -> G:
        """Return the ground as this version has it, until another version is looked at or begun."""
        if self.later is not None:
            for version in reversed(list(self._way())):
                version.step_back()
            self._ground.turned()
        return self._ground

    def begin(self) -> tuple["Version[G]", Undo]:
        """Return the version after this one, to be written to, and what every write has to be told before."""
        self.later, self.undo = Version(self.look()), Undo()
        return self.later, self.undo

    def step_back(self) -> None:
        """Turn the ground from the version after this one, which is the newest, to this one; that leads back to it."""
        later = self.later
        if later is not None:
            self.undo.turn()
            later.later, later.undo = self, self.undo
            self.later, self.undo = None, Undo()

    def _way(self) -> Iterator["Version[G]"]:
        """Yield this version and those after it that are not the newest."""
        version = self
        while version.later is not None:
            yield version
            version = version.later
