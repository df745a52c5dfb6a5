"""Acting: what the faults that are on make of the plants' interventions and of what meters show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from perception.sensor_kind import SensorKind
from simulators.faults.fault import Fault, Plant, Shown, Sky
from simulators.heat.design import Design
from simulators.heat.interventions import Interventions, sound

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

_ROWS = {name: getattr(sound(1), name).size for name in Interventions.__slots__}
"""Values per station of each intervention: three pumps, else one."""


@dataclass(frozen=True, slots=True)
class Seats:
    """Where the faults of a schedule find what they act on: the places of the substations, their design, the sky."""

    places: Mapping[str, int]
    design: Design
    sky: Sky
    plain: Floats
    """[rows, n]: the interventions of sound plants, one under the other, so that a copy is one move of memory."""


def seated(places: Mapping[str, int], design: Design, sky: Sky) -> Seats:
    """Return the seats for these plants."""
    nothing = sound(len(design))
    return Seats(places, design, sky, np.vstack([getattr(nothing, name) for name in _ROWS]))


def _fresh(plain: Floats) -> Interventions:
    """Return interventions of sound plants that may be written to: views of one copy."""
    copy, first, columns = plain.copy(), 0, {}
    for name, rows in _ROWS.items():
        columns[name] = copy[first] if rows == 1 else copy[first : first + rows]
        first += rows
    return Interventions(**columns)


def interventions(faults: Iterable[Fault], seats: Seats, at: int) -> Interventions:
    """Return what these faults do to the plants at that time. Faults of devices without a seat do nothing."""
    orders = _fresh(seats.plain)
    hour, sun = seats.sky.hour(at), seats.sky.irradiance(at)
    for fault in faults:
        place = seats.places.get(fault.device)
        if place is not None and fault.kind.plant is not None:
            age_s = (at - fault.begins) / 1e6
            fault.kind.plant(fault.parameters, Plant(orders, place, seats.design, at, age_s, hour, sun))
    return orders


def bend(
    faults: Sequence[Fault], kind: SensorKind, at: Instants, values: Floats, held: Mapping[int, Floats], sky: Sky
) -> None:
    """Change what a device's meters show, values [n, points], by these faults, in the order in which they began.

    `held` has what was shown when a fault began, by its number.
    """
    for fault in faults:
        on = (at >= fault.begins) & (at < (fault.ends if fault.ends is not None else 2**63 - 1))
        if fault.kind.meters is None or not on.any():
            continue
        times = at[on]
        shown = Shown(
            values=values[on],
            at=times,
            age_s=(times - fault.begins) / 1e6,
            held=held.get(fault.number, values[on][0]),
            bits=kind.bits,
            span=_spans(kind),
            sun=partial(_sun, sky, times),
            dice=partial(_thrown, fault.number, times),
        )
        fault.kind.meters(fault.parameters, shown)
        values[on] = shown.values


def _spans(kind: SensorKind) -> Floats:
    ranges = [p.typical or (p.low, p.high) for p in kind.points]
    return np.array([high - low for low, high in ranges])


def _sun(sky: Sky, at: Instants) -> Floats:
    return np.array([sky.irradiance(t) for t in at.tolist()])


def _thrown(number: int, at: Instants, salt: int) -> Floats:
    """Return evenly spread numbers 0..1, the same for the same fault and instants: two rounds of splitmix64."""
    x = at.astype(np.uint64) + np.uint64((number * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) % 2**64)
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        x = (x ^ (x >> np.uint64(29))) * np.uint64(factor)
    spread: Floats = (x >> np.uint64(11)) / 2.0**53
    return spread
