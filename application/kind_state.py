"""Kind state: the devices of one kind, the rules that watch them, and a version of what is remembered and judged."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from application.calm import Calm
from application.journal import Condition
from application.memory import Facts, Memory
from application.rule import Rule, Trigger
from application.track import Track
from application.tuning import Columns
from application.versions import Version
from perception.roster import Member


@dataclass(frozen=True, slots=True)
class Watched:
    """One rule over the devices of one kind. `apart`: devices that bear their own name in the element.

    A subject has one alarm per element; where several devices stand for one subject, the first
    keeps the plain element and the others put their name before it.
    """

    rule: Rule
    numbers: Columns
    elements: tuple[str, ...]
    apart: frozenset[int] = frozenset()

    @property
    def looks_at_clock(self) -> bool:
        """Whether the passing of time is enough to make it judge."""
        return self.rule.trigger is Trigger.CLOCK

    def condition(self, member: Member, element: int) -> Condition:
        """Name what is judged of a device's element."""
        name = self.elements[element]
        if member.device_id in self.apart:
            name = f"{member.name}/{name}" if name else member.name
        subject = f"station:{member.station}" if self.rule.subject == "station" else f"device:{member.name}"
        return Condition(subject, self.rule.name, name, self.rule.priority, member.station, member.name)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is remembered and judged of the devices of one kind. tracks[i] belongs to watched[i]. Written to in place.

    uneasy bool[n]: not every rule that can be spared said clear of this device, with nothing pending or open.
    """

    memory: Memory
    tracks: tuple[Track, ...]
    uneasy: NDArray[np.bool_]

    def turned(self) -> None:
        """See that the arrays are those of another version."""
        self.memory.history.turned()


@dataclass(frozen=True, slots=True)
class KindState:
    """The devices of one kind: what is known of them, who watches, and a version of what is remembered and judged."""

    facts: Facts
    watched: tuple[Watched, ...]
    calm: Calm
    version: Version[Ground]

    @classmethod
    def of(cls, facts: Facts, watched: tuple[Watched, ...], calm: Calm, ground: Ground) -> Self:
        """Return the first state of a ground."""
        return cls(facts, watched, calm, Version(ground))

    @property
    def memory(self) -> Memory:
        """What is remembered, to be looked at before another version is."""
        return self.version.look().memory

    @property
    def tracks(self) -> tuple[Track, ...]:
        """How far the conditions have come, to be looked at before another version is."""
        return self.version.look().tracks

    @property
    def uneasy(self) -> NDArray[np.bool_]:
        """See Ground."""
        return self.version.look().uneasy

    def condition(self, place: int, row: int, element: int) -> Condition:
        """Name what watched[place] judges of a device's element."""
        return self.watched[place].condition(self.facts.members[row], element)
