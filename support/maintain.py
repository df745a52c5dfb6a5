"""Maintain: the spine of tend. Passes run in turn, in small slices with pauses, so that storing always comes first."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import structlog

from support.outage import Heartbeat, Outage
from support.settings import TendSettings

_WAIT_S = 1.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pass:
    """Something that is done again and again. `run(now)` does it in slices, yielding how much after each.

    `now` is epoch microseconds UTC. Between two slices nothing is held. `run` is begun anew after
    an outage and must be safe to repeat; it raises StoreDownError when the database is away.
    """

    name: str
    every_s: float
    run: Callable[[int], Iterator[int]]


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
) -> None:
    """Run each pass when it is due, until `stop` is set. `clock` gives epoch microseconds UTC. Closes nothing."""
    shift = _Shift(turn, settings, clock, stop, heartbeat)
    due = dict.fromkeys((p.name for p in passes), 0.0)
    while not stop.is_set():
        for each in passes:
            if time.monotonic() >= due[each.name] and shift.run(each):
                due[each.name] = time.monotonic() + each.every_s
        heartbeat()
        stop.wait(_WAIT_S)


class _Shift:
    """One run of maintain."""

    def __init__(
        self, turn: Turn, settings: TendSettings, clock: Callable[[], int], stop: Event, heartbeat: Heartbeat
    ) -> None:
        self._turn, self._settings, self._clock = turn, settings, clock
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
            mark = time.monotonic()
        if amount:
            seconds = {"busy_s": round(busy, 3), "s": round(time.monotonic() - began, 3)}
            _log.info("pass_done", name=each.name, amount=amount, slices=slices, **seconds)


def _unheard(*, down: bool) -> None:
    """Nobody counts the outages of tend: the log has them."""
