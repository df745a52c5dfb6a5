"""Foreigners: what ingest does for devices of other grammars beside storing their readings.

What they said of themselves goes into the transaction of the batch; what a host has to say to them,
and the topics that it has to hear because somebody approved a device, come after its commit.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from network.foreign import Foreign
from network.link import Batch, Introduction
from network.sparkplug.topics import What
from perception.roster import Roster
from support.foreign_store import kept
from support.store import Row


def remembering(foreign: Foreign, engine: Engine) -> Foreign:
    """Return the same, knowing what was born before this process began."""
    with engine.connect() as on:
        foreign.remember(kept(on))
    return foreign


class Foreigners:
    """All of it for one ingest. `listen` makes the live inlet hear more topics, `greet` says anew that we are here."""

    def __init__(self, foreign: Foreign, listen: Callable[[Sequence[str]], None], greet: Callable[[], None]) -> None:
        self._foreign, self._listen, self._greet = foreign, listen, greet
        self._roster: Roster | None = None

    def attend(self, roster: Roster, now: int) -> Sequence[tuple[str, bytes]]:
        """Hear what the devices of this roster need; return what is to be said to those that are new in it."""
        before, self._roster = self._roster, roster
        if roster is before:
            return ()
        self._listen(self._foreign.topics(roster))
        return () if before is None else self._foreign.newcomers(before, roster, now)

    def said(self, batch: Batch, now: int) -> Sequence[tuple[str, bytes]]:
        """Return (topic, payload) of what is to be said to what was committed."""
        if any(signal.what == What.STATE for signal in batch.signals):  # the will of a connection that is over
            self._greet()
        return self._foreign.replies(batch.signals, now) if batch.signals else ()


def rows_of(introductions: Sequence[Introduction]) -> list[Row]:
    """Return the rows of what foreign devices said of themselves. Without a birth, only those known are changed."""
    return [Row("foreign_device", _values(one)) for one in introductions]


def _values(one: Introduction) -> dict[str, object]:
    values: dict[str, object] = {"grammar": one.grammar, "address": one.address, "seen_at": one.seen_at}
    if one.online is not None:
        values["online"] = one.online
    return values if one.born is None else {**values, "name": one.name, "born": one.born}
