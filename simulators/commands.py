"""Verbs of the command line that speak for the pretend world: simulate and replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

if TYPE_CHECKING:
    from network.address import Address
    from network.device import DeviceClient
    from network.link import Tally
    from perception.catalogue import Catalogue
    from perception.sensor_kind import SensorKind
    from simulators.fleet import Stop
    from simulators.replay import ReplayCounts
    from simulators.settings import SimulateSettings

FLUSH_S = 0.8
CONNECT_S, SETTLE_S, POLL_S = 10.0, 20.0, 0.1
FATES = ("stored", "rejected", "duplicate", "merged", "conflict")


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

    `cast(stations)` waits for its turn; `await_audience(stop)` until somebody keeps what is said.
    `require_active` raises where a device may not report; `tally` is the ledger of a device.
    """

    settings: Callable[[], SimulateSettings]
    address: Callable[[], Address]
    kinds: Callable[[], Mapping[str, SensorKind]]
    recordings: Path
    clock: Callable[[], int]
    stop: Callable[[], Stop]
    heartbeat: Callable[[], Heartbeat]
    cast: Callable[[int | None], Cast]
    await_audience: Callable[[Stop], None]
    require_active: Callable[[str], None]
    tally: Callable[[str], Tally]
    show: Callable[[Sequence[Mapping[str, object]], bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""

    @app.command("simulate")
    def simulate_verb(
        stations: Annotated[int | None, typer.Option(min=1, help="Only so many of the simulated stations.")] = None,
    ) -> None:
        """Play every simulated device and the recordings; on a new database their past as well."""
        simulate(ports, stations)

    @app.command("replay")
    def replay_verb(
        file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The recording: CSV, also as .gz.")],
        device: Annotated[str, typer.Option(help="The device that it is sent as.")],
        columns: Annotated[
            Path, typer.Option("--map", exists=True, dir_okay=False, help="Which column is which point.")
        ],
        speed: Annotated[str, typer.Option(help="How many times faster than it was, or max.")] = "max",
        to_now: Annotated[
            bool, typer.Option("--to-now", help="Shift by whole days to end within the last day.")
        ] = False,
        shift_days: Annotated[int, typer.Option(help="Shift by so many whole days.")] = 0,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Send a recording through MQTT as a device, and count what became of it."""
        wish = Replayed(file, columns, device, _speed(speed), None if to_now else shift_days)
        ports.require_active(device)
        ports.show(replay(ports, wish), as_json)


def simulate(ports: Ports, stations: int | None) -> None:
    """Play every simulated device, or those of so many stations, and every recording, until asked to stop."""
    from network.mqtt import MqttOutlet
    from simulators.fleet import FleetCounts, greetings, run_fleet
    from simulators.stage import players_for

    stop, heartbeat, told, cast = ports.stop(), ports.heartbeat(), ports.settings(), ports.cast(stations)
    heartbeat("builds the world", ready=False)
    recordings = ports.recordings if told.recordings else None
    play = partial(players_for, cast.catalogue, ports.kinds(), told, now=ports.clock())
    new = newcomers(cast)
    players = play(simulated=[d for d in cast.devices if d not in new], recordings=recordings, is_new=cast.is_new)
    players += play(simulated=new, is_new=True)  # with a past of their own, beside the others

    def progress(counts: FleetCounts) -> None:
        up = outlet.connected()
        heartbeat(f"{counts.live} live, {counts.backfilled} past" if up else "the broker is away", ready=up)

    ports.await_audience(stop)
    outlet = MqttOutlet(ports.address(), "hearthline-simulate", greetings=lambda: tuple(greetings(players)))
    try:
        run_fleet(players, outlet, clock=ports.clock, stop=stop, progress=progress)
        outlet.flush(FLUSH_S)
    finally:
        outlet.close()


def newcomers(cast: Cast) -> set[str]:
    """Return who joins a city that is played already: those that live by what their kind says alone."""
    from simulators.strangers import OF_A_PLANT

    strangers = {d.name for d in cast.catalogue.devices if d.kind not in OF_A_PLANT}
    return strangers & set(cast.newcomers) & set(cast.devices)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is replayed, and as whom. `speed` None: as fast as it is taken; `days` None: to end within the last day."""

    file: Path
    columns: Path
    device: str
    speed: float | None
    days: int | None


def replay(ports: Ports, wish: Replayed) -> Sequence[Mapping[str, object]]:
    """Send a recording as a device, with a progress bar; return the final count.

    Raises RecordingError when file or map cannot be used, LinkDownError when the broker does not answer.
    """
    from network.commands import quiet
    from network.device import DeviceClient
    from simulators.recording import Trouble, load_map, read_recording
    from simulators.replay import days_to, run_replay, shifted

    trouble, columns, stop, address = Trouble(), load_map(wish.columns, ports.kinds()), ports.stop(), ports.address()
    readings = read_recording(wish.file, columns, trouble)
    readings = shifted(readings, days_to(readings, ports.clock()) if wish.days is None else wish.days)
    quiet()
    tally = partial(ports.tally, wish.device)
    before = tally()
    with DeviceClient(address, wish.device, ports.kinds()[columns.kind]) as client:
        _await_link(client, address, stop)
        with _bar(len(readings), wish.device) as progress:
            counts = run_replay(readings, client, speed=wish.speed, clock=ports.clock, stop=stop, progress=progress)
        after = _settled(tally, before, counts.acknowledged, stop)
    fates = {fate: getattr(after, fate) - getattr(before, fate) for fate in FATES}
    unread = {"unreadable_rows": trouble.rows, "unreadable_values": trouble.cells}
    return [{"sent": counts.sent, "acknowledged": counts.acknowledged, **fates, **unread}]


def _speed(word: str) -> float | None:
    """Read --speed: a positive number, or max."""
    try:
        speed = None if word == "max" else float(word)
    except ValueError:
        speed = 0.0
    if speed is not None and speed <= 0:
        raise typer.BadParameter(f"--speed is a positive number or max, not {word!r}")
    return speed


def _await_link(client: DeviceClient, address: Address, stop: Stop) -> None:
    from network.link import LinkDownError

    for _ in range(round(CONNECT_S / POLL_S)):
        if client.connected() or stop.wait(POLL_S):
            return
    raise LinkDownError(
        f"no broker answers at {address}: start one with `hearthline run`, or set HEARTHLINE_BROKER__URL"
    )


def _settled(tally: Callable[[], Tally], before: Tally, expected: int, stop: Stop) -> Tally:
    """Return the ledger once it has everything that was acknowledged, or once it no longer grows."""
    now, still = tally(), 0
    while now.received - before.received < expected and still < round(SETTLE_S / POLL_S) and not stop.wait(POLL_S):
        last, now = now, tally()
        still = still + 1 if now.received == last.received else 0
    return now


@contextmanager
def _bar(total: int, device: str) -> Iterator[Callable[[ReplayCounts], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"replay as {device}", total=total)
        yield lambda counts: bar.update(task, completed=counts.sent)
