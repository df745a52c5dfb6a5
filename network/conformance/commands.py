"""The verb `devices check`: a conformance tour of a real device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from network.address import Address
    from network.conformance.tour import Ask
    from network.link import Tally
    from perception.roster import Roster

SHORTEST_S, LONGEST_S = 30.0, 3600.0
_INTERVALS = 4


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on; each is made when it is asked for."""

    address: Callable[[], Address]
    roster: Callable[[], Roster]
    ask: Ask
    tally: Callable[[str], Tally]
    show: Callable[[Sequence[Mapping[str, object]], bool], None]


def register(devices: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @devices.command("check")
    def devices_check(
        name: Annotated[str, typer.Argument(help="Name of the device.")],
        within: Annotated[
            float | None,
            typer.Option(
                min=1, max=LONGEST_S, help="Seconds to wait for readings; four intervals, at least 30, if left out."
            ),
        ] = None,
        away: Annotated[float, typer.Option(min=1, max=600, help="Seconds for which it is asked to stay away.")] = 3.0,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Take a conformance tour of a device: each step pass, fail or cannot tell, with a remedy. 1: a step failed."""
        from network.commands import quiet
        from network.conformance import tour
        from network.conformance.judging import Verdict

        quiet()
        roster = ports.roster()
        if name not in roster.members:
            raise typer.BadParameter(f"no device is named {name}: hearthline devices add {name}")
        patience_s = within or min(max(SHORTEST_S, _INTERVALS * roster.members[name].interval_s), LONGEST_S)
        steps = tour.tour(
            tour.Ports(ports.address(), roster, ports.ask, ports.tally, lambda text: typer.echo(text, err=True)),
            name,
            within_s=patience_s,
            away_s=away,
        )
        ports.show([asdict(step) for step in steps], as_json)
        raise typer.Exit(1 if any(step.verdict is Verdict.FAIL for step in steps) else 0)
