"""Judging: one step of the watch over the devices of one kind.

Readings go through in rounds, the k-th of each device together, so that what comes out does not
depend on how a sequence was cut into batches. What is written to belongs to the new state, and what it held
before is kept: the state that came in stays as it was (versions.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.instants import MINUTE
from application.journal import CLEARED, RAISED, Transition, state_row
from application.kind_state import KindState, Watched
from application.memory import DEAF, NEVER, Facts, Rows
from application.rule import Judgement, Rule, Trigger, Verdict, Window
from application.track import Track, advance
from application.tuning import DRILL, Tuning
from perception.readings import Readings
from perception.sensor_kind import SensorKind
from support.store import Row


class _Touched(NamedTuple):
    """Rows of a track as they were before they were written to."""

    rows: Rows
    verdict: NDArray[np.int8]
    pending: NDArray[np.int64]


class Judging:
    """The step in progress. `transitions` grows in the order of event time of each device."""

    def __init__(self, before: KindState, attended: int | None) -> None:
        self._before = before
        self._attended = DEAF if attended is None else attended
        self._version, self._undo = before.version.begin()
        ground = self._version.look()
        self._memory, self._tracks, self._uneasy = ground.memory, ground.tracks, ground.uneasy
        self._touched: list[list[_Touched]] = [[] for _ in self._tracks]
        self.transitions: list[Transition] = []

    def take_in(self, readings: Readings, heard: NDArray[np.int64]) -> None:
        """Judge accepted readings in the order of their arrival. `heard` int64[n]: when each was received.

        Late ones (older than their limit when they were heard, or not newer than the device's
        newest) judge nothing; one of the very instant of the newest adds its points.
        """
        facts = self._before.facts
        rows = facts.find(readings.device_id)
        fresh = (rows >= 0) & (readings.ts >= heard - facts.late_us[rows])
        fresh[fresh] = readings.ts[fresh] >= self._memory.watermark[rows[fresh]]
        if not fresh.any():
            return
        readings, rows, heard = _those(fresh, readings), rows[fresh], heard[fresh]
        for chosen in _rounds(rows):
            self._round(_those(chosen, readings), rows[chosen], heard[chosen])

    def pass_time(self, now: int) -> None:
        """Let the rules that look at the clock judge every device at `now` (epoch microseconds)."""
        rows = np.arange(len(self._before.facts.members))
        self._look_at_clock(rows, np.full(len(rows), now))

    def result(self) -> tuple[KindState, list[Row]]:
        """Return the state after the step, and the rows of watch_state that changed."""
        rows = [row for place in range(len(self._tracks)) for row in self._changes(place)]
        return replace(self._before, version=self._version), rows

    def _round(self, readings: Readings, rows: Rows, heard: NDArray[np.int64]) -> None:
        mark = self._memory.watermark[rows]
        again = readings.ts == mark
        if again.any():
            self._memory.absorb(rows[again], readings.take(again), self._undo)
        newer = readings.ts > mark
        if not newer.all():
            readings, rows, heard = readings.take(newer), rows[newer], heard[newer]
        if len(rows):
            self._forget_waiting(rows[readings.ts - self._before.facts.late_us[rows] > self._memory.watermark[rows]])
            self._look_at_clock(rows, np.maximum(heard, self._memory.watermark[rows]))
            self._memory.absorb(rows, readings, self._undo)
            window = self._memory.window(self._before.facts, rows, readings.ts, self._attended)
            self._judge(rows, window, np.flatnonzero(readings.ts // MINUTE > mark[newer] // MINUTE))

    def _judge(self, rows: Rows, window: Window, opening: Rows) -> None:
        """Let the rules judge. `opening`: places in the window whose reading is the first of its minute."""
        calm = self._before.calm
        doubtful = np.flatnonzero(self._uneasy[rows] | ~calm.within(rows, window.sight))
        first = _part(window, opening) if len(opening) else None
        some = _part(window, doubtful) if len(doubtful) else None
        for place, watched in enumerate(self._before.watched):
            if watched.rule.trigger is Trigger.MINUTE:
                if first is not None:
                    self._apply(place, rows[opening], first)
            elif place not in calm.places:
                self._apply(place, rows, window)
            elif some is not None:
                self._apply(place, rows[doubtful], some)
        if some is not None:
            self._look_for_ease(rows[doubtful])

    def _look_for_ease(self, rows: Rows) -> None:
        """See which devices have become easy, or are not any more."""
        tracks = [self._tracks[place] for place in self._before.calm.places]
        uneasy = np.zeros(len(rows), np.bool_)
        for track in tracks:
            verdict = track.verdict[rows]
            # of many elements a track only follows what raises
            lively = verdict != Verdict.CLEAR if verdict.shape[1] == 1 else verdict == Verdict.RAISE
            uneasy |= track.busy[rows] | lively.any(axis=1)
        if (uneasy != self._uneasy[rows]).any():
            self._undo.keep(self._uneasy, rows)
            self._uneasy[rows] = uneasy

    def _forget_waiting(self, rows: Rows) -> None:
        """Begin delays anew on devices that were silent beyond their limit: nobody saw what was meanwhile."""
        for place, watched in enumerate(self._before.watched):
            waiting = rows[self._tracks[place].busy[rows]]
            if len(waiting) and not watched.looks_at_clock:
                self._touch(place, waiting).pending[waiting] = NEVER

    def _look_at_clock(self, rows: Rows, at: NDArray[np.int64]) -> None:
        """Let the rules that look at the clock judge devices at these instants."""
        window = self._memory.window(self._before.facts, rows, at, self._attended)
        for place, watched in enumerate(self._before.watched):
            if watched.looks_at_clock:
                self._apply(place, rows, window)

    def _apply(self, place: int, rows: Rows, window: Window) -> None:
        watched, track = self._before.watched[place], self._tracks[place]
        if watched.rule.only_bad:
            some = np.flatnonzero(track.busy[rows] | window.sight.may_be_bad)
            if not len(some):
                return
            rows, window = rows[some], _part(window, some)
        window.raised = track.raised(rows)
        judgement = watched.rule.judge(window, watched.numbers.of(rows, window.now))
        verdict = judgement.verdict
        if len(watched.elements) == 1:
            lively = track.busy[rows] | (verdict != track.verdict[rows])[:, 0]
        else:
            lively = track.busy[rows] | (verdict == Verdict.RAISE).any(axis=1)
        if lively.any():
            some = np.flatnonzero(lively)
            since = None if judgement.since is None else judgement.since[some]
            self._advance(place, rows[some], _part(window, some), Judgement(verdict[some], since))

    def _advance(self, place: int, rows: Rows, window: Window, judgement: Judgement) -> None:
        watched, track = self._before.watched[place], self._tracks[place]
        numbers = watched.numbers.of(rows, window.now)
        step = advance(track.pending[rows], track.opened[rows], judgement, window.now, numbers)
        if step.raises.any() or step.clears.any():
            evidence = {**watched.rule.evidence(window, numbers), **_drilled(numbers)}
            opened = np.where(step.clears, track.opened[rows], step.opened)
            for i, e in zip(*np.nonzero(step.raises | step.clears), strict=True):
                at = int(step.opened[i, e]) if step.raises[i, e] else max(int(window.now[i]), int(opened[i, e]))
                what = RAISED if step.raises[i, e] else CLEARED
                condition = self._before.condition(place, int(rows[i]), int(e))
                told = Transition(condition, what, at, int(opened[i, e]), picked(evidence, i, e), *life(numbers, i))
                self.transitions.append(told)
        self._touch(place, rows)
        track.verdict[rows] = judgement.verdict
        track.pending[rows], track.opened[rows] = step.pending, step.opened
        track.busy[rows] = ((step.pending != NEVER) | (step.opened != NEVER)).any(axis=1)

    def _touch(self, place: int, rows: Rows) -> Track:
        """Return a track of which these rows are about to be written to."""
        track = self._tracks[place]
        for array in (track.verdict, track.pending, track.opened, track.busy):
            self._undo.keep(array, rows)
        self._touched[place].append(_Touched(rows, track.verdict[rows], track.pending[rows]))
        return track

    def _changes(self, place: int) -> Iterator[Row]:
        """Yield what changed in one track; of rules with many elements only what a restart needs."""
        if not self._touched[place]:
            return
        rows, first = np.unique(np.concatenate([t.rows for t in self._touched[place]]), return_index=True)
        verdict = np.concatenate([t.verdict for t in self._touched[place]])[first]
        pending = np.concatenate([t.pending for t in self._touched[place]])[first]
        new = self._tracks[place]
        changed = (verdict != new.verdict[rows]) | (pending != new.pending[rows])
        if new.verdict.shape[1] > 1:
            raising = (verdict == Verdict.RAISE) | (new.verdict[rows] == Verdict.RAISE)
            changed &= raising | (pending != new.pending[rows])
        which, elements = np.nonzero(changed)
        rows = rows[which]
        columns = new.verdict[rows, elements], new.pending[rows, elements], self._memory.watermark[rows]
        told = zip(rows.tolist(), elements.tolist(), *(column.tolist() for column in columns), strict=True)
        for row, element, verdict, pending, watermark in told:
            condition = self._before.condition(place, row, element)
            yield state_row(condition, verdict, _or_none(pending), _or_none(watermark))


def _those(rows: NDArray[np.bool_] | Rows, readings: Readings) -> Readings:
    """Return chosen readings; the same object when a mask or an order leaves all of them as they are."""
    every = rows.all() if rows.dtype == np.bool_ else len(rows) == len(readings)
    return readings if every else readings.take(rows)


def _rounds(rows: Rows) -> Iterator[Rows]:
    """Yield places so that each round holds a row at most once, and a row's places come in their order."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    nth = np.arange(len(rows)) - np.repeat(first, np.diff(np.append(first, len(rows))))
    if not nth.any():
        yield np.arange(len(rows))
        return
    by_round = np.argsort(nth, kind="stable")
    yield from np.split(order[by_round], np.cumsum(np.bincount(nth))[:-1])


