"""Pipes: plug flow from the plant to each station, in cells of equal mass. What goes in comes out, later and cooler.

Each station has a pipe of its own from the plant (its share of the branch), whose water moves as fast as the station
draws: half the flow, twice the delay. All of the water loses heat to the ground at the same rate, wherever it is.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

CELLS = 24
GROUND_C = 5.0
COOLING_PER_S = 3e-6
"""Share of its excess over the ground that water loses each second: about 0.25 K per km at design velocity."""


@dataclass(frozen=True, slots=True)
class Pipes:
    """The water under way, as excess over the ground in K, and what is entering.

    `cells` [CELLS, n] is a ring, in which `newest` [n] is the row of the cell that was filled last. `entered` 0..1 is
    the share of a cell that has come in since; `entering` its mean excess. As much of the oldest cell has left.
    """

    cells: Floats
    newest: Rows
    entering: Floats
    entered: Floats


def filled(excess: Floats) -> Pipes:
    """Return pipes whose water has this excess over the ground all along."""
    return Pipes(np.tile(excess, (CELLS, 1)), np.zeros(len(excess), np.intp), excess, np.zeros_like(excess))


def content(pipes: Pipes) -> Floats:
    """Return the excess that the pipes hold, in K times cells."""
    oldest = pipes.cells[(pipes.newest + 1) % CELLS, np.arange(len(pipes.newest))]
    held: Floats = pipes.cells.sum(axis=0) + pipes.entered * (pipes.entering - oldest)
    return held


def carry(pipes: Pipes, excess: Floats, moved: Floats, dt: float) -> tuple[Pipes, Floats, Floats]:
    """Return the pipes after `dt` seconds, the mean excess of what left, and what the ground took (K times cells).

    `excess` is that of the water which enters, K; `moved` is how much of it, in cells, above 0.
    """
    kept = math.exp(-COOLING_PER_S * dt)
    held = content(pipes)
    cells, entering = pipes.cells * kept, pipes.entering * kept
    came = pipes.entered + moved
    whole = np.floor(came).astype(np.intp)
    mixed = (entering * pipes.entered + excess * moved) / came
    if not whole.any():
        left = cells[(pipes.newest + 1) % CELLS, np.arange(len(moved))]
        return Pipes(cells, pipes.newest, mixed, came), left, held * (1 - kept)
    first = entering * pipes.entered + excess * (1 - pipes.entered)
    newest = _pushed(cells, pipes.newest.copy(), np.where(whole > CELLS, excess, first), excess, whole)
    after = Pipes(cells, newest, np.where(whole > 0, excess, mixed), came - whole)
    left = (held * kept + excess * moved - content(after)) / moved
    return after, left, held * (1 - kept)


def _pushed(cells: Floats, newest: Rows, first: Floats, later: Floats, whole: Rows) -> Rows:
    """Fill so many cells of each column in place, the first of them with `first`; return which is the newest then."""
    for nth in range(min(int(whole.max()), CELLS)):
        who = np.flatnonzero(whole > nth)
        row = (newest[who] + 1) % CELLS
        cells[row, who] = (later if nth else first)[who]
        newest[who] = row
    return newest
