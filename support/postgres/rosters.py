"""Rosters: the devices and their stations as the hot path needs them, read from the database."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from perception.catalogue import DeviceStatus
from perception.corrections import Correction
from perception.foreigner import Address, Foreigner, Grammar, Taken
from perception.roster import Member, Roster
from perception.sensor_kind import SensorKind
from support.tables import correction, device, district, foreign_approval, roster_version, station

_DEVICES = (
    select(
        device.c.device_id,
        device.c.name,
        device.c.kind,
        device.c.interval_s,
        device.c.status,
        device.c.manifest,
        device.c.station,
        station.c.static_head_mpa,
        district.c.city,
        station.c.district,
    )
    .outerjoin_from(device, station, station.c.name == device.c.station)
    .outerjoin(district, district.c.name == station.c.district)
    .order_by(device.c.device_id)
)


def version(on: Connection) -> int:
    """Return the version of the roster: it rises when any fact of it changes."""
    return int(on.execute(select(roster_version.c.version)).scalar_one())


def load(on: Connection, kinds: Mapping[str, SensorKind]) -> Roster:
    """Return the roster. Devices of kinds that are not installed here are left out.

    Read it in one snapshot (REPEATABLE READ), so that version and members agree.
    """
    corrections = _corrections(on)
    members = {
        row.name: _member(row, kinds[row.kind], corrections.get(row.device_id, ()))
        for row in on.execute(_DEVICES)
        if row.kind in kinds
    }
    return Roster(members, dict(kinds), version(on), _foreigners(on))


def _member(row: Row[*tuple[Any, ...]], kind: SensorKind, corrections: tuple[Correction, ...]) -> Member:
    return Member(
        device_id=row.device_id,
        name=row.name,
        kind=kind,
        station=row.station or "",
        city=row.city or "",
        interval_s=row.interval_s or _own_interval(row.manifest) or kind.interval_s,
        status=DeviceStatus(row.status),
        static_head_mpa=row.static_head_mpa,
        corrections=corrections,
        district=row.district or "",
    )


def _own_interval(manifest: object) -> float | None:
    """Return the cadence that the device itself stated at its birth."""
    stated = manifest.get("interval_s") if isinstance(manifest, dict) else None
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    return float(stated) if 0 < stated <= 86_400 else None


def _foreigners(on: Connection) -> dict[Address, Foreigner]:
    """Return the approved devices of other grammars, by what they call themselves."""
    a = foreign_approval
    rows = on.execute(select(a.c.grammar, a.c.address, a.c.taken, device.c.name).join_from(a, device))
    return {
        (row.grammar, row.address): Foreigner(
            Grammar(row.grammar), row.address, row.name, tuple(Taken(**one) for one in row.taken)
        )
        for row in rows
    }


def _corrections(on: Connection) -> dict[int, tuple[Correction, ...]]:
    found: defaultdict[int, list[Correction]] = defaultdict(list)
    for row in on.execute(select(correction).order_by(correction.c.valid_from, correction.c.correction_id)):
        valid_from = round(row.valid_from.timestamp() * 1_000_000)
        found[row.device_id].append(Correction(row.point, row.alias, row.scale, row.offset, valid_from))
    return {device_id: tuple(rows) for device_id, rows in found.items()}
