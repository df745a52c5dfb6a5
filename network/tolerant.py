"""Tolerant: a payload of any form, element by element; what is good of it is taken, what is not is told."""

from network.link import Delivery
from perception import payload as codec
from perception.payload import PayloadError, RawReading
from perception.readings import Reason
from perception.roster import Member
from perception.validate import Refusal, Sheet

WHOLE = -1
"""The place of a payload that could not be read at all."""


def read_tolerantly(origin: int, delivery: Delivery, member: Member, sheet: Sheet) -> dict[int, Refusal]:
    """Add what is good of any payload, and return what is not, by place in the list."""
    try:
        elements = codec.decode(delivery.payload)
    except PayloadError as err:
        return {WHOLE: Refusal(err.reason, str(err))}
    refused: dict[int, Refusal] = {}
    for place, raw in enumerate(elements):
        refusal = _add(raw, origin, delivery, member, sheet, place)
        if refusal is not None:
            refused[place] = refusal
    return refused


def _add(
    raw: RawReading | PayloadError, origin: int, delivery: Delivery, member: Member, sheet: Sheet, place: int
) -> Refusal | None:
    if isinstance(raw, PayloadError):
        return Refusal(raw.reason, str(raw))
    if raw.ts is None:
        if delivery.retained:
            return Refusal(Reason.BAD_TIME, 'a retained reading needs "ts": an old value must not be stored as new')
        # Elements of one list were not all read in one instant: a microsecond each keeps them apart, in order.
        raw = RawReading(delivery.received_at + place, raw.values)
    return sheet.add(member, raw, delivery.received_at, origin, place)


def summed_up(refused: dict[int, Refusal]) -> Refusal:
    """Return one refusal that tells of many elements."""
    place, first = next(iter(refused.items()))
    return Refusal(
        reason=first.reason,
        detail=f"{len(refused)} elements of the list could not be taken in; the first, number {place}: {first.detail}",
        points=first.points,
        partial=all(r.partial for r in refused.values()),
    )
