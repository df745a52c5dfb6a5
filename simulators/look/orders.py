"""Orders: what the people of a real station did, for a pretend one to follow: levels, setpoint, stops."""

from dataclasses import dataclass, replace

import numpy as np

from simulators.heat.interventions import Interventions, sound
from simulators.likeness.running import known, running
from simulators.likeness.track import PRI_SUPPLY, SEC_SUPPLY, SETPOINT, Floats, Track

_MOST_CURVE_K, _MOST_PLANT_K = 15.0, 40.0
"""Nobody shifts a curve or a plant farther than that."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Hands on the heating curve and on the plant, K: constant, so that the level is that of another town."""

    curve: float = 0.0
    plant: float = 0.0

    def on(self, row: int, stations: int) -> Interventions:
        """Return these hands on one station by its row, and nothing on the others."""
        nothing = sound(stations)
        return replace(
            nothing,
            setpoint_offset=_with(nothing.setpoint_offset, row, self.curve),
            source_offset=_with(nothing.source_offset, row, self.plant),
        )


def hands_between(real: Track, rough: Track) -> Hands:
    """Return what brings the medians of setpoint and primary supply to the real ones, over hours in which both run.

    Both tracks are on one grid and reach over the same span; where a level is not known there is no hand on it.
    """
    _, ours, theirs = np.intersect1d(real.at, rough.at, return_indices=True)
    both = running(real)[ours] & running(rough)[theirs]
    aim = SETPOINT if real.has(SETPOINT) else SEC_SUPPLY

    def apart(point: str, most: float) -> float:
        pair = np.stack([real.of(point)[ours][both], rough.of(point)[theirs][both]])
        pair = pair[:, np.isfinite(pair).all(axis=0)]
        return float(np.clip(np.median(pair[0]) - np.median(pair[1]), -most, most)) if pair.size else 0.0

    return Hands(apart(aim, _MOST_CURVE_K), apart(PRI_SUPPLY, _MOST_PLANT_K))


class Orders:
    """A source of interventions: one station, by its row, obeys; beside that there is what is `usual`.

    Between two readings the last order holds. While the real station is off, valve and pumps are ordered to stand.
    Before the first reading and where nothing was ordered, the station follows its own curve.
    """

    def __init__(self, record: Track, row: int, usual: Interventions) -> None:
        self._at = record.at
        self._setpoint = _held(record.of(SETPOINT))
        self._off = known(record) & ~running(record)
        self._row = row
        self._nothing = usual

    def __call__(self, at: int) -> Interventions:
        """Return what is ordered at that time (epoch microseconds)."""
        place = int(np.searchsorted(self._at, at, side="right")) - 1
        if place < 0:
            return self._nothing
        stand = 0.0 if self._off[place] else np.nan
        return replace(
            self._nothing,
            setpoint=_with(self._nothing.setpoint, self._row, self._setpoint[place]),
            valve_order=_with(self._nothing.valve_order, self._row, stand),
            pump_order=_with(self._nothing.pump_order, self._row, stand),
        )


def _with(usual: Floats, row: int, order: float) -> Floats:
    values = usual.copy()
    values[row] = order
    return values


def _held(values: Floats) -> Floats:
    """Return the last known value at each place; NaN before the first."""
    there = np.isfinite(values)
    last = np.maximum.accumulate(np.where(there, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], np.nan)
