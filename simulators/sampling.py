"""Sampling: in which flats of a made-up city a room sensor stands."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

import numpy as np

from perception.catalogue import Building, Community, Device, Position, Room

SHARE = 0.4
"""Of the communities in which rooms are sampled at all."""
_FEWEST, _MOST = 2, 4
"""Rooms of such a community: so many that their median says something."""
_POSITIONS = MappingProxyType({Position.MIDDLE: 0.6, Position.END: 0.25, Position.TOP: 0.15})
KIND = "room_climate"


def sampled_rooms(communities: Sequence[Community], buildings: Sequence[Building], seed: int) -> Iterator[Room]:
    """Yield the rooms, at least two of a community or none; dice of their own, so that the rest of the city stays."""
    rng = np.random.default_rng((seed, 61))
    for community in communities:
        if rng.random() >= SHARE:
            continue
        mine = [b for b in buildings if b.community == community.name]
        for number in range(1, int(rng.integers(_FEWEST, _MOST + 1)) + 1):
            building = mine[int(rng.integers(len(mine)))]
            position = tuple(_POSITIONS)[int(rng.choice(len(_POSITIONS), p=tuple(_POSITIONS.values())))]
            yield Room(
                name=f"{community.name}-r{number}",
                building=building.name,
                position=position,
                floor=_floor(building.floors, position, rng),
            )


def _floor(floors: int | None, position: Position, rng: np.random.Generator) -> int | None:
    if floors is None:
        return None
    return floors if position is Position.TOP else int(rng.integers(2, max(floors, 3)))


def room_devices(
    rooms: Sequence[Room], communities: Sequence[Community], buildings: Sequence[Building]
) -> Iterator[Device]:
    """Yield the sensor of each room, which bears its name."""
    station_of = {c.name: c.station for c in communities}
    community_of = {b.name: b.community for b in buildings}
    for room in rooms:
        station = station_of[community_of[room.building]]
        yield Device(name=room.name, kind=KIND, station=station, room=room.name)
