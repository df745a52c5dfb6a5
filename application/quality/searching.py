"""Searching: looks for doubtful values in what came lately, device by device, and keeps what it finds. A pass of tend.

It looks at buckets that ended half an hour ago: rules of tempo slow have judged them by then, and late readings of a
moment's delay are in them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import InterfaceError, OperationalError

from application.instants import HOUR, MINUTE, SECOND
from application.quality import spans
from application.quality.bins import WIDTH, Bins
from application.quality.finding import Finding, Reason
from application.quality.numbers import Numbers
from application.quality.past import bins_of, raw_bins_of, values_of
from application.quality.sensing import found_in, surroundings, weather
from application.quality.spikes import is_fast, spikes_in, suspects
from application.quality.stillness import TEMPERATURES
from perception.sensor_kind import SensorKind
from support import tables
from support.store import StoreDownError

SETTLED = 30 * MINUTE
LEAST_BACK = 8 * HOUR
INTERVALS_BACK = 30
_NEIGHBOURS = 9
_PORTION = 200
_SPIKES_BACK = 2 * HOUR


class Judged(NamedTuple):
    """A device that is looked at."""

    device_id: int
    district: str
    city: str
    back_us: int
    interval_s: float


def judged_kinds(kinds: Mapping[str, SensorKind]) -> list[SensorKind]:
    """Return the kinds whose temperatures can be told from doubtful ones."""
    return [kind for kind in kinds.values() if set(TEMPERATURES) <= set(kind.names)]


def search(
    engine: Engine, kinds: Callable[[], Mapping[str, SensorKind]], numbers: Callable[[], Numbers]
) -> Callable[[int], Iterator[int]]:
    """Return a run of the pass: it yields how many spans changed, after each portion of devices."""

    def run(now: int) -> Iterator[int]:
        until = (now - SETTLED) // WIDTH * WIDTH
        try:
            for kind in judged_kinds(kinds()):
                with engine.begin() as on:
                    devices = judged(on, kind)
                for portion in _portions(devices):
                    with engine.begin() as on:
                        amount = look(on, kind, portion, until, numbers())
                    yield amount
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err

    return run


def judged(on: Connection, kind: SensorKind) -> list[Judged]:
    """Return the active devices of a kind, neighbours side by side."""
    t = tables
    query = (
        select(t.device.c.device_id, t.device.c.interval_s, t.station.c.district, t.district.c.city)
        .join_from(t.device, t.station, t.station.c.name == t.device.c.station)
        .join(t.district, t.district.c.name == t.station.c.district)
        .where(t.device.c.kind == kind.name, t.device.c.status == "active")
        .order_by(t.district.c.city, t.station.c.district, t.device.c.device_id)
    )
    return [
        Judged(row.device_id, row.district, row.city, back_us(interval_s), interval_s)
        for row in on.execute(query)
        for interval_s in [row.interval_s or kind.interval_s]
    ]


def back_us(interval_s: float) -> int:
    """Return how far back is looked at of a device: half a day and more of one that reports by the hour."""
    return max(LEAST_BACK, int(INTERVALS_BACK * interval_s) * SECOND)


def _portions(devices: Sequence[Judged]) -> Iterator[Sequence[Judged]]:
    """Yield devices of one city and as many as are looked at together."""
    for city in dict.fromkeys(d.city for d in devices):
        mine = [d for d in devices if d.city == city]
        yield from (mine[k : k + _PORTION] for k in range(0, len(mine), _PORTION))


def look(
    on: Connection,
    kind: SensorKind,
    devices: Sequence[Judged],
    until: int,
    numbers: Numbers,
    *,
    since: int | None = None,
    only: int | None = None,
) -> int:
    """Look at these devices of one city over what came lately, or since then; keep what is found, and say how much.

    `only`: the one device that is judged, among the others.
    """
    begin = since if since is not None else until - max((d.back_us for d in devices), default=0)
    known = _by_device(spans.kept(on, [d.device_id for d in devices], begin, until))
    told = _told(on, kind, devices, known, (begin, until))
    weathers = {d.device_id: weather(told[d.device_id], numbers) for d in devices if d.device_id in told}
    changed = 0
    for device in devices:
        bins = told.get(device.device_id)
        if bins is None or only not in (None, device.device_id):
            continue
        others = [weathers[n] for n in _neighbours(device, devices) if n in weathers]
        around = surroundings(bins, weathers[device.device_id], others)
        mine = [s for s in known.get(device.device_id, ()) if s.reason != Reason.SAID]
        still = {s.point: s.from_at for s in mine if s.reason == Reason.FROZEN and s.to_at is None}
        heard = {p: bins.ts[bins.column(bins.n, p) > 0].tolist() for p in bins.points}
        found = [
            *found_in(bins, around, numbers, still),
            *_spikes(on, kind, device, bins, max(begin, until - _SPIKES_BACK)),
        ]
        changes = spans.changes(mine, found, heard)
        changed += spans.write(on, kind, device.device_id, mine, changes)
    return changed


def _spikes(on: Connection, kind: SensorKind, device: Judged, bins: Bins, since: int) -> Iterator[Finding]:
    """Yield the spikes of a device that reports often, out of the raw readings of bins that are suspiciously wide."""
    if is_fast(bins, device.interval_s):
        for point in (kind.point(name) for name in TEMPERATURES):
            for stretch in suspects(bins, point, since):
                ts, values = values_of(on, kind, device.device_id, point.name, stretch)
                yield from spikes_in(ts, values, point)


def _told(
    on: Connection,
    kind: SensorKind,
    devices: Sequence[Judged],
    known: Mapping[int, Sequence[spans.Span]],
    span: tuple[int, int],
) -> dict[int, Bins]:
    """Return what devices said: of those with spans from raw readings, for rollups leave out what spans cover."""
    spanned = [d.device_id for d in devices if d.device_id in known]
    rest = [d.device_id for d in devices if d.device_id not in known]
    told = bins_of(on, kind, rest, TEMPERATURES, span) if rest else {}
    return {**told, **(raw_bins_of(on, kind, spanned, TEMPERATURES, span) if spanned else {})}


def _by_device(kept: Sequence[spans.Span]) -> dict[int, list[spans.Span]]:
    found: dict[int, list[spans.Span]] = {}
    for span in kept:
        found.setdefault(span.device_id, []).append(span)
    return found


def _neighbours(device: Judged, devices: Sequence[Judged]) -> list[int]:
    """Return some other devices: of the district first, then of the city."""
    others = sorted((d for d in devices if d != device), key=lambda d: (d.district != device.district, d.device_id))
    return [d.device_id for d in others[:_NEIGHBOURS]]
