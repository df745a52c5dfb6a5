"""Counter: what flowed between readings of a meter that only counts up, whatever the meter does meanwhile. Pure.

A fold: `follow` takes where the counter stood and the next readings, and returns what flowed and where it
stands now. So any split of the same readings into portions says the same. What does not follow from the level
that we trust becomes a candidate; what comes next decides:

- a value that follows from the level again: the candidate was bad, nothing happened;
- a candidate near the register's limit, gone round (rollover): what is left to the limit, and what it shows;
- a candidate at about zero that goes on from there (reset): what it shows. What flowed between the last
  reading and the reset cannot be known;
- a candidate elsewhere that goes on from there (jump: a meter exchanged or set): only what it adds from then on;
- a candidate between the last two readings that stays: the last one was a spike, and is taken back.

A candidate that stands still decides nothing: nothing flowed by either reading of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from perception.point import Point

HOUR_US = 3_600_000_000
LONGEST_SPREAD_US = 92 * 24 * HOUR_US
"""What flowed in a longer gap is booked where it ends."""

_SLACK_US = HOUR_US
"""Meters count in steps, up to an hour apart: a step may fall between two readings that are seconds apart."""
_CANDIDATES = 2
_GROWN = {"rollover": 1, "reset": 2, "jump": 2, "set back": 12}
"""How many times a candidate must have grown before it is believed."""
_ABOUT_ZERO = 0.1
"""A reset leaves less than this share of the former level."""
_HOURS_TO_RUN_THROUGH = 1000.0
_DUST = 1e-6
"""Less than any meter shows, more than what is left of 10^8 in doubles."""


class Event(StrEnum):
    """What happened to a counter beside counting."""

    RESET = "reset"
    ROLLOVER = "rollover"
    JUMP = "jump"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a counter can do: the most per hour, and the value at which its register begins again (None: never)."""

    most_per_hour: float
    rolls_over_at: float | None = None

    @classmethod
    def of(cls, point: Point, rolls_over_at: float | None = None) -> Self:
        """Return the limits of a point. `rolls_over_at`: the device's own, before that of its kind.

        Without `most_per_hour` a counter is taken to need a thousand hours for its whole range.
        """
        most = point.most_per_hour or point.high / _HOURS_TO_RUN_THROUGH
        return cls(most, rolls_over_at if rolls_over_at is not None else point.rolls_over_at)

    def bound(self, wait_us: int) -> float:
        """Return the most that can flow in so many microseconds."""
        return self.most_per_hour * (wait_us + _SLACK_US) / HOUR_US


class Shown(NamedTuple):
    """What a counter showed, and when (epoch microseconds)."""

    value: float
    at: int


class Candidate(NamedTuple):
    """Readings in a row that do not follow from the level but from each other.

    `still_at`: until when it stood where it began; `grown` and `steps` count its readings.
    """

    first: Shown
    last: Shown
    still_at: int
    grown: int
    steps: int

    def joined(self, value: float, at: int) -> "Candidate":
        """Return the candidate with one more reading."""
        grows = value > self.last.value
        still = self.still_at if self.grown or grows else at
        return Candidate(self.first, Shown(value, at), still, self.grown + grows, self.steps + 1)


@dataclass(frozen=True, slots=True)
class State:
    """Where a counter stands: the level that is trusted, the one before it, and what may take its place."""

    former: Shown | None = None
    level: Shown | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def reach(self) -> int | None:
        """The earliest time (epoch microseconds) that later readings can still say something about."""
        shown = [s.at for s in (self.former, self.level) if s is not None]
        return min([*shown, *(c.still_at for c in self.candidates)], default=None)

    def packed(self) -> list[float]:
        """Return the state as numbers, to be kept."""
        none = Shown(-1.0, 0)
        flat: list[float] = [*(self.former or none), *(self.level or none)]
        for c in self.candidates:
            flat += [*c.first, *c.last, c.still_at, c.grown, c.steps]
        return [float(x) for x in flat]

    @classmethod
    def unpacked(cls, kept: Sequence[float]) -> Self:
        """Return what `packed` gave."""
        former, level = (None if v < 0 else Shown(v, int(at)) for v, at in (kept[0:2], kept[2:4]))
        return cls(former, level, tuple(_candidate(kept[i : i + 7]) for i in range(4, len(kept), 7)))


