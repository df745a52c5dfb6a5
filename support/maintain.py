"""Maintain: the spine of tend. Passes run in turn, in small slices with pauses, so that storing always comes first.

What is due every few seconds does not wait for the slices of what takes minutes: it has its turn between two of them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple, Protocol

import structlog

from support.outage import Heartbeat, Outage
from support.settings import TendSettings

_WAIT_S = 1.0
QUICK_S = 10.0
"""Passes that are due as often as this are quick ones."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pass:
    """Something that is done again and again. `run(now)` does it in slices, yielding how much after each.

    `now` is epoch microseconds UTC. Between two slices nothing is held. `run` is begun anew after
    an outage and must be safe to repeat; it raises StoreDownError when the database is away.
    `counts` says what the amounts are, for reports.
    """

    name: str
    every_s: float
    run: Callable[[int], Iterator[int]]
    counts: str = "things done"


class Report(NamedTuple):
    """What one run of a pass did: `amount` of what it counts, in so many slices, at work for `busy_s` seconds."""

    name: str
    amount: int
    counts: str
    slices: int
    busy_s: float


class Turn(Protocol):
    """The right to maintain, which one process has at a time."""

    def taken(self) -> bool:
        """Take the right, or see that we still have it; False while another has it. Raises StoreDownError."""


def maintain(
    passes: Sequence[Pass],
    turn: Turn,
    settings: TendSettings,
    clock: Callable[[], int],
    stop: Event,
    heartbeat: Heartbeat,
    told: Callable[[Report], None] = lambda _: None,
) -> None:
    """Run each pass when it is due, until `stop` is set. `clock` gives epoch microseconds UTC. Closes nothing.

    `told` is given the report of each run that did something.
    """
    due = dict.fromkeys((p.name for p in passes), 0.0)

    def run(some: Sequence[Pass]) -> None:
        for each in some:
            if time.monotonic() >= due[each.name] and shift.run(each):
                due[each.name] = time.monotonic() + each.every_s

    quick = [each for each in passes if each.every_s <= QUICK_S]
    shift = _Shift(turn, settings, clock, stop, heartbeat, told, lambda: run(quick))
    while not stop.is_set():
        run(passes)
        heartbeat()
        stop.wait(_WAIT_S)


def maintain_once(passes: Sequence[Pass], turn: Turn, clock: Callable[[], int]) -> Iterator[Report]:
    """Run every pass once, to its end and without rest, and yield what each did.

    Raises TurnTakenError when another process has the right to maintain, StoreDownError.
    """
    if not turn.taken():
        raise TurnTakenError("another tend is at work on this database: its log says what it does; nothing was done")
    for each in passes:
        began = time.monotonic()
        amounts = list(each.run(clock()))
        yield Report(each.name, sum(amounts), each.counts, len(amounts), round(time.monotonic() - began, 3))


class TurnTakenError(Exception):
    """Another process maintains this database."""


class _Shift:
    """One run of maintain."""

    def __init__(
        self,
        turn: Turn,
        settings: TendSettings,
        clock: Callable[[], int],
        stop: Event,
        heartbeat: Heartbeat,
        told: Callable[[Report], None],
        between: Callable[[], None],
    ) -> None:
        self._between = between
        self._turn, self._settings, self._clock, self._told = turn, settings, clock, told
        self._stop, self._heartbeat = stop, heartbeat
        self._outage = Outage(stop, heartbeat, _unheard)
        self._waiting = False

    def run(self, each: Pass) -> bool:
        """Run one pass when it is our turn; False when it is not, or when asked to stop before the pass was done."""
        mine: list[bool] = []

        def work() -> None:
            mine[:] = [self._turn.taken()]
            if mine[0]:
                self._slices(each)

        done = self._outage.endure(work) and mine[0]
        if mine and mine[0] == self._waiting:
            self._waiting = not mine[0]
            _log.info("tend_waits" if self._waiting else "tend_begins")
        return done

    def _slices(self, each: Pass) -> None:
        began = mark = time.monotonic()
        amount = slices = 0
        busy = 0.0
        for count in each.run(self._clock()):
            worked = time.monotonic() - mark
            amount, slices, busy = amount + count, slices + 1, busy + worked
            self._heartbeat(each.name)
            if self._stop.wait(max(self._settings.pause_s, worked * self._settings.rest)):
                break
            if each.every_s > QUICK_S:
                self._between()
            mark = time.monotonic()
        if amount:
            seconds = {"busy_s": round(busy, 3), "s": round(time.monotonic() - began, 3)}
            _log.info("pass_done", name=each.name, amount=amount, what=each.counts, slices=slices, **seconds)
            self._told(Report(each.name, amount, each.counts, slices, seconds["busy_s"]))


def _unheard(*, down: bool) -> None:
    """Nobody counts the outages of tend: the log has them."""
