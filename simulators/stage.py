"""Stage: from a catalogue to the players that bring it to life."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from perception.catalogue import Catalogue, City
from perception.sensor_kind import SensorKind
from simulators.cast import cast_of
from simulators.climate import SEASONS, Season
from simulators.faults import Faults, opening_scene
from simulators.fleet import LIVE_BEFORE_US
from simulators.player import Player, WorldPlayer
from simulators.recorded import load_recordings
from simulators.settings import SimulateSettings
from simulators.world import SUBSTATION, World

_USUAL = "cold-night"


def players_for(
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    settings: SimulateSettings,
    *,
    now: int,
    simulated: Collection[str] | None = None,
    recordings: Path | None = None,
    is_new: bool = False,
) -> list[Player]:
    """Return a player per simulated city, and one per recording whose device is active in the catalogue.

    `now` is epoch microseconds. `simulated` names the devices that may be played, None: all of simulated cities.
    `recordings` is the folder of recordings, None for none. `is_new` says that nothing has been stored yet: the
    players then have a past of `settings.backfill_hours`, and begin almost three minutes ago. Raises RecordingError.
    """
    live_from = now - LIVE_BEFORE_US if is_new else now
    past_from = now - round(settings.backfill_hours * 3.6e9) if is_new else None
    worlds: Iterator[Player] = (
        WorldPlayer(world, live_from, past_from=past_from, step_s=settings.backfill_step_s)
        for world in _worlds(catalogue, kinds, settings, now, simulated)
    )
    recorded = load_recordings(recordings, catalogue, kinds, live_from, past_from) if recordings else ()
    return [*recorded, *worlds]


def _worlds(
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    settings: SimulateSettings,
    now: int,
    simulated: Collection[str] | None,
) -> Iterator[World]:
    for city in (c for c in catalogue.cities if c.simulated):
        cast = cast_of(catalogue, kinds, city.name)
        parts = tuple(p for p in cast if simulated is None or p.name in simulated)
        if parts:
            names = [p.name for p in parts if p.kind.name == SUBSTATION]
            scene = opening_scene(names, now, settings.leak_at, settings.broken_sensor_at)
            faults = scene if settings.faults else Faults()
            offset = _utc_offset_s(city, now)
            yield World(parts, season_of(city), utc_offset_s=offset, seed=settings.seed, faults=faults)


def season_of(city: City) -> Season:
    """Return the season that the city says it lives in; severe cold where it says nothing."""
    declared = (s for s in SEASONS.values() if s.title == city.season)
    return next(declared, SEASONS[_USUAL])


def _utc_offset_s(city: City, now: int) -> float:
    offset = datetime.fromtimestamp(now / 1e6, UTC).astimezone(ZoneInfo(city.timezone)).utcoffset()
    return offset.total_seconds() if offset else 0.0
