"""Births of Sparkplug: what the metrics of a node or device are called, under which alias, of which type.

A birth is kept as long as an alias of it may still be needed: that of the last birth holds for what
comes after it, that of an earlier one for what was said before (a message that the broker delivers
again, or that waited as a Reject for the approval of its device). Births with the same aliases are one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from network.sparkplug.payload import LONGEST_NAME, OTHERS, DataType, number_of, text_of, unit_of, value_of
from perception.payload import PayloadError
from perception.readings import Reason

MOST_KEPT = 6
"""Births with different aliases, of one node or device."""
MOST_BYTES = 256 * 1024
"""Of one device's births, as they are kept."""
BD_SEQ = "bdSeq"


@dataclass(frozen=True, slots=True)
class Named:
    """One metric: its name, alias and type; the unit, an example of its value; `refused`: why it cannot be taken."""

    name: str
    alias: int | None
    datatype: int | None
    unit: str | None = None
    value: object = None

    @property
    def refused(self) -> str:
        """Why no point can be made of it, "" when one can."""
        if self.datatype in DataType.__members__.values():
            return ""
        return f"{OTHERS.get(self.datatype or 0, 'an unknown type')} holds no single number"


@dataclass(frozen=True, slots=True)
class Born:
    """A birth. `since`: epoch milliseconds of the first with these aliases. `bd_seq` numbers the node's sessions."""

    since: int
    metrics: tuple[Named, ...]
    bd_seq: int | None
    aliases: Mapping[int, Named]
    names: Mapping[str, Named]

    @classmethod
    def of(cls, since: int, metrics: Sequence[Named], bd_seq: int | None) -> "Born":
        """Return the birth of these metrics."""
        aliases = {m.alias: m for m in metrics if m.alias is not None}
        return cls(since, tuple(metrics), bd_seq, aliases, {m.name: m for m in metrics})

    def key(self) -> frozenset[tuple[str, int | None, int | None]]:
        """Return what data depends on: two births with the same key are one."""
        return frozenset((m.name, m.alias, m.datatype) for m in self.metrics)


Past = tuple[Born, ...]
"""The births of one address, the last first."""


def born_of(told: Any, at: int) -> Born:
    """Return what a payload of a birth says. `at` (epoch milliseconds) stands in for its time. Raises PayloadError."""
    metrics = [_named(metric) for metric in told.metrics]
    named: list[list[object]] = [[m.name for m in metrics], [m.alias for m in metrics if m.alias is not None]]
    for words in named:
        often, times = Counter(words).most_common(1)[0] if words else ("", 0)
        if times > 1:
            raise PayloadError(Reason.BAD_BIRTH, f"{str(often)!r:.80} names {times} metrics of one birth")
    bd_seq = next((m.value for m in metrics if m.name == BD_SEQ and isinstance(m.value, int)), None)
    return Born.of(number_of(told, "timestamp") or at, metrics, bd_seq)


def succeeded(past: Past, born: Born) -> Past:
    """Return the births of an address after one more. Raises PayloadError when they are too large to be kept."""
    if past and past[0].key() == born.key():
        kept = (Born.of(min(past[0].since, born.since), born.metrics, born.bd_seq), *past[1:])
    else:
        kept = (born, *past)[:MOST_KEPT]
    size = len(msgspec.json.encode(told_of(kept)))
    while size > MOST_BYTES and len(kept) > 1:
        kept = kept[:-1]
        size = len(msgspec.json.encode(told_of(kept)))
    if size > MOST_BYTES:
        raise PayloadError(Reason.BAD_BIRTH, f"a birth of {size} bytes; at most {MOST_BYTES} are kept")
    return kept


def in_force(past: Past, at: int | None) -> Born | None:
    """Return the birth that a message of this time (epoch milliseconds) relies on: the last, or an earlier one."""
    if not past or not at:
        return past[0] if past else None
    return next((born for born in past if born.since <= at), None)


def told_of(past: Past) -> dict[str, object]:
    """Return the births of an address as JSON keeps them."""
    return {
        "births": [
            {
                "since": born.since,
                "bd_seq": born.bd_seq,
                "metrics": [
                    {
                        "name": m.name,
                        "alias": m.alias,
                        "datatype": m.datatype,
                        "unit": m.unit,
                        "value": m.value if isinstance(m.value, int | float | str | None) else None,
                        "refused": m.refused,
                    }
                    for m in born.metrics
                ],
            }
            for born in past
        ]
    }


def past_of(told: Mapping[str, Any]) -> Past:
    """Return the births that were kept so."""
    return tuple(_kept(born) for born in told.get("births", ()))


def _kept(born: Mapping[str, Any]) -> Born:
    metrics: Iterable[Mapping[str, Any]] = born["metrics"]
    named = [Named(m["name"], m["alias"], m["datatype"], m["unit"], m["value"]) for m in metrics]
    return Born.of(born["since"], named, born["bd_seq"])


def _named(metric: Any) -> Named:
    name = text_of(metric, "name")
    if not name:
        raise PayloadError(Reason.BAD_BIRTH, "a metric of a birth has no name")
    if len(name) > LONGEST_NAME or "\0" in name:
        raise PayloadError(Reason.BAD_BIRTH, f"{name!a:.60}: a name of a metric has at most {LONGEST_NAME} letters")
    datatype = number_of(metric, "datatype")
    value = value_of(metric, datatype)
    if isinstance(value, str):
        value = value[:80]
    return Named(name, number_of(metric, "alias"), datatype, unit_of(metric), value)
