"""Ports: what the verbs of the pretend world work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from network.address import Address
    from network.link import Tally
    from perception.catalogue import Catalogue
    from perception.sensor_kind import SensorKind
    from simulators.fleet import Stop
    from simulators.settings import SimulateSettings


class Heartbeat(Protocol):
    """Tells whoever watches this process how it does."""

    def __call__(self, detail: str = "", *, ready: bool = True) -> None:
        """Say so. Cheap to call often."""


class Cast(Protocol):
    """What there is to play: the catalogue, which of its devices, and whether nothing was ever received."""

    @property
    def catalogue(self) -> Catalogue:
        """Every place and device."""

    @property
    def devices(self) -> Sequence[str]:
        """The simulated devices that are played."""

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever received: then there is a past to be played."""

    @property
    def newcomers(self) -> Sequence[str]:
        """Devices that were only just added, and have said nothing yet: they have a past to be played as well."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on; each is made when it is asked for.

    `orders` is the file in which orders to simulated devices outlive the process.
    `cast(stations)` waits for its turn; `await_audience(stop)` until somebody keeps what is said.
    `require_active` raises where a device may not report; `tally` is the ledger of a device. `event_time` says
    whether ingest lives by the time of events, as in a trial home; `scenario(name)` is a file, None: that of the
    settings.
    """

    settings: Callable[[], SimulateSettings]
    address: Callable[[], Address]
    kinds: Callable[[], Mapping[str, SensorKind]]
    recordings: Path
    scenario: Callable[[str | None], Path]
    orders: Callable[[], Path]
    clock: Callable[[], int]
    stop: Callable[[], Stop]
    heartbeat: Callable[[], Heartbeat]
    cast: Callable[[int | None], Cast]
    await_audience: Callable[[Stop], None]
    require_active: Callable[[str], None]
    tally: Callable[[str], Tally]
    event_time: Callable[[], bool]
    show: Callable[[Sequence[Mapping[str, object]], bool], None]
