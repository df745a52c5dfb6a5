"""Replaying: kept Rejects taken in anew, by the same interpretation and into the same transaction as what arrives."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from network.link import Batch, Delivery, Tally
from perception.readings import Readings, Reason, Reject
from perception.roster import Roster
from support.batches import tallied, with_origins
from support.store import ROW_FATES, StoreTransaction, Written
from support.strangers import marked

PORTION = 200
"""So many Rejects go through one transaction, between the batches of the live traffic."""

Interpret = Callable[[Sequence[Delivery], Roster, int], Batch]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a portion in the transaction that is still open."""

    accepted: Mapping[str, Readings]
    tallies: Mapping[str, Tally]
    rejects: Sequence[Reject]


def replay(
    tx: StoreTransaction, deliveries: Sequence[Delivery], roster: Roster, interpret: Interpret, now: int
) -> Replayed:
    """Take in what kept Rejects hold and settle them, all in `tx`. `mid` of a delivery is the id of its Reject.

    Those that are settled already are passed over: the commit of a former attempt that nobody
    could vouch for did happen. What is refused again is a new Reject that names the former one.
    """
    asked = tx.still_asked([d.mid for d in deliveries])
    due = [d for d in deliveries if d.mid in asked]
    batch = interpret(due, roster, now)
    written = [tx.write(readings, roster) for readings in batch.readings.values()]
    tallies = tallied(batch, [w.tallies for w in written])
    rejects = [*batch.rejects, *with_origins((r for w in written for r in w.rejects), due)]
    again = [replace(marked(known_by_delivery(r, due), roster), former=due[r.origin].mid) for r in rejects]
    tx.reject(again)
    tx.tally(now, tallies)
    tx.meet(batch.births, batch.states)
    tx.replayed(_outcomes(due, batch, written, again))
    return Replayed({w.accepted.kind.name: w.accepted for w in written}, tallies, again)


def set_aside(tx: StoreTransaction, delivery: Delivery, detail: str, count: int, now: int, *, again: bool) -> Replayed:
    """Keep as unstorable a delivery of so many readings that the database refuses; `again`: it is a Reject itself."""
    if again and not tx.still_asked([delivery.mid]):
        return Replayed({}, {}, ())
    former = delivery.mid if again else None
    whole = (delivery.topic, delivery.payload, delivery.received_at)
    reject = Reject(Reason.UNSTORABLE, detail, *whole, former=former, retained=delivery.retained)
    tallies = {"": Tally(received=count, rejected=count)}
    tx.reject([reject])
    tx.tally(now, tallies)
    if again:
        tx.replayed({delivery.mid: {"rejected": 1}})
    return Replayed({}, tallies, [reject])


def known_by_delivery(reject: Reject, deliveries: Sequence[Delivery]) -> Reject:
    """Give a Reject what its replay needs to know of the delivery: whether the broker had retained it."""
    return replace(reject, retained=True) if deliveries[reject.origin].retained else reject


def _outcomes(
    due: Sequence[Delivery], batch: Batch, written: Sequence[Written], again: Sequence[Reject]
) -> dict[int, dict[str, int]]:
    """Return, by the id of the Reject, how many of its readings met which fate.

    `rejected` counts the new Rejects beside conflicts, those of single points too; `taken`: it
    held no readings, but a birth or a state.
    """
    outcomes: list[Counter[str]] = [Counter() for _ in due]
    for readings, result in zip(batch.readings.values(), written, strict=True):
        for origin, fate in zip(readings.origin.tolist(), result.fates.tolist(), strict=True):
            outcomes[origin][ROW_FATES[fate]] += 1
    for reject in again:
        outcomes[reject.origin]["rejected"] += reject.reason is not Reason.CONFLICT
    return {d.mid: dict(+outcome) or {"taken": 1} for d, outcome in zip(due, outcomes, strict=True)}
