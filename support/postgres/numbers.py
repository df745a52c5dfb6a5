"""Numbers: the running numbers of devices, read and written in the transaction of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg

from support.postgres.packing import INT8, array
from support.postgres.rows import insert, put
from support.sequences import Boot, Count, Span, Spans, only_moved
from support.store import Row
from support.tables import seq_gap

Link = psycopg.Connection[tuple[Any, ...]]

_LOAD = "select device, boot, former, first_seq, settled, sure, highest, ahead, missing from device_seq"
_ADVANCE = """
update device_seq d set settled = v.settled, highest = v.settled
from unnest(%s::text[], %b::int8[]) v (device, settled) where d.device = v.device
"""


def load(on: Link) -> dict[str, Count]:
    """Return every count, by device name."""
    return {
        device: Count(boot, former, first, settled, sure, highest, _spans(ahead), _spans(missing))
        for device, boot, former, first, settled, sure, highest, ahead, missing in on.execute(_LOAD)
    }


def save(on: Link, before: Mapping[str, Count], after: Mapping[str, Count]) -> None:
    """Write counts. Those that only moved on, as nearly all do, travel as two arrays."""
    moved = {
        device: count.settled
        for device, count in after.items()
        if (old := before.get(device)) is not None and only_moved(old, count)
    }
    if moved:
        on.execute(_ADVANCE, (list(moved), array(INT8, np.array(list(moved.values()), np.int64))))
    if len(moved) < len(after):
        put(on, [_row(device, count) for device, count in sorted(after.items()) if device not in moved])


def keep(on: Link, gaps: Sequence[tuple[str, Boot, Spans]]) -> None:
    """Keep gaps that are final, for those who ask what never arrived."""
    insert(
        on,
        seq_gap,
        [
            {"device": device, "boot": boot, "from_seq": span.first, "to_seq": span.last}
            for device, boot, spans in gaps
            for span in spans
        ],
    )


def _row(device: str, count: Count) -> Row:
    facts = count._asdict()
    facts["first_seq"] = facts.pop("first")
    return Row("device_seq", {"device": device, **facts})


def _spans(pairs: Sequence[Sequence[int]]) -> Spans:
    return tuple(Span(first, last) for first, last in pairs)
