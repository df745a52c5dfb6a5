"""Track: how far the conditions of one rule have come, on the devices of one kind."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from application.instants import SECOND
from application.memory import NEVER, Rows
from application.rule import Judgement, Parameters, Verdict


@dataclass(frozen=True, slots=True)
class Track:
    """Of n devices and the rule's elements: the last verdict, and the condition between two readings.

    verdict int8[n, elements]. pending int64[n, elements]: since when the verdict asks for a
    change, NEVER when it does not. opened int64[n, elements]: when the alarm opened, NEVER
    while there is none. busy bool[n]: something is pending or open in that row.
    """

    verdict: NDArray[np.int8]
    pending: NDArray[np.int64]
    opened: NDArray[np.int64]
    busy: NDArray[np.bool_]

    @classmethod
    def blank(cls, devices: int, elements: int) -> Self:
        """Return the track of devices that were never judged."""
        shape = devices, elements
        verdict = np.full(shape, Verdict.CANNOT_TELL, np.int8)
        return cls(verdict, np.full(shape, NEVER), np.full(shape, NEVER), np.zeros(devices, np.bool_))

    def copied(self) -> Self:
        """Return a track of its own, to be written to."""
        return type(self)(self.verdict.copy(), self.pending.copy(), self.opened.copy(), self.busy.copy())

    def carry(self, old: "Track", here: Rows, there: Rows) -> None:
        """Copy rows `there` of an older track to the rows `here` of this one."""
        self.verdict[here] = old.verdict[there]
        self.pending[here] = old.pending[there]
        self.opened[here] = old.opened[there]
        self.busy[here] = old.busy[there]

    def raised(self, rows: Rows) -> NDArray[np.bool_]:
        """bool[rows, elements]: the alarm is open."""
        if not self.busy[rows].any():
            return np.zeros((len(rows), self.opened.shape[1]), np.bool_)
        open_: NDArray[np.bool_] = self.opened[rows] != NEVER
        return open_


class Advance(NamedTuple):
    """What a judgement did: the new pending and opened, and where it raised and cleared, all [n, elements]."""

    pending: NDArray[np.int64]
    opened: NDArray[np.int64]
    raises: NDArray[np.bool_]
    clears: NDArray[np.bool_]


def advance(
    pending: NDArray[np.int64],
    opened: NDArray[np.int64],
    judgement: Judgement,
    at: NDArray[np.int64],
    parameters: Parameters,
) -> Advance:
    """Apply on-delay and off-delay to a judgement made at `at` (int64[n], epoch microseconds). Pure.

    A verdict has to stand, reading after reading, from the first that asked for the change until
    one that is a delay or more later. "Cannot tell" asks for nothing: an open alarm stays open,
    and the waiting begins anew.
    """
    verdict, now = judgement.verdict, at[:, None]
    is_open = opened != NEVER
    asks = verdict == np.where(is_open, Verdict.CLEAR, Verdict.RAISE)
    told = judgement.since is not None
    began = np.where(verdict == Verdict.RAISE, judgement.since, now) if judgement.since is not None else now
    pending = np.where(asks, np.where(pending == NEVER, began, pending), NEVER)
    on, off = _microseconds(parameters.on_delay_s), _microseconds(parameters.off_delay_s)
    ripe = pending + np.where(is_open, off, on)
    due = asks & (now >= ripe)
    raises, clears = due & ~is_open, due & is_open
    opened = np.where(raises, ripe if told else now, np.where(clears, NEVER, opened))
    return Advance(np.where(due, NEVER, pending), opened, raises, clears)


def _microseconds(seconds: float | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a delay as int64, alone or [n, 1]."""
    return np.round(np.asarray(seconds) * SECOND).astype(np.int64)
