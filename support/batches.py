"""Batches: the pure arithmetic of what goes through one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from network.link import Batch, Delivery, Tally
from network.receive import MOST_REJECTS, unstamped_again
from perception.payload import pieces
from perception.readings import Readings, Reject
from support.tallies import Tallies

MOST_OBJECTS = 50_000
"""JSON objects of one portion: with two for each reading, five times a batch of single readings."""


def portions(deliveries: Sequence[Delivery], most_bytes: int) -> Iterator[Sequence[Delivery]]:
    """Cut deliveries so that each portion holds at most about `most_bytes` of payload, and MOST_OBJECTS objects."""
    if _is_one(deliveries, most_bytes):
        yield deliveries
        return
    start = size = objects = 0
    for place, delivery in enumerate(deliveries):
        inside = delivery.payload.count(b"{")
        if size and (size + len(delivery.payload) > most_bytes or objects + inside > MOST_OBJECTS):
            yield deliveries[start:place]
            start, size, objects = place, 0, 0
        size += len(delivery.payload)
        objects += inside
    if start < len(deliveries):
        yield deliveries[start:]


def _is_one(deliveries: Sequence[Delivery], most_bytes: int) -> bool:
    """Return whether it is known that nothing needs to be cut; a reading counts as two objects."""
    holds = [delivery.holds for delivery in deliveries]
    known = bool(holds) and min(holds) > 0 and 2 * sum(holds) <= MOST_OBJECTS
    return known and sum([len(delivery.payload) for delivery in deliveries]) <= most_bytes


def tallied(batch: Batch, fates: Sequence[Mapping[str, Tally]]) -> Tallies:
    """Join the fates of a batch's readings by device: what the store says, and what was rejected before it."""
    rejected = {device: Tally(received=count, rejected=count) for device, count in batch.rejected.items()}
    return Tallies.joined([*fates, rejected] if rejected or not fates else fates)


def redelivered(readings: Readings, deliveries: Sequence[Delivery]) -> NDArray[np.bool_] | None:
    """Return which readings came again and carry no time of their own to be known by; None when none can be."""
    if True not in [delivery.redelivered for delivery in deliveries]:
        return None
    return unstamped_again(readings, deliveries)


def with_origins(rejects: Iterable[Reject], deliveries: Sequence[Delivery]) -> list[Reject]:
    """Give Rejects that arose in the store the bytes that they came from: each its own element of the list.

    Many of one delivery, or what no single element stands for, become one with the whole of it, so
    that nothing can multiply itself.
    """
    of_one: dict[int, list[Reject]] = {}
    for reject in rejects:
        of_one.setdefault(reject.origin, []).append(reject)
    return [each for origin, group in of_one.items() for each in _of_one_delivery(group, deliveries[origin])]


def _of_one_delivery(group: Sequence[Reject], delivery: Delivery) -> list[Reject]:
    topic, whole = delivery.topic, delivery.payload
    if len(group) > MOST_REJECTS or (len(group) > 1 and group[0].place < 0):
        detail = f"{len(group)} readings of one message; the first: {group[0].detail}"
        return [replace(group[0], topic=topic, payload=whole, detail=detail, place=-1)]
    if group[0].place < 0:
        return [replace(group[0], topic=topic, payload=whole)]
    parts = pieces(whole)
    return [replace(reject, topic=topic, payload=parts[reject.place]) for reject in group]