def _part(window: Window, rows: Rows) -> Window:
    """Return the window of some of its rows."""
    if len(rows) == len(window.now):
        return window
    columns: Mapping[str, NDArray[np.int64]] = {
        name: getattr(window, name)[rows]
        for name in Window.__dataclass_fields__
        if name not in {"kind", "sight", "recall"}
    }
    recall = None if window.recall is None else window.recall.part(rows)
    return replace(window, sight=window.sight.part(rows), recall=recall, **columns)  # type: ignore[arg-type]  # arrays


def _drilled(numbers: Any) -> Mapping[str, NDArray[np.float64]]:
    """Return where these numbers are those of a drill, as evidence float64[n, 1]: NaN where they are not."""
    told = getattr(numbers, DRILL, None)
    return {} if told is None else {DRILL: np.where(told > 0, told, np.nan)}


def picked(evidence: Mapping[str, NDArray[np.float64]], row: int, element: int) -> Mapping[str, float | None]:
    """Return the evidence of one element; columns are float64[n], float64[n, 1] or float64[n, elements]."""
    told = {name: _value(column, row, element) for name, column in evidence.items()}
    return {name: value for name, value in told.items() if name != DRILL or value is not None}


def _value(column: NDArray[np.float64], row: int, element: int) -> float | None:
    wide = column.reshape(len(column), -1)
    value = float(wide[row, min(element, wide.shape[1] - 1)])
    return round(value, 6) if np.isfinite(value) else None  # a table of JSON takes no infinity


