"""Network: the pressures of the primary side, along each branch from its source."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

HEAD_MPA = 0.46
"""Difference between supply and return that a plant holds at its own door."""
PLANT_RETURN_MPA = 0.38
LEAST_DP_MPA = 0.004
_LONG_M, _DROP_MPA = 15_000.0, 0.20
"""At design flow so much of the head is used up on so long a way."""


@dataclass(frozen=True, slots=True)
class Network:
    """Segments, one before each station, in order of branch and distance: row j is that of station `order[j]`.

    `rank` is the inverse of `order`; `first` and `last` are the rows of each row's branch; `resistance` is that of
    one line of the segment, MPa/(kg/s)^2.
    """

    order: Places
    rank: Places
    first: Places
    last: Places
    resistance: Floats


def laid_for(branches: Sequence[tuple[int, int]], pipe_m: Floats, flow: Floats) -> Network:
    """Return lines for these stations: (source, branch) each, metres from the source, design flows in kg/s."""
    keys = np.array(branches, dtype=np.int64).reshape(-1, 2)
    order = np.lexsort((pipe_m, keys[:, 1], keys[:, 0]))
    changes = np.flatnonzero(np.any(np.diff(keys[order], axis=0) != 0, axis=1)) + 1
    starts = np.concatenate([[0], changes]).astype(np.intp)
    ends = np.concatenate([changes, [len(order)]]).astype(np.intp) - 1
    of = np.repeat(np.arange(len(starts)), np.diff(np.concatenate([starts, [len(order)]])))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    bare = Network(order, rank, starts[of], ends[of], np.zeros(len(order)))
    along = pipe_m[order] / max(_LONG_M, float(pipe_m.max(initial=0.0))) * _DROP_MPA / 2
    before = np.where(np.arange(len(order)) == bare.first, 0.0, np.concatenate([[0.0], along[:-1]]))
    return Network(order, rank, bare.first, bare.last, (along - before) / segment_flow(bare, flow) ** 2)


def segment_flow(net: Network, flow: Floats) -> Floats:
    """Return the flow of each segment (row): what its station and all beyond it draw, kg/s."""
    drawn = flow[net.order]
    total = np.cumsum(drawn)
    flows: Floats = total[net.last] - total + drawn
    return flows


def drop(net: Network, flow: Floats) -> Floats:
    """Return the pressure that one line loses on the way to each station, MPa."""
    lost = net.resistance * segment_flow(net, flow) ** 2
    total = np.cumsum(lost)
    along: Floats = (total - total[net.first] + lost[net.first])[net.rank]
    return along
