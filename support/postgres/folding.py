"""Folding: entries of the ledger added up by hour and device. What is read of the ledger stays the same."""

from collections.abc import Iterator

from sqlalchemy import Engine, text

from support.postgres.transact import transaction
from support.tables.intake import FATES

_FOLD = f"""
with gone as (delete from ledger_entry returning hour, devices, {", ".join(FATES)})
insert into ledger_hour as t (hour, device, {", ".join(FATES)})
select gone.hour, u.device, {", ".join(f"sum(u.{fate})::bigint" for fate in FATES)}
from gone cross join unnest(gone.devices, {", ".join(f"gone.{fate}" for fate in FATES)})
    as u (device, {", ".join(FATES)})
group by gone.hour, u.device
on conflict (hour, device) do update set {", ".join(f"{fate} = t.{fate} + excluded.{fate}" for fate in FATES)}
"""  # noqa: S608 - the names are ours


class Folding:
    """Adds up what ingest has written. `drain` is a pass of tend."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def drain(self, _now: int) -> Iterator[int]:
        """Fold every entry that is committed, in one transaction; yield how many hours of devices were touched."""
        with transaction(self._engine) as on:
            touched = on.execute(text(_FOLD)).rowcount
        yield touched