def life(numbers: Any, row: int) -> tuple[bool, float]:
    """Return whether an alarm that opens in one row is latched, and after how many seconds it asks again."""
    return bool(_number(numbers.latched, row)), _number(numbers.realarm_s, row)


def _number(numbers: float | NDArray[np.float64], row: int) -> float:
    """Return what a parameter is in one row; parameters are numbers, or float64[n, 1]."""
    return float(numbers[row, 0]) if isinstance(numbers, np.ndarray) else float(numbers)


def _or_none(at: int) -> int | None:
    return None if at == NEVER else at


def fitting(
    rules: Sequence[tuple[Rule, Tuning]], facts: Facts, apart: Mapping[str, frozenset[int]]
) -> tuple[Watched, ...]:
    """Return the fast rules that can watch devices of a kind."""
    kind = facts.kind
    return tuple(
        Watched(rule, tuning.laid_out(facts.members), rule.elements(kind), apart.get(rule.name, frozenset()))
        for rule, tuning in rules
        if rule.tempo == "fast" and rule.fits(kind)
    )


def looked_back_at(rules: Sequence[tuple[Rule, Tuning]], kind: SensorKind) -> tuple[str, ...]:
    """Return the points of a kind whose last hour its fast rules look at, in the order of their bits."""
    points = {p for rule, _ in rules if rule.tempo == "fast" and rule.fits(kind) for p in rule.history}
    return tuple(sorted(points, key=kind.bits.__getitem__))
