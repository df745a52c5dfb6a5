"""Faults: what is wrong in the pretend world, where, and since when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from simulators.heat.design import Design
from simulators.heat.interventions import Interventions, sound

_BELOW_HEAD_MPA = 0.02
_LEAK_BEGAN_US = 80 * 60 * 1_000_000
"""The pressure needs some minutes to fall: it has then been too low for about an hour."""
_SENSOR_BROKE_US = 3 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Leak:
    """A leak of the secondary loop so large that both make-up pumps hold it only just below the static head."""

    device: str
    since: int


@dataclass(frozen=True, slots=True)
class FalseSensor:
    """A sensor that reports this value and nothing else."""

    device: str
    point: str
    value: float
    since: int


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that is wrong. Times are epoch microseconds UTC."""

    leaks: Sequence[Leak] = ()
    sensors: Sequence[FalseSensor] = ()


def opening_scene(names: Sequence[str], now: int, leak_at: str | None, sensor_at: str | None) -> Faults:
    """Return one leak and one broken room sensor, at the named devices or, where there are none, at others."""
    if not names:
        return Faults()
    leaky = leak_at if leak_at is not None and leak_at in names else names[len(names) // 3]
    broken = sensor_at if sensor_at is not None and sensor_at in names else names[2 * len(names) // 3]
    return Faults(
        (Leak(leaky, now - _LEAK_BEGAN_US),),
        (FalseSensor(broken, "t_station_room", 85.0, now - _SENSOR_BROKE_US),),
    )


def leaking(faults: Faults, d: Design, places: dict[str, int]) -> Callable[[int], Interventions]:
    """Return the source of interventions that these leaks are; `places` are the rows of the devices."""
    plain = sound(len(d))
    began = [(leak.since, places[leak.device]) for leak in faults.leaks]
    size = 2 * d.makeup / np.sqrt(np.maximum(d.static_head - _BELOW_HEAD_MPA, 0.02))

    @cache
    def open_at(leaks: tuple[int, ...]) -> Interventions:
        leak_sec = np.zeros(len(d))
        for row in leaks:
            leak_sec[row] = size[row]
        return replace(plain, leak_sec=leak_sec)

    def at(time: int) -> Interventions:
        return open_at(tuple(row for since, row in began if time >= since))

    return at
