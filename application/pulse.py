"""Pulse: numbers that change whenever anything changes that operators look at. Each is the end of an index."""

from sqlalchemy import Connection, func, select

from application.instants import microseconds
from support import tables


def taken(on: Connection) -> tuple[int, ...]:
    """Return the newest numbers of the alarm journal and of the audit (work orders among it), and of incidents."""
    journal, audit, incident = tables.alarm_event.c, tables.audit.c, tables.incident.c
    entry, act, opened = on.execute(
        select(
            select(func.max(journal.alarm_event_id)).scalar_subquery(),
            select(func.max(audit.audit_id)).scalar_subquery(),
            select(func.max(incident.opened_at)).scalar_subquery(),
        )
    ).one()
    return entry or 0, act or 0, 0 if opened is None else microseconds(opened)
