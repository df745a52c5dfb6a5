"""Orders: what the operators of a real station ordered, for a pretend one to obey: its setpoint, and when it stands."""

from dataclasses import replace

import numpy as np

from simulators.heat.interventions import Interventions, sound
from simulators.likeness.running import known, running
from simulators.likeness.track import SETPOINT, Floats, Track


class Orders:
    """A source of interventions: one station of `stations` (by its row) obeys, the others go on by themselves.

    Between two readings the last order holds. While the real station is off, valve and pumps are ordered to stand.
    Before the first reading and where nothing was ordered, the station follows its own curve.
    """

    def __init__(self, record: Track, row: int, stations: int) -> None:
        self._at = record.at
        self._setpoint = _held(record.of(SETPOINT))
        self._off = known(record) & ~running(record)
        self._row = row
        self._nothing = sound(stations)

    def __call__(self, at: int) -> Interventions:
        """Return what is ordered at that time (epoch microseconds)."""
        place = int(np.searchsorted(self._at, at, side="right")) - 1
        if place < 0:
            return self._nothing
        stand = 0.0 if self._off[place] else np.nan
        return replace(
            self._nothing,
            setpoint=self._with(self._nothing.setpoint, self._setpoint[place]),
            valve_order=self._with(self._nothing.valve_order, stand),
            pump_order=self._with(self._nothing.pump_order, stand),
        )

    def _with(self, usual: Floats, order: float) -> Floats:
        values = usual.copy()
        values[self._row] = order
        return values


def _held(values: Floats) -> Floats:
    """Return the last known value at each place; NaN before the first."""
    there = np.isfinite(values)
    last = np.maximum.accumulate(np.where(there, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], np.nan)
