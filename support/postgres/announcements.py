"""Announcements: what devices say of themselves, births and states, into the table of devices."""

from collections.abc import Sequence
from typing import Any

import psycopg

from network.link import Birth, StateChange
from support.postgres.rows import as_json, clean, moment

Link = psycopg.Connection[tuple[Any, ...]]

MOST_PENDING = 1000
"""So many unknown devices may wait for approval; a flood of made-up names ends there."""

_NEWCOMERS = """
insert into device (name, kind, status, birth_at, manifest)
select v.name, v.kind, 'pending', v.at, v.manifest
from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::jsonb[]) v (name, kind, at, manifest)
where not exists (select from device d where d.name = v.name)
limit greatest(0, %s - (select count(*) from device where status = 'pending'))
on conflict (name) do nothing
"""
_BIRTHS = """
update device d set birth_at = v.at
from unnest(%s::text[], %s::timestamptz[]) v (name, at) where d.name = v.name
"""
_MANIFESTS = """
update device d set manifest = v.manifest
from unnest(%s::text[], %s::jsonb[]) v (name, manifest)
where d.name = v.name and d.manifest is distinct from v.manifest
"""
_STATES = """
update device d set online = v.online, state_at = v.at
from unnest(%s::text[], %s::boolean[], %s::timestamptz[]) v (name, online, at)
where d.name = v.name and (d.state_at is null or d.state_at <= v.at)
"""


def meet(on: Link, births: Sequence[Birth], states: Sequence[StateChange]) -> None:
    """Record births and states, the newest of each device. Unknown devices become pending ones."""
    newborn = list({birth.device: birth for birth in births}.values())
    if newborn:
        names, times = [b.device for b in newborn], [moment(b.seen_at) for b in newborn]
        manifests = [as_json(b.manifest) for b in newborn]
        on.execute(_NEWCOMERS, (names, [clean(b.kind) for b in newborn], times, manifests, MOST_PENDING))
        on.execute(_BIRTHS, (names, times))
        # Apart from the births: it raises the version of the roster, so only when something is new.
        on.execute(_MANIFESTS, (names, manifests))
    newest = list({state.device: state for state in states}.values())
    if newest:
        columns = ([s.device for s in newest], [s.online for s in newest], [moment(s.seen_at) for s in newest])
        on.execute(_STATES, columns)
