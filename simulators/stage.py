"""Stage: from a catalogue to the players that bring it to life."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from perception.catalogue import Catalogue, City
from perception.sensor_kind import SensorKind
from simulators.air import Record
from simulators.airway import Fates
from simulators.cast import cast_of
from simulators.climate import SEASONS, Season
from simulators.faults import SOUND_LINK, LinkFate, Schedule, grounds_of, load_scenario, planned
from simulators.fleet import LIVE_BEFORE_US
from simulators.player import Player, WorldPlayer
from simulators.recorded import load_recordings
from simulators.settings import SimulateSettings
from simulators.weather_file import read_weather
from simulators.world import World

_USUAL = "cold-night"


def players_for(
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    settings: SimulateSettings,
    *,
    now: int,
    simulated: Collection[str] | None = None,
    recordings: Path | None = None,
    scenario: Path | None = None,
    is_new: bool = False,
    tick_s: int = 1,
) -> list[Player]:
    """Return a player per simulated city, and one per recording whose device is active in the catalogue.

    `now` is epoch microseconds. `simulated` names the devices that may be played, None: all of simulated cities.
    `recordings` is the folder of recordings, None for none; `scenario` the file of what goes wrong from now on (or went
    before: see docs/how-to/scenarios.md), None for nothing. `is_new` says that nothing has been stored yet: the
    players then have a past of `settings.backfill_hours`, and begin almost three minutes ago. `tick_s` is how finely
    they look at their world. Raises RecordingError and ScenarioError.
    """
    live_from = now - LIVE_BEFORE_US if is_new else now
    past_from = now - round(settings.backfill_hours * 3.6e9) if is_new else None
    worlds: Iterator[Player] = (
        WorldPlayer(
            world,
            live_from,
            past_from=past_from,
            step_s=settings.backfill_step_s,
            jitter=settings.jitter,
            seed=settings.seed,
            tick_s=tick_s,
        )
        for world in worlds_of(catalogue, kinds, settings, now, simulated, scenario)
    )
    recorded = load_recordings(recordings, catalogue, kinds, live_from, past_from) if recordings else ()
    return [*recorded, *worlds]


def schedules_of(players: Sequence[Player]) -> list[Schedule]:
    """Return what goes wrong in the worlds of these players."""
    return [player.schedule for player in players if isinstance(player, WorldPlayer)]


def fates_of(players: Sequence[Player]) -> Fates:
    """Return what becomes of what any device of these players sends."""
    worlds = {part.name: player.fate for player in players if isinstance(player, WorldPlayer) for part in player.parts}

    def fate(device: str, at: int) -> LinkFate:
        of = worlds.get(device)
        return SOUND_LINK if of is None else of(device, at)

    return fate


def branch_of(catalogue: Catalogue) -> dict[str, str]:
    """Return the branch of each device's station, by the device's name."""
    branch = {station.name: station.branch for station in catalogue.stations}
    return {device.name: branch[device.station] for device in catalogue.devices}


def worlds_of(
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    settings: SimulateSettings,
    now: int,
    simulated: Collection[str] | None,
    scenario: Path | None,
    sky: Season | Record | None = None,
) -> Iterator[World]:
    """Yield a world per simulated city, with what goes wrong in it; `sky` None: the city's own season."""
    for city in (c for c in catalogue.cities if c.simulated):
        cast = cast_of(catalogue, kinds, city.name)
        parts = tuple(p for p in cast if simulated is None or p.name in simulated)
        if parts:
            played = [p.name for p in parts]
            faults = schedule_of(catalogue, kinds, city, scenario if settings.faults else None, now, played)
            offset = _utc_offset_s(city, now)
            air = sky or weather_of(city, settings)
            yield World(parts, air, utc_offset_s=offset, seed=settings.seed, faults=faults)


def weather_of(city: City, settings: SimulateSettings) -> Season | Record:
    """Return the recorded weather of the settings, or the season of the city. Raises WeatherError."""
    return read_weather(settings.weather) if settings.weather else season_of(city)


def schedule_of(
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    city: City,
    scenario: Path | None,
    start: int,
    played: Collection[str] | None = None,
) -> Schedule:
    """Return what goes wrong in a city by a scenario that starts at `start` (epoch microseconds); None: nothing.

    `played` names the devices that are played, None: all active ones. Raises ScenarioError.
    """
    if scenario is None:
        return Schedule()
    grounds = grounds_of(catalogue, city.name, played)
    return Schedule(planned(load_scenario(scenario), grounds, kinds, start, ZoneInfo(city.timezone), str(scenario)))


def season_of(city: City) -> Season:
    """Return the season that the city says it lives in; severe cold where it says nothing."""
    declared = (s for s in SEASONS.values() if s.title == city.season)
    return next(declared, SEASONS[_USUAL])


def _utc_offset_s(city: City, now: int) -> float:
    offset = datetime.fromtimestamp(now / 1e6, UTC).astimezone(ZoneInfo(city.timezone)).utcoffset()
    return offset.total_seconds() if offset else 0.0
