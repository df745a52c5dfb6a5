"""Outage: live through the absence of the database, with one log line when it goes and one when it is back."""

import itertools
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Protocol

import structlog

from support.store import StoreDownError

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
_BEAT_S = 1.0
_log = structlog.get_logger()


class Heartbeat(Protocol):
    """Tells whoever watches this process that it is alive, how it is in one short phrase, and whether it works."""

    def __call__(self, detail: str = "", *, ready: bool = True) -> None:
        """Say so. Cheap to call often."""


class Turn(Protocol):
    """Hears of a change."""

    def __call__(self, *, down: bool) -> None:
        """Hear that the store went away, or is back."""


class Outage:
    """Repeats work until the store takes it. `on_turn` hears when the store goes away (down) and is back (not down)."""

    def __init__(self, stop: Event, heartbeat: Heartbeat, on_turn: Turn) -> None:
        self._stop = stop
        self._heartbeat = heartbeat
        self._on_turn = on_turn
        self._lost_at: float | None = None
        self._attempts = 0
        self._cause = ""

    def endure(self, work: Callable[[], None]) -> bool:
        """Do `work`, again with backoff while it raises StoreDownError. False: asked to stop before it was done."""
        for delay_s in _delays():
            try:
                work()
            except StoreDownError as err:
                self._lost(err)
            else:
                self._back()
                return True
            if self._stopped_within(delay_s):
                return False
        raise AssertionError("delays never end")

    def _lost(self, err: StoreDownError) -> None:
        self._attempts += 1
        self._cause = str(err)
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self._on_turn(down=True)
            _log.warning("store_lost", cause=str(err), next="what is in hand is held and tried again")

    def _back(self) -> None:
        if self._lost_at is not None:
            seconds = round(time.monotonic() - self._lost_at, 1)
            _log.info("store_back", after_s=seconds, attempts=self._attempts)
            self._lost_at, self._attempts = None, 0
            self._on_turn(down=False)

    def _stopped_within(self, delay_s: float) -> bool:
        until = time.monotonic() + delay_s
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            self._heartbeat(self._cause, ready=False)
            self._stop.wait(min(left, _BEAT_S))
        return self._stop.is_set()


def _delays() -> Iterator[float]:
    return (min(FIRST_DELAY_S * 2**n, LONGEST_DELAY_S) for n in itertools.count())
