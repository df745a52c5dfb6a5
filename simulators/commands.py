"""Verbs of the command line that speak for the pretend world: simulate and replay."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from network.address import Address
from perception.catalogue import Catalogue
from perception.sensor_kind import SensorKind
from simulators.settings import SimulateSettings

if TYPE_CHECKING:
    from simulators.fleet import Stop

FLUSH_S = 0.8


class Heartbeat(Protocol):
    """Tells whoever watches this process how it does."""

    def __call__(self, detail: str = "", *, ready: bool = True) -> None:
        """Say so. Cheap to call often."""


def simulate(
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    settings: SimulateSettings,
    address: Address,
    recordings: Path,
    clock: Callable[[], int],
    stop: "Stop",
    heartbeat: Heartbeat,
    *,
    simulated: Sequence[str],
    is_new: bool,
) -> None:
    """Play every simulated device and every recording until `stop`. `is_new`: nothing is stored yet, so play a past."""
    from network.mqtt import MqttOutlet
    from simulators.fleet import FleetCounts, greetings, run_fleet
    from simulators.stage import players_for

    heartbeat("builds the world", ready=False)
    folder = recordings if settings.recordings else None
    players = players_for(
        catalogue, kinds, settings, now=clock(), simulated=simulated, recordings=folder, is_new=is_new
    )

    def progress(counts: FleetCounts) -> None:
        up = outlet.connected()
        heartbeat(f"{counts.live} live, {counts.backfilled} past" if up else "the broker is away", ready=up)

    outlet = MqttOutlet(address, "hearthline-simulate", greetings=lambda: tuple(greetings(players)))
    try:
        run_fleet(players, outlet, clock=clock, stop=stop, progress=progress)
        outlet.flush(FLUSH_S)
    finally:
        outlet.close()
