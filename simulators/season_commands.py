"""The verb `season`: a whole winter of a made-up city into a Parquet file, with the truth of its faults beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulators.bars import bar
from simulators.ports import Ports
from simulators.settings import MOST_SEED
from simulators.wish import iso, moment_of

if TYPE_CHECKING:
    from simulators.season import SeasonPlan
    from simulators.settings import SimulateSettings
    from simulators.world import World

POINTS = (
    "t_outdoor,t_pri_supply,t_pri_return,flow_pri,heat_power,heat_energy_total,t_sec_supply,t_sec_supply_setpoint,"
    "t_sec_return,flow_sec,p_sec_return,flow_makeup,valve_pri_position"
)
_SECOND_US, _DAY_US = 1_000_000, 86_400 * 1_000_000
_WINTER = "winter"


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("season")
    def season_verb(
        out: Annotated[Path, typer.Option(file_okay=False, help="The folder that it is written to.")],
        stations: Annotated[int, typer.Option(min=3, max=100_000, help="So many stations.")] = 500,
        days: Annotated[float, typer.Option(min=0.01, max=3660, help="So many days.")] = 183,
        begin: Annotated[str | None, typer.Option(help="ISO 8601 with a zone; usually so many days ago.")] = None,
        seed: Annotated[
            int | None, typer.Option(min=0, max=MOST_SEED, help="The same number plays the same world.")
        ] = None,
        weather: Annotated[str, typer.Option(help="A season, by name, or a file with a recorded year.")] = _WINTER,
        scenario: Annotated[
            Path | None, typer.Option(exists=True, dir_okay=False, help="What goes wrong; without it, nothing.")
        ] = None,
        points: Annotated[str, typer.Option(help="Points of heat_substation, with commas between.")] = POINTS,
        step: Annotated[float, typer.Option(min=1, max=900, help="Seconds of a step of the physics.")] = 60,
        every: Annotated[float, typer.Option(min=1, max=86_400, help="Seconds of a bucket.")] = 600,
        extremes: Annotated[bool, typer.Option(help="The least and the most of each bucket as well.")] = False,
    ) -> None:
        """Play a whole heating season, without broker or database, into a Parquet file."""
        from simulators.season import SeasonPlan, planned
        from simulators.world import SUBSTATION

        told = ports.settings()
        told = told.model_copy(update={"seed": told.seed if seed is None else seed, "faults": scenario is not None})
        first = moment_of(begin, "--begin") or (ports.clock() - round(days * _DAY_US)) // _DAY_US * _DAY_US
        plan = SeasonPlan(
            first,
            first + round(days * _DAY_US),
            round(step * _SECOND_US),
            round(every * _SECOND_US),
            tuple(name.strip() for name in points.split(",") if name.strip()),
            extremes,
        )
        plan = planned(ports.kinds()[SUBSTATION], plan)
        typer.echo(season(ports, told, plan, out, stations=stations, weather=weather, scenario=scenario))


def season(
    ports: Ports,
    told: SimulateSettings,
    plan: SeasonPlan,
    out: Path,
    *,
    stations: int,
    weather: str,
    scenario: Path | None,
) -> str:
    """Run a season into a folder; return what was written. Raises SeasonError, ScenarioError, WeatherError."""
    from simulators.faults import write_truth
    from simulators.season import run_season, substations
    from simulators.season_file import TRUTH, SeasonFile

    stop = ports.stop()
    world = _world(ports, told, plan.begin, stations, weather, scenario)
    facts = {
        "stations": stations, "seed": told.seed, "weather": weather, "scenario": scenario and scenario.name,
        "begin": iso(plan.begin), "end": iso(plan.end), "step_s": plan.step / _SECOND_US,
        "every_s": plan.every / _SECOND_US, "points": list(plan.points),
    }  # fmt: skip
    with SeasonFile(out, substations(world), facts) as file, bar(f"a season of {stations} stations") as progress:
        for bucket in run_season(world, plan, stop=stop, progress=progress):
            file.add(bucket)
        if stop.is_set():
            return f"stopped: nothing was kept in {out}"
        path = file.finish()
    faults = write_truth(out / TRUTH, world.schedule)
    span = f"{iso(plan.begin)} to {iso(plan.end)}"
    return f"{path}: {file.rows} rows of {stations} stations, {span}; {faults} faults in {TRUTH}"


def _world(
    ports: Ports, told: SimulateSettings, begin: int, stations: int, weather: str, scenario: Path | None
) -> World:
    from simulators.city import generate_city
    from simulators.climate import SEASONS
    from simulators.stage import worlds_of
    from simulators.weather_file import read_weather

    catalogue = generate_city(stations, told.seed)
    sky = SEASONS[weather] if weather in SEASONS else read_weather(Path(weather))
    [world] = worlds_of(catalogue, ports.kinds(), told, begin, None, scenario, sky)
    return world
