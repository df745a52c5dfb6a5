"""Corrections: which correction of a device's point is in force when, sorted once and looked up for each reading."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to a value of one device's point at receipt: stored = value * scale + offset.

    `alias` is another name under which the device sends the point; `valid_from` is epoch
    microseconds of event time. The newest that has begun is in force, alone.
    """

    point: str
    alias: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    valid_from: int = 0


NONE: Mapping[str, Correction] = {}


class Timeline:
    """The corrections of one device, by event time."""

    __slots__ = ("_begins", "_in_force")

    def __init__(self, corrections: Iterable[Correction]) -> None:
        self._begins: list[int] = []
        self._in_force: list[Mapping[str, Correction]] = []
        newest: dict[str, Correction] = {}
        for correction in sorted(corrections, key=lambda c: c.valid_from):
            newest[correction.point] = correction
            if not self._begins or self._begins[-1] != correction.valid_from:
                self._begins.append(correction.valid_from)
                self._in_force.append(NONE)
            self._in_force[-1] = by_sent_name(newest)

    def at(self, ts: int) -> Mapping[str, Correction]:
        """Return the corrections in force at `ts` (epoch microseconds), by the name under which a value is sent."""
        place = bisect_right(self._begins, ts)
        return self._in_force[place - 1] if place else NONE


def by_sent_name(in_force: Mapping[str, Correction]) -> dict[str, Correction]:
    """Return corrections by the names that a device may use: the alias, and the point's own name.

    A name that is one point's alias means that point, even where another has it as its own: so
    two points that were wired the wrong way round can be exchanged.
    """
    own = dict(in_force)
    return own | {c.alias: c for c in in_force.values() if c.alias is not None}
