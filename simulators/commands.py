"""Verbs of the command line that speak for the pretend world: replay here, simulate and season beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulators import fleet_commands, season_commands
from simulators.ports import Ports

if TYPE_CHECKING:
    from network.address import Address
    from network.device import DeviceClient
    from network.link import Tally
    from simulators.fleet import Stop
    from simulators.replay import ReplayCounts

__all__ = ["Ports", "register"]

CONNECT_S, SETTLE_S, POLL_S = 10.0, 20.0, 0.1
FATES = ("stored", "rejected", "duplicate", "merged", "conflict")


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    fleet_commands.register(app, ports)
    season_commands.register(app, ports)

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
