"""Verbs of the command line that speak for the network: the embedded broker, and what a device sends as it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from network import mapping_commands
from network.topics import ROOT, live

if TYPE_CHECKING:
    from network.address import Address
    from network.link import Batch, Delivery
    from network.mapped import Mappings
    from network.settings import BrokerSettings
    from perception.readings import Readings, Reject
    from perception.roster import Roster
    from perception.sensor_kind import SensorKind

    Interpret = Callable[[Sequence[Delivery], Roster, int], Batch]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on; each is made when it is asked for."""

    settings: Callable[[], BrokerSettings]
    roster: Callable[[], Roster]
    clock: Callable[[], int]
    kinds: Callable[[], Mapping[str, SensorKind]]
    mappings: Callable[[], Mappings]


def register(app: typer.Typer, devices: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    mapping_commands.register(app, ports)

    @app.command()
    def broker() -> None:
        """Be the embedded broker, in the foreground."""
        from threading import Thread

        from network.broker import run_broker
        from network.linking import reserve

        told = ports.settings()
        quiet("ERROR")  # that it is not reached yet is no news before it listens
        reserving = Thread(target=reserve, args=(told, ports.mappings().filters), daemon=True)
        reserving.start()  # tries until the broker below listens
        run_broker(
            told.port,
            max_payload_bytes=told.max_payload_bytes,
            backlog_mib=told.backlog_mib,
            port_v5=told.port_v5 or None,
        )

    @devices.command("watch")
    def devices_watch(name: Annotated[str, typer.Argument(help="Name of the device.")]) -> None:
        """Print each message of a device as it arrives: decoded, or why it would be rejected. Ctrl-C ends it."""
        from network.receive import receive

        if name not in ports.roster().members:
            typer.echo(f"no device is named {name} yet: what it sends is rejected", err=True)
        for line in watch(messages(ports.settings().address, name, ports.clock), ports.roster, receive):
            typer.echo(line)


def quiet(least: str = "WARNING") -> None:
    """Let only this level and above through to the terminal: for verbs whose output is their answer."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[least]))


def messages(address: Address, device: str, clock: Callable[[], int]) -> Iterator[Delivery]:
    """Yield every message of a device as it arrives, for ever; retained ones first. Closes its link when closed."""
    from network.link import Delivery
    from network.mqtt import LiveFeed

    quiet()
    queue: SimpleQueue[Delivery] = SimpleQueue()
    feed = LiveFeed(address, f"{ROOT}/{device}/+", lambda topic, payload: queue.put(Delivery(topic, payload, clock())))
    try:
        while True:
            yield queue.get()
    finally:
        feed.close()


def watch(deliveries: Iterable[Delivery], roster: Callable[[], Roster], interpret: Interpret) -> Iterator[str]:
    """Yield a line for each message: what was read in it, or why it would be rejected."""
    for delivery in deliveries:
        head = (
            f"{_clock_time(delivery.received_at)} {delivery.topic.rpartition('/')[2]:<9} {len(delivery.payload):>6} B"
        )
        if delivery.topic.endswith(("/rejected", "/stored", "/command")):
            yield f"{head}  (to the device) {delivery.payload.decode(errors='replace')[:300]}"
            continue
        batch = interpret([delivery], roster(), delivery.received_at)
        yield from (f"{head}  {line}" for line in _lines(batch))


def _lines(batch: Batch) -> Iterator[str]:
    for readings in batch.readings.values():
        yield from (_reading(readings, row) for row in range(len(readings)))
    for reject in batch.rejects:
        yield _reject(reject)
    for birth in batch.births:
        yield f"birth of a {birth.kind}, every {birth.interval_s} s"
    for reply in batch.replies:
        yield f"reply {reply.payload.decode(errors='replace')[:300]}"
    for state in batch.states:
        yield "online" if state.online else "offline"


def _reading(readings: Readings, row: int) -> str:
    word = int(readings.quality[row])
    values = [
        f"{name}={value:g}{'!' if word >> bit & 1 else ''}"
        for bit, (name, value) in enumerate(zip(readings.kind.names, readings.values[row], strict=True))
        if value == value  # noqa: PLR0124  NaN is not equal to itself: nothing was reported
    ]
    return f"{_clock_time(int(readings.ts[row]))}  {' '.join(values)}"


def _reject(reject: Reject) -> str:
    what = f"points refused ({', '.join(reject.points)})" if reject.partial else "REJECTED"
    return f"{what}: {reject.reason}: {reject.detail}"


def _clock_time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def live_frame(address: Address, city: str, device_id: int, within_s: float) -> int | None:
    """Listen for a live frame that holds a reading of a device; return that reading's time, None when none came."""
    from network.mqtt import LiveFeed

    quiet()
    found: SimpleQueue[int] = SimpleQueue()

    def look(_topic: str, payload: bytes) -> None:
        for row in msgspec.json.decode(payload).get("rows", ()):
            if row[0] == device_id:
                found.put(row[1] * 1000)

    feed = LiveFeed(address, live(city), look)
    try:
        return found.get(timeout=within_s)
    except Empty:
        return None
    finally:
        feed.close()
