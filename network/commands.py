"""Verbs of the command line that speak for the network: what a device sends, as it arrives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from queue import SimpleQueue

from network.address import Address
from network.link import Batch, Delivery
from network.topics import ROOT
from perception.readings import Readings, Reject
from perception.roster import Roster

Interpret = Callable[[Sequence[Delivery], Roster, int], Batch]


def messages(address: Address, device: str, clock: Callable[[], int]) -> Iterator[Delivery]:
    """Yield every message of a device as it arrives, for ever; retained ones first. Closes its link when closed."""
    from network.mqtt import LiveFeed

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