def _candidate(seven: Sequence[float]) -> Candidate:
    first, last = Shown(seven[0], int(seven[1])), Shown(seven[2], int(seven[3]))
    return Candidate(first, last, int(seven[4]), int(seven[5]), int(seven[6]))


@dataclass(slots=True)
class Flow:
    """What flowed: `amounts` between `begins` and `ends` (epoch microseconds); a negative amount takes one back.

    `guessed`: the amount was inferred, not read. `events`: (what, when it was understood, how many).
    """

    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)
    guessed: list[bool] = field(default_factory=list)
    events: list[tuple[Event, int, int]] = field(default_factory=list)

    def add(self, begins: int, ends: int, amount: float, *, guessed: bool = False) -> None:
        """Add one stretch."""
        self.begins.append(begins)
        self.ends.append(ends)
        self.amounts.append(amount)
        self.guessed.append(guessed)

    def extend(self, other: "Flow") -> None:
        """Add what another says."""
        for name in ("begins", "ends", "amounts", "guessed", "events"):
            getattr(self, name).extend(getattr(other, name))


def follow(state: State, ts: NDArray[np.int64], values: NDArray[np.float64], limits: Limits) -> tuple[Flow, State]:
    """Go on from a state: ts int64[n], epoch microseconds, ascending, younger than the state; values float64[n].

    Only good values belong here; NaN and negative ones are passed over.
    """
    usable = values >= 0  # NaN compares as false
    ts, values = ts[usable], values[usable]
    flow, place = Flow(), 0
    steps = np.diff(values)
    clean = (steps >= 0) & (steps <= limits.most_per_hour * ((np.diff(ts) + _SLACK_US) / HOUR_US))
    dirty = np.append(np.flatnonzero(~clean) + 1, len(values))
    while place < len(values):
        state = _next(state, float(values[place]), int(ts[place]), limits, flow)
        place += 1
        if not state.candidates and state.level is not None and state.level.at == ts[place - 1]:
            until = int(dirty[np.searchsorted(dirty, place)])
            state = _run(state, ts[place - 1 : until], values[place - 1 : until], flow)
            place = until
    return flow, state


def _run(state: State, ts: NDArray[np.int64], values: NDArray[np.float64], flow: Flow) -> State:
    """Take a stretch of readings that follow from each other; the first is the level already."""
    if len(ts) < 2:
        return state
    flow.begins += ts[:-1].tolist()
    flow.ends += ts[1:].tolist()
    flow.amounts += np.diff(values).tolist()
    flow.guessed += [False] * (len(ts) - 1)
    return State(Shown(float(values[-2]), int(ts[-2])), Shown(float(values[-1]), int(ts[-1])))


def _next(state: State, value: float, at: int, limits: Limits, flow: Flow) -> State:
    level = state.level
    if level is None:
        return State(None, Shown(value, at))
    for place in _order(state, value):
        start = level if place is None else state.candidates[place].last
        if not 0 <= value - start.value <= limits.bound(at - start.at):
            continue
        if place is None:
            _dismiss(state.candidates, at, flow)
            flow.add(level.at, at, value - level.value)
            return State(level, Shown(value, at))
        return _joined(state, place, value, at, limits, flow)
    fresh = Candidate(Shown(value, at), Shown(value, at), at, 0, 1)
    kept = state.candidates[-(_CANDIDATES - 1) :] if len(state.candidates) == _CANDIDATES else state.candidates
    _dismiss(state.candidates[: len(state.candidates) - len(kept)], at, flow)
    return State(state.former, level, (*kept, fresh))


def _order(state: State, value: float) -> Iterator[int | None]:
    """Yield what a value may follow from, the likeliest first: candidates above the level, it, those below (None: it).

    The longer a candidate above stands still, the more it would look as if it had grown out of the level.
    """
    assert state.level is not None
    above = [n for n, c in enumerate(state.candidates) if c.first.value > state.level.value]
    yield from reversed(above)
    if value >= state.level.value:
        yield None
    yield from (n for n in reversed(range(len(state.candidates))) if n not in above)


