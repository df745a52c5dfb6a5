"""Round: one bucket of one ward, judged by its slow rules. It writes to tracks of its own alone."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from application.journal import CLEARED, RAISED, Transition, state_row
from application.judging import Watched, picked
from application.memory import NEVER
from application.rule import Judgement, Verdict
from application.slow.past import Rows
from application.slow.ward import Ward
from application.slow.window import SlowWindow
from application.track import Track, advance
from support.store import Row


class Round:
    """The judgement of a bucket that ended at `end`: `transitions`, and rows of watch_state as `changes`."""

    def __init__(self, ward: Ward, window: SlowWindow, end: int) -> None:
        self._ward, self._window, self._end = ward, window, end
        self.transitions: list[Transition] = []
        self.changes: list[Row] = []

    def judged(self) -> Ward:
        """Return the ward afterwards."""
        speaking = self._ward.speaking(self._end)
        tracks = [
            self._apply(watched, track, rows[self._spoken_of(watched, rows, speaking)])
            for watched, track, rows in zip(self._ward.watched, self._ward.tracks, self._ward.rows, strict=True)
        ]
        return replace(self._ward, tracks=tuple(tracks))

    def _spoken_of(self, watched: Watched, rows: Rows, speaking: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[rows]: the device speaks, or any device of its station where a rule is about the station as a whole."""
        if not watched.rule.whole:
            return speaking[rows]
        stations = self._ward.station
        heard = np.bincount(stations[speaking], minlength=self._ward.stations) > 0
        told: NDArray[np.bool_] = heard[stations[rows]]
        return told

    def _apply(self, watched: Watched, track: Track, rows: Rows) -> Track:
        """Let a rule judge these rows; who does not speak is left as it is."""
        if not len(rows):
            return track
        everybody = np.arange(len(self._ward.facts.members))
        self._window.raised = track.opened != NEVER
        numbers = watched.numbers.of(everybody, self._window.now)
        judgement = watched.rule.judge(self._window, numbers)  # of everybody: who is like whom is part of the picture
        verdict = judgement.verdict[rows]
        since = None if judgement.since is None else judgement.since[rows]
        at = self._window.now[rows]
        mine = watched.numbers.of(rows, at)
        step = advance(track.pending[rows], track.opened[rows], Judgement(verdict, since), at, mine)
        if step.raises.any() or step.clears.any():
            evidence = watched.rule.evidence(self._window, numbers)
            for i, e in zip(*np.nonzero(step.raises | step.clears), strict=True):
                row, element = int(rows[i]), int(e)
                opened = int(step.opened[i, e]) if step.raises[i, e] else int(track.opened[row, element])
                what, when = (RAISED, opened) if step.raises[i, e] else (CLEARED, max(self._end, opened))
                condition = watched.condition(self._ward.facts.members[row], element)
                self.transitions.append(Transition(condition, what, when, opened, picked(evidence, row, element)))
        after = track.copied()
        after.verdict[rows], after.pending[rows], after.opened[rows] = verdict, step.pending, step.opened
        self.changes += self._changed(watched, track, after, rows)
        return after

    def _changed(self, watched: Watched, old: Track, new: Track, rows: Rows) -> Iterator[Row]:
        changed = (old.verdict[rows] != new.verdict[rows]) | (old.pending[rows] != new.pending[rows])
        for i, element in zip(*np.nonzero(changed), strict=True):
            row = int(rows[i])
            condition = watched.condition(self._ward.facts.members[row], int(element))
            pending = int(new.pending[row, element])
            verdict = Verdict(int(new.verdict[row, element]))
            yield state_row(condition, verdict, None if pending == NEVER else pending, self._end)
