"""Figures: every figure of a station's likeness, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.likeness.behaviour import behaviour, gaps
from simulators.likeness.dirt import cleaned
from simulators.likeness.energy import energy
from simulators.likeness.running import known, running, settled
from simulators.likeness.track import Track, on_grid


@dataclass(frozen=True, slots=True)
class Likeness:
    """A station's figures by name, the gridded track that they were taken from, and the values cut as dirt."""

    figures: Mapping[str, float]
    track: Track
    dirt: Mapping[str, int]


def likeness(track: Track, step_s: float) -> Likeness:
    """Return the likeness of a station on a grid of `step_s` seconds: the coarser cadence of those compared.

    Names: level.<point>.p<q> while running; change.<point>.p<q> per hour while settled and change_running with the
    morning starts; control_error.p<q>; memory.<point>.<lag>h; noise.<point>; signature.slope|balance|r2|days;
    shape.<point>.swing (of power in % of its mean); residual.p<q> in %; share.gaps|running|settled. NaN: cannot tell.
    """
    clean, taken = cleaned(track)
    grid = on_grid(clean, step_s)
    told = known(grid).sum() or float("nan")
    shares = {"running": running(grid).sum() / told, "settled": settled(grid).sum() / told, "gaps": gaps(track)}
    figures = {
        **dict(behaviour(grid)),
        **dict(energy(grid)),
        **{f"share.{name}": float(share) for name, share in shares.items()},
    }
    return Likeness(figures, grid, taken)
