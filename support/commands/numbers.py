"""Verbs about running numbers: what never arrived."""

from sqlalchemy import Engine, select

from support.commands.listing import Rows
from support.sequences import Count, Span, gaps, length
from support.tables import device_seq, seq_gap

MOST_ROWS = 10_000


def gap_rows(engine: Engine, device: str | None) -> Rows:
    """Return the gaps of running numbers, by device: open ones may still be filled, final ones are given up."""
    final, open_ones = select(seq_gap).order_by(seq_gap.c.seq_gap_id.desc()).limit(MOST_ROWS), select(device_seq)
    if device is not None:
        final, open_ones = final.where(seq_gap.c.device == device), open_ones.where(device_seq.c.device == device)
    with engine.connect() as on:
        rows = [
            _row(r.device, r.boot, Span(r.from_seq, r.to_seq), r.noted_at.isoformat(timespec="seconds"))
            for r in on.execute(final)
        ]
        for r in on.execute(open_ones):
            ahead, missing = (tuple(Span(*pair) for pair in pairs) for pairs in (r.ahead, r.missing))
            count = Count(settled=r.settled, highest=r.highest, ahead=ahead, missing=missing)
            rows.extend(_row(r.device, r.boot, span, None) for span in gaps(count))
    return sorted(rows, key=lambda row: (str(row["device"]), str(row["boot"]), row["from_seq"]))


def _row(device: str, boot: object, span: Span, final_since: str | None) -> dict[str, object]:
    return {
        "device": device,
        "boot": boot,
        "from_seq": span.first,
        "to_seq": span.last,
        "numbers": length((span,)),
        "state": "open" if final_since is None else "final",
        "final_since": final_since,
    }
