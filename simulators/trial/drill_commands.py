"""The verb `drill`: something breaks in the running city, and each step is told as it happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from threading import Event

    from simulators.trial.drill import Begun, Engine, Outcome

_WIDTH = 10
_FAILED = 1


class What(StrEnum):
    """What is drilled."""

    LEAK = "leak"
    PUMP = "pump"
    POWER_CUT = "power-cut"
    COLD_NIGHT = "cold-night"


class Desk(Protocol):
    """Where drills are begun, followed and ended; `now` is epoch microseconds UTC."""

    def begin(self, name: str, station: str | None, actor: str, now: int) -> Any: ...  # noqa: D102
    def look(self, drill: Any, now: int) -> Sequence[Any]: ...  # noqa: D102
    def mend(self, drill: Any, actor: str, now: int) -> Any: ...  # noqa: D102
    def end(self, drill: Any, now: int) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on. `actor` begins the drill; `stop` is set when it is to stop; `link(page)` is a URL."""

    desk: Callable[[], Desk]
    actor: Callable[[], str]
    clock: Callable[[], int]
    stop: Callable[[], Event]
    link: Callable[[str], str]

    def engine(self, what: str, station: str | None) -> Engine[Any, Any]:
        """Return what a drill works on."""
        from simulators.trial.drill import Engine

        desk, actor, clock = self.desk(), self.actor(), self.clock
        return Engine(
            begin=lambda: desk.begin(what, station, actor, clock()),
            look=lambda drill: desk.look(drill, clock()),
            mend=lambda drill: desk.mend(drill, actor, clock()),
            end=lambda drill: desk.end(drill, clock()),
            clock=clock,
            wait=self.stop().wait,
        )


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("drill")
    def drill_verb(
        what: Annotated[What, typer.Argument(help="What goes wrong.")],
        station: Annotated[str | None, typer.Option(help="Where; a calm simulated station if left out.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON per step, for programs.")] = False,
    ) -> None:
        """Break a simulated station of the running city for a moment, and print a link as each step happens."""
        from simulators.trial.drill import play

        def tell(drill: Begun, event: Any) -> None:
            typer.echo(_json(ports, drill, event) if as_json else _line(ports, drill, event))

        outcome = play(ports.engine(what.value, station), tell)
        if not as_json:
            typer.echo(_said(outcome), err=True)
        raise typer.Exit(_FAILED if outcome.missing or outcome.stopped else 0)


def _line(ports: Ports, drill: Any, event: Any) -> str:
    after = max(event.at - drill.begins, 0) / 1e6
    return f"{after:+4.0f} s  {event.step:{_WIDTH}} {event.says}\n        {'':{_WIDTH}} {ports.link(event.page)}"


def _json(ports: Ports, drill: Any, event: Any) -> str:
    return json.dumps({
        "step": event.step,
        "at": datetime.fromtimestamp(event.at / 1e6, UTC).isoformat(timespec="milliseconds"),
        "after_s": round((event.at - drill.begins) / 1e6, 1),
        "says": event.says,
        "link": ports.link(event.page),
        "table": event.table,
        "row": event.row,
        "station": drill.station,
        "device": drill.device,
        "drill": str(drill.drill_id),
    })  # fmt: skip


def _said(outcome: Outcome) -> str:
    if outcome.stopped:
        return "the drill was stopped; what was broken is whole again"
    if outcome.missing:
        return (
            f"the drill is over without: {', '.join(outcome.missing)}. What was broken is whole again; "
            "`hearthline status` shows whether everything runs"
        )
    if outcome.open or outcome.later:
        return f"the drill is over; {outcome.open} of what it raised ends later: `hearthline alarms list`"
    return "the drill is over: everything that was raised has cleared"