def _joined(state: State, place: int, value: float, at: int, limits: Limits, flow: Flow) -> State:
    """Add a reading to a candidate; when that decides what happened, book it and trust the candidate."""
    one = state.candidates[place].joined(value, at)
    others = state.candidates[:place] + state.candidates[place + 1 :]
    undecided = State(state.former, state.level, (*others, one))
    level, former = state.level, state.former
    assert level is not None
    what = _what(former, level, one, limits)
    now = Shown(value, at)
    if what == "spike":
        assert former is not None
        flow.add(former.at, level.at, former.value - level.value)
        flow.add(former.at, at, value - former.value)
        flow.events.append((Event.BAD, at, 1))
        _dismiss(others, at, flow)
        return State(None, now)
    if one.grown < _GROWN[what]:
        return undecided
    _dismiss(others, at, flow)
    if what == "rollover":
        assert limits.rolls_over_at is not None
        flow.add(level.at, at, limits.rolls_over_at - level.value + value)
        flow.events.append((Event.ROLLOVER, at, 1))
    else:
        amount = value if what == "reset" else value - one.first.value
        flow.add(one.still_at, at, amount, guessed=True)
        flow.events.append((Event.RESET if what == "reset" else Event.JUMP, at, 1))
    return State(None, now)


def _what(former: Shown | None, level: Shown, one: Candidate, limits: Limits) -> str:
    """Say what a candidate would mean if it were true."""
    first, bound = one.first, limits.bound(one.first.at - level.at)
    if first.value > level.value:
        return "jump"
    if former is not None and 0 <= first.value - former.value <= limits.bound(first.at - former.at):
        return "spike"
    top = limits.rolls_over_at
    if top is not None and level.value <= top and top - level.value + first.value <= bound and level.value > top / 2:
        return "rollover"
    return "reset" if first.value <= min(bound, _ABOUT_ZERO * level.value) else "set back"


def _dismiss(candidates: Sequence[Candidate], at: int, flow: Flow) -> None:
    count = sum(c.steps for c in candidates)
    if count:
        flow.events.append((Event.BAD, at, count))


class Spread(NamedTuple):
    """Amounts by bucket: starts int64[m] (epoch microseconds, ascending), amounts float64[m], estimated bool[m]."""

    starts: NDArray[np.int64]
    amounts: NDArray[np.float64]
    estimated: NDArray[np.bool_]


def spread(flow: Flow, width_us: int, gap_us: int, phase_us: int = 0) -> Spread:
    """Share what flowed among buckets by time: evenly between two readings.

    Buckets begin at multiples of the width, `phase_us` later. Estimated are the buckets that a wait of more
    than `gap_us` reaches into, and those of an amount that was inferred. Of a part of a history, what is taken
    back may make an amount negative; with the parts added up, `settled` makes it what it is.
    """
    begins, ends = np.array(flow.begins, np.int64), np.array(flow.ends, np.int64)
    amounts, guessed = np.array(flow.amounts, np.float64), np.array(flow.guessed, np.bool_)
    guessed |= ends - begins > gap_us
    begins = np.where(ends - begins > LONGEST_SPREAD_US, ends - 1, begins) - phase_us
    ends = ends - phase_us
    first, last = begins // width_us, (ends - 1) // width_us
    count = last - first + 1
    owner = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    bucket = first[owner] + nth
    inside = np.minimum(ends[owner], (bucket + 1) * width_us) - np.maximum(begins[owner], bucket * width_us)
    share = amounts[owner] * inside / np.maximum(ends - begins, 1)[owner]
    starts, where = np.unique(bucket, return_inverse=True)
    doubtful = np.bincount(where, guessed[owner], len(starts)) > 0
    total = np.bincount(where, share, len(starts)).astype(np.float64)
    return Spread(starts * width_us + phase_us, total, doubtful)


def settled(amount: float) -> float:
    """Return an amount without the dust that adding and taking back leaves; never negative."""
    return amount if amount > _DUST else 0.0
