"""Drill: plays an exercise in the running city and tells each step as it happens.

The engine is handed in: this page knows no tables and no rules. Whatever happens, what was broken is mended and the
drill is ended; and if this process is killed, both end by themselves a little later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

AWAITED = ("fault", "sensor", "alarm", "incident", "order")
"""Steps that have to happen before anything is mended."""
AFTERWARDS = ("mended", "cleared", "closed", "verified")
BROKEN_S, WHOLE_S = 130.0, 225.0
"""So long we wait for the first steps, and for all of them: a drill is over within four minutes."""
_LOOK_S = 0.5
_ENDS = {"alarm": ("cleared",), "incident": ("closed",), "order": ("verified", "withdrawn")}
"""Of what may happen more than once: the steps that can end it."""


class Happened(Protocol):
    """One thing that happened: its sort, and what tells it from others of that sort."""

    @property
    def step(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102


class Begun(Protocol):
    """A drill that was begun, at a time in epoch microseconds."""

    @property
    def begins(self) -> int: ...  # noqa: D102


D = TypeVar("D", bound=Begun)
H = TypeVar("H", bound=Happened)


@dataclass(frozen=True, slots=True)
class Engine(Generic[D, H]):
    """What a drill works on. `look` returns all that has happened so far; `wait(s)` is true when it is to stop.

    `steps` are further ones to wait for before it is mended, and `proofs` after that: those of the civic services.
    """

    begin: Callable[[], D]
    look: Callable[[D], Sequence[H]]
    mend: Callable[[D], D]
    end: Callable[[D], None]
    clock: Callable[[], int]
    wait: Callable[[float], bool]
    steps: Sequence[str] = ()
    proofs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a drill showed. `missing` are the steps up to its mending that did not happen; `later` those after it.

    `open` says how many of its alarms, incidents and orders are not over yet; `stopped`: somebody stopped it.
    """

    missing: tuple[str, ...]
    later: tuple[str, ...] = ()
    open: int = 0
    stopped: bool = False


def play(engine: Engine[D, H], tell: Callable[[D, H], None]) -> Outcome:
    """Begin a drill, tell what happens, mend it once the first steps have happened, and end it."""
    teller = _Teller(engine, tell)
    first, last = (*AWAITED, *engine.steps), (*AFTERWARDS, *engine.proofs)
    drill, whole = engine.begin(), False
    try:
        stopped = teller.tell_until(drill, BROKEN_S, lambda seen: _has(seen, first))
        drill, whole = engine.mend(drill), True
        stopped = stopped or teller.tell_until(drill, WHOLE_S, lambda seen: _has(seen, last) and not _left(seen))
    finally:
        if not whole:
            engine.mend(drill)
        engine.end(drill)
    told = {each.step for each in teller.seen}
    missing, later = (tuple(step for step in steps if step not in told) for steps in (first, last))
    return Outcome(missing, later, _left(teller.seen), stopped)


class _Teller(Generic[D, H]):
    """Tells each thing once."""

    def __init__(self, engine: Engine[D, H], tell: Callable[[D, H], None]) -> None:
        self._engine, self._tell = engine, tell
        self._told: set[tuple[str, str]] = set()
        self.seen: Sequence[H] = ()

    def tell_until(self, drill: D, until_s: float, enough: Callable[[Sequence[H]], bool]) -> bool:
        """Look until it is enough or too late; return whether somebody stopped it."""
        while True:
            self.seen = self._engine.look(drill)
            for each in self.seen:
                if (each.step, each.key) not in self._told:
                    self._told.add((each.step, each.key))
                    self._tell(drill, each)
            if enough(self.seen) or self._engine.clock() - drill.begins >= until_s * 1e6:
                return False
            if self._engine.wait(_LOOK_S):
                return True


def _has(seen: Sequence[Happened], steps: Sequence[str]) -> bool:
    return set(steps) <= {each.step for each in seen}


def _left(seen: Sequence[Happened]) -> int:
    """Return how many alarms, incidents and orders are not over."""
    keys = {(each.step, each.key) for each in seen}
    return sum(all((end, key) not in keys for end in _ENDS[step]) for step, key in keys if step in _ENDS)
