"""Report: from what is wanted to the page: see the real station, play the simulated one, compare, write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perception.catalogue import Catalogue
from perception.point import Title
from perception.sensor_kind import SensorKind
from simulators.likeness.figures import Likeness, likeness
from simulators.likeness.track import OUTDOOR, PRI_SUPPLY, SEC_SUPPLY, SETPOINT, Track, on_grid
from simulators.likeness.verdicts import Verdict, verdicts
from simulators.look import texts
from simulators.look.markup import filled
from simulators.look.orders import Hands, hands_between
from simulators.look.page import Report, Side, page
from simulators.look.played import Cast, Terms, cast_for, play
from simulators.look.season import read_season
from simulators.look.season_page import season_section
from simulators.look.seen import Seen, Wanted, see
from simulators.recording import RecordingError

_LEAST_STEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Looked:
    """A finished comparison: the page, its verdicts, and both likenesses."""

    html: str
    judged: tuple[Verdict, ...]
    real: Likeness
    simulated: Likeness


@dataclass(frozen=True, slots=True)
class Pretend:
    """What plays the simulated station: the catalogue of its city, its name (None: the first), and its terms."""

    catalogue: Catalogue
    station: str | None
    terms: Terms


def look(
    wanted: Wanted,
    pretend: Pretend,
    *,
    recordings: Path,
    kinds: Mapping[str, SensorKind],
    told: Callable[[float], None],
    season: Path | None = None,
) -> Looked:
    """Return the comparison. Raises RecordingError when the real station or the simulated one cannot be used."""
    section = season_section(read_season(season)) if season else ""
    seen = see(wanted, recordings, kinds)
    if not (pretend.terms.own_sky or seen.clean.has(OUTDOOR)):
        raise RecordingError(f"{seen.name}: no outdoor temperature in these days: map t_outdoor, or ask for --own-sky")
    cast = cast_for(pretend.catalogue, kinds, pretend.station)
    cast = cast if pretend.station else cast.programmed_as(seen.clean, pretend.terms.seed)
    cast = cast if pretend.terms.own_sky else cast.scaled_to(seen.clean)
    step_s = max(seen.step_s, _LEAST_STEP_S)
    hands = Hands() if pretend.terms.own_sky else _hands(cast, seen, pretend.terms, step_s)
    track = play(cast, seen, pretend.terms, step_s=step_s, told=told, hands=hands)
    return compared(seen, cast, track, pretend, section, hands)


def _hands(cast: Cast, seen: Seen, terms: Terms, step_s: float) -> Hands:
    """Return what brings the station to the level of the real one: it is walked roughly before."""
    rough = play(cast, seen, Terms(terms.seed), step_s=step_s, told=lambda _: None)
    return hands_between(on_grid(seen.clean, step_s), on_grid(rough, step_s))


def compared(
    seen: Seen, cast: Cast, track: Track, pretend: Pretend, season: str = "", hands: Hands | None = None
) -> Looked:
    """Return the comparison of a real station with the track of a simulated one."""
    step_s = max(seen.step_s, _LEAST_STEP_S)
    real, simulated = likeness(seen.track, step_s), likeness(track, step_s)
    judged = verdicts(real, simulated, _given(pretend.terms))
    report = Report(
        real=Side(seen.name, _remark_on_real(seen), real),
        simulated=Side(cast.name, _remark_on_simulated(cast, pretend.terms.seed, hands or Hands()), simulated),
        begin=seen.begin,
        days=seen.days,
        lead=_lead(pretend.terms),
        judged=judged,
        sources=_sources(seen),
        facts=_facts(seen, cast, pretend.terms.seed),
        season=season,
    )
    return Looked(page(report), judged, real, simulated)


def _given(terms: Terms) -> frozenset[str]:
    """Return what the simulated station got from the real one: nobody praises it for that."""
    if terms.own_sky:
        return frozenset()
    orders = {SETPOINT} if terms.same_orders else {f"level.{SETPOINT}.p50"}
    return frozenset({OUTDOOR, f"level.{PRI_SUPPLY}.p50", f"level.{SEC_SUPPLY}.p50", *orders})


def _lead(terms: Terms) -> Title:
    """Return what the two have in common, as the page says it first."""
    if terms.own_sky:
        return texts.LEAD_OWN_SKY
    return texts.LEAD_SAME_ORDERS if terms.same_orders else texts.LEAD_SAME_SKY


def _remark_on_real(seen: Seen) -> Title:
    first, last = seen.recorded
    return Title(zh=f"记录自 {first} 至 {last}", en=f"recorded from {first} to {last}")


def _remark_on_simulated(cast: Cast, seed: int, hands: Hands) -> Title:
    area, curve, plant = f"{cast.area_m2:,.0f}", f"{hands.curve:+.1f} K", f"{hands.plant:+.1f} K"
    return Title(
        zh=f"供热面积 {area} m²，曲线 {curve}，热源 {plant}，种子 {seed}",
        en=f"{area} m² heated, curve {curve}, plant {plant}, seed {seed}",
    )


def _sources(seen: Seen) -> tuple[Title, ...]:
    facts = {"name": seen.name, "source": seen.source}
    return filled(texts.SHIPPED if seen.source else texts.OWN_FILE, facts), texts.PRETEND


def _facts(seen: Seen, cast: Cast, seed: int) -> dict[str, str]:
    return {
        "zone": seen.track.zone,
        "rows": str(seen.trouble.rows),
        "cells": str(seen.trouble.cells),
        "station": cast.name,
        "seed": str(seed),
        "area": f"{cast.area_m2:,.0f}",
    }
