"""Watcher: the port through which ingest lets the rules see what was accepted, in the transaction of the readings."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from perception.readings import Readings
from perception.roster import Roster
from support.store import Row

State = TypeVar("State")
Transition = Mapping[str, object]


class Watcher(Protocol[State]):
    """The watching step. `enrol(None, ...)` begins from what is stored and may raise StoreDownError; the rest is pure.

    No method changes the state it is given.
    """

    def enrol(self, state: State | None, roster: Roster) -> State:
        """Return a state for a changed roster."""

    def retuned(self) -> bool:
        """Return whether the rules or their numbers have changed, and take them in: then states are enrolled anew."""

    def attend(self, state: State, since: int | None) -> State:
        """Return a state that knows since when we listen without a break (epoch microseconds); None: we do not."""

    def step(
        self, state: State, accepted: Mapping[str, Readings], now: int
    ) -> tuple[State, Sequence[Transition], Sequence[Row]]:
        """Judge accepted readings and the passing of time; return the alarm transitions and the rows to be written."""
