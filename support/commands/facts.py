"""Facts about what was taken in, for verbs of other layers."""

from sqlalchemy import Engine, func, select

from network.link import Tally
from support.tables import ledger
from support.tables.intake import FATES


def tally_of(engine: Engine, device: str) -> Tally:
    """Return how many readings of a device met which fate, ever."""
    sums = [func.coalesce(func.sum(ledger.c[fate]), 0) for fate in FATES]
    with engine.connect() as on:
        row = on.execute(select(*sums).where(ledger.c.device == device)).one()
    return Tally(*(int(value) for value in row))
