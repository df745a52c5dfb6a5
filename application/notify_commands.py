"""Verbs about notices: is the file right, who is on call, does it arrive, what waits and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.notify.desk import Desk
    from application.notify.plan import Plan, Recipient

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
MOST_NUMBER = 2**63 - 1
"""The largest number that a table counts to."""
Numbers = Annotated[
    list[int] | None,
    typer.Argument(min=1, max=MOST_NUMBER, help="Numbers of notices, as `notify list` shows them."),
]
_STATES = ("queued", "sent", "failed", "given_up", "folded", "withdrawn", "dropped")


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `clock` gives epoch microseconds UTC; `actor` is who stands behind what is written."""

    engine: Callable[[], Engine]
    desk: Callable[[], Desk]
    rules_file: Callable[[], Path]
    clock: Callable[[], int]
    actor: Callable[[], str]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    notify = typer.Typer(help="Who is told of alarms, and whether it arrived.", no_args_is_help=True)
    app.add_typer(notify, name="notify")
    _about_the_file(notify, ports)
    _about_trying(notify, ports)
    _about_the_queue(notify, ports)


def _about_the_file(notify: typer.Typer, ports: Ports) -> None:
    @notify.command("check")
    def notify_check(
        file: Annotated[Path | None, typer.Argument(help="Another file than the one in force.")] = None,
    ) -> None:
        """Check the file of recipients, routes and shifts; every problem, and every hour without anybody, is named."""
        from application.notify.desk import read_plan, remarks, summary
        from application.rules_file import read_rules

        desk = ports.desk()
        plan = read_plan(file or desk.file)
        found = remarks(plan, desk, [rule.name for rule, _ in read_rules(ports.rules_file())])
        typer.echo(f"{file or desk.file}: {summary(plan)}")
        for line in found:
            typer.echo(f"  - {line}")
        if found:
            raise typer.Exit(1)

    @notify.command("oncall")
    def notify_oncall(
        at: Annotated[str, typer.Option(help="When: an ISO time, by the rota's own clock unless it has a zone.")] = "",
        as_json: AsJson = False,
    ) -> None:
        """Show who is on call, rung by rung: now, or at another time, and until when."""
        from application.notify.desk import read_plan

        plan = read_plan(ports.desk().file)
        if not plan.on_call and not as_json:
            typer.echo("no rota: see docs/how-to/notify-people.md", err=True)
            return
        ports.show(_on_call(plan, at, ports.clock()), as_json)


def _on_call(plan: Plan, at: str, now: int) -> Rows:
    from zoneinfo import ZoneInfo

    from application.instants import moment
    from application.notify.rota import next_change, on_call
    from support.spans import moment_of

    rows: list[Mapping[str, object]] = []
    for name, rota in plan.on_call.items():
        zone = ZoneInfo(rota.zone)
        when = moment_of(at, now, zone) if at else now
        change = next_change(rota, when)
        told = {
            "at": moment(when).astimezone(zone),
            "until": None if change is None else moment(change).astimezone(zone),
        }
        rungs = on_call(rota, when)
        if not rungs:
            told_instead = "" if rota.otherwise is None else f": {rota.otherwise} is told"
            rows.append({"rota": name, "rung": 1, "who": f"nobody{told_instead}", **told})
        rows += [{"rota": name, "rung": n, "who": ", ".join(rung), **told} for n, rung in enumerate(rungs, 1)]
    return rows


def _about_trying(notify: typer.Typer, ports: Ports) -> None:
    @notify.command("test")
    def notify_test(
        recipient: Annotated[str, typer.Argument(help="Name of the recipient in the file.")], as_json: AsJson = False
    ) -> None:
        """Send a test over every channel of a recipient, at once, and say what the other side said."""
        from application.notify.desk import read_plan
        from application.notify.plan import PlanError

        plan = read_plan(ports.desk().file)
        known = plan.recipient.get(recipient)
        if known is None:
            there = ", ".join(plan.recipient) or "nobody"
            raise PlanError(f"there is no recipient {recipient!r} in {ports.desk().file}: there is {there}")
        rows = [_tried(ports, plan, recipient, known, place) for place in range(len(known.channels))]
        ports.show(rows, as_json)
        if not all(row["arrived"] for row in rows):
            raise typer.Exit(1)


def _tried(ports: Ports, plan: Plan, name: str, recipient: Recipient, place: int) -> Mapping[str, object]:
    from uuid import uuid4

    from application.notify.desk import Post, send
    from application.notify.wording import test_content
    from support import outgoing
    from support.delivery import UndeliveredError

    channel, now = recipient.channels[place], ports.clock()
    post = Post(uuid4(), name, channel, "test", 3, test_content(recipient.language), now)
    told = "the other side has it"
    try:
        if channel == "topic":
            with ports.engine().begin() as on:
                outgoing.notification(on, str(recipient.topic), post.event, ports.actor())
            told = "in the outbox: ingest sends it within a second or two"
        else:
            send(ports.desk(), plan, post, now)
    except UndeliveredError as err:
        return {"channel": channel, "arrived": False, "what": str(err)}
    return {"channel": channel, "arrived": True, "what": told}


def _about_the_queue(notify: typer.Typer, ports: Ports) -> None:
    @notify.command("list")
    def notify_list(
        state: Annotated[str | None, typer.Option(help=f"Only of one state: {', '.join(_STATES)}.")] = None,
        recipient: Annotated[str | None, typer.Option(help="Only of this recipient.")] = None,
        most: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show notices: those that wait first, then the newest, with what went wrong."""
        from application.notify.store import listed

        if state is not None and state not in _STATES:
            raise typer.BadParameter(f"--state is one of {', '.join(_STATES)}, not {state!r}")
        with ports.engine().connect() as on:
            ports.show(listed(on, state, recipient, most), as_json)

    @notify.command("retry")
    def notify_retry(numbers: Numbers = None) -> None:
        """Try again now: these notices, or all that wait or were given up."""
        from application.notify import queue

        with ports.engine().begin() as on:
            amount = queue.retry(on, numbers or [], ports.clock())
        told = f"{amount} notices are due now: tend sends them within seconds" if amount else "nothing waits to be sent"
        typer.echo(told)

    @notify.command("drop")
    def notify_drop(
        numbers: Numbers = None,
        every: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    ) -> None:
        """Drop notices that wait, so that they are not sent any more."""
        from application.notify import queue

        if bool(numbers) == every:
            raise typer.BadParameter("give numbers of notices, or --all")
        with ports.engine().begin() as on:
            gone = queue.drop(on, numbers or [], ports.actor())
        typer.echo(f"{len(gone)} notices are dropped")
        left = sorted(set(numbers or []) - set(gone))
        if left:
            typer.echo(
                f"no notice that waits has the number {', '.join(map(str, left))}: `hearthline notify list` shows them",
                err=True,
            )
            raise typer.Exit(1)
