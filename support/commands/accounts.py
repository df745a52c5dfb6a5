"""The verb `ledger`: how many readings met which fate, and whether it adds up."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from support.commands.listing import Rows, show
from support.tables.intake import FATES

if TYPE_CHECKING:
    from sqlalchemy import Engine

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer, engine: "Callable[[], Engine]") -> None:
    """Put the verb on the command line."""

    @app.command()
    def ledger(
        device: Annotated[str | None, typer.Option("--device", help="Only of this device.")] = None,
        since: Annotated[str, typer.Option(help="How far back: 2h, 3d, an ISO time, or always.")] = "24h",
        gaps: Annotated[bool, typer.Option("--gaps", help="Show the running numbers that never arrived.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Show how many readings met which fate, by hour and device; whether that adds up; what never arrived."""
        from support.commands.moments import moment
        from support.commands.numbers import gap_rows

        if gaps:
            show(gap_rows(engine(), device), as_json, empty="nothing that was numbered is missing")
            return
        rows = ledger_rows(engine(), device, moment(since))
        show(rows if as_json else [*rows, *totals(rows)], as_json, empty="nothing was received")
        wrong = [row for row in rows if off_by(row)]
        if rows and not as_json:
            typer.echo(balance(rows, wrong))
        if wrong:
            raise typer.Exit(1)


def ledger_rows(engine: "Engine", device: str | None, since: datetime) -> Rows:
    """Return the ledger of the hours since then, by hour and device, oldest first. Raises QuarantineError."""
    from sqlalchemy import func, select

    from support.quarantine import require_device
    from support.tables import ledger

    query = select(ledger).where(ledger.c.hour >= func.date_trunc("hour", since, "UTC"))
    if device is not None:
        query = query.where(ledger.c.device == device)
    with engine.connect() as on:
        if device is not None:
            require_device(on, device)
        found = on.execute(query.order_by(ledger.c.hour, ledger.c.device))
        return [dict(row._mapping) for row in found]  # noqa: SLF001 - SQLAlchemy's public door


def totals(rows: Rows) -> Rows:
    """Return the line under the ledger, when there is something above it."""
    return [{"hour": "all", "device": "", **{fate: _sum(rows, fate) for fate in FATES}}] if rows else []


def balance(rows: Rows, wrong: Sequence[Mapping[str, object]]) -> str:
    """Return in a sentence whether received is the sum of the fates."""
    if not wrong:
        return f"it adds up: {_sum(rows, 'received')} received = " + " + ".join(
            f"{_sum(rows, fate)} {fate}" for fate in FATES[1:]
        )
    first = wrong[0]
    return f"{len(wrong)} rows do not add up; the first: {first['hour']} {first['device']}, by {off_by(first)} readings"


def off_by(row: Mapping[str, object]) -> int:
    """Return how many readings of a row have no fate; below 0: more fates than readings."""
    return _sum([row], "received") - sum(_sum([row], fate) for fate in FATES[1:])


def _sum(rows: Rows, fate: str) -> int:
    return sum(int(str(row[fate])) for row in rows)
