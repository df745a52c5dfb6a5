"""Verbs of the command line that speak for scenarios: check one, list and explain the kinds of faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from perception.catalogue import Catalogue
    from perception.sensor_kind import SensorKind
    from simulators.faults import Fault, FaultKind

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `cities(stations)`: those of configs, or a made-up one; `shipped`: the folder."""

    cities: Callable[[int | None], Catalogue]
    kinds: Callable[[], Mapping[str, SensorKind]]
    shipped: Path
    clock: Callable[[], int]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line, as a group of their own."""
    group = typer.Typer(help="What goes wrong in the simulated city, and when.", no_args_is_help=True)
    app.add_typer(group, name="scenarios")

    @group.command("check")
    def check_verb(
        file: Annotated[Path, typer.Argument(help="The scenario (TOML).")],
        stations: Annotated[
            int | None, typer.Option(min=3, help="Lay it over a made-up city of so many stations.")
        ] = None,
        truth: Annotated[Path | None, typer.Option(help="Write what would be wrong, as JSON Lines.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Check a scenario against the cities: every problem at once, or how many faults of each kind it holds."""
        ports.show(check(ports, file, stations, truth), as_json)

    @group.command("list")
    def list_verb(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
        """List the kinds of faults, and the scenarios that come along."""
        ports.show(kinds_of_faults(), as_json)
        if not as_json:
            for path, title in shipped(ports.shipped):
                typer.echo(f"{path}: {title}")

    @group.command("explain")
    def explain_verb(
        kind: Annotated[str, typer.Argument(help="A kind of fault: see `hearthline scenarios list`.")],
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Explain a kind of fault: what it does, what should find it, its parameters with their limits."""
        from simulators.faults import kind_named

        found = kind_named(kind)
        if not as_json:
            typer.echo(f"{found.name} ({found.title.en}, {found.title.zh}): {found.says}")
            typer.echo(f"should lead to: {', '.join(found.family) or 'nothing'}")
            typer.echo((found.parameters.__doc__ or "").strip())
        rows = list(parameters_of(found))
        if rows or as_json:
            ports.show(rows, as_json)


def check(ports: Ports, file: Path, stations: int | None, truth: Path | None) -> Rows:
    """Return how many faults of each kind a scenario lays over each simulated city; write them where asked.

    Raises ScenarioError with every problem of the file.
    """
    from zoneinfo import ZoneInfo

    from simulators.faults import Schedule, grounds_of, load_scenario, planned, write_truth

    scenario, catalogue = load_scenario(file), ports.cities(stations)
    faults: list[tuple[str, Fault]] = []
    for city in (c for c in catalogue.cities if c.simulated):
        grounds = grounds_of(catalogue, city.name)
        zone = ZoneInfo(city.timezone)
        laid = planned(scenario, grounds, ports.kinds(), ports.clock(), zone, str(file))
        faults += [(city.name, fault) for fault in laid]
    if truth is not None:
        write_truth(truth, Schedule(fault for _, fault in faults))
    return list(_counted(faults))


def _counted(faults: Sequence[tuple[str, Fault]]) -> Iterator[Mapping[str, object]]:
    """Yield a row per city and kind; what befalls an area as a whole is one fault at many devices."""
    devices = Counter((city, fault.kind.name) for city, fault in faults)
    whole = {(city, fault.kind.name, fault.area or number) for number, (city, fault) in enumerate(faults)}
    events = Counter((city, kind) for city, kind, _ in whole)
    for (city, kind), count in sorted(devices.items()):
        yield {"city": city, "kind": kind, "faults": events[city, kind], "devices": count}


def read(file: Path) -> None:
    """Read a scenario. Raises ScenarioError with every problem of the file."""
    from simulators.faults import load_scenario

    load_scenario(file)


def kinds_of_faults() -> Rows:
    """Return a row per kind of fault."""
    from simulators.faults import KINDS

    return [
        {
            "kind": kind.name,
            "title": kind.title.en,
            "acts on": " ".join(acts_on(kind)),
            "befalls": kind.area,
            "should lead to": " ".join(kind.family),
        }
        for kind in KINDS.values()
    ]


def acts_on(kind: FaultKind) -> Iterator[str]:
    """Yield where a kind acts: plant, meters, link."""
    ways = {"plant": kind.plant, "meters": kind.meters, "link": kind.link}
    return (name for name, way in ways.items() if way is not None)


def parameters_of(kind: FaultKind) -> Iterator[dict[str, object]]:
    """Yield a row per parameter: its value at severity 0, a half and 1, or its default, and its limits."""
    from simulators.faults.fault import tuned

    least, middle, most = (tuned(kind, s, {}).model_dump() for s in (0.0, 0.5, 1.0))
    for name, field in kind.parameters.model_fields.items():
        yield {
            "parameter": name,
            "severity 0": least[name],
            "severity 0.5": middle[name],
            "severity 1": most[name],
            "limits": ", ".join(_limits(field.metadata)),
        }


def shipped(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the scenarios of a folder and their titles."""
    from simulators.faults import load_scenario

    for path in sorted(folder.glob("*.toml")):
        yield path, load_scenario(path).title


def _limits(metadata: Sequence[Any]) -> Iterator[str]:
    signs = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for bound in metadata:
        for name, words in signs.items():
            if getattr(bound, name, None) is not None:
                yield f"{words} {getattr(bound, name):g}"
