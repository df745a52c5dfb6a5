"""The verb of everything scheduled: tend, for ever or once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from perception.sensor_kind import SensorKind
from support.commands.listing import show
from support.settings import TendSettings

if TYPE_CHECKING:
    from threading import Event

    from support.commands.processes import Passes
    from support.outage import Heartbeat

BREAK_OFF_S = 0.5
"""A slice under way at a stop has so long to end; it is one transaction, which is otherwise done again."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verb works on; each is made when it is asked for. `clock` gives epoch microseconds UTC.

    `more` gives the passes of the layers above.
    """

    url: Callable[[], str]
    kinds: Callable[[], Mapping[str, SensorKind]]
    settings: Callable[[], TendSettings]
    clock: Callable[[], int]
    stop: "Callable[[], Event]"
    heartbeat: "Callable[[], Heartbeat]"
    more: "Passes"


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command()
    def tend(
        once: Annotated[bool, typer.Option("--once", help="Do everything once and say what was done.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="With --once: print JSON for programs.")] = False,
    ) -> None:
        """Do everything scheduled: rollups, partitions ahead, retention, compression, expired shelving."""
        from support.commands import processes
        from support.metrics import serve_metrics
        from support.stopping import break_off

        told = ports.settings()
        if once:
            reports = processes.tend_once(ports.url(), ports.kinds(), told, ports.clock, ports.more)
            show([report._asdict() for report in reports], as_json)
            return
        stop, beat = ports.stop(), ports.heartbeat()
        break_off(stop, BREAK_OFF_S)
        serve_metrics(told.metrics_port)
        processes.tend(ports.url(), ports.kinds(), told, ports.clock, stop, beat, ports.more)
