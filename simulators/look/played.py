"""Played: a simulated station as a track, over the span of a real one and, if wished, under its sky."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from perception.catalogue import Catalogue
from perception.sensor_kind import SensorKind
from simulators.cast import Part, cast_of, city_by_station
from simulators.climate import Season
from simulators.heat.curve import load_share
from simulators.heat.design import design
from simulators.likeness.energy import Signature, night_drop, signature
from simulators.likeness.track import LOOKED_AT, Floats, Instants, Track, on_grid
from simulators.look.orders import Hands, Orders
from simulators.look.seen import SUBSTATION, Seen, utc_offset_s
from simulators.look.sky import RecordedSky
from simulators.recording import RecordingError
from simulators.stage import season_of
from simulators.world import Moment, World

_ORDINARY_W_M2 = 45.0
_LEAST_M2, _MOST_M2 = 500.0, 500_000.0
_M2_PER_HOME = 85.0
_AT_ONCE = 96
_FINE_S, _ROUGH_S = 60.0, 300.0
_FREEZING_C = 0.0
_NIGHT_DROP_K = 2.5


@dataclass(frozen=True, slots=True)
class Cast:
    """The simulated station that is looked at, among the substations of its city, and the season that it lives in."""

    name: str
    parts: tuple[Part, ...]
    season: Season

    @property
    def place(self) -> int:
        """The station's place among the parts."""
        return next(k for k, part in enumerate(self.parts) if part.name == self.name)

    @property
    def area_m2(self) -> float:
        """What the station heats."""
        return self.parts[self.place].facts.area_m2

    def programmed_as(self, real: Track, seed: int) -> "Cast":
        """Return the cast with its first station that has a programme for the night, or none, as the real one."""
        wanted = night_drop(real) > _NIGHT_DROP_K
        has = design([part.facts for part in self.parts], seed).setback > 0
        alike = (p.name for p, at_night in zip(self.parts, has, strict=True) if bool(at_night) == wanted)
        return replace(self, name=next(alike, self.name))

    def scaled_to(self, real: Track) -> "Cast":
        """Return the cast with this station as large as the real one's heat load asks, where that is known."""
        line = signature(on_grid(real, 3600.0))
        kw = _power_at_freezing(line)
        if kw is None:
            return self
        share = float(load_share(np.array([_FREEZING_C]))[0])
        area = float(np.clip(1000 * kw / (_ORDINARY_W_M2 * share), _LEAST_M2, _MOST_M2))
        mine = self.parts[self.place]
        facts = replace(mine.facts, area_m2=area, homes=max(round(area / _M2_PER_HOME), 1), envelope="renovated")
        parts = list(self.parts)
        parts[self.place] = replace(mine, facts=facts)
        return replace(self, parts=tuple(parts))


def _power_at_freezing(line: Signature) -> float | None:
    """Return kW at 0 Cel by the signature, or by the mean where there is no line; None: unknown."""
    kw = line.slope * line.balance
    if np.isfinite(kw) and kw > 0 and line.slope > 0:
        return float(kw)
    return float(line.power.mean()) if len(line.power) else None


def cast_for(catalogue: Catalogue, kinds: Mapping[str, SensorKind], station: str | None) -> Cast:
    """Return a simulated station, the first one for None. Raises RecordingError when there is none of that name."""
    cities = {c.name: c for c in catalogue.cities if c.simulated}
    city_of = city_by_station(catalogue)
    known = [s.name for s in catalogue.stations if city_of[s.name] in cities]
    if not known:
        raise RecordingError("there is no simulated city in configs/cities: add one, or `hearthline seed` your own")
    name = station or known[0]
    if name not in known:
        raise RecordingError(f"{name}: no simulated station; they are {', '.join(known[:3])} and so on to {known[-1]}")
    parts = cast_of(catalogue, kinds, city_of[name])
    return Cast(name, tuple(p for p in parts if p.kind.name == SUBSTATION), season_of(cities[city_of[name]]))


class _UnderSky(World):
    """A world under a recorded sky."""

    def __init__(self, cast: Cast, sky: RecordedSky, *, utc_offset_s: float, seed: int) -> None:
        super().__init__(cast.parts, cast.season, utc_offset_s=utc_offset_s, seed=seed)
        self._climate = sky


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms the simulated station plays: its seed, whose sky it lives under, whose orders it obeys."""

    seed: int = 7
    own_sky: bool = False
    same_orders: bool = False


def play(
    cast: Cast, seen: Seen, terms: Terms, *, step_s: float, told: Callable[[float], None], hands: Hands | None = None
) -> Track:
    """Return the simulated station over the real one's span, every `step_s`; `told` hears of the share that is done.

    Without `hands` nobody brings it to another level, and a rough walk will do: the physics take longer steps.
    """
    world = _world(cast, seen, terms, hands or Hands())
    step = round(step_s * 1e6)
    grid = np.arange(-(-int(seen.track.at[0]) // step), int(seen.track.at[-1]) // step + 1, dtype=np.int64) * step
    rows = list(_rows(world, cast.place, grid, told, _FINE_S if hands else _ROUGH_S))
    values = np.concatenate(rows) if rows else np.empty((0, len(cast.parts[cast.place].kind.points)))
    bits = cast.parts[cast.place].kind.bits
    return Track(grid, {p: values[:, bits[p]] for p in LOOKED_AT}, seen.track.zone)


def _world(cast: Cast, seen: Seen, terms: Terms, hands: Hands) -> World:
    offset = utc_offset_s(seen.track)
    world: World
    if terms.own_sky:
        world = World(cast.parts, cast.season, utc_offset_s=offset, seed=terms.seed)
    else:
        sky = RecordedSky(seen.clean, cast.season, len(cast.parts), utc_offset_s=offset, seed=terms.seed)
        world = _UnderSky(cast, sky, utc_offset_s=offset, seed=terms.seed)
    row = world.row(cast.name)
    usual = hands.on(row, len(world.design))
    world.obey(Orders(seen.clean, row, usual) if terms.same_orders else lambda _: usual)
    return world


def _rows(
    world: World, place: int, grid: Instants, told: Callable[[float], None], longest_s: float
) -> Iterator[Floats]:
    moment: Moment | None = None
    for first in range(0, len(grid), _AT_ONCE):
        moments: list[Moment] = []
        for at in grid[first : first + _AT_ONCE].tolist():
            moment = world.begin(at) if moment is None else world.advance(moment, at, longest_s)
            moments.append(moment)
        yield from (rows for _, rows in world.record(moments, np.array([place], dtype=np.intp)))
        told(min(first + _AT_ONCE, len(grid)) / len(grid))
