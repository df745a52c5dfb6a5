"""Batches: the pure arithmetic of what goes through one transaction."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from network.link import Batch, Delivery, Tally
from network.receive import unstamped_again
from perception.readings import Readings, Reject


def portions(deliveries: Sequence[Delivery], most_bytes: int) -> Iterator[Sequence[Delivery]]:
    """Cut deliveries so that each portion holds at most about `most_bytes` of payload."""
    start = size = 0
    for place, delivery in enumerate(deliveries):
        if size and size + len(delivery.payload) > most_bytes:
            yield deliveries[start:place]
            start, size = place, 0
        size += len(delivery.payload)
    if start < len(deliveries):
        yield deliveries[start:]


def tallied(batch: Batch, fates: Sequence[Mapping[str, Tally]]) -> dict[str, Tally]:
    """Join the fates of a batch's readings by device: what the store says, and what was rejected before it."""
    if len(fates) == 1 and not batch.rejected:  # nearly always, and there is nothing to join
        return dict(fates[0])
    total: dict[str, Counter[str]] = {}
    for device, tally in (pair for fate in fates for pair in fate.items()):
        total.setdefault(device, Counter()).update({f: getattr(tally, f) for f in Tally.__slots__})
    for device, count in batch.rejected.items():
        total.setdefault(device, Counter()).update(received=count, rejected=count)
    return {device: Tally(**counts) for device, counts in total.items()}


def redelivered(readings: Readings, deliveries: Sequence[Delivery]) -> NDArray[np.bool_] | None:
    """Return which readings came again and carry no time of their own to be known by; None when none can be."""
    if not any(delivery.redelivered for delivery in deliveries):
        return None
    return unstamped_again(readings, deliveries)


def with_origin(reject: Reject, deliveries: Sequence[Delivery]) -> Reject:
    """Give a Reject that arose in the store the bytes that it came from."""
    delivery = deliveries[reject.origin]
    return replace(reject, topic=delivery.topic, payload=delivery.payload)
