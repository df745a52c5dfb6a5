"""Devices: beside each active station device stands one for what is derived from it. Works on a Connection.

Nobody adds or retires it: it is there while its device is active, at the station of that.
"""

from typing import NamedTuple

from sqlalchemy import Connection, insert, text

from support import tables

OF_KIND = {"heat_substation_derived": "heat_substation"}
"""From which kind of device each derived kind follows."""

SUFFIX = "-derived"
_LONGEST = 63 - len(SUFFIX)


class Pair(NamedTuple):
    """A device and the one that is derived from it, with what is known of their place."""

    source_id: int
    derived_id: int
    device: str
    station: str
    district: str
    city: str


def name_of(device: str) -> str:
    """Return how the derived device of a device is named."""
    return device[:_LONGEST] + SUFFIX


_MISSING = """
insert into device (name, kind, station, status, simulated)
select left(d.name, :longest) || :suffix, :derived, d.station, 'active', false from device d
where d.kind = :source and d.status = 'active'
on conflict (name) do nothing returning name
"""
_FOLLOW = """
update device v set status = f.status, station = f.station, changed_at = now()
from (
    select v.device_id, coalesce(d.station, v.station) as station,
        case when d.status = 'active' then 'active' else 'retired' end as status
    from device v left join device d
    on d.kind = :source and left(d.name, :longest) || :suffix = v.name
    where v.kind = :derived
) f
where f.device_id = v.device_id and (f.status, f.station) is distinct from (v.status, v.station)
returning v.name
"""
_PAIRS = """
select d.device_id as source_id, v.device_id as derived_id, d.name as device, d.station, s.district, i.city
from device d join device v on v.kind = :derived and v.name = left(d.name, :longest) || :suffix
join station s on s.name = d.station join district i on i.name = s.district
where d.kind = :source and d.status = 'active' and v.status = 'active'
order by i.city, s.district, d.device_id
"""


def stand_beside(on: Connection, derived: str) -> int:
    """Make and retire derived devices of a kind so that they follow their devices; return how many changed."""
    told = {"derived": derived, "source": OF_KIND[derived], "longest": _LONGEST, "suffix": SUFFIX}
    changed = [*on.execute(text(_MISSING), told).scalars(), *on.execute(text(_FOLLOW), told).scalars()]
    if changed:
        detail = {"kind": derived, "names": sorted(changed)[:100], "count": len(changed)}
        audit = {"actor": "tend", "action": "derived devices followed", "subject": "catalogue", "detail": detail}
        on.execute(insert(tables.audit).values(**audit))
    return len(changed)


def pairs(on: Connection, derived: str) -> list[Pair]:
    """Return the active devices with what is derived from each, neighbours side by side."""
    told = {"derived": derived, "source": OF_KIND[derived], "longest": _LONGEST, "suffix": SUFFIX}
    return [Pair(*row) for row in on.execute(text(_PAIRS), told)]
