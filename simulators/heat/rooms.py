"""Rooms: the climate of sampled rooms in the homes of a station, around what its air has as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from simulators.heat.stations import Stations

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_POSITIONS = ("middle", "end", "top")
_SHARES = (0.6, 0.25, 0.15)
_OUTER_K = (-3.0, -1.0)
"""How much colder rooms at the end or under the roof are, at design weather."""
_SPREAD_K = 0.7
_AIRING_K, _AIRING_H = 1.6, 0.6
"""Somebody opens a window once a day."""
_DESIGN_LIFT_K = 44.2


@dataclass(frozen=True, slots=True)
class Rooms:
    """Sampled rooms: one array per quantity, one place per room.

    `station` is the row of the room's station; `offset` in K at design weather; `rank` 0..1 says how soon the room is
    among the starved; `vapour` in Pa is what its people add; `airing` the hour at which a window is opened; `phase`
    in rad that of its own small life.
    """

    station: Places
    offset: Floats
    rank: Floats
    vapour: Floats
    airing: Floats
    phase: Floats


def furnished(named: Sequence[tuple[str, str | None, int]], seed: int) -> Rooms:
    """Return rooms (name, position or None, row of the station), each the same for the same name and seed."""
    drawn = [_drawn(name, position, seed) for name, position, _ in named]
    columns = np.array(drawn, dtype=np.float64).reshape(-1, 5)
    return Rooms(np.array([row for *_, row in named], dtype=np.intp), *columns.T)


def _drawn(name: str, position: str | None, seed: int) -> tuple[float, ...]:
    rng = np.random.default_rng((seed, 61, crc32(name.encode())))
    where = position or str(rng.choice(_POSITIONS, p=_SHARES))
    outer = rng.uniform(*_OUTER_K) if where != "middle" else 0.4
    airing = (rng.choice([7.0, 12.5, 21.0]) + rng.normal(0, 0.6)) % 24
    offset = outer + rng.normal(0, _SPREAD_K)
    return offset, rng.random(), rng.uniform(150, 500), airing, rng.uniform(0, 2 * np.pi)


def room_climate(rooms: Rooms, s: Stations, at_s: float, hour: float) -> dict[str, Floats]:
    """Return t_indoor in Cel and rh_indoor in % of each room. `hour` is the local hour of the day."""
    station = rooms.station
    outdoor, air, phase = s.outdoor[station], s.air[station], rooms.phase
    lift = np.clip((air - outdoor) / _DESIGN_LIFT_K, 0.0, 1.2)
    since = (hour - rooms.airing) % 24
    airing = np.exp(-since / _AIRING_H) * np.minimum(since / 0.1, 1.0) * lift
    own = 0.25 * np.cos(2 * np.pi * (hour - 20) / 24 + 0.5 * phase) + 0.1 * np.sin(at_s / 1700 + phase)
    starved = np.where(rooms.rank < s.starved[station], s.chill[station], 0.0)
    t = air + rooms.offset * lift - _AIRING_K * airing + own - starved
    lived = rooms.vapour * (1 + 0.3 * np.cos(2 * np.pi * (hour - 20.5) / 24)) * (1 - 0.5 * airing)
    vapour = 0.75 * _saturated(outdoor) + 250 + lived
    return {"t_indoor": t, "rh_indoor": np.clip(100 * vapour / _saturated(t), 5.0, 95.0)}


def _saturated(celsius: Floats) -> Floats:
    """Return the vapour pressure over water in Pa (Magnus formula)."""
    pressure: Floats = 611.2 * np.exp(17.62 * celsius / (243.12 + celsius))
    return pressure
