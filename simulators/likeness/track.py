"""Track: what one heat station reported over a span, on its own instants or on a regular grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from perception.payload import RawReading

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Instants = NDArray[np.int64]

OUTDOOR, SETPOINT, POWER, FLOW = "t_outdoor", "t_sec_supply_setpoint", "heat_power", "flow_pri"
PRI_SUPPLY, PRI_RETURN = "t_pri_supply", "t_pri_return"
SEC_SUPPLY, SEC_RETURN = "t_sec_supply", "t_sec_return"
WATER = (PRI_SUPPLY, PRI_RETURN, SEC_SUPPLY, SEC_RETURN)
"""The four temperatures of the water, in Cel."""
LOOKED_AT = (OUTDOOR, *WATER, SETPOINT, POWER, FLOW)
"""Every point that a likeness is taken of; a station may lack some."""
COUNTED = MappingProxyType({POWER: ("heat_energy_total", 1e6), FLOW: ("volume_pri_total", 3600.0)})
"""What a counter tells where the rate itself is not reported: GJ/s to kW, m3/s to m3/h."""

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_LEAST_STEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Track:
    """Series of one station: instants in epoch microseconds UTC, rising; a value per instant and point, NaN: none.

    `zone` is the IANA name of the station's local time. `step_s` is set once the instants are a regular grid.
    """

    at: Instants
    values: Mapping[str, Floats]
    zone: str
    step_s: float | None = None

    def __len__(self) -> int:
        return len(self.at)

    def of(self, point: str) -> Floats:
        """Return the values of a point; NaN everywhere when the station has none."""
        return self.values.get(point, np.full(len(self.at), np.nan))

    def has(self, point: str) -> bool:
        """Say whether there is any value of this point."""
        return bool(np.isfinite(self.of(point)).any())

    def with_values(self, changed: Mapping[str, Floats]) -> "Track":
        """Return the track with these points replaced."""
        return replace(self, values={**self.values, **changed})

    def between(self, begin: int, end: int) -> "Track":
        """Return the instants from `begin` up to, not including, `end` (epoch microseconds)."""
        first, last = np.searchsorted(self.at, [begin, end])
        cut = {name: column[first:last] for name, column in self.values.items()}
        return replace(self, at=self.at[first:last], values=cut)


def track_of(readings: Sequence[RawReading], zone: str, points: Iterable[str] = LOOKED_AT) -> Track:
    """Return the track of readings that are in order of time and all have one. What is no number is left out.

    Where power or flow is never reported, it is what its counter gained since the reading before.
    """
    at = np.array([r.ts or 0 for r in readings], dtype=np.int64)
    found = {p: _column(readings, p) for p in points}
    for point, (counter, per_second) in COUNTED.items():
        if point in found and not np.isfinite(found[point]).any():
            found[point] = _rate(at, _column(readings, counter)) * per_second
    return Track(at, {p: c for p, c in found.items() if np.isfinite(c).any()}, zone)


def _column(readings: Sequence[RawReading], point: str) -> Floats:
    return np.array([_number(r.values.get(point)) for r in readings], dtype=np.float64)


def _rate(at: Instants, counts: Floats) -> Floats:
    """Return what a counter gains per second, at each reading but its first; NaN where it falls."""
    there = np.flatnonzero(np.isfinite(counts))
    rate = np.full(len(counts), np.nan)
    gained = np.diff(counts[there])
    rate[there[1:]] = np.where(gained >= 0, gained, np.nan) / (np.diff(at[there]) / 1e6)
    return rate


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def cadence_s(track: Track) -> float:
    """Return the usual time between two instants in seconds: the median; 60 at least, NaN for fewer than two."""
    if len(track) < 2:
        return float("nan")
    return max(float(np.median(np.diff(track.at))) / 1e6, _LEAST_STEP_S)


def on_grid(track: Track, step_s: float) -> Track:
    """Return the track on the instants that are whole multiples of `step_s`: the nearest reading, or none.

    Sampled and not averaged: a meter that is read less often shows the same instants, not smoother ones. A
    reading counts for an instant at most half a step away.
    """
    step = round(step_s * 1e6)
    if not len(track):
        return replace(track, step_s=step_s)
    first, last = round(track.at[0] / step), round(track.at[-1] / step)
    grid = np.arange(first, last + 1, dtype=np.int64) * step
    after = np.clip(np.searchsorted(track.at, grid), 0, len(track) - 1)
    before = np.maximum(after - 1, 0)
    is_nearer = np.abs(track.at[before] - grid) < np.abs(track.at[after] - grid)
    nearest = np.where(is_nearer, before, after)
    is_there = np.abs(track.at[nearest] - grid) * 2 <= step
    sampled = {name: np.where(is_there, column[nearest], np.nan) for name, column in track.values.items()}
    return Track(grid, sampled, track.zone, step_s)


def local_us(track: Track) -> Instants:
    """Return the instants as local clock time: epoch microseconds as if local were UTC."""
    zone = ZoneInfo(track.zone)
    hours, place = np.unique(track.at // HOUR_US, return_inverse=True)
    offsets = [_offset_us(int(hour), zone) for hour in hours]
    return track.at + np.array(offsets, dtype=np.int64)[place]


def _offset_us(hour: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1e6)
