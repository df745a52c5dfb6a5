"""Roster: the devices that may report right now, by name. What the hot path needs and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from perception.catalogue import DeviceStatus
from perception.corrections import Correction, Timeline
from perception.foreigner import Address, Foreigner
from perception.sensor_kind import SensorKind


@dataclass(frozen=True, slots=True)
class Member:
    """One device on the roster, with the facts of its station that rules look at."""

    device_id: int
    name: str
    kind: SensorKind
    station: str
    city: str
    interval_s: float
    status: DeviceStatus = DeviceStatus.ACTIVE
    static_head_mpa: float | None = None
    corrections: tuple[Correction, ...] = ()
    district: str = ""
    timeline: Timeline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "timeline", Timeline(self.corrections))


@dataclass(frozen=True, slots=True)
class Roster:
    """Every known device by name, whatever its status; `version` changes when anything in it does.

    `foreigners` are those of them that speak another grammar, by what they call themselves.
    """

    members: Mapping[str, Member]
    kinds: Mapping[str, SensorKind]
    version: int = 0
    foreigners: Mapping[Address, Foreigner] = field(default_factory=dict)
    by_id: Mapping[int, Member] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {m.device_id: m for m in self.members.values()})
