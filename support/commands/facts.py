"""Verbs about what was taken in: the ledger and the rejects."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from network.link import Tally
from support.commands.listing import Rows
from support.tables import ledger, reject

FATES = ("received", "stored", "duplicate", "merged", "conflict", "rejected")
SHOWN_PAYLOAD = 200


def ledger_rows(engine: Engine, device: str | None, hours: int) -> Rows:
    """Return the ledger of the last hours, by hour and device, oldest first."""
    since = datetime.now(UTC) - timedelta(hours=hours)
    query = select(ledger).where(ledger.c.hour >= since).order_by(ledger.c.hour, ledger.c.device)
    if device is not None:
        query = query.where(ledger.c.device == device)
    with engine.connect() as on:
        return [dict(row._mapping) for row in on.execute(query)]  # noqa: SLF001 - SQLAlchemy's public door


def tally_of(engine: Engine, device: str) -> Tally:
    """Return how many readings of a device met which fate, ever."""
    sums = [func.coalesce(func.sum(ledger.c[fate]), 0) for fate in FATES]
    with engine.connect() as on:
        row = on.execute(select(*sums).where(ledger.c.device == device)).one()
    return Tally(*(int(value) for value in row))


def reject_rows(engine: Engine, device: str | None, reason: str | None, most: int) -> Rows:
    """Return what could not be taken in, newest first; the payload as text, cut short."""
    query = select(reject).order_by(reject.c.reject_id.desc()).limit(most)
    if device is not None:
        query = query.where(reject.c.device == device)
    if reason is not None:
        query = query.where(reject.c.reason == reason)
    with engine.connect() as on:
        return [
            {
                "reject_id": r.reject_id,
                "received_at": r.received_at.isoformat(timespec="milliseconds"),
                "reason": r.reason,
                "device": r.device,
                "partial": r.partial,
                "points": ",".join(r.points),
                "detail": r.detail,
                "topic": r.topic,
                "payload": bytes(r.payload[:SHOWN_PAYLOAD]).decode(errors="replace"),
            }
            for r in on.execute(query)
        ]
