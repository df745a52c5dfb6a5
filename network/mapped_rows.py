"""Mapped rows: what a mapping read of a message, written down for its devices, or refused with one Reject."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from network.link import Delivery
from network.mapped import Found
from network.topics import TopicError, parse
from perception.catalogue import DeviceStatus
from perception.payload import MOST_READINGS, PayloadError, RawReading
from perception.readings import Readings, Reason, Reject
from perception.roster import Member, Roster
from perception.sensor_kind import SensorKind
from perception.validate import Refusal, Sheet


class Reader(Protocol):
    """Reads one foreign message."""

    def read(self, payload: bytes) -> Sequence[Found | PayloadError]:
        """Return its readings. Raises PayloadError when nothing in it can be read."""

    def named(self) -> str | None:
        """Return the device that the topic alone tells, None when it takes the payload to know."""

    def values(self, found: Found, kind: SensorKind) -> dict[str, object]:
        """Return the values of a reading in the units of a kind. What is no number stays, to be refused by name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was refused of a message: by device how many readings as a whole, and the Reject that tells of all."""

    rejected: Counter[str]
    reject: Reject | None


def write_mapped(
    match: Reader, delivery: Delivery, origin: int, roster: Roster, sheet_of: Callable[[Member], Sheet]
) -> Outcome:
    """Write the readings of a mapped message on the sheets of their kinds, and return what was refused."""
    refusals: list[tuple[str | None, Refusal]] = []
    rejected: Counter[str] = Counter()
    refusal: Refusal | None
    for place, found in enumerate(_read(match, delivery)):
        if isinstance(found, PayloadError):
            device, refusal = match.named(), _refused(found)
        else:
            device, refusal = found.device, _write(match, found, place, origin, delivery, roster, sheet_of)
        if refusal is not None:
            refusals.append((device, refusal))
            if not refusal.partial:
                rejected[device if device in roster.members and device else ""] += 1
    return Outcome(rejected, _joined(refusals, origin, delivery) if refusals else None)


def unstamped_mapped(readings: Readings, deliveries: Sequence[Delivery]) -> NDArray[np.bool_]:
    """bool[n]: rows of redelivered foreign messages whose time is that of receipt. Only a mapping could tell more."""
    places = np.unique(readings.origin)
    again = [int(o) for o in places if deliveries[o].redelivered and is_foreign(deliveries[o])]
    late_us = readings.ts - readings.received_at
    found: NDArray[np.bool_] = np.isin(readings.origin, again) & (late_us >= 0) & (late_us < MOST_READINGS)
    return found


def is_foreign(delivery: Delivery) -> bool:
    """Whether a message came on a topic that is not ours."""
    try:
        parse(delivery.topic)
    except TopicError:
        return True
    return False


def _read(match: Reader, delivery: Delivery) -> Sequence[Found | PayloadError]:
    try:
        return match.read(delivery.payload)
    except PayloadError as err:
        return [err]


def _write(
    match: Reader, found: Found, place: int, origin: int, delivery: Delivery, roster: Roster,
    sheet_of: Callable[[Member], Sheet],
) -> Refusal | None:  # fmt: skip
    member = roster.members.get(found.device)
    if member is None:
        detail = f"no device {found.device} is known: add it, or name another in the mapping of this topic"
        return Refusal(Reason.UNKNOWN_DEVICE, detail)
    if member.status is not DeviceStatus.ACTIVE:
        return Refusal(Reason.INACTIVE_DEVICE, f"device {found.device} is {member.status}: approve it")
    if member.kind.derived:
        detail = f"the readings of {member.name} are computed here: name another device in the mapping of this topic"
        return Refusal(Reason.DERIVED_DEVICE, detail)
    if found.fault is not None:
        return _refused(found.fault)
    if found.ts is None and delivery.retained:
        return Refusal(Reason.BAD_TIME, "a retained message needs a time: an old value must not be stored as new")
    # Readings of one message were not all taken in one instant: a microsecond each keeps them apart, in order.
    ts = delivery.received_at + place if found.ts is None else found.ts
    raw = RawReading(ts, match.values(found, member.kind))
    return sheet_of(member).add(member, raw, delivery.received_at, origin)


def _refused(error: PayloadError) -> Refusal:
    return Refusal(error.reason, str(error))


def _joined(refusals: Sequence[tuple[str | None, Refusal]], origin: int, delivery: Delivery) -> Reject:
    """Return one Reject for all that was refused: only the whole message can be mapped again."""
    device, first = refusals[0]
    more = f" (and {len(refusals) - 1} more of this message)" if len(refusals) > 1 else ""
    return Reject(
        reason=first.reason,
        detail=first.detail + more,
        topic=delivery.topic,
        payload=delivery.payload,
        received_at=delivery.received_at,
        device=device,
        partial=all(refusal.partial for _, refusal in refusals),
        points=first.points,
        origin=origin,
    )
