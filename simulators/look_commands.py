"""The verb `look`: a simulated week beside a real one, as a page, so that anyone can see whether it looks real."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from perception.catalogue import Catalogue
    from perception.sensor_kind import SensorKind
    from simulators.likeness.verdicts import Verdict

_REAL = "nis-l4"


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on: the folder of recordings, the sensor kinds and the catalogue of configs/cities."""

    recordings: Path
    kinds: Callable[[], Mapping[str, SensorKind]]
    cities: Callable[[], Catalogue]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("look")
    def look_verb(
        station: Annotated[
            str | None, typer.Option(help="The simulated station; without it one with the real one's programme.")
        ] = None,
        real: Annotated[
            str, typer.Option(help="The real one: a shipped recording (L4, L12, L17) or a CSV file, also as .gz.")
        ] = _REAL,
        columns: Annotated[
            Path | None, typer.Option("--map", exists=True, dir_okay=False, help="Which column is which point.")
        ] = None,
        zone: Annotated[str | None, typer.Option(help="The real station's time zone, if the map has none.")] = None,
        week: Annotated[str | None, typer.Option(help="The first day of the week, such as 2024-01-08.")] = None,
        days: Annotated[int, typer.Option(min=7, max=366, help="So many days are compared, from the week on.")] = 28,
        seed: Annotated[int, typer.Option(min=0, help="The seed of the simulated city.")] = 7,
        own_sky: Annotated[
            bool, typer.Option("--own-sky", help="Simulate the city's own weather and size, not the real station's.")
        ] = False,
        same_orders: Annotated[
            bool,
            typer.Option("--same-orders", help="Let it obey the real station's recorded setpoint and stops as well."),
        ] = False,
        season: Annotated[
            Path | None,
            typer.Option(exists=True, help="A folder of Parquet files: its energy over the season as well."),
        ] = None,
        out: Annotated[Path, typer.Option(help="The page that is written.")] = Path("look.html"),
        as_json: Annotated[bool, typer.Option("--json", help="Print every line and its verdict for programs.")] = False,
    ) -> None:
        """Compare a simulated station with a real one and write what is seen as an HTML page."""
        from simulators.likeness.verdicts import score
        from simulators.look.played import Terms
        from simulators.look.report import Pretend, look
        from simulators.look.seen import Wanted

        _reachable(out)
        if own_sky and same_orders:
            raise typer.BadParameter("--same-orders are those of the real station's sky: leave out --own-sky")
        wanted = Wanted(real, columns, _zone(zone), _day(week), days)
        with _bar(station or "the simulated station") as told:
            pretend = Pretend(ports.cities(), station, Terms(seed, own_sky, same_orders))
            found = look(wanted, pretend, recordings=ports.recordings, kinds=ports.kinds(), told=told, season=season)
        out.write_text(found.html, encoding="utf-8")
        if as_json:
            typer.echo(json.dumps([_told(verdict) for verdict in found.judged], indent=1))
            return
        yes, no, unknown = score(found.judged)
        typer.echo(f"{out}: {yes} of {yes + no + unknown} judged lines agree, {no} differ, {unknown} cannot be told")


def _told(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as JSON has it; null: cannot be told."""
    line = verdict.line
    figures = {"real": verdict.real, "simulated": verdict.simulated}
    return {
        "group": line.group,
        "figure": line.figure,
        "unit": line.unit,
        "rule": line.rule.value,
        **{side: round(value, 4) if math.isfinite(value) else None for side, value in figures.items()},
        "agrees": verdict.agrees,
    }


def _day(word: str | None) -> date | None:
    try:
        return None if word is None else date.fromisoformat(word)
    except ValueError as err:
        raise typer.BadParameter(f"--week is a date such as 2024-01-08, not {word!r}") from err


def _zone(name: str | None) -> str | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return name and ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise typer.BadParameter(f"--zone is an IANA name such as Europe/Belgrade, not {name!r}") from err


def _reachable(out: Path) -> None:
    """Refuse a place where nothing can be written, before anything is played."""
    if out.is_dir() or not out.resolve().parent.is_dir():
        raise typer.BadParameter(f"{out}: no file can be written there: name one in a folder that exists with --out")


@contextmanager
def _bar(name: str) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"plays {name}", total=1.0)
        yield lambda share: bar.update(task, completed=share)
