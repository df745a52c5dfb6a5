"""Season: a whole winter of a pretend city at full speed, without broker or database: means of chosen points."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception.sensor_kind import SensorKind
from simulators.fleet import Stop
from simulators.world import SUBSTATION, Moment, World

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


class SeasonError(Exception):
    """A season cannot be run as asked; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class SeasonPlan:
    """From when to when (epoch microseconds), in steps of `step` and means over `every` (microseconds), which points.

    A counter has no mean: of it the last value counts. `extremes`: the least and the most of each bucket as well.
    """

    begin: int
    end: int
    step: int
    every: int
    points: tuple[str, ...]
    extremes: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """What all substations showed between `at` and the next bucket: [stations] by column name, NaN where nothing came.

    Columns are the points, and with extremes also `<point>_min` and `<point>_max`.
    """

    at: int
    columns: dict[str, Floats]


Progress = Callable[[int, int], None]
"""Told how many buckets of how many are done."""


def planned(kind: SensorKind, plan: SeasonPlan) -> SeasonPlan:
    """Return the plan if it can be run. Raises SeasonError with every problem."""
    strangers = sorted(set(plan.points) - set(kind.names))
    problems = (
        [f"the kind {kind.name} has no point {', '.join(strangers)}: see `hearthline kinds`"] if strangers else []
    )
    if not plan.points or len(set(plan.points)) < len(plan.points):
        problems.append("points: at least one, and none twice")
    if plan.every % plan.step or plan.step <= 0:
        problems.append(f"every ({plan.every / 1e6:g} s) is a multiple of step ({plan.step / 1e6:g} s)")
    if plan.end - plan.begin < plan.every:
        problems.append("it is over before its first bucket: see --days")
    if problems:
        raise SeasonError("; ".join(problems))
    return plan


def substations(world: World) -> list[str]:
    """Return the names of the substations of a world, in the order of a bucket's arrays."""
    return [part.name for part in world.parts if part.kind.name == SUBSTATION]


def run_season(world: World, plan: SeasonPlan, *, stop: Stop, progress: Progress) -> Iterator[Bucket]:
    """Yield every bucket in order of time, until the end or `stop`. Memory: one bucket.

    Meters show the mean of what they see; a meter's fault bends that. What a link loses, or a device whose battery is
    empty does not say, is NaN; what comes late has come.
    """
    total = (plan.end - plan.begin) // plan.every
    recorder = _Recorder(world, plan)
    moment = world.begin(plan.begin)
    for done in range(total):
        if stop.is_set():
            return
        moments: list[Moment] = []
        for _ in range(plan.every // plan.step):
            moment = world.advance(moment, moment.at + plan.step, plan.step / 1e6)
            moments.append(moment)
        yield recorder.bucket(plan.begin + done * plan.every, moments)
        progress(done + 1, total)


class _Recorder:
    """Makes buckets of moments."""

    def __init__(self, world: World, plan: SeasonPlan) -> None:
        self._world, self._plan = world, plan
        self._places: Places = np.array(
            [i for i, part in enumerate(world.parts) if part.kind.name == SUBSTATION], dtype=np.intp
        )
        self._kind = world.parts[int(self._places[0])].kind
        self._counters = {p.name for p in self._kind.points if p.counter}
        rows = {part.name: k for k, part in enumerate(world.parts[i] for i in self._places)}
        faults = [f for f in world.schedule.faults if f.device in rows]
        self._bent = {f.device: rows[f.device] for f in faults if f.kind.meters is not None}
        self._linked = {f.device: rows[f.device] for f in faults if f.kind.link is not None}

    def bucket(self, at: int, moments: Sequence[Moment]) -> Bucket:
        exact = self._world.columns(moments)
        stations = len(self._places)
        found: dict[str, Floats] = {}
        told = np.full((stations, len(self._kind.points)), np.nan)
        for name in self._plan.points:
            seen = exact[name].reshape(len(moments), -1)[:, :stations]
            told[:, self._kind.bits[name]] = seen[-1] if name in self._counters else seen.mean(axis=0)
            if self._plan.extremes and name not in self._counters:
                found |= {f"{name}_min": seen.min(axis=0), f"{name}_max": seen.max(axis=0)}
        shown = self._bend(self._world.shown(SUBSTATION, told, self._places, moments[-1].at), moments[-1].at)
        found = {name: shown[:, self._kind.bits[name]] for name in self._plan.points} | found
        lost = self._lost(moments)
        return Bucket(
            at, {name: np.where(lost, np.nan, column) for name, column in found.items()} if lost.any() else found
        )

    def _bend(self, shown: Floats, at: int) -> Floats:
        now = np.array([at], dtype=np.int64)
        for device, row in self._bent.items():
            self._world.schedule.instrument(device, self._kind, now, shown[row : row + 1])
        return shown

    def _lost(self, moments: Sequence[Moment]) -> NDArray[np.bool_]:
        """Return of which stations nothing came in all these moments."""
        last = moments[-1]
        lost: NDArray[np.bool_] = self._world.silent(last)[self._places]
        for device, row in self._linked.items():
            fate = self._world.schedule.link(device, last.at)
            if fate.silent and not fate.keeps:
                lost[row] = True
        return lost
