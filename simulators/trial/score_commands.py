"""The verb `score`: how well the alarms find what is wrong, in a simulated season with faults that are known."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulators.bars import bar
from simulators.settings import MOST_SEED
from simulators.wish import moment_of

if TYPE_CHECKING:
    from perception.catalogue import Catalogue
    from perception.sensor_kind import SensorKind
    from simulators.fleet import Stop
    from simulators.trial.engines import Engines

_BEGIN = "2025-12-01T00:00:00+00:00"
_USUAL_SEED = 2026


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on.

    `engines(rules, plain)` makes the engines that are judged: by a file of rules (None: that of the settings), and
    by one of plain thresholds beside it (None: none), of which `plain` is the file that comes along. `recordings` is
    the folder of what real stations of `cities` have recorded.
    """

    kinds: Callable[[], Mapping[str, SensorKind]]
    engines: Callable[[Path | None, Path | None], Engines]
    plain: Path
    recordings: Path
    cities: Callable[[], Catalogue]
    stop: Callable[[], Stop]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("score")
    def score_verb(
        scenario: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="What goes wrong.")] = None,
        stations: Annotated[int, typer.Option(min=3, max=10_000, help="So many stations.")] = 500,
        days: Annotated[float, typer.Option(min=0.01, max=366, help="So many days.")] = 60,
        seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the city and the faults.")] = _USUAL_SEED,
        begin: Annotated[str, typer.Option(help="ISO 8601 with a zone.")] = _BEGIN,
        weather: Annotated[str, typer.Option(help="A season, by name, or a file with a recorded year.")] = "winter",
        rules: Annotated[Path | None, typer.Option(exists=True, help="Another file of rules.")] = None,
        plain: Annotated[bool, typer.Option(help="Score plain thresholds beside it.")] = True,
        recordings: Annotated[
            Path | None, typer.Option(exists=True, file_okay=False, help="Another folder of real recordings.")
        ] = None,
        real: Annotated[bool, typer.Option(help="Play the recordings of real stations as well.")] = True,
        out: Annotated[
            Path | None, typer.Option(file_okay=False, help="Keep alarms.jsonl and truth.jsonl here.")
        ] = None,
        again: Annotated[bool, typer.Option(help="Only compute the figures of the files in --out once more.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Score the rules by faults that they are not told of: precision, recall, delays, by kind of fault."""
        from simulators.trial.report import printed
        from simulators.trial.score import recomputed, run
        from simulators.trial.winters import played

        with _folder(out) as folder:
            if again:
                told = recomputed(folder, _beside(folder))
            else:
                if scenario is None:
                    raise typer.BadParameter("which faults? --scenario configs/scenarios/season-400.toml")
                trial = _trial(scenario, stations, days, seed, begin, weather)
                engines = ports.engines(rules, ports.plain if plain else None)
                if real:
                    own = ports.engines(rules, None)
                    played(recordings or ports.recordings, ports.cities(), ports.kinds(), own, folder)
                with bar(f"a trial of {trial.stations} stations") as progress:
                    told = run(trial, ports.kinds(), engines, folder, ports.stop(), progress)
        typer.echo(json.dumps(told, indent=2) if as_json else printed(told))


def _beside(folder: Path) -> tuple[str, ...]:
    return ("", *sorted(f.parent.name for f in folder.glob("plain*/alarms.jsonl")))


def _trial(scenario: Path, stations: int, days: float, seed: int, begin: str, weather: str) -> Any:
    from simulators.climate import SEASONS
    from simulators.trial.score import Trial
    from simulators.weather_file import read_weather

    sky = SEASONS[weather] if weather in SEASONS else read_weather(Path(weather))
    return Trial(scenario, stations, days, seed, moment_of(begin, "--begin") or 0, sky, weather)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="hearthline-score-") as made:
        yield Path(made)
