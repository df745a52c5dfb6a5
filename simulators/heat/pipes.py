"""Pipes: plug flow from the plant to each station, in cells of equal mass. What goes in comes out, later and cooler.

Each station has a pipe of its own from the plant (its share of the branch), whose water moves as fast as the station
draws: half the flow, twice the delay. All of the water loses heat to the ground at the same rate, wherever it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS = 24
GROUND_C = 5.0
COOLING_PER_S = 3e-6
"""Share of its excess over the ground that water loses each second: about 0.25 K per km at design velocity."""


@dataclass(frozen=True, slots=True)
class Pipes:
    """The water under way, as excess over the ground in K: `cells` [CELLS, n], newest first, and what is entering.

    `entered` 0..1 is the share of a cell that has come in since the last one was full; `entering` its mean excess.
    As much of the oldest cell has left.
    """

    cells: Floats
    entering: Floats
    entered: Floats


def filled(excess: Floats) -> Pipes:
    """Return pipes whose water has this excess over the ground all along."""
    return Pipes(np.tile(excess, (CELLS, 1)), excess, np.zeros_like(excess))


def content(pipes: Pipes) -> Floats:
    """Return the excess that the pipes hold, in K times cells."""
    held: Floats = _held(pipes.cells, pipes.entering, pipes.entered)
    return held


def _held(cells: Floats, entering: Floats, entered: Floats) -> Floats:
    held: Floats = cells.sum(axis=0) + entered * (entering - cells[-1])
    return held


def carry(pipes: Pipes, excess: Floats, moved: Floats, dt: float) -> tuple[Pipes, Floats, Floats]:
    """Return the pipes after `dt` seconds, the mean excess of what left, and what the ground took (K times cells).

    `excess` is that of the water which enters, K; `moved` is how much of it, in cells, above 0.
    """
    kept = float(np.exp(-COOLING_PER_S * dt))
    lost = content(pipes) * (1 - kept)
    cells, entering = pipes.cells * kept, pipes.entering * kept
    filled_up = pipes.entered + moved
    whole = np.floor(filled_up).astype(np.int64)
    left = cells[-1].copy()
    mixed = (entering * pipes.entered + excess * moved) / filled_up
    shifting = np.flatnonzero(whole)
    if shifting.size:
        before = _held(cells[:, shifting], entering[shifting], pipes.entered[shifting])
        first = entering[shifting] * pipes.entered[shifting] + excess[shifting] * (1 - pipes.entered[shifting])
        cells[:, shifting] = _shifted(cells[:, shifting], first, excess[shifting], whole[shifting])
        mixed[shifting] = excess[shifting]
        rest = filled_up[shifting] - whole[shifting]
        gained = excess[shifting] * moved[shifting]
        left[shifting] = (before + gained - _held(cells[:, shifting], excess[shifting], rest)) / moved[shifting]
    return Pipes(cells, mixed, filled_up - whole), left, lost


def _shifted(cells: Floats, first: Floats, later: Floats, by: NDArray[np.int64]) -> Floats:
    """Move cells along, each column by its own number; `first` becomes full first, then come cells of `later`."""
    row = np.arange(CELLS)[:, None] - by
    old = np.take_along_axis(cells, np.maximum(row, 0), axis=0)
    moved: Floats = np.where(row >= 0, old, np.where(row == -1, first, later))
    return moved
